"""A checkpoint comes whole over a bad line and from a bad server, or not at all."""

import errno
import json
import os
import pty
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from web import Web

from training.release import write_index
from zoo import checkpoint, fetching, hub
from zoo.checkpoint import Checkpoint, sha256_of
from zoo.errors import IntegrityError

FILES = ("config.json", "model.safetensors", "card.json", "golden.npz", "words.txt")
ALL = (*FILES, "manifest.json")


def write(folder, seed=0):
    """A checkpoint folder of 130 kB with random weights; nothing has to build its model."""
    rng = np.random.default_rng(seed)
    return checkpoint.write(
        folder,
        config={"format_version": 1, "builder": "mlp_classifier", "arguments": {}},
        weights={"a/kernel": rng.normal(size=(100, 250)).astype("float32")},
        card={"task": "image-classification", "builder": "mlp_classifier", "summary": f"{seed}"},
        golden=(rng.normal(size=(20, 30)), rng.normal(size=(20, 40))),
        assets={"words.txt": b"".join(b"%d\n" % i for i in range(4000))},
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Checkpoints and their index, as a mirror has them."""
    folder = tmp_path_factory.mktemp("published")
    for revision in (1, 2):
        write(folder / "words" / str(revision), seed=revision)
    write_index(folder)
    return folder


@pytest.fixture
def package(published, tmp_path, monkeypatch):
    """A package that carries the index alone; the cache is empty, and no pause is made."""
    folder = tmp_path / "package"
    folder.mkdir()
    shutil.copy(published / "index.json", folder)
    monkeypatch.setattr(hub, "shipped", lambda: folder)
    monkeypatch.setattr("zoo.pins.INDEX_SHA256", sha256_of((folder / "index.json").read_bytes()))
    monkeypatch.setattr(fetching, "PAUSE", 0)
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def web(package, published, tmp_path, monkeypatch):
    """A server of the mirror, which ZOO_MIRROR names."""
    shutil.copytree(published, tmp_path / "mirror")
    server = Web(tmp_path / "mirror")
    monkeypatch.setenv("ZOO_MIRROR", server.url)
    yield server
    server.stop()


def assert_fetched(published, name="words", revision=2):
    found = hub.fetch(name, revision=revision)
    assert found.files == Checkpoint.open(published / name / str(revision)).files
    assert [row["complete"] for row in hub.cached()] == [True]
    # What was read was checked: that the same lies on disk is another thing.
    assert sorted(path.name for path in found.path.iterdir()) == sorted(ALL)
    return found


# A process that fetches and nothing else: sys.argv is the package's folder and more.
CHILD = """
import sys
from pathlib import Path
from zoo import hub, pins
from zoo.checkpoint import sha256_of

hub.shipped = lambda: Path(sys.argv[1])
pins.INDEX_SHA256 = sha256_of((hub.shipped() / "index.json").read_bytes())
"""


def child(code, package, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(package), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_eight_processes_make_one_download(web, package, published, monkeypatch):
    monkeypatch.setenv("ZOO_MIRROR", f"{web.url}/slow")
    code = """
print(hub.fetch("words").sha256)
assert not {"keras", "numpy", "tensorflow"} & sys.modules.keys()
"""
    done = [process.communicate() for process in [child(code, package) for _ in range(8)]]
    sha256 = Checkpoint.open(published / "words" / "2").sha256
    assert done == [(f"{sha256}\n", "")] * 8
    assert web.requests() == {f"/slow/words/2/{file}": 1 for file in ALL}
    assert_fetched(published)


def test_fetch_is_resumed_wherever_the_connection_is_cut(web, published):
    rng = random.Random(0)
    sizes = {file: (published / "words" / "2" / file).stat().st_size for file in FILES}
    for _ in range(20):
        at = rng.randrange(sum(sizes.values()))
        file = next(file for file in FILES if (at := at - sizes[file]) < 0)
        at += sizes[file]
        web.asked.clear()

        def cut(handler, file=file, at=at):
            if not handler.path.endswith(file) or web.requests()[handler.path] > 1:
                return False
            handler.answer(handler.content, most=at)
            return True

        web.fault = cut
        assert_fetched(published)
        first, second = (range_ for path, range_ in web.asked if path.endswith(file))
        assert first is None
        # All but the last block is used again.
        kept = int(second.removeprefix("bytes=")[:-1]) if second else 0
        assert at - fetching.CHUNK < kept <= at
        assert sum(web.requests().values()) == len(ALL) + 1
        hub.clear_cache()


def test_connection_that_is_cut_again_and_again_makes_progress(web, published):
    def cut(handler):
        start = handler.start()
        body = handler.content[start:]
        handler.answer(body, status=206 if start else 200, start=start or None, most=20_000)
        return True

    web.fault = cut
    assert_fetched(published)
    assert len(web.asked) > len(ALL) + 2


@pytest.mark.parametrize("status", [None, 500, 503, 429])
def test_server_that_never_gives_a_file_is_left(web, published, status):
    def cut(handler):
        if not handler.path.endswith("words.txt"):
            return False
        handler.answer(handler.content, most=100, status=status or 200)
        return True

    web.fault = cut
    reason = f"HTTP {status}" if status else "IncompleteRead"
    with pytest.raises(ConnectionError, match=rf"words/2/words\.txt: .*{reason}.*4 times"):
        hub.fetch("words")
    assert web.requests()["/words/2/words.txt"] == 1 + fetching.RETRIES
    assert [row["complete"] for row in hub.cached()] == [False]
    # What came is not asked for again.
    web.fault = None
    web.asked.clear()
    assert_fetched(published)
    assert set(web.requests()) == {"/words/2/manifest.json", "/words/2/words.txt"}


@pytest.mark.parametrize("file", ALL)
def test_flipped_byte_is_refused(web, published, file):
    path = web.folder / "words" / "2" / file
    good = path.read_bytes()
    path.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    with pytest.raises(IntegrityError, match=rf"{web.url}/words/2/{file}: sha256 is \w+, should"):
        hub.fetch("words")
    assert hub.cached() == []
    path.write_bytes(good)
    assert_fetched(published)


@pytest.mark.parametrize("file", ALL)
@pytest.mark.parametrize("length", ["known", "unknown"])
def test_web_page_in_the_place_of_a_file_is_refused(web, published, file, length):
    page = b"<html>Please log in</html>" * 10_000

    def fault(handler):
        if not handler.path.endswith(file):
            return False
        known = len(page) if length == "known" else None
        handler.close_connection = True
        handler.answer(page, Content_Length=known, Content_Type="text/html")
        return True

    web.fault = fault
    with pytest.raises(IntegrityError, match=rf"words/2/{file}: .*bytes.*\(text/html\)"):
        hub.fetch("words")
    assert hub.cached() == []
    web.fault = None
    assert_fetched(published)


@pytest.mark.parametrize("file", ALL)
def test_no_more_is_read_than_the_manifest_promises(web, file):
    def endless(handler):
        if not handler.path.endswith(file):
            return False
        handler.close_connection = True
        handler.answer(bytes(1 << 25), Content_Length=None)
        return True

    web.fault = endless
    with pytest.raises(IntegrityError, match=rf"words/2/{file}: more bytes than"):
        hub.fetch("words")
    # The rest was in the buffers between the two.
    assert web.sent < 1 << 24


def test_redirects(web, published):
    def onward(handler):
        if handler.path.startswith("/there"):
            handler.path = handler.path.removeprefix("/there")
            handler.content = (web.folder / handler.path.lstrip("/")).read_bytes()
            handler.answer(handler.content)
        else:
            handler.close_connection = True
            location = f"/there{handler.path}"
            handler.answer(bytes(1 << 22), status=302, Location=location, Content_Length=None)
        return True

    web.fault = onward
    assert_fetched(published)
    # What comes with a redirect is not read: most of it is never sent.
    assert web.sent < len(ALL) << 22


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", r"redirected more than 5 times"),
        ("/elsewhere", r"redirected more than 5 times"),
        ("file:///etc/passwd", r"redirected to 'file:///etc/passwd', which is not followed"),
        ("ftp://127.0.0.1/", r"not followed"),
        ("http://[", r"not followed"),
    ],
)
def test_redirects_that_lead_nowhere(web, location, reason):
    def fault(handler):
        handler.answer(b"", status=302, Location=location)
        return True

    web.fault = fault
    with pytest.raises(ConnectionError, match=f"words/2/manifest.json: .*{reason}"):
        hub.fetch("words")
    assert len(web.asked) <= 1 + fetching.REDIRECTS
    assert hub.cached() == []


@pytest.mark.parametrize("when", ["at once", "after the head", "within the body"])
def test_server_that_stalls_is_left(web, published, monkeypatch, when):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.1)
    monkeypatch.setattr(fetching, "RETRIES", 1)

    def stall(handler):
        if not handler.path.endswith("safetensors"):
            return False
        handler.close_connection = True
        if when != "at once":
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(handler.content)))
            handler.end_headers()
        if when == "within the body":
            handler.wfile.write(handler.content[:20_000])
        web.stopped.wait()
        return True

    web.fault = stall
    with pytest.raises(ConnectionError, match=r"model\.safetensors: .*timed out"):
        hub.fetch("words")
    assert [row["complete"] for row in hub.cached()] == [False]
    web.fault = None
    assert_fetched(published)


def ignores_range(handler):
    handler.answer(handler.content)


def answers_416(handler):
    handler.answer(b"", status=416) if handler.start() else handler.answer(handler.content)


def answers_another_range(handler):
    start = handler.start()
    if start:
        handler.answer(handler.content[start - 7 :], status=206, start=start - 7)
    else:
        handler.answer(handler.content)


def answers_without_a_range(handler):
    start = handler.start()
    handler.answer(handler.content[start:], status=206 if start else 200)


def answers_less(handler):
    start = handler.start()
    body = handler.content[start : start + 30_000] if start else handler.content
    handler.answer(body, status=206 if start else 200, start=start or None)


@pytest.mark.parametrize(
    "habit",
    [
        ignores_range,
        answers_416,
        answers_another_range,
        answers_without_a_range,
        answers_less,
    ],
)
def test_server_with_its_own_idea_of_a_range(web, published, habit):
    def fault(handler):
        if web.requests()[handler.path] == 1 and handler.path.endswith("safetensors"):
            handler.answer(handler.content, most=50_000)
        else:
            habit(handler)
        return True

    web.fault = fault
    assert_fetched(published)


def test_compressed_answer_is_refused(web):
    def fault(handler):
        handler.answer(handler.content, Content_Encoding="gzip")
        return True

    web.fault = fault
    with pytest.raises(IntegrityError, match=r"manifest\.json: the server compresses it"):
        hub.fetch("words")


@pytest.mark.parametrize("status", [401, 403, 206])
def test_other_answers_are_named(web, status):
    def fault(handler):
        handler.answer(b"", status=status)
        return True

    web.fault = fault
    with pytest.raises(ConnectionError, match=rf"words/2/manifest\.json: .*HTTP {status}"):
        hub.fetch("words")


@pytest.mark.parametrize("left", ["garbage", "too much", "a wrong file"])
def test_what_an_earlier_process_left_is_not_believed(web, published, left):
    def cut(handler):
        if handler.path.endswith("safetensors"):
            handler.answer(handler.content, most=50_000)
        return handler.path.endswith("safetensors")

    web.fault = cut
    with pytest.raises(ConnectionError):
        hub.fetch("words")
    [unfinished] = hub.cached()
    part = Path(unfinished["path"], ".model.safetensors.part")
    kept = part.read_bytes()
    assert kept == (published / "words" / "2" / "model.safetensors").read_bytes()[: len(kept)]
    if left == "garbage":
        part.write_bytes(bytes(len(kept)))
    elif left == "too much":
        part.write_bytes(bytes(200_000))
    else:
        (part.parent / "config.json").write_bytes(b"{}")
    web.fault = None
    assert_fetched(published)


# Fetches in processes of its own, which it kills: at random moments, or when they rename a file.
KILLED = """
import os, random, shutil, signal, time
import filelock, platformdirs, requests  # before the fork: a child is to be killed in its fetch

renames = 0

def fetch(mirror, die_at=None):
    child = os.fork()
    if child:
        return child
    def audit(event, arguments):
        global renames
        if event == "os.rename":
            renames += 1
            if renames == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
    try:
        if die_at:
            sys.addaudithook(audit)
        os.environ["ZOO_MIRROR"] = mirror
        hub.fetch("words")
        os._exit(0)
    finally:
        os._exit(1)

def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def check_and_fetch():
    # Whatever is complete by its name is so.
    found = hub.cached()
    assert all(hub.Checkpoint.open(Path(row["path"])) for row in found if row["complete"])
    assert status(fetch(sys.argv[2])) == 0
    assert [row["complete"] for row in hub.cached()] == [True]
    shutil.rmtree(hub.cache_dir())
    return bool(found) and not found[0]["complete"]
"""


def test_fetch_after_a_kill_at_a_random_moment(web, package):
    code = """
started = time.monotonic()
assert status(fetch(sys.argv[2] + "/slow")) == 0
took = time.monotonic() - started
shutil.rmtree(hub.cache_dir())
moments = random.Random(0)
halves = 0
for _ in range(50):
    child = fetch(sys.argv[2] + "/slow")
    time.sleep(moments.uniform(0, took))
    os.kill(child, signal.SIGKILL)
    assert status(child) in (0, -signal.SIGKILL)
    halves += check_and_fetch()
print(halves)
"""
    out, err = child(KILLED + code, package, web.url).communicate()
    assert err == ""
    assert int(out) > 10
    assert any(range_ for path, range_ in web.asked if not path.startswith("/slow"))


def test_fetch_after_a_kill_at_every_rename(web, package):
    code = """
for i in range(1, 8):
    done = status(fetch(sys.argv[2], die_at=i))
    print(done)
    check_and_fetch()
"""
    out, err = child(KILLED + code, package, web.url).communicate()
    assert err == ""
    # A rename a file, and one of the folder.
    assert out.split() == ["-9"] * (len(FILES) + 1) + ["0"]


def test_full_disk(web, package, published, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        monkeypatch.setenv("ZOO_CACHE_DIR", str(disk / "cache"))
        with pytest.raises(OSError, match="No space left on device: set ZOO_CACHE_DIR") as raised:
            hub.fetch("words")
        assert raised.value.errno == errno.ENOSPC
        assert hub.cached() == []
        subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
        assert_fetched(published)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_limit_on_the_size_of_files(web, package, published):
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    hub.fetch("words")
except OSError as error:
    print(error)
"""
    out, err = child(code, package).communicate()
    assert err == ""
    assert "File too large: set ZOO_CACHE_DIR to a folder that has room" in out
    assert hub.cached() == []
    assert_fetched(published)


@pytest.fixture
def readable():
    """A folder that every user may read, and none but this one may write."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_read_only_cache(web, package, published, readable, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(readable / "cache"))
    shutil.copytree(package, readable / "package")
    code = """
import os
import filelock, platformdirs
if os.geteuid() == 0:
    os.setuid(65534)
try:
    print(hub.fetch("words").sha256)
except OSError as error:
    print(type(error).__name__, error)
"""

    def fetch_as_another():
        for path in (readable, *readable.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222 | (0o555 if path.is_dir() else 0o444))
        out, err = child(code, readable / "package").communicate()
        for path in (readable, *readable.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
        assert err == ""
        return out

    (readable / "cache").mkdir()
    refused = fetch_as_another()
    assert refused.startswith("PermissionError")
    assert "Permission denied: set ZOO_CACHE_DIR to a folder that has room" in refused
    assert list((readable / "cache").iterdir()) == []
    # What is there already is read, without a lock.
    sha256 = assert_fetched(published).sha256
    assert fetch_as_another() == f"{sha256}\n"


def test_no_network(package, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("ZOO_MIRROR", f"http://127.0.0.1:{port}")
    with pytest.raises(ConnectionError, match=rf":{port}/words/2/manifest\.json: .*refused"):
        hub.fetch("words")
    assert hub.cached() == []


def test_offline_uses_what_is_here(web, package, published, monkeypatch):
    hub.fetch("words@1")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    web.asked.clear()
    assert hub.fetch("words@1").card["summary"] == "1"
    with pytest.raises(FileNotFoundError, match=rf"{web.url}/words/2 is not asked.*ZOO_OFFLINE"):
        hub.fetch("words")
    with pytest.raises(ConnectionError, match=r"is not asked, because ZOO_OFFLINE is set"):
        hub.fetch(f"{web.url}/words/2", trust=True)
    assert web.asked == []
    shutil.copytree(published / "words", package / "words")
    assert hub.fetch("words").path == package / "words" / "2"
    monkeypatch.setenv("ZOO_MIRROR", published.as_uri())
    assert hub.fetch("words").path.is_relative_to(hub.cache_dir())
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    hub.fetch(f"{web.url}/words/2")
    assert len(web.asked) > 0


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("hf://me/zoo", "/me/zoo/resolve/main"),
        ("hf://me/zoo@v1.0", "/me/zoo/resolve/v1.0"),
        ("hf://me/zoo/a/b", "/me/zoo/resolve/main/a/b"),
        ("hf://me/zoo@refs%2Fpr%2F1/a/", "/me/zoo/resolve/refs%2Fpr%2F1/a"),
    ],
)
def test_repository_of_the_hub(web, published, monkeypatch, address, asked):
    def hub_redirects(handler):
        if not handler.path.startswith(f"{asked}/words/2/"):
            return False
        handler.answer(b"", status=302, Location=handler.path.removeprefix(asked))
        return True

    web.fault = hub_redirects
    monkeypatch.setenv("HF_ENDPOINT", f"{web.url}/")
    monkeypatch.setenv("ZOO_MIRROR", address)
    sha256 = assert_fetched(published).sha256
    assert web.requests()[f"{asked}/words/2/model.safetensors"] == 1
    # As the address of one folder, too.
    assert hub.fetch(f"{address.rstrip('/')}/words/2", sha256=sha256).sha256 == sha256


@pytest.mark.parametrize(("name", "revision"), [("words@1", 1), ("words@2", 2), ("words", 2)])
def test_mirror_and_cache_hold_revisions(web, name, revision):
    found = hub.fetch(name)
    assert found.card["summary"] == str(revision)
    assert set(web.requests()) == {f"/words/{revision}/{file}" for file in ALL}
    assert found.path.name == f"{revision}-{found.sha256[:16]}"


def test_foreign_folder_is_not_asked_for_again(web, tmp_path):
    sha256 = write(web.folder / "theirs", seed=9)
    found = hub.fetch(f"{web.url}/theirs", sha256=sha256)
    assert found.path == hub.cache_dir() / "foreign" / sha256
    web.asked.clear()
    assert hub.fetch(f"{web.url}/theirs/", sha256=sha256.upper()).files == found.files
    assert web.asked == []
    with pytest.raises(ValueError, match=r"sha256= must be 64 hexadecimal digits, got '\.\./x'"):
        hub.fetch(f"{web.url}/theirs", sha256="../x")


def test_progress_is_drawn_on_a_terminal_alone(web, package):
    code = 'print(hub.fetch("words").path.name)'
    out, err = child(code, package).communicate()
    assert (out[:2], err) == ("2-", "")
    hub.clear_cache()
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(package)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=end,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    assert process.communicate()[0][:2] == b"2-"
    os.close(end)
    drawn = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert "words@2" in drawn
    assert "kB" in drawn


def test_cache_is_listed_and_cleared(web, published, capsys):
    sha256 = write(web.folder / "theirs", seed=9)
    assert hub.cached() == []
    for name in ("words@1", "words@2"):
        hub.fetch(name)
    hub.fetch(f"{web.url}/theirs", sha256=sha256)
    rows = {(row["name"], row["revision"]): row for row in hub.cached()}
    assert rows.keys() == {("words", 1), ("words", 2), (sha256, None)}
    for row in rows.values():
        sizes = [path.stat().st_size for path in Path(row["path"]).iterdir()]
        assert (row["bytes"], row["complete"]) == (sum(sizes), True)
    with pytest.raises(ValueError, match=r"no checkpoint in the cache named 'word'.* words"):
        hub.clear_cache("word")
    assert hub.clear_cache("words@1") == [rows["words", 1]]
    assert not Path(rows["words", 1]["path"]).exists()
    assert hub.clear_cache(sha256) == [rows[sha256, None]]
    assert hub.clear_cache() == [rows["words", 2]]
    assert hub.cached() == hub.clear_cache() == []
    assert_fetched(published)


def test_nothing_but_checkpoints_is_cleared(web, tmp_path):
    root = hub.cache_dir()
    hub.fetch("words")
    others = [root / "thesis.txt", root / "words" / "notes" / "a.txt", root / "foreign" / "a.txt"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("years of work")
    outside = tmp_path / "outside" / f"1-{'0' * 16}"
    outside.mkdir(parents=True)
    (outside / "a.txt").write_text("years of work")
    (root / "linked").symlink_to(outside.parent)
    (root / "words" / outside.name).symlink_to(outside)
    (next(root.glob("words/2-*/")) / "link").symlink_to(outside)
    assert len(hub.clear_cache()) == 1
    assert all(path.read_text() == "years of work" for path in (*others, outside / "a.txt"))


def test_unfinished_fetch_is_listed_and_cleared(web):
    def fault(handler):
        if handler.path.endswith("words.txt"):
            handler.answer(b"", status=500)
        return handler.path.endswith("words.txt")

    web.fault = fault
    with pytest.raises(ConnectionError):
        hub.fetch("words")
    [row] = hub.cached()
    assert (row["name"], row["revision"], row["complete"]) == ("words", 2, False)
    assert row["bytes"] > 100_000
    assert hub.clear_cache("words") == [row]
    assert hub.cached() == []


@pytest.mark.parametrize("place", ["words", "words/2-{}", "words/.2-{}.part", "file", "part"])
def test_link_in_the_cache_is_not_followed(web, tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    index = json.loads((hub.shipped() / "index.json").read_bytes())
    digest = index["checkpoints"]["words"]["revisions"]["2"]["manifest_sha256"][:16]
    if place in ("file", "part"):
        name = "card.json" if place == "file" else ".card.json.part"
        link = hub.cache_dir() / "words" / f".2-{digest}.part" / name
        outside = outside / "kept"
        outside.write_text("years of work")
    else:
        link = hub.cache_dir() / place.format(digest)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(IntegrityError, match="a link in the place of a f"):
        hub.fetch("words")
    assert (
        outside.read_text() == "years of work" if outside.is_file() else not any(outside.iterdir())
    )


def test_link_at_a_mirror_on_disk_is_not_followed(package, published, tmp_path, monkeypatch):
    shutil.copytree(published, tmp_path / "mirror")
    card = tmp_path / "mirror" / "words" / "2" / "card.json"
    card.rename(tmp_path / "card.json")
    card.symlink_to(tmp_path / "card.json")
    monkeypatch.setenv("ZOO_MIRROR", (tmp_path / "mirror").as_uri())
    with pytest.raises(IntegrityError, match=r"words/2/card\.json: not a plain file"):
        hub.fetch("words")
    assert hub.cached() == []
