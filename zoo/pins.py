"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "106e957969c752ead81e686448ba579d23ec30c9154e03e03e2140ac58514796"
