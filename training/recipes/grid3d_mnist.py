"""The 3-LSTM over the pixels of a digit, walked from its four corners. Target: 99.0 % of the test.

python -m training grid3d_mnist
"""

from functools import partial

from training.pictures import random_affine
from training.recipe import Recipe, adamw

KALCHBRENNER = "Kalchbrenner, Danihelka, Graves: Grid Long Short-Term Memory. ICLR 2016."
RECIPES = {
    "grid3d_mnist": Recipe(
        summary="Handwritten digits by a Grid LSTM over height, width and depth",
        builder="grid_classifier",
        arguments={"units": 24, "depth": 1, "hidden_units": 128, "dropout": 0.3},
        dataset="mnist",
        train="train[:55000]",
        validation="train[55000:]",
        test="test",
        epochs=20,
        batch_size=128,
        optimizer=partial(adamw, rate=3e-3, weight_decay=1e-2),
        augment=partial(random_affine, degrees=10, zoom=0.1, shear=0.1, shift=2),
        published={"what": "a larger 3-LSTM", "accuracy": 0.9968, "source": KALCHBRENNER},
        citation=KALCHBRENNER,
    ),
}
