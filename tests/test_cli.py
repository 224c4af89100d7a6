"""The command line: its output, its exit codes, and its errors."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from functools import cache

import numpy as np
import pytest
from helpers import ROOT, random_model, random_pictures, run_python
from PIL import Image
from typer.testing import CliRunner

import zoo
from zoo.cli import app
from zoo.terminal import show_answer


@pytest.fixture
def run(known, monkeypatch):
    """Called with arguments of `zoo`, returns exit code, output and errors."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def invoke(*arguments, **options):
        return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="zoo", **options)

    return invoke


@pytest.fixture
def png(tmp_path):
    Image.fromarray(random_pictures(1)[0]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def assert_error(done, message):
    assert done.exit_code == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_list_as_json(run):
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["digits_highway", "digits_mlp"]
    assert rows == [zoo.info(row["name"]) for row in rows]
    assert [row["name"] for row in json.loads(run("list", "*_mlp", "--json").stdout)] == [
        "digits_mlp"
    ]
    assert json.loads(run("list", "zzz*", "--json").stdout) == []


def widths(text):
    return {len(line.rstrip()) for line in text.splitlines()}


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_list_fits_the_terminal(run, columns):
    done = run("list", env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    assert max(widths(done.stdout)) <= columns
    # Names are never cut, or nobody could copy one.
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["name", "digits_highway", "digits_mlp"]
    assert ("image-classification" in done.stdout) == (columns >= 60)
    assert ("0.2500" in done.stdout) == (columns == 200)


def test_list_on_a_pipe_is_whole(run):
    done = run("list")
    heading, *rows = [line.split() for line in done.stdout.splitlines()]
    assert heading == ["name", "task", "test", "parameters", "size", "data", "published"]
    expected = f"{zoo.info('digits_mlp')['parameters']:,}"
    assert rows[1][:5] == ["digits_mlp", "image-classification", "accuracy", "0.1000", expected]
    assert rows[1][-2:] == ["mnist", "0.2500"]


def test_list_of_nothing(run):
    done = run("list", "zzz*")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "zzz*" in done.stderr


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_info_shows_the_card(run, columns):
    assert json.loads(run("info", "digits_mlp@1", "--json").stdout) == zoo.info("digits_mlp@1")
    done = run("info", "digits_mlp@1", env={"COLUMNS": str(columns)})
    assert max(widths(done.stdout)) <= columns
    words = " ".join(done.stdout.split())
    info = zoo.info("digits_mlp@1")
    # A digest is broken where it does not fit.
    assert info["sha256"] in done.stdout.replace("\n", "").replace(" ", "")
    for expected in (
        "digits_mlp, revision 1 number 0.",
        f"parameters {info['parameters']:,}",
        "accuracy 0.1000 0.2000 0.2500 -0.1500",
        "a larger network. Someone: Digits. 1998.",
        "mnist 3.0.1",
        "train[:9], train[9:], test",
        "python -m training digits --seed 3",
        "adamw, rate 0.003",
    ):
        assert expected in words, expected


def test_cite(run):
    done = run("cite", "digits_mlp")
    assert done.exit_code == 0
    assert "digits_mlp, revision 2:\n\nSomeone: Digits. 1998.\n" in done.stdout
    assert "mnist 3.0.1:\n\n@misc{digits,\n  title = {Digits},\n}\n" in done.stdout
    assert "@software{gatezoo," in done.stdout
    found = json.loads(run("cite", "digits_mlp@1", "--json").stdout)
    assert found.keys() == {"model", "data", "zoo"}
    assert "digits_mlp, revision 1" in found["zoo"]


def test_run_prints_one_object_a_line(run, png):
    done = run("run", "digits_mlp", png, png)
    assert done.exit_code == 0
    first, second = map(json.loads, done.stdout.splitlines())
    expected = zoo.pipeline("digits_mlp")(png)
    for answer in (first, second):
        assert answer["file"] == str(png)
        assert answer["label"] == expected["label"]
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    done = run("run", "digits_mlp", png, "--top-k", "2")
    assert len(json.loads(done.stdout)["probabilities"]) == 2


WRITTEN = {"target_vocabulary": [*"abc "], "units": 5, "embedding_units": 4}
SPOKEN = WRITTEN | {"source_vocabulary": [*"xyz"]}
OF_TASKS = {
    "algorithm": ("reader_writer", SPOKEN),
    "sequence-to-sequence": ("encoder_decoder", SPOKEN),
    "image-to-sequence": ("vector_to_sequence", WRITTEN | {"highway_units": 6, "highway_depth": 2}),
    "language-modelling": ("language_model", WRITTEN),
    "text-classification": (
        "sequence_classifier",
        {"labels": ["bad", "fair", "good"], "vocabulary": ["a", "film"], "units": 5},
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Called with a task, returns the folder of a small model of it."""

    @cache
    def folder(task):
        builder, arguments = OF_TASKS[task]
        path = tmp_path_factory.mktemp(task) / "model"
        zoo.save(random_model(builder, **arguments), path)
        return path

    return folder


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("algorithm", {}),
        ("algorithm", {"n_best": 2}),
        ("sequence-to-sequence", {}),
        ("sequence-to-sequence", {"n_best": 3, "beam": 4, "max_length": 5}),
        ("image-to-sequence", {}),
        ("image-to-sequence", {"n_best": 2, "beam": 3, "max_length": 4}),
        ("language-modelling", {"temperature": 0, "max_length": 6}),
        ("language-modelling", {"max_length": 7, "temperature": 0.5, "top_k": 2, "seed": 5}),
        ("text-classification", {}),
        ("text-classification", {"top_k": 2}),
    ],
)
def test_run_gives_what_the_pipeline_does(run, folders, png, task, options):
    inputs = [str(png)] * 2 if task == "image-to-sequence" else ["a film", "xyzzy", ""]
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    done = run("run", folders(task), *inputs, *given)
    assert done.exit_code == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    pipe = zoo.pipeline(folders(task))
    assert pipe.task == task
    # Another run of one seed gives the same draws where the batches are the same.
    expected = pipe(inputs, **options)
    for raw, ours, theirs in zip(inputs, answers, expected, strict=True):
        if task == "image-to-sequence":
            assert ours.pop("file") == raw
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"log_prob", "score", "probabilities", "alternatives"}:
            assert ours[name] == theirs[name]
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
    if "n_best" in options:
        assert {len(answer["alternatives"]) for answer in answers[:2]} == {options["n_best"]}


@pytest.mark.parametrize(
    ("task", "option", "told"),
    [
        ("sequence-to-sequence", "--top-k=3", "sequence-to-sequence has no option --top-k"),
        ("sequence-to-sequence", "--beam=99", "beam must be from 1 to the 4 symbols"),
        ("image-to-sequence", "--temperature=1", "image-to-sequence has no option --temperature"),
        ("image-to-sequence", "--plot=a.png", "image-to-sequence has no option --plot"),
        ("language-modelling", "--n-best=2", "language-modelling has no option --n-best"),
        ("text-classification", "--max-length=2", "text-classification has no option --max-length"),
        ("text-classification", "--seed=2", "text-classification has no option --seed"),
        ("text-classification", "--top-k=4", "top_k must be from 1 to 3"),
    ],
)
def test_option_that_a_task_has_not_is_named_as_it_was_typed(run, folders, task, option, told):
    assert_error(run("run", folders(task), "a", option), told)


def test_plot_of_attention(run, folders, tmp_path):
    folder, path = folders("sequence-to-sequence"), tmp_path / "attention.png"
    done = run("run", folder, "xyz", "--plot", path)
    assert done.exit_code == 0, done.stderr
    # The numbers are in the picture, and the line is as it is without one.
    assert done.stdout == run("run", folder, "xyz").stdout
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert np.ptp(np.asarray(picture)) > 200
    zoo.save(random_model("encoder_decoder", **SPOKEN, attention="none"), tmp_path / "blind")
    done = run("run", tmp_path / "blind", "xyz", "--plot", tmp_path / "none.png")
    assert_error(done, "has none")
    for inputs in (["xyz", "x"], ["-"], ["--file", path]):
        done = run("run", folder, *inputs, "--plot", tmp_path / "none.png", input="x")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "give one input" in done.stderr
    assert not (tmp_path / "none.png").exists()


def is_drawn(path):
    """Whether a file is a picture with something in it."""
    with Image.open(path) as picture:
        return np.ptp(np.asarray(picture)) > 200


def test_lesion(run, need_data, tmp_path):
    need_data("mnist")
    arguments = ("lesion", "digits_highway", "--split", "test[:50]")
    done = run(*arguments, "--json", "--plot", tmp_path / "lesion.png")
    assert done.exit_code == 0, done.stderr
    whole, *without = json.loads(done.stdout)
    model, (pixels, ids) = zoo.load("digits_highway"), zoo.data.load("mnist", "test[:50]")
    loss, accuracy = model.evaluate(pixels, ids, verbose=0)
    assert whole == {
        "removed": "none",
        "loss": pytest.approx(loss, abs=1e-5),
        "accuracy": pytest.approx(accuracy),
    }
    assert [row["removed"] for row in without] == ["highway[0]", "highway[1]", "highway[2]"]
    assert is_drawn(tmp_path / "lesion.png")
    lines = run(*arguments).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [row["removed"] for row in [whole, *without]]
    assert "of 3 layers can go" in lines[-1]


def test_gates(run, need_data, tmp_path):
    need_data("mnist")
    pictures = [tmp_path / "gates.png", tmp_path / "classes.png"]
    plots = ("--plot", pictures[0], "--plot-classes", pictures[1])
    done = run("gates", "digits_highway", "--split", "test[:50]", "--json", *plots)
    assert done.exit_code == 0, done.stderr
    pixels, _ = zoo.data.load("mnist", "test[:50]")
    found, expected = (
        json.loads(done.stdout),
        zoo.analysis.gates(zoo.load("digits_highway"), pixels),
    )
    assert [row["layer"] for row in found["layers"]] == expected.layers
    for name, values in (("bias", expected.mean_bias), ("activity", expected.mean_activity)):
        assert [row[name] for row in found["layers"]] == pytest.approx(values.tolist())
    assert found["effective_depth"] == pytest.approx(float(expected.effective_depth.mean()))
    assert all(map(is_drawn, pictures))
    assert "of 3 layers" in run("gates", "digits_highway", "--split", "test[:9]").stdout


def test_traces(run, folders, tmp_path):
    folder, plot = folders("text-classification"), tmp_path / "traces.png"
    done = run("traces", folder, "a dull film", "--json", "--plot", plot)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["pieces"] == ["a", "dull", "film"]
    inputs = zoo.preprocessor(folder).encode(["a dull film"])
    expected = zoo.analysis.traces(zoo.load(folder), inputs)
    for layer, gates in expected.items():
        for gate, values in gates.items():
            means = values[0].mean(axis=-1).tolist()
            assert found["gates"][f"{layer} {gate}"] == pytest.approx(means, abs=1e-6)
    assert is_drawn(plot)
    # Of a sequence: its pieces and its end, in the encoder alone.
    done = run("traces", folders("sequence-to-sequence"), "xyz")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["x", "y", "z", "⏎"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("lesion", "digits_mlp"), "has no Highway layer"),
        (("gates", "digits_highway", "--split", "exam"), "exam"),
        (("traces", "digits_mlp", "a"), "digits_mlp reads pictures"),
        (("lesion", "digits_highway", "--plot", "a.xyz", "--split", "test[:9]"), "xyz"),
    ],
)
def test_what_cannot_be_looked_into(run, need_data, arguments, told):
    need_data("mnist")
    assert_error(run(*arguments), told)


@pytest.mark.parametrize("command", ["lesion", "gates"])
@pytest.mark.parametrize("task", ["sequence-to-sequence", "language-modelling"])
def test_model_that_classifies_nothing_has_no_gate_either(run, folders, command, task):
    assert_error(run(command, folders(task)), "has no Highway layer")


def test_text_of_nothing_has_no_traces(run, folders):
    assert_error(run("traces", folders("text-classification"), " "), "got ' '")


def test_model_without_a_card_names_no_data(run, tmp_path):
    zoo.save(random_model("highway_classifier", depth=2, units=4), tmp_path / "own")
    assert_error(run("lesion", tmp_path / "own"), "has no card that names its data")


@pytest.fixture
def pictures(tmp_path):
    """Paths of pictures of different names and labels."""
    paths = []
    for i, picture in enumerate(random_pictures(5)):
        paths.append(str(tmp_path / f"ü{i} .png"))
        Image.fromarray(picture).save(paths[-1])
    return paths


def test_inputs_come_from_a_file_or_standard_input(run, pictures, tmp_path):
    given = run("run", "digits_mlp", *pictures).stdout
    assert [json.loads(line)["file"] for line in given.splitlines()] == pictures
    text = "\n".join(pictures)
    for i, content in enumerate((text, f"{text}\n", text.replace("\n", "\r\n"), f"\ufeff{text}")):
        (tmp_path / f"{i}.txt").write_bytes(content.encode())
        assert run("run", "digits_mlp", "--file", tmp_path / f"{i}.txt").stdout == given
        assert run("run", "digits_mlp", input=content.encode()).stdout == given
        assert run("run", "digits_mlp", "-", input=content.encode()).stdout == given
    assert run("run", "digits_mlp", "--file", "-", input=text.encode()).stdout == given
    assert run("run", "digits_mlp", "--batch-size", "2", *pictures).stdout.count("\n") == 5
    nothing = run("run", "digits_mlp", input=b"")
    assert (nothing.exit_code, nothing.stdout) == (0, "")


def test_line_that_is_not_utf8_is_named(run, pictures, tmp_path):
    content = "\n".join(pictures[:4]).encode() + b"\ncaf\xe9.png\n"
    (tmp_path / "list.txt").write_bytes(content)
    for arguments, name in (
        (["--file", tmp_path / "list.txt"], str(tmp_path / "list.txt")),
        (["-"], "standard input"),
    ):
        done = run("run", "digits_mlp", "--batch-size", "2", *arguments, input=content)
        assert done.exit_code == 1
        # What stands before it, but for its own batch, is answered.
        assert len(done.stdout.splitlines()) == 4
        assert done.stderr.startswith(f"error: {name}, line 5: not UTF-8")
    assert_error(run("run", "digits_mlp", "caf\udce9"), "input 1 is not UTF-8")


def test_input_is_read_no_further_than_it_is_worked_on(run, pictures, tmp_path):
    # The third line is no picture: the first two are answered all the same.
    text = "\n".join([*pictures[:2], str(tmp_path / "none.png"), pictures[3]])
    done = run("run", "digits_mlp", "--batch-size", "1", input=text.encode())
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    assert "none.png" in done.stderr


def test_export(run, tmp_path):
    done = run("export", "digits_mlp", tmp_path / "exported")
    assert done.exit_code == 0
    assert done.stdout == f"written: {tmp_path / 'exported' / '2'}\n"
    assert (tmp_path / "exported" / "2" / "saved_model.pb").is_file()
    assert_error(run("export", "digits_mlp", tmp_path / "exported"), "nothing is overwritten")
    done = run("export", "digits_mlp", tmp_path / "again", "--json")
    written = str(tmp_path / "again" / "2")
    assert json.loads(done.stdout) == {"path": written, "format": "saved_model"}


def test_verify(run, known):
    done = run("verify", "--no-metrics")
    assert done.exit_code == 0
    highway, mlp, summary = done.stdout.splitlines()
    assert highway.split()[:4] == ["ok", "digits_highway", "4", "files,"]
    assert mlp.split()[:4] == ["ok", "digits_mlp", "4", "files,"]
    assert summary == "2 of 2 ok"
    weights = known / "digits_highway" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = run("verify", "--no-metrics")
    # One that is bad does not hide the rest.
    assert done.exit_code == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["FAILED", "digits_highway"],
        ["ok", "digits_mlp"],
        ["1", "of"],
    ]
    assert "model.safetensors" in done.stdout.splitlines()[0]
    done = run("verify", "--no-metrics", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert "model.safetensors" in report["digits_highway"]["error"]
    assert report["digits_mlp"]["golden"] < 1e-5
    assert run("verify", "--no-metrics", "digits_mlp").exit_code == 0
    done = run("verify", "--no-metrics", "digit_mlp")
    assert done.exit_code == 1
    assert "did you mean digits_mlp" in done.stdout


def test_publish(run, tmp_path):
    assert run("publish", tmp_path / "mirror").exit_code == 0
    assert (tmp_path / "mirror" / "digits_mlp" / "2" / "model.safetensors").is_file()
    assert_error(run("publish", tmp_path / "mirror"), "nothing is overwritten")
    done = run("publish", tmp_path / "other", "--json")
    assert json.loads(done.stdout) == {"path": str(tmp_path / "other")}


def test_trust(run, png, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
        # Weights that no other test saves: equal folders have equal digests.
        zoo.save(random_model(units=[3], seed=77), tmp_path / "foreign")
    assert_error(run("run", tmp_path / "foreign", png), "trust=True")
    assert run("run", tmp_path / "foreign", png, "--trust").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--task", "poetry"], "no task named 'poetry'"),
        (["info", "digit_mlp"], "did you mean digits_mlp"),
        (["cite", "digit_mlp"], "did you mean digits_mlp"),
        (["export", "digit_mlp", "x"], "did you mean digits_mlp"),
        (["run", "digits_mlp@9", "a.png"], "it has 1, 2"),
        (["run", "digits_mlp", "--file", "nothing.txt"], "nothing.txt"),
        (["run", "digit_mlp", "a.png"], "did you mean digits_mlp"),
        (["run", "digits_mlp", "nothing.png"], "nothing.png"),
        (["run", "digits_mlp", "nothing.png", "--top-k", "11"], "top_k must be from 1 to 10"),
        (["export", "digits_mlp", "x", "--format", "onxx"], "did you mean onnx"),
    ],
)
def test_mistake_is_told_in_one_line(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_error(run(*arguments), message)


@pytest.mark.parametrize("command", ["list", "verify"])
def test_altered_index_is_told_in_one_line(run, known, command):
    (known / "index.json").write_text("{}")
    assert_error(run(command), "index.json")


def zoo_process(*arguments, **options):
    command = [sys.executable, "-m", "zoo", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def test_cache(run, known, monkeypatch):
    assert run("cache").stdout == ""
    assert json.loads(run("cache", "list", "--json").stdout) == []
    monkeypatch.setenv("ZOO_MIRROR", known.as_uri())
    for name in ("digits_mlp@1", "digits_highway"):
        zoo.pipeline(name)
    rows = json.loads(run("cache", "list", "--json").stdout)
    assert [(row["name"], row["revision"]) for row in rows] == [
        ("digits_highway", 1),
        ("digits_mlp", 1),
    ]
    assert run("cache").stdout == run("cache", "list").stdout
    assert run("cache", "--json").stdout == run("cache", "list", "--json").stdout
    for row, line in zip(rows, run("cache").stdout.splitlines(), strict=True):
        assert f"{row['name']}@1" in line
        assert row["path"] in line
    assert json.loads(run("cache", "clear", "digits_mlp", "--json").stdout) == rows[1:]
    assert_error(run("cache", "clear", "digits_mlp"), "no checkpoint in the cache")
    assert "digits_highway@1" in run("cache", "clear").stdout
    assert run("cache").stdout == ""


def test_module_is_the_command():
    listed = zoo_process("list", "--json")
    assert listed.returncode == 0
    assert [row["name"] for row in json.loads(listed.stdout)] == zoo.list_models()
    failed = zoo_process("info", "nosuch")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("error: no checkpoint named 'nosuch'")
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["poetry"],
        ["list", "--colour"],
        ["info"],
        ["run", "digits_mlp", "a.png", "--top-k", "0"],
        ["run", "digits_mlp", "a.png", "--n-best", "0"],
        ["run", "digits_mlp", "a.png", "--temperature", "-1"],
        ["run", "digits_mlp", "a.png", "--seed", str(2**32)],
        ["run", "digits_mlp", "a.png", "--file", "b.txt"],
        ["export", "digits_mlp"],
        ["cache", "--json", "clear"],
    ],
)
def test_mistake_in_the_command_itself_is_exit_code_2(run, arguments):
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Usage: zoo" in done.stderr


COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_says_what_a_command_is_for_and_gives_an_example(run, command, columns):
    arguments = [command] if command else []
    done = run(*arguments, "--help", terminal_width=columns - 2)
    assert done.exit_code == 0
    assert max(widths(done.stdout)) <= columns
    assert f"\n  zoo {command or 'list'} " in done.stdout
    if command is None:
        # No purpose of a command is cut off.
        assert "..." not in done.stdout.partition("Commands:")[2]
        assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []


def test_version(run):
    assert run("--version").stdout == f"gatezoo {zoo.__version__}\n"


LIGHT = """
import sys
from typer.testing import CliRunner
from zoo.cli import app
from zoo.terminal import show_answer

name = sys.argv[1]
for arguments in (["--help"], ["list"], ["info", name], ["cite", name], ["run", "nosuch", "x"]):
    CliRunner().invoke(app, arguments)
heavy = {"keras", "numpy", "safetensors", "tensorflow", "tensorflow_datasets", "torch", "jax"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""


def test_what_does_not_compute_imports_no_backend():
    done = run_python(LIGHT, zoo.list_models()[0])
    assert done.returncode == 0, done.stderr


# What the shell's completion script runs; a module that is not there fails to be imported.
COMPLETE = """
import sys

for name in ("keras", "numpy", "tensorflow"):
    sys.modules[name] = None
from zoo.cli import app
from zoo.terminal import show_answer

app(prog_name="zoo")
"""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("zoo ver", ["verify"]),
        (
            "zoo info highway_mnist_1",
            ["highway_mnist_10", "highway_mnist_100", "highway_mnist_100_pruned"],
        ),
        ("zoo run jordan", ["jordan_atis"]),
        ("zoo list --task slot", ["slot-filling"]),
        ("zoo verify mlp_mnist cnn", ["cnn_mnist"]),
        ("zoo info zzz", []),
    ],
)
def test_shell_completes_names_without_a_backend(typed, expected):
    environment = {
        "_ZOO_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = run_python(COMPLETE, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == expected


def test_reader_that_has_enough_sees_no_error():
    zoo_list = [sys.executable, "-m", "zoo", "list", "--json"]
    with subprocess.Popen(
        zoo_list, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    table = f"{sys.executable} -m zoo list | head -1"
    done = subprocess.run(table, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("name ")
    assert done.stderr == ""


def on_a_terminal(command, columns, **environment):
    """Runs a shell command on a terminal of so many columns; returns exit code and output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    # Importing TensorFlow in this process has set the second, as if the user had.
    own = ("COLUMNS", "TF_CPP_MIN_LOG_LEVEL")
    kept = {name: value for name, value in os.environ.items() if name not in own}
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kept | {"TERM": "dumb"} | environment,
    )
    os.close(theirs)
    output = b""
    # A terminal whose other end is closed is an error to read on Linux, not an end.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            output += part
    os.close(ours)
    return process.wait(), output.decode().replace("\r\n", "\n")


PAGE = (ROOT / "docs" / "cli.md").read_text()
SHOWN = re.findall(r"```console\n\$ (zoo [^\n]*)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("command", "expected"), SHOWN, ids=[command for command, _ in SHOWN])
def test_page_shows_what_a_terminal_of_80_columns_shows(command, expected):
    command = re.sub(r"^zoo", f"{sys.executable} -m zoo", command)
    _, output = on_a_terminal(command, 80)
    assert [line.rstrip() for line in output.splitlines()] == expected.splitlines()


def test_page_names_every_command():
    assert [name for name in COMMANDS if f"`zoo {name}" not in PAGE] == []


def test_terminal_without_inputs_is_told_how_to_give_them():
    code, output = on_a_terminal(f"{sys.executable} -m zoo run bilstm_atis", 80)
    assert code == 2
    assert "give inputs" in output


def test_json_is_the_same_on_a_terminal(tmp_path):
    Image.fromarray(random_pictures(1)[0]).save(tmp_path / "a.png")
    # The width of the terminal does not break it, and nothing else is printed, the notes of
    # TensorFlow among it.
    command = f"{sys.executable} -m zoo run mlp_mnist {tmp_path}/a.png --json"
    code, output = on_a_terminal(command, 20)
    assert code == 0
    assert json.loads(output)["file"] == f"{tmp_path}/a.png"


def test_answers_are_shown_as_they_are(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    show_answer(
        {
            "text": "to [red]東京[/red] :smile:",
            "tokens": [{"text": "x"}],
            "slots": [{"slot": "to.city", "text": "[red]東京[/red]", "score": 0.5}],
            "intent": "flight",
            "intent_score": 0.25,
        }
    )
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "to [red]東京[/red] :smile:",
        "  intent   flight           0.250",
        "  to.city  [red]東京[/red]  0.500",
    ]
    show_answer({"text": "", "tokens": [], "slots": [], "intent": None, "intent_score": None})
    assert capsys.readouterr().out.strip() == ""
    show_answer({"text": "a b", "tokens": [{"text": "a", "tag": "DET", "score": 1.0}]})
    assert capsys.readouterr().out.split() == ["a", "b", "a", "DET", "1.000"]
    picture = {"file": "[1].png", "label": "7", "score": 0.9, "probabilities": {"7": 0.9, "1": 0.1}}
    show_answer(picture)
    assert capsys.readouterr().out.split() == ["[1].png", "7", "0.900"]
    show_answer(picture, top_k=2)
    assert capsys.readouterr().out.split() == ["[1].png", "7", "0.900", "1", "0.100"]


def shown(capsys, answer, top_k=None):
    """Returns the lines that a terminal shows of an answer."""
    show_answer(answer, top_k)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_what_is_written_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    best, other = ({"output": "H [b]", "score": -0.25}, {"output": "AY1 W EY2", "score": -1.5})
    answer = {"text": "[i]highway", **best, "alternatives": [best]}
    assert shown(capsys, answer) == ["[i]highway", "  H [b]  -0.250"]
    answer = {"file": "7.png", **best, "alternatives": [best, other]}
    assert shown(capsys, answer) == ["7.png", "  H [b]      -0.250", "  AY1 W EY2  -1.500"]
    # What follows a prompt goes on after it, and is not broken where the terminal ends.
    answer = {"text": "[1] A ", "output": f"[b]{'word ' * 10}\n end", "score": -1.0}
    assert shown(capsys, answer) == [f"[1] A [b]{'word ' * 10}".rstrip(), " end"]


def test_label_of_a_text_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    answer = {"text": "a [b]film", "label": "good", "score": 0.75}
    answer["probabilities"] = {"bad": 0.25, "good": 0.75}
    assert shown(capsys, answer) == ["a [b]film", "  good  0.750"]
    answer["probabilities"] = {"good": 0.75, "bad": 0.25}
    assert shown(capsys, answer, top_k=2) == ["a [b]film", "  good  0.750", "  bad   0.250"]
    answer = {"text": "", "label": None, "score": None, "probabilities": {}}
    assert "".join(shown(capsys, answer)) == ""


def test_digits_on_disk_are_read(run, tmp_path):
    with np.load(ROOT / "docs" / "examples" / "mnist_test_300.npz") as digits:
        pictures = digits["pictures"][:3]
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    done = run("run", "digits_highway", *(tmp_path / f"{i}.png" for i in range(3)))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for ours, theirs in zip(answers, zoo.pipeline("digits_highway")(pictures), strict=True):
        assert ours["label"] == theirs["label"]
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
