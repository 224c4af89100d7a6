"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "35e4af257d6484db48f826570983615815616d605f94541d22315a8641de87ef"
