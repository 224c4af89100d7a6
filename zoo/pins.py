"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "e4c8f05560c749da60361355a466d71670e4f7ffa6530ae33ee1070a5c3508ac"
