"""Files of an archive: unpacked from the folder of raw files, or from the archive itself."""

from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds


def files_of(
    dl_manager: tfds.download.DownloadManager, archive: str, folder: str, files: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the path of each file, under its key.

    Args:
        dl_manager: of the builder.
        archive: its address.
        folder: the one of the archive that holds the files.
        files: key -> file name. The folder of raw files is used if it has all of them.
    """
    try:
        unpacked = all((dl_manager.manual_dir / file).exists() for file in files.values())
    except AssertionError:  # there is no such folder
        unpacked = False
    if unpacked:
        # They are registered as parts of the archive's address, so that they are checked too.
        return dl_manager.download(
            {key: f"{archive}#{folder}/{file}" for key, file in files.items()}
        )
    place = dl_manager.download_and_extract(archive) / folder
    return {key: place / file for key, file in files.items()}
