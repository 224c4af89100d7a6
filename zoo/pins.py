"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "c2ff1f854cdde063e2aa4bd90a12afbb391be9b34faf87a2507fc8711ef1500d"
