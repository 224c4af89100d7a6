"""The sha256 of checkpoints/index.json. Written by `python -m training.release`."""

INDEX_SHA256 = "a9923c3b326891344bba957de6a52a3530e299a6f28e7232b920b94dcd26a7a9"
