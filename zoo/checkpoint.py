"""A checkpoint folder: what is in it, how it is written, and how it is read.

    config.json         builder, its arguments, preprocessing, format version
    model.safetensors   weights, keyed by `variable.path`
    card.json           what the checkpoint is, how it was trained, what it scores
    golden.npz          a fixed input and the output it must give
    manifest.json       size and sha256 of each of the files above, and of any asset

Nothing in a folder is executable. The manifest pins every file, and whoever knows the manifest's
own sha256 (the zoo's index, or the user) pins the folder. A folder may come from anyone: what is
read of it is bounded in size and depth, and lies in the folder itself.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from zoo.errors import IntegrityError

if TYPE_CHECKING:
    import numpy as np

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "card.json"
GOLDEN = "golden.npz"
_ALWAYS = {CONFIG, WEIGHTS, CARD, GOLDEN}

# Bounds of a folder, in bytes where nothing else is said: far above any checkpoint of the zoo.
MANIFEST_LIMIT = 1 << 16
JSON_LIMIT = 1 << 24
GOLDEN_LIMIT = 1 << 26
FOLDER_LIMIT = 1 << 32
FILES_LIMIT = 100

_FILE_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?")
_SHA256 = re.compile("[0-9a-f]{64}")
# Windows takes these for devices, whatever follows the first dot.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{x}{i}" for x in ("com", "lpt") for i in range(10)}


def sha256_of(content: bytes) -> str:
    """Returns the sha256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def to_json(value: Any) -> bytes:
    """Returns JSON as it stands in a checkpoint folder: readable, UTF-8."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `folder` when the block ends, or vanishes.

    Raises:
        FileExistsError: if `folder` exists and holds anything.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists already: nothing is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield staging
        staging.chmod(0o755)
        os.replace(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def parse_json(content: bytes, source: str) -> dict[str, Any]:
    """Returns the JSON object that `content` holds.

    Raises:
        IntegrityError: naming `source`, if it holds none, has a key twice, or is too large or deep.
    """

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(value := dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return value

    if len(content) > JSON_LIMIT:
        raise IntegrityError(f"{source}: {len(content)} bytes, more than {JSON_LIMIT}")
    try:
        value = json.loads(content, object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{source}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{source}: not a JSON object")
    return value


def parse_manifest(content: bytes, sha256: str | None, source: str) -> dict[str, dict[str, Any]]:
    """Returns file name -> {"bytes", "sha256"} of a manifest.

    Raises:
        IntegrityError: if `content` is not the manifest of that sha256, is no manifest, promises
            more than the bounds of a folder, or names a file that is not directly in its folder,
            is hidden, is a device on Windows, or differs from another in case alone.
    """
    if len(content) > MANIFEST_LIMIT:
        raise IntegrityError(f"{source}: more than {MANIFEST_LIMIT} bytes")
    if sha256 is not None and sha256_of(content) != sha256:
        raise IntegrityError(f"{source}: sha256 is {sha256_of(content)}, should be {sha256}")
    manifest = parse_json(content, source)
    try:
        files = manifest["files"]
        for name, entry in files.items():
            size, digest = entry["bytes"], entry["sha256"]
            if type(size) is not int or size < 0 or not _SHA256.fullmatch(digest):
                raise ValueError(f"{name!r} has bytes {size!r} and sha256 {digest!r}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{source}: not a checkpoint manifest ({error})") from error
    seen = {MANIFEST}
    for name in files:
        if not _FILE_NAME.fullmatch(name) or name.split(".")[0].lower() in _DEVICES:
            raise IntegrityError(f"{source}: {name!r} is not a plain file name")
        if name.lower() in seen:
            raise IntegrityError(f"{source}: {name!r} is not a plain file name of its own")
        seen.add(name.lower())
    if len(files) > FILES_LIMIT:
        raise IntegrityError(f"{source}: {len(files)} files, more than {FILES_LIMIT}")
    if (total := sum(entry["bytes"] for entry in files.values())) > FOLDER_LIMIT:
        raise IntegrityError(f"{source}: {total} bytes in all, more than {FOLDER_LIMIT}")
    return files


def read_manifest(folder: Path) -> bytes:
    """Returns the manifest of a folder, unchecked, as long as it is a file of a manifest's size.

    Raises:
        FileNotFoundError: if there is none.
        IntegrityError: if it is a link, or too large.
    """
    path = folder / MANIFEST
    if not path.is_symlink() and not path.is_file():
        raise FileNotFoundError(f"{folder} is no checkpoint folder: it has no {MANIFEST}")
    content = _read_plain(path, MANIFEST_LIMIT)
    if len(content) > MANIFEST_LIMIT:
        raise IntegrityError(f"{path}: more than {MANIFEST_LIMIT} bytes")
    return content


def _read_plain(path: Path, size: int) -> bytes:
    """Returns up to `size` bytes of a file that is no link, and one more if there are more."""
    if path.is_symlink() or not path.is_file():
        raise IntegrityError(f"{path}: missing, or not a plain file")
    with path.open("rb") as file:
        return file.read(size + 1)


def check_file(content: bytes, entry: Mapping[str, Any], source: str) -> None:
    """Raises an IntegrityError naming `source` if `content` is not what the manifest says."""
    if len(content) > entry["bytes"]:
        raise IntegrityError(f"{source}: more bytes than {entry['bytes']}")
    if len(content) < entry["bytes"]:
        raise IntegrityError(f"{source}: {len(content)} bytes, should be {entry['bytes']}")
    if sha256_of(content) != entry["sha256"]:
        raise IntegrityError(
            f"{source}: sha256 is {sha256_of(content)}, should be {entry['sha256']}"
        )


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose every file has been checked; nothing is read from disk after that."""

    path: Path
    sha256: str
    files: Mapping[str, bytes]

    @classmethod
    def open(cls, path: Path, sha256: str | None = None) -> "Checkpoint":
        """Reads and checks every file of the folder `path`.

        Args:
            path: the folder.
            sha256: of its manifest.json, where it is known.

        Raises:
            FileNotFoundError: if there is no manifest.
            IntegrityError: if a file is missing, is a link, or is not what the manifest says.
            ValueError: if the folder was written by a newer zoo than this.
        """
        manifest = read_manifest(path)
        files = {}
        for name, entry in parse_manifest(manifest, sha256, str(path / MANIFEST)).items():
            files[name] = _read_plain(path / name, entry["bytes"])
            check_file(files[name], entry, str(path / name))
        checkpoint = cls(path, sha256_of(manifest), files)
        # A newer format may have other files: say that it is newer, not that they are missing.
        if CONFIG in files:
            _check_version(checkpoint.config, path)
        if missing := _ALWAYS - files.keys():
            raise IntegrityError(f"{path / MANIFEST}: does not list {', '.join(sorted(missing))}")
        _check_config(checkpoint.config, path)
        return checkpoint

    @property
    def config(self) -> dict[str, Any]:
        """Builder, arguments, preprocessing, format version."""
        return parse_json(self.files[CONFIG], str(self.path / CONFIG))

    @property
    def card(self) -> dict[str, Any]:
        """What the checkpoint is, how it was trained, what it scores."""
        return parse_json(self.files[CARD], str(self.path / CARD))

    @property
    def weights(self) -> "dict[str, np.ndarray]":
        """Path of a variable -> its value."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return load(self.files[WEIGHTS])
        except (SafetensorError, KeyError, ValueError) as error:
            message = f"{self.path / WEIGHTS}: cannot be read as weights ({error!r})"
            raise IntegrityError(message) from error

    @property
    def assets(self) -> dict[str, bytes]:
        """Name -> content of the files that only some builders need."""
        return {name: self.files[name] for name in self.files.keys() - _ALWAYS}

    @property
    def golden(self) -> tuple[Any, Any]:
        """The fixed input and its output: each an array, or a dict of arrays."""
        import numpy as np

        content = io.BytesIO(self.files[GOLDEN])
        try:
            _check_archive(content)
            with np.load(content, allow_pickle=False) as arrays:
                return _nested("input", arrays), _nested("output", arrays)
        except Exception as error:  # a hostile archive has many ways to fail
            message = f"{self.path / GOLDEN}: cannot be read as arrays ({error})"
            raise IntegrityError(message) from error


def _check_version(config: Mapping[str, Any], path: Path) -> None:
    """Raises a ValueError if `config` is of a newer format than this zoo reads."""
    version = config.get("format_version")
    if type(version) is not int:
        raise IntegrityError(f"{path / CONFIG}: format_version is {version!r}")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {version}, this zoo reads {FORMAT_VERSION}: it needs "
            f"gatezoo {config.get('oldest_zoo')} or newer"
        )


def _check_config(config: Mapping[str, Any], path: Path) -> None:
    """Raises an IntegrityError if `config` is not made of a builder's name and plain values."""
    if not isinstance(config.get("builder"), str):
        raise IntegrityError(f"{path / CONFIG}: builder is {config.get('builder')!r}")
    for field in ("arguments", "preprocessing"):
        values = config.get(field)
        if values is None and field == "preprocessing":
            continue
        if not isinstance(values, Mapping):
            raise IntegrityError(f"{path / CONFIG}: {field} is {values!r}")
        if wrong := [name for name, value in values.items() if not _is_plain(value)]:
            raise IntegrityError(
                f"{path / CONFIG}: {wrong[0]} of {field} must be a number, a string, or a list of "
                f"such, got {values[wrong[0]]!r}"
            )


