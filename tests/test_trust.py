"""A folder from a stranger runs nothing, reads nothing else, and takes no more than it may."""

import io
import json
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model

import zoo
from zoo import checkpoint
from zoo.checkpoint import Checkpoint, sha256_of, to_json
from zoo.errors import IntegrityError


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a checkpoint that loads."""
    folder = tmp_path_factory.mktemp("good") / "model"
    zoo.save(random_model(units=[4]), folder)
    return dict(Checkpoint.open(folder).files)


@pytest.fixture
def forge(good, tmp_path):
    """Called with files to change, writes a folder whose every hash is right."""

    def forge(**changed):
        files = good | {name.replace("_", "."): content for name, content in changed.items()}
        folder = tmp_path / "forged"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        entries = {
            name: {"bytes": len(content), "sha256": sha256_of(content)}
            for name, content in files.items()
        }
        (folder / "manifest.json").write_bytes(to_json({"format_version": 1, "files": entries}))
        return folder

    return forge


def config_with(good, **changed):
    return to_json(json.loads(good["config.json"]) | changed)


def test_forged_folder_is_else_as_good(forge):
    assert zoo.load(forge(), trust=True).count_params() > 0


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/b", "", ".", "..", "/etc/hostname", "a\\b", "manifest.json", "a/", "C:x"),
        *(".hidden", ".words.txt.part", "a\0", "a\n", "a b", "a.", "größe.txt", "a:b", "x" * 129),
        *("con", "NUL", "aux.txt", "Com1.json", "lpt9", "Manifest.JSON", "CONFIG.json"),
    ],
)
def test_name_that_is_not_a_plain_file_of_its_own(forge, name):
    folder = forge()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = {"bytes": 0, "sha256": sha256_of(b"")}
    (folder / "manifest.json").write_bytes(to_json(manifest))
    with pytest.raises(IntegrityError, match="is not a plain file name"):
        Checkpoint.open(folder)


def manifest_of(count=1, size=1, pad=0):
    files = {f"f{i}": {"bytes": size, "sha256": "0" * 64} for i in range(count)}
    return to_json({"files": files}) + b" " * pad


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (manifest_of(pad=1 << 16), "more than 65536 bytes"),
        (manifest_of(count=101), "101 files, more than 100"),
        (manifest_of(count=3, size=1 << 31), "6442450944 bytes in all"),
        (b"[" * 60_000, "not JSON"),
        (b'{"files":' * 7_000, "not JSON"),
        (b'{"files": {"a": {"bytes": ' + b"9" * 5000 + b"}}}", "not JSON"),
        (
            b'{"files": {"a": {"bytes": 1, "sha256": "%b"}, "a": {}}}' % (b"0" * 64),
            r"not JSON \(a key stands twice",
        ),
    ],
)
def test_manifest_out_of_bounds(forge, content, reason):
    folder = forge()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=rf"manifest\.json: {reason}"):
        Checkpoint.open(folder)
    with pytest.raises(IntegrityError, match=rf"manifest\.json: {reason}"):
        zoo.load(folder, trust=True)


def test_file_larger_than_promised_is_not_read(forge):
    folder = forge()
    # A file of this size has no bytes on disk, and would not fit into memory.
    os.truncate(folder / "card.json", 1 << 40)
    with pytest.raises(IntegrityError, match=r"card\.json: more bytes than"):
        Checkpoint.open(folder)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").touch()
    os.truncate(folder / "manifest.json", 1 << 40)
    with pytest.raises(IntegrityError, match=r"manifest\.json: more than"):
        zoo.load(folder, trust=True)


@pytest.mark.parametrize("name", ["card.json", "manifest.json"])
def test_links_and_devices_are_not_read(forge, tmp_path, name):
    folder = forge()
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=rf"{name}: missing, or not a plain file"):
        zoo.load(folder, trust=True)
    (folder / name).unlink()
    # Opening it would wait for a writer.
    os.mkfifo(folder / name)
    with pytest.raises((IntegrityError, FileNotFoundError), match=name):
        zoo.load(folder, trust=True)


def header(**tensors):
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 2) + b"{}" + b"\0" * 100,
        struct.pack("<Q", 90_000) + b'{"a":' * 18_000,
        header(a={"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}) + b"\0" * 4,
        header(a={"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 0]}),
        header(a={"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}) + b"\0" * 4,
        header(a={"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}) + b"\0" * 4,
        header(a={"dtype": "O", "shape": [1], "data_offsets": [0, 8]}) + b"\0" * 8,
        header(a={"dtype": "F8_E5M2", "shape": [1], "data_offsets": [0, 1]}) + b"\0",
        pickle.dumps({"a": np.ones(3)}),
    ],
)
def test_weights_that_are_none(forge, content):
    with pytest.raises(IntegrityError, match=r"model\.safetensors: cannot be read as weights"):
        zoo.load(forge(model_safetensors=content), trust=True)


def npz(method=zipfile.ZIP_DEFLATED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array, **changed):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    content = file.getvalue()
    for old, new in changed.items():
        content = content.replace(old.encode(), new.encode())
    return content


def quoted(size):
    """An archive that says its member is small, and holds `size` zeros."""
    content = npz(input=npy(np.zeros(size, np.uint8)))
    return content.replace(struct.pack("<I", size + 128), struct.pack("<I", 200))


ONES = npy(np.ones(9))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\5\6" + b"\0" * 18,
        pickle.dumps(np.ones(3)),
        npz(input=npy(np.zeros(1 << 26, np.uint8)), output=ONES),
        npz(**{f"input/{i}": npy(np.zeros(1 << 23, np.uint8)) for i in range(9)}),
        quoted(1 << 20),
        npz(zipfile.ZIP_BZIP2, input=ONES, output=ONES),
        npz(zipfile.ZIP_LZMA, input=ONES, output=ONES),
        npz(input=npy(np.ones(9), **{"(9,)": "(9000000000,)"}), output=ONES),
        npz(input=npy(np.array([{}], object)), output=ONES),
        npz(input=b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, output=ONES),
        npz(input=b"hello", output=ONES),
        npz(input=ONES, output=ONES)[:-30],
        npz(zipfile.ZIP_STORED, input=ONES, output=ONES).replace(b"\xf0?", b"\xf0@"),
    ],
)
def test_golden_arrays_that_are_none(forge, content):
    with pytest.raises(IntegrityError, match=r"golden\.npz: cannot be read as arrays"):
        zoo.verify(forge(golden_npz=content), trust=True)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled(forge, tmp_path):
    bomb = Bomb(tmp_path / "exploded")
    content = npz(input=npy(np.array([bomb], object)), output=npy(np.ones(3)))
    with pytest.raises(IntegrityError, match=r"golden\.npz"):
        zoo.verify(forge(golden_npz=content, card_json=b"{}"), trust=True)
    assert not (tmp_path / "exploded").exists()
    np.load(io.BytesIO(content), allow_pickle=True)["input"]
    assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"format_version": "1"},
        {"builder": ["mlp_classifier"]},
        {"builder": None},
        {"arguments": [1]},
        {"arguments": None},
        {"arguments": {"labels": {"a": 1}}},
        {"arguments": {"units": [[[[[4]]]]]}},
        {"preprocessing": "image"},
        {"preprocessing": {"kind": {"a": 1}}},
    ],
)
def test_config_of_other_than_plain_values(forge, good, changed):
    with pytest.raises(IntegrityError, match=r"config\.json: "):
        zoo.load(forge(config_json=config_with(good, **changed)), trust=True)


@pytest.mark.parametrize("name", ["config.json", "card.json"])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"\xff\xfe", b" " * (1 << 24) + b"{}"]
)
def test_json_that_is_none(forge, name, content):
    folder = forge(**{name.replace(".", "_"): content})
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        Checkpoint.open(folder).card  # noqa: B018


# Keras takes such an object for an activation or an initializer: it imports what it names.
FUNCTION = {
    "module": "keras.utils",
    "class_name": "function",
    "config": "get_file",
    "registered_name": "get_file",
}
LAMBDA = {"class_name": "__lambda__", "config": {"value": "e30="}}


@pytest.mark.parametrize("argument", ["activation", "kernel_initializer"])
@pytest.mark.parametrize("value", [FUNCTION, [FUNCTION], LAMBDA])
def test_config_cannot_describe_a_function(forge, good, argument, value):
    config = config_with(good, arguments={"units": [4], argument: value})
    with pytest.raises(IntegrityError, match=f"{argument} of arguments must be a number, a string"):
        zoo.load(forge(config_json=config), trust=True)


def test_model_with_such_a_config_is_not_saved(tmp_path):
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}}
    model = zoo.build("mlp_classifier", units=[4], kernel_initializer=zeros)
    with pytest.raises(ValueError, match=r"kernel_initializer of arguments must be a number"):
        zoo.save(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_builder_of_a_config_is_one_that_is_registered(forge, good, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    for builder in ("evil", "evil:main", "os.system", "../evil"):
        folder = forge(config_json=config_with(good, builder=builder))
        with pytest.raises(ValueError, match="no builder named"):
            zoo.load(folder, trust=True)
        for path in [*folder.iterdir(), folder]:
            path.unlink() if path.is_file() else path.rmdir()
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    "config",
    [
        {"arguments": {"units": [10**9]}},
        {"arguments": {"input_shape": [10**6, 10**6]}},
        {
            "builder": "language_model",
            "arguments": {"target_vocabulary": ["a"], "depth": 0, "embedding_units": 10**9},
        },
    ],
)
def test_more_memory_than_the_weights_is_not_taken(forge, good, config):
    folder = forge(config_json=config_with(good, **config, preprocessing=None))
    # Built as it stands, it would take terabytes.
    with pytest.raises(ValueError, match="the weights do not fit the model"):
        zoo.load(folder, trust=True)


def test_unknown_words_file(forge, good):
    config = config_with(good, builder="slot_filler", arguments={"labels": ["a"]})
    folder = forge(config_json=config, vocabulary_txt=b"\xff\n")
    with pytest.raises(IntegrityError, match=r"vocabulary\.txt: not UTF-8"):
        zoo.load(folder, trust=True)


def test_too_large_a_folder_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="unpacks to"):
        checkpoint.write(
            tmp_path / "model",
            config={"format_version": 1, "builder": "mlp_classifier", "arguments": {}},
            weights={},
            card={},
            golden=(np.zeros(checkpoint.GOLDEN_LIMIT, np.uint8), np.ones(1)),
        )
    assert list(tmp_path.iterdir()) == []
