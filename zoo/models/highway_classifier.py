"""A deep dense Highway network over the pixels of a picture."""

from collections.abc import Sequence

import keras

from zoo.layers.highway import HighwayStack
from zoo.models.classifying import DIGITS, classifier, image_input, register_image_classifier


@register_image_classifier("highway_classifier")
def highway_classifier(
    labels: Sequence[str] = DIGITS,
    input_shape: Sequence[int] = (28, 28),
    depth: int = 50,
    units: int = 50,
    activation: str = "relu",
    gate_bias: float = -3.0,
) -> keras.Model:
    """Builds the dense network of Srivastava, Greff and Schmidhuber (arXiv:1505.00387, figure 1).

    A dense layer brings the pixels to `units`, `depth` Highway layers follow, and a dense head
    reads the last. The input and the head come on top of `depth`.

    Args:
        labels: class names, one logit each; none returns the `(batch, units)` features.
        input_shape: (height, width) or (height, width, channels) of a picture.
        depth: number of Highway layers.
        units: width of every layer.
        activation: of the input layer and of every transform.
        gate_bias: where every transform gate's bias starts.

    Returns:
        A model from pixels `(batch, *input_shape)`, 0 to 255, to logits `(batch, len(labels))`.
    """
    pixels, x = image_input(input_shape)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(units, activation=activation, name="project")(x)
    x = HighwayStack(depth, activation=activation, gate_bias=gate_bias, name="highway")(x)
    return classifier("highway_classifier", pixels, x, labels)
