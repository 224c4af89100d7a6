"""Recipes of the zoo's checkpoints, and the one driver that runs them."""
