"""Fixtures of all tests. No test touches the user's own cache, state or mirror."""

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers import FULL_CARD, random_model

# The files that take longest, begun first: of two workers none is then left alone at the end.
LONGEST = (
    "test_backends.py",
    "test_many_workers.py",
    "test_published.py",
    "test_endurance.py",
    "test_data.py",
    "test_corpus.py",
    "test_readme.py",
    "test_faults.py",
    "test_grid_comparison.py",
    "test_training_sentences.py",
    "test_wheel.py",
)


def pytest_collection_modifyitems(items):
    """Brings the tests of the longest files to the front."""
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """Keeps what the zoo remembers and fetches away from the user's folders."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "ZOO_CACHE_DIR"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        for variable in ("ZOO_MIRROR", "ZOO_OFFLINE", "HF_ENDPOINT"):
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="session")
def need_data():
    """Called with a data set's name, skips the test where that data cannot be had."""

    def need(name):
        import zoo
        from zoo import tasks

        if tasks.parsed(name):
            return
        folder = os.environ.get("ZOO_DATA_DIR")
        if folder and Path(folder, name).is_dir():
            return
        if zoo.data._builder(name).is_prepared():
            return
        reason = f"{name} is not on this machine: set ZOO_DATA_DIR to a folder that has it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return need


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Small checkpoints, published by the code that publishes the zoo's own."""
    import zoo
    from training.release import add, write_index

    trained, folder = tmp_path_factory.mktemp("trained"), tmp_path_factory.mktemp("published")
    for i, (name, builder, config) in enumerate(
        [
            ("digits_mlp", "mlp_classifier", {"units": [8]}),
            ("digits_mlp", "mlp_classifier", {"units": [8]}),
            ("digits_highway", "highway_classifier", {"depth": 3, "units": 6}),
        ]
    ):
        card = FULL_CARD | {"summary": f"number {i}"}
        zoo.save(random_model(builder, seed=i, **config), trained / str(i), card=card)
        add(trained / str(i), name, folder)
    write_index(folder)
    return folder


@pytest.fixture
def known(published, tmp_path, monkeypatch):
    """A copy of those checkpoints, in the place of the zoo's own; the cache is empty."""
    from zoo.checkpoint import sha256_of

    folder = tmp_path / "checkpoints"
    shutil.copytree(published, folder)
    monkeypatch.setattr("zoo.hub.shipped", lambda: folder)
    monkeypatch.setattr("zoo.pins.INDEX_SHA256", sha256_of((folder / "index.json").read_bytes()))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def serve():
    """Called with a folder, serves it over HTTP; returns its address and the paths asked for."""
    servers = []

    def start(folder):
        asked = []

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format, *arguments):
                asked.append(self.path)

        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
