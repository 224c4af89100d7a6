"""A convolutional Highway network over the pixels of a picture."""

from collections.abc import Sequence

import keras

from zoo.arguments import fraction, positive_integer
from zoo.layers import Highway
from zoo.models.classifying import DIGITS, classifier, image_input, register_image_classifier


@register_image_classifier("conv_highway_classifier")
def conv_highway_classifier(
    labels: Sequence[str] = DIGITS,
    input_shape: Sequence[int] = (28, 28),
    stages: Sequence[Sequence[int]] = ((16, 3), (16, 3), (16, 3)),
    first_kernel: int = 5,
    average_filters: int | None = None,
    standardised: bool = False,
    dropout: float = 0.0,
    gate_bias: float = -1.0,
) -> keras.Model:
    """Builds the networks of Srivastava, Greff and Schmidhuber (arXiv:1507.06228, section 4).

    A picture goes through stages of 3 x 3 convolutions with ReLU, and is pooled after each, to half
    its height and width. Each convolution is the transform of a Highway layer, whose gate is
    another one, but for the first of all and the first of each stage that has other filters than
    the stage before: these are plain, for they change the size.

    Args:
        labels: class names, one logit each; none returns the features below the head.
        input_shape: (height, width) or (height, width, channels) of a picture.
        stages: (filters, layers) of each. By default the network for MNIST of 39,000 parameters;
            with 32 filters it is that of 151,000.
        first_kernel: side of the first convolution's kernel.
        average_filters: of a 1 x 1 convolution after the last stage, whose mean over the picture is
            read by the head. Without, the last stage is pooled like the others, and the head reads
            every place.
        standardised: whether each picture is brought to a mean of 0 and a variance of 1.
        dropout: rate after each stage in training.
        gate_bias: where every transform gate's bias starts.

    Returns:
        A model from pixels `(batch, *input_shape)`, 0 to 255, to logits `(batch, len(labels))`.

    Raises:
        ValueError: if a size is no positive integer, there is no stage, a rate is not at least 0
            and less than 1, or a picture is too small to be pooled so often.
    """
    if not stages or any(not isinstance(s, list | tuple) or len(s) != 2 for s in stages):
        raise ValueError(f"stages must hold (filters, layers) of one or more, got {stages!r}")
    stages = [(positive_integer("filters", f), positive_integer("layers", n)) for f, n in stages]
    pools = len(stages) - (average_filters is not None)
    pixels, x = image_input(input_shape)
    if min(input_shape[:2]) < 2**pools:
        raise ValueError(
            f"input_shape must be {2**pools} x {2**pools} or larger to be halved {pools} times, "
            f"got {tuple(input_shape)}"
        )
    if len(input_shape) == 2:
        x = keras.layers.Reshape((*input_shape, 1), name="channel")(x)
    if standardised:
        x = keras.layers.LayerNormalization((1, 2, 3), center=False, scale=False, name="norm")(x)
    channels = None
    for i, (filters, layers) in enumerate(stages):
        for j in range(layers):
            kernel = positive_integer("first_kernel", first_kernel) if channels is None else 3
            plain = filters != channels
            name = f"conv_{i}_{j}"
            convolution = keras.layers.Conv2D(
                filters,
                kernel,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=name if plain else "transform",
            )
            layer = convolution if plain else Highway(convolution, gate_bias=gate_bias, name=name)
            x, channels = layer(x), filters
        if i < pools:
            # The last pool has no overlap, so that it needs no place beside the picture.
            window = 2 if i == len(stages) - 1 else 3
            padding = "valid" if window == 2 else "same"
            x = keras.layers.MaxPooling2D(window, 2, padding, name=f"pool_{i}")(x)
        if fraction("dropout", dropout):
            x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    if average_filters is None:
        x = keras.layers.Flatten(name="flatten")(x)
    else:
        average_filters = positive_integer("average_filters", average_filters)
        x = keras.layers.Conv2D(average_filters, 1, activation="relu", name="mixed")(x)
        x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return classifier("conv_highway_classifier", pixels, x, labels)
