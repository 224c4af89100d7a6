"""The command line: its output, its exit codes, and its errors."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, random_model, random_pictures
from PIL import Image
from typer.testing import CliRunner

import zoo
from zoo.cli import app


@pytest.fixture
def run(known):
    """Called with arguments of `zoo`, returns exit code, output and errors."""
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


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


def test_list_as_a_table(run):
    done = run("list")
    assert done.exit_code == 0
    assert "digits_highway" in done.stdout
    assert "accuracy 0.1000" in done.stdout
    assert f"{zoo.info('digits_mlp')['parameters']:,}" in done.stdout


def test_info(run):
    assert json.loads(run("info", "digits_mlp@1", "--json").stdout) == zoo.info("digits_mlp@1")
    assert "number 0" in run("info", "digits_mlp@1").stdout


def test_run_prints_one_object_a_line(run, png):
    done = run("run", "digits_mlp", png, png)
    assert done.exit_code == 0
    first, second = map(json.loads, done.stdout.splitlines())
    expected = zoo.pipeline("digits_mlp")(png)
    for answer in (first, second):
        assert answer["label"] == expected["label"]
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    done = run("run", "digits_mlp", png, "--top-k", "2")
    assert len(json.loads(done.stdout)["probabilities"]) == 2


def test_export(run, tmp_path):
    done = run("export", "digits_mlp", tmp_path / "exported")
    assert done.exit_code == 0
    assert (tmp_path / "exported" / "saved_model.pb").is_file()
    assert_error(run("export", "digits_mlp", tmp_path / "exported"), "nothing is overwritten")


def test_verify(run, known):
    done = run("verify", "--no-metrics")
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", "digits_highway"],
        ["ok", "digits_mlp"],
    ]
    weights = known / "digits_highway" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = run("verify", "--no-metrics")
    # One that is bad does not hide the rest.
    assert done.exit_code == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["FAILED", "digits_highway"],
        ["ok", "digits_mlp"],
    ]
    report = json.loads(run("verify", "--no-metrics", "--json").stdout)
    assert "model.safetensors" in report["digits_highway"]["error"]
    assert run("verify", "--no-metrics", "digits_mlp").exit_code == 0


def test_publish(run, tmp_path):
    assert run("publish", tmp_path / "mirror").exit_code == 0
    assert (tmp_path / "mirror" / "digits_mlp" / "2" / "model.safetensors").is_file()
    assert_error(run("publish", tmp_path / "mirror"), "nothing is overwritten")


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
        (["run", "digit_mlp", "a.png"], "did you mean digits_mlp"),
        (["run", "digits_mlp", "nothing.png"], "nothing.png"),
        (["run", "digits_mlp", "nothing.png", "--top-k", "11"], "top_k must be from 1 to 10"),
        (["export", "digits_mlp", "x", "--format", "onnx"], "no export format named 'onnx'"),
    ],
)
def test_mistake_is_told_in_one_line(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_error(run(*arguments), message)


@pytest.mark.parametrize("command", ["list", "verify"])
def test_altered_index_is_told_in_one_line(run, known, command):
    (known / "index.json").write_text("{}")
    assert_error(run(command), "index.json")


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
    for row, line in zip(rows, run("cache").stdout.splitlines(), strict=True):
        assert f"{row['name']}@1" in line
        assert row["path"] in line
    assert json.loads(run("cache", "clear", "digits_mlp", "--json").stdout) == rows[1:]
    assert_error(run("cache", "clear", "digits_mlp"), "no checkpoint in the cache")
    assert "digits_highway@1" in run("cache", "clear").stdout
    assert run("cache").stdout == ""


def test_module_is_the_command():
    def zoo_module(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "zoo", *arguments], cwd=ROOT, capture_output=True, text=True
        )

    listed = zoo_module("list", "--json")
    assert listed.returncode == 0
    assert [row["name"] for row in json.loads(listed.stdout)] == zoo.list_models()
    failed = zoo_module("info", "nosuch")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("error: no checkpoint named 'nosuch'")
    assert len(failed.stderr.splitlines()) == 1


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
