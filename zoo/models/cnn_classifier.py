"""A small convolutional network over the pixels of a picture."""

from collections.abc import Sequence

import keras

from zoo.models.classifying import DIGITS, classifier, image_input, register_image_classifier


@register_image_classifier("cnn_classifier")
def cnn_classifier(
    labels: Sequence[str] = DIGITS,
    input_shape: Sequence[int] = (28, 28),
    filters: Sequence[int] = (16, 32),
    units: int = 64,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds the network of the courses: convolution and max-pooling, repeated, then dense.

    Args:
        labels: class names, one logit each; none returns the `(batch, units)` features.
        input_shape: (height, width) or (height, width, channels) of a picture.
        filters: number of 3 x 3 filters of each convolution; pooling halves the picture after each.
        units: width of the dense layer under the head.
        dropout: rate before the head in training.

    Returns:
        A model from pixels `(batch, *input_shape)`, 0 to 255, to logits `(batch, len(labels))`.
    """
    pixels, x = image_input(input_shape)
    if len(input_shape) == 2:
        x = keras.layers.Reshape((*input_shape, 1), name="channel")(x)
    for i, count in enumerate(filters):
        x = keras.layers.Conv2D(count, 3, padding="same", activation="relu", name=f"conv_{i}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool_{i}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(units, activation="relu", name="dense")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return classifier("cnn_classifier", pixels, x, labels)
