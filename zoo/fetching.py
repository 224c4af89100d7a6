"""URL of a checkpoint folder -> that folder on disk, every file of it checked.

A folder is built up beside its place and renamed when it is whole. What a cut connection or a
killed process leaves there is taken up by the next, after the last byte that came.
"""

import hashlib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import url2pathname

from zoo.checkpoint import MANIFEST, MANIFEST_LIMIT, parse_manifest
from zoo.errors import IntegrityError

if TYPE_CHECKING:
    import requests

# Seconds without a byte after which a server counts as stalled.
TIMEOUT = 20.0
# How often in a row a connection may bring nothing new, and the first pause, which doubles.
RETRIES = 3
PAUSE = 0.5
REDIRECTS = 5
CHUNK = 1 << 14

_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/]+))?(?P<path>/.*)?")


class _BrokenError(Exception):
    """A connection failed in a way that another try may mend."""


class _MissingError(IntegrityError):
    """The server has no such file."""


@dataclass(frozen=True)
class _Reply:
    """An answer: where in the file it starts, how much comes if that is known, what it calls it."""

    start: int
    size: int | None
    kind: str
    chunks: Iterator[bytes]


def forbidden(url: str) -> bool:
    """Whether ZOO_OFFLINE is set, other than to 0, and `url` leads to the network."""
    return os.environ.get("ZOO_OFFLINE", "") not in ("", "0") and not url.startswith("file:")


def address(url: str) -> str:
    """Returns a folder's URL as it is asked for, without a slash at its end.

    `hf://owner/repo[@revision][/folder]` becomes the https address of the Hugging Face Hub, or of
    HF_ENDPOINT.

    Raises:
        ValueError: if the URL is of another kind than https, http, file or hf, or has a query.
    """
    if match := _HUB.fullmatch(url):
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        revision = quote(match["revision"] or "main", safe="%")
        url = f"{endpoint.rstrip('/')}/{match['repo']}/resolve/{revision}{match['path'] or ''}"
    parts = urlsplit(url)
    is_file = parts.scheme == "file" and parts.netloc in ("", "localhost")
    is_web = parts.scheme in ("https", "http") and bool(parts.netloc)
    # Names of files are put behind it, which behind a "?" or "#" would be no path.
    if not (is_file or is_web) or parts.query or parts.fragment:
        raise ValueError(
            f"{url!r} is no address of a folder: https://HOST/…, http://HOST/…, file:///… or "
            "hf://OWNER/REPOSITORY[@REVISION]/…"
        )
    return url.rstrip("/")


def read_manifest(url: str) -> bytes:
    """Returns the manifest of the folder at `url`, unchecked but for its size.

    Raises:
        FileNotFoundError: if there is none.
        IntegrityError: if it is too large for one.
        ConnectionError: as `fetch_folder`.
    """
    with _session(url) as session:
        return _manifest(session, url)


