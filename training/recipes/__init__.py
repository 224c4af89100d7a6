"""One short recipe a checkpoint, found by the checkpoint's name."""

from training.recipe import Recipe
from training.recipes import (
    algorithms,
    cnn_mnist,
    conv_highway,
    grid3d_mnist,
    highway_mnist,
    mlp_mnist,
    sentiment,
    slot_filling,
    tagging,
    writing,
)
from zoo.errors import unknown_name

RECIPES = (
    highway_mnist.RECIPES
    | mlp_mnist.RECIPES
    | cnn_mnist.RECIPES
    | conv_highway.RECIPES
    | sentiment.RECIPES
    | slot_filling.RECIPES
    | tagging.RECIPES
    | writing.RECIPES
    | algorithms.RECIPES
    | grid3d_mnist.RECIPES
)


def recipe(name: str) -> Recipe:
    """Returns the recipe of a checkpoint, or raises a ValueError that lists the nearest names."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
