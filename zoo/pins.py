"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "1e970bff0a09f35a38038127c1bcf59e530ee494ec611af8c380e00329d4c9d6"
