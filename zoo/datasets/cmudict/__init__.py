"""CMUdict."""
