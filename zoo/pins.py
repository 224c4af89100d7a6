"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "6b2f8f851f21d8c43ec80b5a9214dba743c13a550b939151a59643bae95d5e5e"
