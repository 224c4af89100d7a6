"""Checkpoint name -> a folder whose every file has been checked; and the cache of such folders.

The package pins the index, the index pins each manifest, and a manifest pins each file. Weights
are looked for in the cache, then at ZOO_MIRROR, then beside the package. A hash that fails stops
the search: it never falls through to the next place.
"""

import fnmatch
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo import fetching, pins
from zoo.checkpoint import MANIFEST, Checkpoint, read_manifest, sha256_of, written_whole
from zoo.errors import IntegrityError, UntrustedError, unknown_name

_NAME = re.compile(r"(?P<name>[A-Za-z0-9_]+)(@(?P<revision>\d+))?")
# What the cache calls a folder of the zoo's, NAME/REVISION-DIGEST, and one of others,
# foreign/DIGEST, with a dot before and .part after it while it is fetched.
_CACHED = re.compile(
    r"(?P<dot>\.)?((?P<revision>\d+)-[0-9a-f]{16}|(?P<sha256>[0-9a-f]{64}))(?(dot)\.part)"
)
_FOREIGN = "foreign"


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
        source: a name (`"x"`, `"x@2"`), the path of a checkpoint folder, or the URL of one:
            https, http, file, or `hf://owner/repo[@revision][/folder]`.
        revision: of a name; the newest by default.
        sha256: of the manifest; needed for a folder or URL that the zoo's index does not know.
            What is in the cache under it is not asked for again.
        trust: take such a folder or URL as it is. Its files are still held against its manifest.

    Raises:
        ValueError: if the name or the revision is not known (the nearest names are listed), or an
            address is none.
        UntrustedError: if a foreign folder or URL comes with neither `sha256` nor `trust`.
        IntegrityError: if a file is not the one that was published.
        FileNotFoundError: if the checkpoint is in none of the places, or a folder is none.
        ConnectionError: if a server cannot be reached or breaks off, or must not be asked, because
            ZOO_OFFLINE is set.
        OSError: if it cannot be written to the cache.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256= must be 64 hexadecimal digits, got {sha256!r}")
    source, is_path = os.fspath(source), isinstance(source, os.PathLike)
    is_name = not is_path and not re.search(r"[/\\]", source)
    # A folder of that name in the working directory must not stand in for a known checkpoint.
    if is_name and (source.partition("@")[0] in index() or not os.path.isdir(source)):
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
        url = fetching.address(source)
        if sha256 is None:
            sha256 = _trusted_digest(fetching.read_manifest(url), source, sha256, trust)
        return _download(url, sha256.lower(), cache_dir() / _FOREIGN / sha256.lower(), source)
    path = Path(source)
    known = _trusted_digest(read_manifest(path), source, sha256, trust)
    return Checkpoint.open(path, known)


def cache_dir() -> Path:
    """Where fetched checkpoints are kept: ZOO_CACHE_DIR, or the platform's place for caches."""
    import platformdirs

    return Path(os.environ.get("ZOO_CACHE_DIR") or platformdirs.user_cache_dir("gatezoo"))


def cached() -> list[dict[str, Any]]:
    """Returns what is in the cache, sorted: fetched checkpoints, and parts of unfinished ones.

    Returns:
        For each a dict of `name` (of a foreign folder its manifest's sha256), `revision` (None of a
        foreign one), `bytes`, `complete` and `path`.
    """
    found = []
    for home, path, match in _cached_folders():
        found.append(
            {
                "name": match["sha256"] or home.name,
                "revision": match["revision"] and int(match["revision"]),
                "bytes": sum(file.lstat().st_size for file in path.iterdir()),
                "complete": not match["dot"],
                "path": str(path),
            }
        )
    return sorted(found, key=lambda row: (row["name"], row["revision"] or 0, row["path"]))


