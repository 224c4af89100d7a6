"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "4a1f1ddaee857760fa09927193f121f2841b4f97c384b17b91e74d4846da9342"
