"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "0b07a893cc86878ed2b87f3fa6e381b2f832113a12b5f8c1411c37bb4dfd0546"
