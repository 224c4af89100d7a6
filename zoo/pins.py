"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "b1a5d8c0ed4d0467895ac192573a8f4e98d659db4714e5105b16f736a570f195"