def _is_plain(value: Any, depth: int = 3) -> bool:
    """Whether a value of a config is a scalar, or a list of such.

    An object is none: Keras takes one where a builder hands on an activation or an initializer, as
    the description of a function to import and call.
    """
    if isinstance(value, (list, tuple)):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return not isinstance(value, Mapping)


def _check_archive(content: IO[bytes]) -> None:
    """Raises a ValueError if an npz unpacks to more than it should, or than its arrays hold."""
    import numpy as np

    with zipfile.ZipFile(content) as archive:
        members = archive.infolist()
        if (total := sum(member.file_size for member in members)) > GOLDEN_LIMIT:
            raise ValueError(f"unpacks to {total} bytes, more than {GOLDEN_LIMIT}")
        for member in members:
            # Python unpacks the other methods without a bound.
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{member.filename!r} is neither stored nor deflated")
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"{member.filename!r} has npy version {version}")
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                if dtype.hasobject or prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(f"{member.filename!r} holds no {dtype} of shape {shape}")
    content.seek(0)


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Returns `name` -> an array, or `name/key` -> each array of a dict."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {f"{name}/{key}": array for key, array in value.items()}


def _nested(name: str, arrays: Mapping[str, Any]) -> Any:
    """Returns what `_flat` took."""
    if name in arrays:
        return arrays[name]
    prefix = f"{name}/"
    found = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
    if not found:
        raise KeyError(name)
    return found


