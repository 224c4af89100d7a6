"""Pictures and the text of each to augmented, encoded batches."""

from typing import Any

import numpy as np
import tensorflow as tf

from training import pictures
from training.recipe import Recipe
from training.training_set import TrainingSet
from zoo.preprocessing.sequence import CaptionPreprocessor


def training_set(recipe: Recipe, pixels: np.ndarray, targets: dict[str, Any]) -> TrainingSet:
    """Returns pictures and their texts, of letters, as a recipe is trained on them.

    Raises:
        ValueError: if a picture has more texts than one.
    """
    outputs = [output for (output,) in targets["outputs"]]
    texts, rows = np.unique(outputs, return_inverse=True)

    def of_model(preprocessor: CaptionPreprocessor, **settings: Any) -> tf.data.Dataset:
        # There are few texts: each picture is moved with the number of its own.
        inputs, following = preprocessor.encode([np.zeros_like(pixels[0])] * len(texts), [*texts])
        before = inputs["target"]

        def encoded(batch, row):
            target = {"pixels": batch, "target": tf.gather(before, row)}
            return target, tf.gather(following, row)

        return pictures.batches(pixels, rows, augment=recipe.augment, **settings).map(encoded)

    return TrainingSet({"target_vocabulary": sorted(set().union(*texts))}, len(pixels), of_model)
