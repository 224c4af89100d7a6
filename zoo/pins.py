"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "9f619e8a1ab465b4d90786e9747447c750071d9eccfce87bbf4928eeb7e1f14e"
