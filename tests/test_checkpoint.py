"""A checkpoint folder is read only if every file is the one that was written."""

import json
import os
import signal

import numpy as np
import pytest
from helpers import DIE_AT_OPEN, run_python

from zoo import checkpoint
from zoo.checkpoint import Checkpoint, sha256_of, to_json
from zoo.errors import IntegrityError

FILES = ("config.json", "model.safetensors", "card.json", "golden.npz", "words.txt")

CONFIG = {
    "format_version": 1,
    "oldest_zoo": "0.1.0",
    "builder": "mlp_classifier",
    "arguments": {"labels": ["a", "b"], "units": [[3], 4.5, None, True]},
    "preprocessing": None,
}


def write(folder, **changed):
    rng = np.random.default_rng(0)
    contents = {
        "config": CONFIG,
        "weights": {"a/kernel": rng.normal(size=(3, 4)).astype("float32").T, "a/count": 3.0},
        "card": {"task": "image-classification", "summary": "Ziffern, größer als 0"},
        "golden": (rng.normal(size=(2, 3)), rng.normal(size=(2, 4))),
        "assets": {"words.txt": b"the\nof\n"},
    }
    return checkpoint.write(folder, **(contents | changed))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "model")
    return tmp_path / "model"


def rewrite_manifest(folder, change):
    """Puts the manifest in place that `change` makes of the old one."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_bytes(to_json(manifest))


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(1)
    # A transposed array is not contiguous, a number has no axes: both have been lost by others.
    weights = {
        "a/kernel": rng.normal(size=(3, 4)).astype("float32").T,
        "a/half": rng.normal(size=5).astype("float16"),
        "a/count": np.float32(3.0),
    }
    golden = (rng.normal(size=(2, 3)), rng.normal(size=(2, 4)))
    sha256 = write(tmp_path / "x", weights=weights, golden=golden)
    found = Checkpoint.open(tmp_path / "x", sha256)
    assert found.sha256 == sha256 == sha256_of((tmp_path / "x" / "manifest.json").read_bytes())
    assert found.config == CONFIG
    assert found.card["summary"] == "Ziffern, größer als 0"
    assert found.files["words.txt"] == b"the\nof\n"
    assert found.weights.keys() == weights.keys()
    for key, value in weights.items():
        assert found.weights[key].dtype == value.dtype
        assert found.weights[key].shape == value.shape
        np.testing.assert_array_equal(found.weights[key], value)
    np.testing.assert_array_equal(found.golden[0], golden[0])
    np.testing.assert_array_equal(found.golden[1], golden[1])


def test_same_content_gives_the_same_sha256(tmp_path):
    assert write(tmp_path / "a") == write(tmp_path / "b")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_link(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip, truncate, os.remove, replace_by_link, replace_by_folder])
def test_damaged_file_is_named(folder, name, damage):
    damage(folder / name)
    with pytest.raises(IntegrityError, match=name):
        Checkpoint.open(folder)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (flip, IntegrityError),
        (truncate, IntegrityError),
        (os.remove, FileNotFoundError),
        (replace_by_link, IntegrityError),
        (replace_by_folder, FileNotFoundError),
    ],
)
def test_damaged_manifest_is_refused(folder, damage, error):
    sha256 = Checkpoint.open(folder).sha256
    damage(folder / "manifest.json")
    with pytest.raises(error, match=r"manifest\.json"):
        Checkpoint.open(folder, sha256)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"files": []}',
        b'{"files": {"a": 1}}',
        b'{"files": {"a": {"bytes": "many", "sha256": ""}}}',
        b'{"files": {"a": {"bytes": 1}}}',
        b'{"files": {"a": {"bytes": -1, "sha256": "%b"}}}' % (b"0" * 64),
        b'{"files": {"a": {"bytes": 1e9, "sha256": "%b"}}}' % (b"0" * 64),
        b'{"files": {"a": {"bytes": 1, "sha256": "%b"}}}' % (b"0" * 63),
        b'{"files": {}, "files": {}}',
    ],
)
def test_manifest_that_is_none(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"manifest\.json: not "):
        Checkpoint.open(folder)


@pytest.mark.parametrize("name", FILES[:4])
def test_manifest_that_does_not_list_what_is_needed(folder, name):
    rewrite_manifest(folder, lambda manifest: manifest["files"].pop(name))
    with pytest.raises(IntegrityError, match=f"does not list {name}"):
        Checkpoint.open(folder)


def test_file_that_the_manifest_does_not_list_is_not_read(folder):
    (folder / "extra.py").write_text("raise SystemExit")
    assert "extra.py" not in Checkpoint.open(folder).files


def test_newer_format_names_the_version_that_reads_it(tmp_path):
    write(tmp_path / "x", config=CONFIG | {"format_version": 2, "oldest_zoo": "7.0.0"})
    rewrite_manifest(tmp_path / "x", lambda manifest: manifest["files"].pop("golden.npz"))
    with pytest.raises(ValueError, match=r"format version 2, this zoo reads 1: .*gatezoo 7\.0\.0"):
        Checkpoint.open(tmp_path / "x")


def test_folder_without_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no checkpoint folder.*manifest\.json"):
        Checkpoint.open(tmp_path)


def test_failed_write_leaves_nothing(tmp_path):
    def fail():
        with checkpoint.written_whole(tmp_path / "model") as staging:
            (staging / "config.json").write_text("{}")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="full"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_full_folder_is_refused_and_left_as_it_was(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        write(tmp_path / "model")
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "thesis.txt"]
    assert (tmp_path / "model" / "thesis.txt").read_text() == "years of work"


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "model").write_text("not a folder")
    with pytest.raises(FileExistsError):
        write(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "not a folder"


def test_empty_folder_is_taken_and_parents_are_made(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    write(tmp_path / "a" / "b" / "model")
    assert Checkpoint.open(tmp_path / "empty").sha256 == (
        Checkpoint.open(tmp_path / "a" / "b" / "model").sha256
    )


WRITE = """
from pathlib import Path
import numpy as np
from zoo import checkpoint

checkpoint.write(
    Path(sys.argv[2]), config={"format_version": 1, "builder": "x", "arguments": {}},
    weights={"a": np.ones(3)}, card={},
    golden=(np.ones(1), np.ones(1)),
)
"""


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_killed_write_leaves_no_folder(name, tmp_path):
    done = run_python(DIE_AT_OPEN + WRITE, name, tmp_path / "model")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "model").exists()
    # What it left behind is in nobody's way.
    assert run_python("import sys" + WRITE, "", tmp_path / "model").returncode == 0
    assert Checkpoint.open(tmp_path / "model").weights["a"].tolist() == [1, 1, 1]
