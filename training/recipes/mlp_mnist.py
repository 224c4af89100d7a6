"""mlp_mnist: the fully connected baseline of the courses, two hidden layers of 256 units.

Target: 99 % of the test digits. About 3 s an epoch on one CPU core.

    python -m training mlp_mnist
"""

from functools import partial

from training.pictures import random_affine
from training.recipe import Recipe, adamw

LECUN = (
    "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. 1998."
)

RECIPES = {
    "mlp_mnist": Recipe(
        summary="Handwritten digits by two fully connected layers of 256 units",
        builder="mlp_classifier",
        arguments={"units": [256, 256], "activation": "relu"},
        dataset="mnist",
        train="train[:55000]",
        validation="train[55000:]",
        test="test",
        epochs=40,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        augment=partial(random_affine, degrees=10, zoom=0.1, shear=0.1, shift=2),
        published={
            "what": "two fully connected layers of 300 and 100 units, trained on distorted digits",
            "accuracy": 0.975,
            "source": LECUN,
        },
        citation=LECUN,
    )
}
