"""Public data sets, through tensorflow-datasets.

`ZOO_DATA_DIR` names a folder of raw files, one sub-folder a data set, that is used before the
network. What tensorflow-datasets makes of them is kept in its own folder (`TFDS_DATA_DIR`).
"""

import os
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from zoo.errors import DataUnavailableError, unknown_name

# name in the zoo -> name in tensorflow-datasets, its version pinned
_TFDS = {
    "fashion_mnist": "fashion_mnist:3.0.1",
    "mnist": "mnist:3.0.1",
}

_SECONDS_TO_REACH = 3.0


def list_datasets() -> list[str]:
    """Returns the names that `load` takes, sorted."""
    return sorted(_TFDS)


def load(name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split of a picture data set.

    Args:
        name: one of `list_datasets()`.
        split: as tensorflow-datasets has it: `"train"`, `"test"`, `"train[:55000]"`.

    Returns:
        uint8 pictures, `(count, height, width)` if grey and `(count, height, width, 3)` if not,
        and int64 class ids `(count,)`.

    Raises:
        ValueError: if there is no such data set; the nearest names are listed.
        DataUnavailableError: if it is neither on disk nor reachable; the message says what to do.
    """
    pictures, ids = _prepared(name).as_dataset(split=split, batch_size=-1, as_supervised=True)
    pictures = pictures.numpy()
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures, ids.numpy()


def labels(name: str) -> list[str]:
    """Returns the class names of a data set, in the order of their ids. Needs no data."""
    return list(_builder(name).info.features["label"].names)


def describe(name: str) -> dict[str, str]:
    """Returns name, version, citation and address of a data set. Needs no data."""
    info = _builder(name).info
    return {
        "name": name,
        "version": str(info.version),
        "homepage": info.homepage,
        "citation": info.citation,
    }


def _builder(name: str) -> Any:
    if name not in _TFDS:
        raise unknown_name("data set", name, _TFDS)
    import tensorflow_datasets as tfds

    return tfds.builder(_TFDS[name])


def _prepared(name: str) -> Any:
    """Returns the tensorflow-datasets builder of `name`, its data made ready."""
    builder = _builder(name)
    if builder.is_prepared():
        return builder
    import tensorflow_datasets as tfds

    folder = os.environ.get("ZOO_DATA_DIR")
    raw = Path(folder) / name if folder else None
    if raw is None or not all((raw / Path(url).name).is_file() for url in builder.url_infos):
        _check_reachable(name, builder, raw)
    if raw is not None and not raw.is_dir():
        raw = None
    # tensorflow-datasets keeps what it unpacks by file name alone, and several data sets call
    # their files alike: each must have a folder of its own.
    with tempfile.TemporaryDirectory() as unpacked:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                extract_dir=unpacked, manual_dir=raw, try_download_gcs=False
            )
        )
    return builder


def _check_reachable(name: str, builder: Any, raw: Path | None) -> None:
    """Raises an error within seconds where tensorflow-datasets would retry for minutes."""
    import requests

    url = next(iter(builder.url_infos))
    outcome = "no answer"

    def reach() -> None:
        nonlocal outcome
        try:
            requests.head(url, timeout=_SECONDS_TO_REACH)
            outcome = ""
        except requests.RequestException as error:
            outcome = type(error).__name__

    # The look-up of a host's name knows no time limit: the wait on the thread has one, and a
    # daemon does not hold up the end of the program.
    thread = Thread(target=reach, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_REACH)
    if outcome:
        where = f"{raw} does not hold its files" if raw else "ZOO_DATA_DIR is not set"
        raise DataUnavailableError(
            f"{name}: not on disk ({where}) and {url} cannot be reached ({outcome}). Put its raw "
            f"files, {', '.join(Path(u).name for u in builder.url_infos)}, into a folder {name}/ "
            "and set ZOO_DATA_DIR to the folder above it"
        )
