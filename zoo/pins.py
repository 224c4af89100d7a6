"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "17cc7ba9e52061514e4e5867dcdbdacc801267939ad1cf65fe8124767d96b631"
