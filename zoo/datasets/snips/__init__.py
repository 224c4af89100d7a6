"""SNIPS."""
