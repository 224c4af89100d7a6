"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "91058ddb769b22570f2b11d560c6a4c1931864c825115e874f20ef3f2810c5f5"
