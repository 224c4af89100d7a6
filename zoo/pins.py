"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "9f96393889e9bbb8e4a844ff6ca49bb0548fe5b99c91f31a16a547a56fc6f799"
