"""Recurrent cells: one step each, equations only."""

from zoo.cells.cell import Cell
from zoo.cells.elman import ElmanCell
from zoo.cells.grid_lstm import GridLSTMCell
from zoo.cells.gru import GRUCell
from zoo.cells.jordan import JordanCell
from zoo.cells.lstm import LSTMCell
from zoo.cells.peephole_lstm import PeepholeLSTMCell
from zoo.cells.recurrent_highway import RecurrentHighwayCell
from zoo.errors import unknown_name

_BY_NAME = {
    "elman": ElmanCell,
    "grid_lstm": GridLSTMCell,
    "gru": GRUCell,
    "jordan": JordanCell,
    "lstm": LSTMCell,
    "peephole_lstm": PeepholeLSTMCell,
    "recurrent_highway": RecurrentHighwayCell,
}


def named_cell(kind, units, **options):
    """Returns a cell by its name, as a config has it, with `units` outputs.

    Args:
        kind: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway". A Jordan cell has `units` outputs of tanh above its hidden layer: a
            layer of features that goes back, whatever the labels above it are.
        units: size of hidden layer and output.
        **options: of the cell.

    Raises:
        ValueError: if there is no such cell; the nearest names are listed.
    """
    if kind not in _BY_NAME:
        raise unknown_name("cell", kind, _BY_NAME)
    if kind == "jordan":
        options = {"outputs": units, "output_activation": "tanh"} | options
    return _BY_NAME[kind](units, **options)


__all__ = [
    "Cell",
    "ElmanCell",
    "GRUCell",
    "GridLSTMCell",
    "JordanCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "RecurrentHighwayCell",
    "named_cell",
]
