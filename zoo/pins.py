"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "a026d393f0bd8b1575d9aac321f94204deddd9754df80cc1a219ae5dcfbe22e3"
