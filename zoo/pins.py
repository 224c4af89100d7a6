"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "3caeae79df6395f6d2741efd252f2e4986ca38136829c0463eb6b3d12256ec38"
