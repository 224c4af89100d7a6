"""What the image classifiers share: their input, their head, their loss and their preprocessor."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras

from zoo.preprocessing.image import ImagePreprocessor
from zoo.registry import register

DIGITS = tuple("0123456789")


def image_input(input_shape: Sequence[int]) -> tuple[Any, Any]:
    """Returns the input of raw pixels, 0 to 255, and the same scaled to 0 to 1.

    Raises:
        ValueError: if `input_shape` is not (height, width) or (height, width, channels).
    """
    if len(input_shape) not in (2, 3) or not all(
        isinstance(size, int) and size > 0 for size in input_shape
    ):
        raise ValueError(
            "input_shape must be (height, width) or (height, width, channels) of positive "
            f"integers, got {input_shape!r}"
        )
    pixels = keras.Input(tuple(input_shape), name="pixels")
    return pixels, keras.layers.Rescaling(1 / 255, name="scale")(pixels)


def classifier(name: str, pixels: Any, features: Any, labels: Sequence[str]) -> keras.Model:
    """Returns the model from `pixels` to logits, or to `features` where there are no labels."""
    outputs = keras.layers.Dense(len(labels), name="head")(features) if labels else features
    return keras.Model(pixels, outputs, name=name)


def compile_classifier(model: keras.Model, optimizer: Any = None, metrics: bool = True) -> None:
    """Compiles for integer class ids, with cross-entropy and accuracy.

    Args:
        model: from pixels to logits.
        optimizer: AdamW at a rate of 1e-3 by default, which suits fine-tuning.
        metrics: whether the accuracy is computed too.
    """
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(
        optimizer=optimizer or keras.optimizers.AdamW(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # With None Keras keeps the metrics of an earlier compile.
        metrics=[accuracy] if metrics else [],
        # On a CPU XLA takes these networks several times longer to start, and longer a step.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )


def image_preprocessor(model: keras.Model, arguments: dict[str, Any]) -> ImagePreprocessor:
    """Returns the preprocessor of the images that `model` takes."""
    return ImagePreprocessor(shape=model.input_shape[1:], labels=arguments["labels"])


# Decorator: registers a builder of image classifiers under the name it is given.
register_image_classifier = partial(
    register,
    task="image-classification",
    heads={"labels": "head"},
    compile=compile_classifier,
    preprocessor=image_preprocessor,
)
