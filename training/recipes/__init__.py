"""One short recipe a checkpoint."""
