"""Registered builders, one file each. `zoo.registry` imports a file when its builder is named."""
