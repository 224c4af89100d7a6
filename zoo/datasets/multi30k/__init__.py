"""Multi30k."""