def fetch_folder(url: str, sha256: str, target: Path, title: str) -> None:
    """Puts the checkpoint folder at `url` in the place `target`, whole or not at all.

    Of several processes that ask at once one downloads, and the others wait for it. A progress bar
    is drawn where standard error is a terminal.

    Args:
        url: as `address` returns it.
        sha256: of the manifest.
        target: the folder to make; nothing happens if it is there already.
        title: what the progress bar calls it.

    Raises:
        FileNotFoundError: if there is no manifest at `url`.
        IntegrityError: if a file is missing, or is not the one that the manifest promises.
        ConnectionError: if the server does not answer, or breaks off again and again. What came
            stays beside `target`, for the next try.
        OSError: if the disk is full, or `target` cannot be written.
    """
    with locked(target):
        if target.is_dir():
            return
        staging = staging_of(target)
        try:
            _write_folder(url, sha256, staging, title)
            os.replace(staging, target)
        except ConnectionError:
            raise
        except Exception as error:
            shutil.rmtree(staging, ignore_errors=True)
            if isinstance(error, OSError) and error.errno:
                raise _cannot_write(staging, error) from error
            raise


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds the lock between processes on the place `target`, whose parent it makes."""
    import filelock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{target}.lock").acquire()
    except OSError as error:
        raise _cannot_write(target.parent, error) from error
    with lock:
        yield


def staging_of(target: Path) -> Path:
    """Where the folder `target` is built up."""
    return target.with_name(f".{target.name}.part")


def _write_folder(url: str, sha256: str, staging: Path, title: str) -> None:
    if staging.is_symlink():
        raise IntegrityError(f"{staging}: a link in the place of a folder")
    with _session(url) as session:
        manifest = _manifest(session, url)
        entries = parse_manifest(manifest, sha256, f"{url}/{MANIFEST}")
        staging.mkdir(exist_ok=True)
        with _progress(title, sum(entry["bytes"] for entry in entries.values())) as advance:
            for name, entry in entries.items():
                _fetch_file(session, f"{url}/{name}", staging / name, entry, advance)
        (staging / MANIFEST).write_bytes(manifest)


def _manifest(session: "requests.Session | None", url: str) -> bytes:
    file = io.BytesIO()
    try:
        _receive(session, f"{url}/{MANIFEST}", file, None)
    except _MissingError as error:
        raise FileNotFoundError(str(error)) from error
    return file.getvalue()


def _fetch_file(
    session: "requests.Session | None",
    url: str,
    path: Path,
    entry: Mapping[str, Any],
    advance: Callable[[int], None],
) -> None:
    """Brings one file to `path`, under another name until it is whole and its sha256 right."""
    # A manifest names no hidden file.
    part = path.with_name(f".{path.name}.part")
    if path.is_symlink() or part.is_symlink():
        raise IntegrityError(f"{path}: a link in the place of a file")
    if path.exists():
        # An earlier process found it right, but the machine may have stopped before it was on disk.
        path.replace(part)
    with part.open("r+b" if part.exists() else "w+b") as file:
        resumed = file.seek(0, os.SEEK_END) > 0
        _receive(session, url, file, entry["bytes"], advance)
        if resumed and _sha256_of(file) != entry["sha256"]:
            # It may be the old part that is wrong.
            file.truncate(0)
            advance(-entry["bytes"])
            _receive(session, url, file, entry["bytes"], advance)
        if (actual := _sha256_of(file)) != entry["sha256"]:
            raise IntegrityError(f"{url}: sha256 is {actual}, should be {entry['sha256']}")
        os.fsync(file.fileno())
    part.replace(path)


def _sha256_of(file: Any) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _receive(
    session: "requests.Session | None",
    url: str,
    file: IO[bytes],
    size: int | None,
    advance: Callable[[int], None] = lambda count: None,
) -> None:
    """Appends to `file` what it lacks of the file at `url`, over as many connections as it takes.

    Args:
        session: to ask over.
        url: of the file.
        file: what is there already.
        size: of the whole file; of a manifest it is not known, and that comes at once or not at
            all.
        advance: called with the number of bytes that are there now and were not before.
    """
    limit = MANIFEST_LIMIT if size is None else size
    have = file.seek(0, os.SEEK_END)
    if have > limit:
        have = 0
    advance(have)
    furthest, failures = have, 0
    while size is None or have < size:
        try:
            with _open(session, url, have if size else 0) as reply:
                advance(reply.start - have)
                have = file.seek(reply.start)
                file.truncate()
                if reply.size is not None and reply.size != (size or min(reply.size, limit)):
                    raise IntegrityError(f"{url}: {reply.size} bytes ({reply.kind}), not {limit}")
                for chunk in reply.chunks:
                    have += len(chunk)
                    if have > limit:
                        raise IntegrityError(f"{url}: more bytes than {limit} ({reply.kind})")
                    file.write(chunk)
                    # A process that is killed leaves what it had.
                    file.flush()
                    advance(len(chunk))
                if size is None:
                    return
                if have < size:
                    raise _BrokenError(f"{have} of {size} bytes came ({reply.kind})")
        except _BrokenError as error:
            failures = 0 if size and have > furthest else failures + 1
            furthest = max(furthest, have)
            if failures > RETRIES:
                raise ConnectionError(f"{url}: {error}, {failures} times") from error
            time.sleep(PAUSE * 2 ** max(failures - 1, 0))


@contextmanager
def _open(session: "requests.Session | None", url: str, start: int) -> Iterator[_Reply]:
    """Yields the answer of a server, or of a disk, to a request for a file from `start` on."""
    if session is None:
        with _open_on_disk(url) as file:
            file.seek(start)
            yield _Reply(start, None, "file", iter(lambda: file.read(CHUNK), b""))
        return
    import requests

    try:
        with _ask(session, url, start) as response:
            if response.status_code in (404, 410):
                raise _MissingError(f"{url}: the server has no such file ({_status(response)})")
            if response.status_code == 429 or response.status_code >= 500:
                raise _BrokenError(_status(response))
            resumed = response.status_code == 206 and start > 0
            if response.status_code != 200 and not resumed:
                raise ConnectionError(f"{url}: the server answers {_status(response)}")
            # It was asked for none; and what is unpacked here has no bound.
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise IntegrityError(f"{url}: the server compresses it, unasked")
            length = response.headers.get("Content-Length", "")
            yield _Reply(
                start if resumed else 0,
                # A server may send less of a range than was asked for.
                int(length) if length.isdecimal() and not resumed else None,
                response.headers.get("Content-Type", "of no type"),
                response.iter_content(CHUNK),
            )
    except requests.exceptions.SSLError as error:
        raise ConnectionError(f"{url}: {_reason(error)}") from error
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
    ) as error:
        raise _BrokenError(_reason(error)) from error
    except requests.RequestException as error:
        raise ConnectionError(f"{url}: {error}") from error


def _open_on_disk(url: str) -> IO[bytes]:
    path = Path(url2pathname(urlsplit(url).path))
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise IntegrityError(f"{url}: not a plain file")
        return path.open("rb")
    except FileNotFoundError as error:
        raise _MissingError(f"{url}: there is no such file") from error
    except OSError as error:
        raise ConnectionError(f"{url}: {error.strerror}") from error


def _ask(session: "requests.Session", url: str, start: int) -> "requests.Response":
    """Returns the answer to a request for a file from `start` on, its body not yet read.

    It is one for the whole file if the server does not do as it is asked.
    """
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    asked = url
    for _ in range(REDIRECTS + 1):
        response = session.get(asked, headers=headers, stream=True, timeout=TIMEOUT)
        if response.is_redirect:
            response.close()
            asked = _redirected(asked, response.headers["Location"])
            continue
        from_there = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and (
            response.status_code == 416 or (response.status_code == 206 and not from_there)
        ):
            response.close()
            return _ask(session, url, 0)
        return response
    raise ConnectionError(f"{url}: redirected more than {REDIRECTS} times")


def _redirected(url: str, location: str) -> str:
    try:
        onward = urljoin(url, location)
        # Never from https to http, nor to anything else.
        if urlsplit(onward).scheme in ("https", urlsplit(url).scheme):
            return onward
    except ValueError:
        pass
    raise ConnectionError(f"{url}: redirected to {location!r}, which is not followed")


def _status(response: "requests.Response") -> str:
    return f"HTTP {response.status_code} {response.reason}".strip()


def _reason(error: BaseException) -> str:
    """Returns what went wrong underneath: libraries wrap it several times."""
    while True:
        inner = getattr(error, "reason", None) or next(reversed(error.args), None)
        if not isinstance(inner, BaseException):
            return str(error) or type(error).__name__
        error = inner


@contextmanager
def _session(url: str) -> Iterator["requests.Session | None"]:
    """Yields what the files of a folder are asked for over; nothing for one on disk."""
    if url.startswith("file:"):
        yield None
        return
    if forbidden(url):
        raise ConnectionError(f"{url} is not asked, because ZOO_OFFLINE is set")
    import requests

    with requests.Session() as session:
        # It would follow 30 redirects, anywhere, and read the body of each to its end.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
        yield session


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields what counts bytes and draws how many are there, if anyone is looking."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)


def _cannot_write(path: Path, error: OSError) -> OSError:
    """Returns `error` as one that says what to do; its class follows from the number."""
    reason = f"{error.strerror}: set ZOO_CACHE_DIR to a folder that has room and can be written"
    return OSError(error.errno, reason, str(path))
