"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "df5f3a4236b0163d43fb021c2f3392ca8ffef080827bf59fa14a26e4060e1f3b"