def clear_cache(name: str | None = None) -> list[dict[str, Any]]:
    """Deletes checkpoints, and parts of unfinished ones, from the cache; nothing else in it.

    Waits for a process that is just fetching one of them.

    Args:
        name: as `cached` has it: all revisions; or `"x@2"`: that one. None for all.

    Returns:
        What was deleted, as `cached` has it.

    Raises:
        ValueError: if nothing of that name is in the cache; the nearest names are listed.
        OSError: if it cannot be deleted.
    """
    rows = cached()
    if name is not None:
        names = {row["name"] for row in rows}
        rows = [row for row in rows if name in (row["name"], f"{row['name']}@{row['revision']}")]
        if not rows:
            raise unknown_name("checkpoint in the cache", name, names)
    for row in rows:
        path = Path(row["path"])
        place = path if row["complete"] else path.with_name(path.name[1:].removesuffix(".part"))
        with fetching.locked(place):
            doomed = fetching.staging_of(place)
            if row["complete"] and place.is_dir():
                # No process shall find it half deleted.
                shutil.rmtree(doomed, ignore_errors=True)
                place.rename(doomed)
            if doomed.exists():
                shutil.rmtree(doomed)
    return rows


def _cached_folders() -> Iterator[tuple[Path, Path, re.Match[str]]]:
    """Yields the folders of the cache that are checkpoints by their names; follows no link."""
    root = cache_dir()
    for home in root.iterdir() if root.is_dir() else ():
        if home.is_symlink() or not home.is_dir():
            continue
        for path in home.iterdir():
            match = _CACHED.fullmatch(path.name)
            if match is None or path.is_symlink() or not path.is_dir():
                continue
            if (match["sha256"] is not None) == (home.name == _FOREIGN):
                yield home, path, match


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
    # What is no string is no checkpoint's name either.
    name = str(name)
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
    title = f"{name}@{revision}"
    target = cache_dir() / name / f"{revision}-{sha256[:16]}"
    if target.is_dir():
        return _open_cached(target, sha256)
    tried = "ZOO_MIRROR is not set"
    if mirror := os.environ.get("ZOO_MIRROR"):
        try:
            url = f"{fetching.address(mirror)}/{name}/{revision}"
        except ValueError as error:
            raise ValueError(f"ZOO_MIRROR: {error}") from error
        if fetching.forbidden(url):
            tried = f"{url} is not asked, because ZOO_OFFLINE is set"
        else:
            try:
                return _download(url, sha256, target, title)
            except FileNotFoundError as error:
                # A mirror need not have all, as a wheel has not.
                tried = str(error)
    local = shipped() / name / str(revision)
    if (local / MANIFEST).is_file():
        return Checkpoint.open(local, sha256)
    raise FileNotFoundError(
        f"the weights of {title} are not on this machine: the package carries only some, and "
        f"{tried}. Set ZOO_MIRROR to the address of a mirror (https://…, http://…, file:///… or "
        "hf://…), a copy of the checkpoints/ folder of the project's source"
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


def _download(url: str, sha256: str, target: Path, title: str) -> Checkpoint:
    """Returns the checkpoint in the cache's place `target`, fetched from `url` if need be."""
    _refuse_link(target)
    if not target.is_dir():
        fetching.fetch_folder(url, sha256, target, title)
    return _open_cached(target, sha256)


def _refuse_link(place: Path) -> None:
    """Raises an IntegrityError if a link stands in a place of the cache: it may lead out of it."""
    if place.parent.is_symlink() or place.is_symlink():
        raise IntegrityError(f"{place}: a link in the place of a folder")


def _open_cached(path: Path, sha256: str) -> Checkpoint:
    _refuse_link(path)
    try:
        return Checkpoint.open(path, sha256)
    except IntegrityError as error:
        raise IntegrityError(f"{error}; `zoo cache clear` deletes the damaged copy") from error


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
                (target / MANIFEST).write_bytes((found.path / MANIFEST).read_bytes())
                for file, content in found.files.items():
                    (target / file).write_bytes(content)
