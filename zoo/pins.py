"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "d91d70bad1960e3fb5c1201f15279e6b5842416df3e4e5b61ead7bda8b5d4eae"
