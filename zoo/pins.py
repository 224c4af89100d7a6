"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "700b9276182b18420b39565f9ee182756e2064e4dcb1a088aeef2b31abfcb88a"
