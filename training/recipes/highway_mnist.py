"""highway_mnist_{10,20,50,100}: dense Highway networks of 50 units on MNIST.

Target: 99 % of the test digits at 50 layers (294,760 parameters), in about 25 minutes on one CPU
core.

    python -m training highway_mnist_50
"""

from functools import partial

from training.pictures import random_affine
from training.recipe import Recipe, adamw

PAPER = "Srivastava, Greff, Schmidhuber: Highway Networks. arXiv:1505.00387, 2015."

RECIPES = {
    f"highway_mnist_{depth}": Recipe(
        summary=f"Handwritten digits by {depth} dense Highway layers of 50 units",
        builder="highway_classifier",
        # The deeper the stack, the less each layer may change at first.
        arguments={"depth": depth, "units": 50, "activation": "relu", "gate_bias": gate_bias},
        dataset="mnist",
        train="train[:55000]",
        validation="train[55000:]",
        test="test",
        epochs=epochs,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        augment=partial(random_affine, degrees=10, zoom=0.1, shear=0.1, shift=2),
        published={
            "what": "a convolutional Highway network of 39,000 parameters, its best run; of "
            "this dense network the papers show the training loss alone",
            "accuracy": 0.9943,
            "source": "Srivastava, Greff, Schmidhuber: Training Very Deep Networks. "
            "arXiv:1507.06228, 2015.",
        },
        citation=PAPER,
    )
    for depth, epochs, gate_bias in (
        (10, 100, -3.0),
        (20, 100, -3.0),
        (50, 180, -3.0),
        (100, 90, -4.0),
    )
}
