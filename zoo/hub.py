"""Checkpoint name -> a folder whose every file has been checked.

The package pins the index, the index pins each manifest, and a manifest pins each file. Weights
are looked for in the cache, then at ZOO_MIRROR, then beside the package. A hash that fails stops
the search: it never falls through to the next place.
"""

import fnmatch
import json
import os
import re
from pathlib import Path
from typing import Any

from zoo import pins
from zoo.checkpoint import (
    MANIFEST,
    Checkpoint,
    check_file,
    parse_manifest,
    sha256_of,
    written_whole,
)
from zoo.errors import IntegrityError, UntrustedError, unknown_name

_NAME = re.compile(r"(?P<name>[A-Za-z0-9_]+)(@(?P<revision>\d+))?")


def shipped() -> Path:
    """The checkpoints that came with the package: in a wheel inside it, in a checkout beside it."""
    inside = Path(__file__).parent / "checkpoints"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "checkpoints"


def index() -> dict[str, dict[str, Any]]:
    """Returns checkpoint name -> its entry in the index.

    Raises:
        IntegrityError: if the index is not the one this version of the package pins.
    """
    path = shipped() / "index.json"
    content = path.read_bytes()
    if sha256_of(content) != pins.INDEX_SHA256:
        raise IntegrityError(
            f"{path}: sha256 is {sha256_of(content)}, this zoo pins {pins.INDEX_SHA256}"
        )
    return json.loads(content)["checkpoints"]


def list_models(pattern: str = "*", *, task: str | None = None) -> list[str]:
    """Returns the names of the zoo's checkpoints, sorted. Imports no backend.

    Args:
        pattern: shell-style, `"highway_*"`.
        task: keep only checkpoints of this task, `"image-classification"`.

    Raises:
        ValueError: if no checkpoint has that task.
    """
    entries = index()
    tasks = {entry["task"] for entry in entries.values()}
    if task is not None and task not in tasks:
        raise unknown_name("task", task, tasks)
    return sorted(
        name
        for name, entry in entries.items()
        if fnmatch.fnmatchcase(name, pattern) and task in (None, entry["task"])
    )


def info(name: str, *, revision: int | None = None) -> dict[str, Any]:
    """Returns what is known of a checkpoint: its card, and its name, revision, size and digest.

    Imports no backend, and reads the card that ships with the package.

    Args:
        name: a checkpoint's name, `"highway_mnist_50"` or `"highway_mnist_50@1"`.
        revision: an older one than the newest.

    Raises:
        ValueError: if there is no such checkpoint or revision; the nearest names are listed.
        IntegrityError: if the card is not the one that was published.
    """
    name, revision, entry = _find(name, revision)
    card = shipped() / name / str(revision) / "card.json"
    content = card.read_bytes()
    if sha256_of(content) != entry["card_sha256"]:
        raise IntegrityError(
            f"{card}: sha256 is {sha256_of(content)}, should be {entry['card_sha256']}"
        )
    return {
        "name": name,
        "revision": revision,
        "bytes": entry["bytes"],
        "sha256": entry["manifest_sha256"],
        **json.loads(content),
    }


def fetch(
    source: Any,
    *,
    revision: int | None = None,
    sha256: str | None = None,
    trust: bool = False,
) -> Checkpoint:
    """Returns the checkpoint that `source` names, every file of it checked.

    Args:
        source: a name (`"x"`, `"x@2"`), the path of a checkpoint folder, or the URL of one.
        revision: of a name; the newest by default.
        sha256: of the manifest; needed for a folder or URL that the zoo's index does not know.
        trust: take such a folder or URL as it is. Its files are still held against its manifest.

    Raises:
        ValueError: if the name or the revision is not known; the nearest names are listed.
        UntrustedError: if a foreign folder or URL comes with neither `sha256` nor `trust`.
        IntegrityError: if a file is not the one that was published.
        FileNotFoundError: if the checkpoint is in none of the places, or a folder is none.
    """
    source, is_path = os.fspath(source), isinstance(source, os.PathLike)
    match = None if is_path else _NAME.fullmatch(source)
    # A folder of that name in the working directory must not stand in for a known checkpoint.
    if match and (match["name"] in index() or not Path(source).is_dir()):
        name, revision, entry = _find(source, revision)
        if sha256 is not None and sha256.lower() != entry["manifest_sha256"]:
            raise IntegrityError(
                f"{name}@{revision}: the zoo pins sha256 {entry['manifest_sha256']}, sha256= asks "
                f"for {sha256}"
            )
        return _fetch_known(name, revision, entry)
    if revision is not None:
        raise ValueError(f"revision= is for a checkpoint of the zoo, and {source!r} is none")
    if "://" in source:
        source = source.rstrip("/")
        known = _trusted_digest(_read_url(f"{source}/{MANIFEST}"), source, sha256, trust)
        return _download(source, known, cache_dir() / "foreign" / known)
    path = Path(source)
    if not (path / MANIFEST).is_file():
        raise FileNotFoundError(f"{path} is no checkpoint folder: it has no {MANIFEST}")
    known = _trusted_digest((path / MANIFEST).read_bytes(), source, sha256, trust)
    return Checkpoint.open(path, known)


