"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "723157915246ebf5da1d8883daa48a6b43374d1eb548ad296e76743c308c9a6a"
