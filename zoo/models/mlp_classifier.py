"""The fully connected network of the courses, over the pixels of a picture."""

from collections.abc import Sequence

import keras

from zoo.models.classifying import DIGITS, classifier, image_input, register_image_classifier


@register_image_classifier("mlp_classifier")
def mlp_classifier(
    labels: Sequence[str] = DIGITS,
    input_shape: Sequence[int] = (28, 28),
    units: Sequence[int] = (256, 256),
    activation: str = "relu",
    kernel_initializer: str = "glorot_uniform",
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a plain network: every layer is dense and sees only the one before it.

    Args:
        labels: class names, one logit each; none returns the features of the last layer.
        input_shape: (height, width) or (height, width, channels) of a picture.
        units: width of each hidden layer.
        activation: of each hidden layer.
        kernel_initializer: of each hidden layer.
        dropout: rate after each hidden layer in training.

    Returns:
        A model from pixels `(batch, *input_shape)`, 0 to 255, to logits `(batch, len(labels))`.
    """
    pixels, x = image_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(x)
    for i, width in enumerate(units):
        x = keras.layers.Dense(
            width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            name=f"hidden_{i}",
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return classifier("mlp_classifier", pixels, x, labels)