def cache_dir() -> Path:
    """Where fetched checkpoints are kept: ZOO_CACHE_DIR, or the platform's place for caches."""
    import platformdirs

    return Path(os.environ.get("ZOO_CACHE_DIR") or platformdirs.user_cache_dir("gatezoo"))


def remember(sha256: str) -> None:
    """Records that a folder of this manifest digest was written here by this user."""
    import filelock

    path = _own_digests_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{path}.lock"), path.open("a") as file:
            file.write(f"{sha256}\n")
    except OSError:
        # A read-only home must not stop anyone from saving; loading will ask for trust.
        return


def _own_digests_path() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("gatezoo")) / "saved"


def _find(name: str, revision: int | None) -> tuple[str, int, dict[str, Any]]:
    """Returns name, revision and the index's entry of that revision."""
    match = _NAME.fullmatch(name)
    entries = index()
    if match is None or match["name"] not in entries:
        raise unknown_name("checkpoint", match["name"] if match else name, entries)
    revisions = entries[match["name"]]["revisions"]
    if match["revision"]:
        if revision not in (None, int(match["revision"])):
            raise ValueError(f"{name!r} and revision={revision} disagree")
        revision = int(match["revision"])
    if revision is None:
        revision = max(map(int, revisions))
    if str(revision) not in revisions:
        raise ValueError(
            f"{match['name']} has no revision {revision!r}; it has {', '.join(revisions)}"
        )
    return match["name"], revision, revisions[str(revision)]


def _fetch_known(name: str, revision: int, entry: dict[str, Any]) -> Checkpoint:
    sha256 = entry["manifest_sha256"]
    cached = cache_dir() / name / f"{revision}-{sha256[:16]}"
    if cached.is_dir():
        return Checkpoint.open(cached, sha256)
    if mirror := os.environ.get("ZOO_MIRROR"):
        return _download(f"{mirror.rstrip('/')}/{name}/{revision}", sha256, cached)
    local = shipped() / name / str(revision)
    if (local / MANIFEST).is_file():
        return Checkpoint.open(local, sha256)
    raise FileNotFoundError(
        f"the weights of {name}@{revision} are not on this machine: the package carries only some. "
        "Set ZOO_MIRROR to the address of a mirror (https://…, http://… or file:///…), a copy of "
        "the checkpoints/ folder of the project's source"
    )


def _trusted_digest(manifest: bytes, source: str, sha256: str | None, trust: bool) -> str:
    """Returns the digest to hold `source` to, if there is a reason to believe in it."""
    actual = sha256_of(manifest)
    if sha256 is not None:
        if sha256.lower() != actual:
            raise IntegrityError(
                f"{source}/{MANIFEST}: sha256 is {actual}, sha256= asks for {sha256}"
            )
        return actual
    if trust or actual in _known_digests():
        return actual
    raise UntrustedError(
        f"{source} is not a checkpoint of the zoo's index, nor saved here by you. If you know "
        f'where it comes from, pass sha256="{actual}", or trust=True'
    )


def _known_digests() -> set[str]:
    own = _own_digests_path()
    digests = set(own.read_text().split()) if own.is_file() else set()
    for entry in index().values():
        digests |= {revision["manifest_sha256"] for revision in entry["revisions"].values()}
    return digests


def _read_url(url: str) -> bytes:
    """Returns what a http, https or file URL holds.

    Raises:
        FileNotFoundError: if it cannot be had; the message names the URL and the reason.
    """
    if url.startswith("file://"):
        from urllib.request import url2pathname

        return Path(url2pathname(url.removeprefix("file://"))).read_bytes()
    import requests

    try:
        response = requests.get(url, timeout=30)
        response.raise_for_status()
    except requests.RequestException as error:
        raise FileNotFoundError(f"{url}: {error}") from error
    return response.content


def _download(url: str, sha256: str, target: Path) -> Checkpoint:
    """Copies a checkpoint folder from `url` to `target`, each file checked before it is kept."""
    import filelock

    target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{target}.lock"):
        # Another process may have fetched it while this one waited.
        if not target.is_dir():
            manifest = _read_url(f"{url}/{MANIFEST}")
            entries = parse_manifest(manifest, sha256, f"{url}/{MANIFEST}")
            with written_whole(target) as staging:
                (staging / MANIFEST).write_bytes(manifest)
                for name, entry in entries.items():
                    content = _read_url(f"{url}/{name}")
                    check_file(content, entry, f"{url}/{name}")
                    (staging / name).write_bytes(content)
    return Checkpoint.open(target, sha256)


def publish(folder: Path) -> None:
    """Writes a static copy of every checkpoint and the index to `folder`, each file checked.

    Raises:
        FileExistsError: if `folder` exists and holds anything.
        FileNotFoundError: if the weights of a checkpoint are not on this machine.
    """
    entries = index()
    with written_whole(folder) as staging:
        (staging / "index.json").write_bytes((shipped() / "index.json").read_bytes())
        for name, entry in entries.items():
            for revision in map(int, entry["revisions"]):
                found = fetch(name, revision=revision)
                target = staging / name / str(revision)
                target.mkdir(parents=True)
                for file in (MANIFEST, *found.files):
                    (target / file).write_bytes((found.path / file).read_bytes())
