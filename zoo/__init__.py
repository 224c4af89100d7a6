"""Gate Zoo: pretrained recurrent and gated networks for Keras 3.

    import zoo
    model = zoo.load("highway_mnist_50")

Importing this package imports no backend: each name below is fetched when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# name -> the module that defines it; a module itself where the two are equal
_PUBLIC = {
    "build": "zoo.loading",
    "export": "zoo.exporting",
    "info": "zoo.hub",
    "list_builders": "zoo.registry",
    "list_models": "zoo.hub",
    "load": "zoo.loading",
    "pipeline": "zoo.pipelines",
    "preprocessor": "zoo.loading",
    "register": "zoo.registry",
    "save": "zoo.loading",
    "verify": "zoo.verification",
    "IntegrityError": "zoo.errors",
    "UntrustedError": "zoo.errors",
    "DataUnavailableError": "zoo.errors",
    "analysis": "zoo.analysis",
    "cells": "zoo.cells",
    "layers": "zoo.layers",
    "data": "zoo.data",
    "plots": "zoo.plots",
}

__all__ = sorted(_PUBLIC)

if TYPE_CHECKING:
    from zoo import analysis as analysis
    from zoo import cells as cells
    from zoo import data as data
    from zoo import layers as layers
    from zoo import plots as plots
    from zoo.errors import DataUnavailableError as DataUnavailableError
    from zoo.errors import IntegrityError as IntegrityError
    from zoo.errors import UntrustedError as UntrustedError
    from zoo.exporting import export as export
    from zoo.hub import info as info
    from zoo.hub import list_models as list_models
    from zoo.loading import build as build
    from zoo.loading import load as load
    from zoo.loading import preprocessor as preprocessor
    from zoo.loading import save as save
    from zoo.pipelines import pipeline as pipeline
    from zoo.registry import list_builders as list_builders
    from zoo.registry import register as register
    from zoo.verification import verify as verify


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    module = import_module(_PUBLIC[name])
    value = module if _PUBLIC[name] == f"zoo.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
