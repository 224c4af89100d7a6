"""A checkpoint folder: what is in it, how it is written, and how it is read.

    config.json         builder, its arguments, preprocessing, format version
    model.safetensors   weights, keyed by `variable.path`
    card.json           what the checkpoint is, how it was trained, what it scores
    golden.npz          a fixed input and the output it must give
    manifest.json       size and sha256 of each of the files above, and of any asset

Nothing in a folder is executable. The manifest pins every file, and whoever knows the manifest's
own sha256 (the zoo's index, or the user) pins the folder.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def parse_manifest(content: bytes, sha256: str | None, source: str) -> dict[str, dict[str, Any]]:
    """Returns file name -> {"bytes", "sha256"} of a manifest.

    Raises:
        IntegrityError: if `content` is not the manifest of that sha256, is no manifest, or names
            a file that is not directly in its folder.
    """
    if sha256 is not None and sha256_of(content) != sha256:
        raise IntegrityError(f"{source}: sha256 is {sha256_of(content)}, should be {sha256}")
    try:
        files = json.loads(content)["files"]
        for name, entry in files.items():
            if name != Path(name).name or name in ("", ".", "..", MANIFEST) or "\\" in name:
                raise IntegrityError(f"{source}: {name!r} is not a plain file name")
            int(entry["bytes"]), str(entry["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, IntegrityError):
            raise
        raise IntegrityError(f"{source}: not a checkpoint manifest ({error})") from error
    return files


def check_file(content: bytes, entry: Mapping[str, Any], source: str) -> None:
    """Raises an IntegrityError naming `source` if `content` is not what the manifest says."""
    if len(content) != entry["bytes"]:
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
        manifest_path = path / MANIFEST
        if manifest_path.is_symlink():
            raise IntegrityError(f"{manifest_path}: missing, or not a plain file")
        if not manifest_path.is_file():
            raise FileNotFoundError(f"{path} is no checkpoint folder: it has no {MANIFEST}")
        manifest = manifest_path.read_bytes()
        files = {}
        for name, entry in parse_manifest(manifest, sha256, str(manifest_path)).items():
            file = path / name
            if file.is_symlink() or not file.is_file():
                raise IntegrityError(f"{file}: missing, or not a plain file")
            files[name] = file.read_bytes()
            check_file(files[name], entry, str(file))
        checkpoint = cls(path, sha256_of(manifest), files)
        # A newer format may have other files: say that it is newer, not that they are missing.
        if CONFIG in files and (version := checkpoint.config["format_version"]) > FORMAT_VERSION:
            raise ValueError(
                f"{path} has format version {version}, this zoo reads {FORMAT_VERSION}: it needs "
                f"gatezoo {checkpoint.config['oldest_zoo']} or newer"
            )
        if missing := _ALWAYS - files.keys():
            raise IntegrityError(f"{manifest_path}: does not list {', '.join(sorted(missing))}")
        return checkpoint

    @property
    def config(self) -> dict[str, Any]:
        """Builder, arguments, preprocessing, format version."""
        return json.loads(self.files[CONFIG])

    @property
    def card(self) -> dict[str, Any]:
        """What the checkpoint is, how it was trained, what it scores."""
        return json.loads(self.files[CARD])

    @property
    def weights(self) -> "dict[str, np.ndarray]":
        """Path of a variable -> its value."""
        from safetensors.numpy import load

        return load(self.files[WEIGHTS])

    @property
    def assets(self) -> dict[str, bytes]:
        """Name -> content of the files that only some builders need."""
        return {name: self.files[name] for name in self.files.keys() - _ALWAYS}

    @property
    def golden(self) -> tuple[Any, Any]:
        """The fixed input and its output: each an array, or a dict of arrays."""
        import numpy as np

        with np.load(io.BytesIO(self.files[GOLDEN]), allow_pickle=False) as arrays:
            return _nested("input", arrays), _nested("output", arrays)


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
    return {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}


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
    """
    import numpy as np
    from safetensors.numpy import save

    golden_file = io.BytesIO()
    arrays = _flat("input", golden[0]) | _flat("output", golden[1])
    np.savez_compressed(golden_file, **arrays)
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
    with written_whole(Path(folder)) as staging:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        (staging / MANIFEST).write_bytes(manifest)
    return sha256_of(manifest)
