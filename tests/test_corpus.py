"""Every text of a file is answered once, in order, or nothing is written."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers import ROOT
from typer.testing import CliRunner

import zoo
from zoo import corpus
from zoo.cli import app

TEXTS = ["show flights to rome", "", "leave taipei on november 2nd", "  ", "fares to oslo", "déjà"]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def answered(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_answers_are_those_of_the_pipeline(source, tmp_path):
    output = tmp_path / "answers.jsonl"
    assert corpus.score("bilstm_atis", source, output, batch_size=2) == len(TEXTS)
    found = answered(output)
    assert [one["text"] for one in found] == TEXTS
    for ours, theirs in zip(found, zoo.pipeline("bilstm_atis")(TEXTS), strict=True):
        assert [s["slot"] for s in ours["slots"]] == [s["slot"] for s in theirs["slots"]]
        assert ours["intent"] == theirs["intent"]


def test_parquet_in_and_out(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    source, output = tmp_path / "texts.parquet", tmp_path / "answers.parquet"
    parquet.write_table(pa.table({"number": range(len(TEXTS)), "text": TEXTS}), source)
    assert corpus.score("bilstm_atis", source, output) == len(TEXTS)
    table = parquet.read_table(output).to_pydict()
    assert table["text"] == TEXTS
    assert [json.loads(answer)["text"] for answer in table["answer"]] == TEXTS
    parquet.write_table(pa.table({"words": TEXTS}), source)
    with pytest.raises(ValueError, match=r"no column 'text', only \['words'\]"):
        corpus.score("bilstm_atis", source, output)


def test_an_error_leaves_the_output_as_it_was(source, tmp_path):
    output = tmp_path / "answers.jsonl"
    output.write_text("before")
    with source.open("ab") as file:
        file.write(b"\xff\xfe\n")
    with pytest.raises(ValueError, match=rf"texts\.txt, line {len(TEXTS) + 1}: not UTF-8"):
        corpus.score("bilstm_atis", source, output)
    assert output.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "texts.txt"]
    with pytest.raises(ValueError, match="another file than the input"):
        corpus.score("bilstm_atis", source, source)
    with pytest.raises(FileNotFoundError):
        corpus.score("bilstm_atis", tmp_path / "nothing", output)


def test_nothing_to_answer(tmp_path):
    (tmp_path / "empty").write_text("")
    assert corpus.score("bilstm_atis", tmp_path / "empty", tmp_path / "out.jsonl") == 0
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_command(source, tmp_path):
    output = tmp_path / "answers.jsonl"
    arguments = ["score", "bilstm_atis", "--input", str(source), "--output", str(output)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"path": str(output), "texts": len(TEXTS)}
    assert len(answered(output)) == len(TEXTS)
    done = CliRunner().invoke(app, ["score", "bilstm_atis", "-i", "nowhere", "-o", str(output)])
    assert done.exit_code == 1
    assert "nowhere" in done.stderr


def test_two_workers_of_which_one_is_killed(need_data, tmp_path):
    pytest.importorskip("ray")
    need_data("atis")
    sentences, _ = zoo.data.load("atis", "train")
    texts = [f"{' '.join(words)} {i}" for i in range(2) for words in sentences]
    source, output = tmp_path / "texts.txt", tmp_path / "answers.jsonl"
    source.write_text("\n".join(texts), encoding="utf-8")
    command = [sys.executable, "-m", "zoo", "score", "bilstm_atis", "-i", str(source)]
    process = subprocess.Popen([*command, "-o", str(output), "--workers", "2"], cwd=ROOT)
    workers: list[str] = []
    while len(workers) < 2:
        assert process.poll() is None
        time.sleep(0.05)
        found = subprocess.run(["pgrep", "-f", "ray::.*Answering"], capture_output=True, text=True)
        workers = found.stdout.split()
    os.kill(int(workers[0]), signal.SIGKILL)
    assert process.wait() == 0
    assert [one["text"] for one in answered(output)] == texts
