"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "49925abe3aaace8ce41db28f1510178e5ea2bd933d21e2018fb6398c55536a1b"
