"""cnn_mnist: the convolutional baseline of the courses.

Target: 99.4 % of the test digits. About 10 s an epoch on one CPU core.

    python -m training cnn_mnist
"""

from functools import partial

from training.pictures import random_affine
from training.recipe import Recipe, adamw

LECUN = (
    "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. 1998."
)

RECIPES = {
    "cnn_mnist": Recipe(
        summary="Handwritten digits by two convolutions, pooling and one dense layer",
        builder="cnn_classifier",
        arguments={"filters": [16, 32], "units": 64, "dropout": 0.2},
        dataset="mnist",
        train="train[:55000]",
        validation="train[55000:]",
        test="test",
        epochs=30,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        augment=partial(random_affine, degrees=10, zoom=0.1, shear=0.1, shift=2),
        published={
            "what": "LeNet-5, trained on distorted digits",
            "accuracy": 0.992,
            "source": LECUN,
        },
        citation=LECUN,
    )
}
