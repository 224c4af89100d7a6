"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "47ecdeb5f21bf8bf6764d4c3ef4653aec259ea28be89137004c0378a3db5c211"
