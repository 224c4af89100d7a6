"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "c30a407caa67f51a99ece3be11fe3241627698dd8ae8b2156019f1c8e418e1ef"
