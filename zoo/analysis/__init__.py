"""What the gates of a network have learned: which layers matter, and what is carried past them."""

from zoo.analysis.activity import Gates, gates
from zoo.analysis.lesions import Lesion, lesion
from zoo.analysis.pruning import idle_layers, pruned
from zoo.analysis.traces import traces

__all__ = ["Gates", "Lesion", "gates", "idle_layers", "lesion", "pruned", "traces"]
