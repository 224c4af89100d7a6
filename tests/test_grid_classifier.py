"""The classifier of pictures whose layers are a Grid LSTM."""

import keras
import numpy as np
import pytest
from helpers import random_model, random_pictures

import zoo


@pytest.mark.parametrize("shape", [(8, 6), (6, 8, 3)])
def test_patches_are_squares_of_the_picture(shape):
    model = random_model("grid_classifier", input_shape=shape, units=3, hidden_units=5)
    channels = (*shape, 1)[2]
    grid = model.get_layer("grid")
    patches = keras.Model(model.input, grid.input)(random_pictures(2, shape))
    assert patches.shape == (2, shape[0] // 2, shape[1] // 2, 4 * channels)
    pictures = random_pictures(2, shape).reshape(2, *shape[:2], channels) / 255
    for row, column in ((0, 0), (1, 2), (2, 1)):
        square = pictures[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_allclose(patches[:, row, column], square.reshape(2, -1), atol=1e-6)


def test_every_pixel_counts_for_every_place():
    """Each place is reached from one of the four corners."""
    model = random_model("grid_classifier", input_shape=(6, 6), units=3, hidden_units=5)
    grid = keras.Model(model.input, model.get_layer("grid").output)
    picture = random_pictures(1, (6, 6)) // 2
    before = np.array(grid(picture))
    for place in ((0, 0), (2, 3), (5, 5), (0, 5)):
        other = picture.copy()
        other[0, *place] += 100
        assert (np.abs(np.array(grid(other)) - before).max(axis=-1) > 1e-6).all()


def test_it_learns_and_comes_back(tmp_path):
    keras.utils.set_random_seed(0)
    model = zoo.build("grid_classifier", input_shape=(8, 8), units=4, hidden_units=8, num_classes=2)
    pictures, ids = random_pictures(64, (8, 8)) // 2, np.arange(64) % 2
    pictures[ids == 1, 2:5, 3:6] += 120
    model.optimizer.learning_rate = 1e-2
    losses = model.fit(pictures, ids, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]
    again = zoo.load(tmp_path / "saved", sha256=zoo.save(model, tmp_path / "saved"))
    expected = model.predict(pictures, verbose=0)
    np.testing.assert_allclose(again.predict(pictures, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 3}, "patch must divide the picture, 28 x 28, got 3"),
        ({"patch": 0}, "patch must be a positive integer, got 0"),
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"directions": 2}, "directions must be 1 or 4, got 2"),
        ({"hidden_units": 1.5}, "hidden_units must be a positive integer, got 1.5"),
        ({"dropout": 1.0}, "dropout must be at least 0 and less than 1, got 1.0"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        zoo.build("grid_classifier", **change)
