"""`python -m zoo`: the command line."""

from zoo.cli import app

app(prog_name="zoo")
