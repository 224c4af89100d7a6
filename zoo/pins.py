"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "3802043ea478cfb3877365c40e7d6ffeeafce279458702fb2f9bbfded624012a"
