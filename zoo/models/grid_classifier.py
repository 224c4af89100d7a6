"""A Grid LSTM over the height, the width and the depth above a picture."""

from collections.abc import Sequence

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer
from zoo.layers.grid import GridLSTM3D
from zoo.models.classifying import DIGITS, classifier, image_input, register_image_classifier


@register_image_classifier("grid_classifier")
def grid_classifier(
    labels: Sequence[str] = DIGITS,
    input_shape: Sequence[int] = (28, 28),
    patch: int = 2,
    units: int = 32,
    depth: int = 1,
    tied: bool = True,
    depth_activation: str | None = "relu",
    directions: int = 4,
    hidden_units: int = 128,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds the 3-LSTM of Kalchbrenner, Danihelka and Graves (arXiv:1507.01526, section 4.6).

    A picture is cut into patches, which Grid LSTMs walk over from each of its corners. What they
    give along depth is pooled over the places, and read by a dense layer of ReLU below the head.

    Args:
        labels: class names, one logit each; none returns the features below the head.
        input_shape: (height, width) or (height, width, channels) of a picture.
        patch: side of a patch, which divides height and width.
        units: of each walk's h and m.
        depth, tied, depth_activation, directions: as `zoo.layers.GridLSTM3D` has them; the paper
            has a depth of ReLU without memory.
        hidden_units: of the dense layer.
        dropout: rate before and after the dense layer in training.

    Returns:
        A model from pixels `(batch, *input_shape)`, 0 to 255, to logits `(batch, len(labels))`.

    Raises:
        ValueError: if a size is no positive integer, `patch` does not divide the picture, the rate
            is not at least 0 and less than 1, or `directions` is neither 1 nor 4.
    """
    patch = positive_integer("patch", patch)
    pixels, x = image_input(input_shape)
    height, width, channels = (*input_shape, 1)[:3]
    if height % patch or width % patch:
        raise ValueError(f"patch must divide the picture, {height} x {width}, got {patch}")
    rows, columns = height // patch, width // patch
    x = ops.reshape(x, (-1, rows, patch, columns, patch * channels))
    x = ops.reshape(
        ops.transpose(x, (0, 1, 3, 2, 4)), (-1, rows, columns, patch * patch * channels)
    )
    x = GridLSTM3D(
        units,
        depth=depth,
        tied=tied,
        depth_activation=depth_activation,
        directions=directions,
        name="grid",
    )(x)
    # The strongest of neighbours, as far as there are any.
    x = keras.layers.MaxPooling2D(2, padding="same", name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    dropout = fraction("dropout", dropout)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    hidden_units = positive_integer("hidden_units", hidden_units)
    x = keras.layers.Dense(hidden_units, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(dropout, name="hidden_dropout")(x)
    return classifier("grid_classifier", pixels, x, labels)
