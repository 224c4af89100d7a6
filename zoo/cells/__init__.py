"""Recurrent cells: one step each, equations only."""

from zoo.cells.cell import Cell
from zoo.cells.elman import ElmanCell
from zoo.cells.gru import GRUCell
from zoo.cells.jordan import JordanCell
from zoo.cells.lstm import LSTMCell
from zoo.cells.peephole_lstm import PeepholeLSTMCell
from zoo.cells.recurrent_highway import RecurrentHighwayCell

__all__ = [
    "Cell",
    "ElmanCell",
    "GRUCell",
    "JordanCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "RecurrentHighwayCell",
]
