"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "c36126512447bf6bbe1d406b8f0d90f70e2193bff01b49f6ab1ee52ce01cd885"