def write(
    folder: Path,
    *,
    config: Mapping[str, Any],
    weights: "Mapping[str, np.ndarray]",
    card: Mapping[str, Any],
    golden: tuple[Any, Any],
    assets: Mapping[str, bytes] | None = None,
) -> str:
    """Writes a checkpoint folder, whole or not at all, and returns its manifest's sha256.

    Raises:
        FileExistsError: if `folder` exists and holds anything.
        ValueError: if it would be one that cannot be opened: an asset has a name that is not plain,
            the config other values than plain ones, or something is too large.
    """
    import numpy as np
    from safetensors.numpy import save

    _check_config(config, Path(folder))
    golden_file = io.BytesIO()
    arrays = _flat("input", golden[0]) | _flat("output", golden[1])
    np.savez_compressed(golden_file, **arrays)
    _check_archive(golden_file)
    files = {
        CONFIG: to_json(config),
        WEIGHTS: save({key: np.asarray(value, order="C") for key, value in weights.items()}),
        CARD: to_json(card),
        GOLDEN: golden_file.getvalue(),
        **(assets or {}),
    }
    manifest = to_json(
        {
            "format_version": FORMAT_VERSION,
            "files": {
                name: {"bytes": len(content), "sha256": sha256_of(content)}
                for name, content in files.items()
            },
        }
    )
    parse_manifest(manifest, None, str(folder))
    with written_whole(Path(folder)) as staging:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        (staging / MANIFEST).write_bytes(manifest)
    return sha256_of(manifest)
