"""The convolutional Highway networks: their sizes, their equations, and what they refuse."""

import keras
import numpy as np
import pytest
import torch
from helpers import random_model, random_pictures

import zoo
from zoo.layers import Highway

CIFAR = {"input_shape": (32, 32, 3), "first_kernel": 3, "standardised": True}


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        # 39,000 and 151,000 in the paper; 236,000 and 2.3 million.
        ({}, 38_986),
        ({"stages": [[32, 3]] * 3}, 151_690),
        (CIFAR | {"stages": [[24, 3], [32, 3], [64, 3]], "average_filters": 64}, 236_458),
        (CIFAR | {"stages": [[32, 5], [80, 6], [128, 6]], "average_filters": 100}, 2_256_838),
    ],
)
def test_parameters_are_those_of_the_paper(arguments, parameters):
    assert zoo.build("conv_highway_classifier", **arguments).count_params() == parameters


def highway_layers(model):
    return [layer for layer in model.layers if isinstance(layer, Highway)]


def test_layers_that_change_the_size_are_plain():
    model = zoo.build("conv_highway_classifier", stages=[[4, 3], [4, 2], [6, 2]])
    kinds = {layer.name: type(layer).__name__ for layer in model.layers if "conv_" in layer.name}
    assert kinds == {
        "conv_0_0": "Conv2D",
        "conv_0_1": "Highway",
        "conv_0_2": "Highway",
        "conv_1_0": "Highway",
        "conv_1_1": "Highway",
        "conv_2_0": "Conv2D",
        "conv_2_1": "Highway",
    }
    assert len(highway_layers(zoo.build("conv_highway_classifier"))) == 8
    for layer in highway_layers(model):
        np.testing.assert_array_equal(layer.gate_logits.bias, -1)


def torch_convolution(x, layer):
    kernel, bias = (torch.tensor(np.array(w), dtype=torch.float64) for w in layer.weights)
    return torch.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=kernel.shape[0] // 2)


def max_pool(x, window):
    """3 x 3 as Keras pads it, 2 x 2 without padding, both at every second place."""
    if window == 3:
        below = [int(size % 2 == 1) for size in x.shape[2:]]
        x = torch.nn.functional.pad(x, (below[1], 1, below[0], 1), value=-torch.inf)
    return torch.nn.functional.max_pool2d(x, window, 2)


@pytest.mark.parametrize("average_filters", [None, 5])
def test_network_is_its_equations(average_filters):
    model = random_model(
        "conv_highway_classifier",
        stages=[[3, 2], [4, 2]],
        input_shape=(9, 12, 3),
        average_filters=average_filters,
        standardised=True,
        gate_bias=-0.5,
    )
    pictures = random_pictures(4, (9, 12, 3))
    x = torch.tensor(pictures / 255, dtype=torch.float64)
    mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), keepdim=True, correction=0)
    x = ((x - mean) / torch.sqrt(variance + 1e-3)).permute(0, 3, 1, 2)
    for stage in range(2):
        x = torch.relu(torch_convolution(x, model.get_layer(f"conv_{stage}_0")))
        highway = model.get_layer(f"conv_{stage}_1")
        h = torch.relu(torch_convolution(x, highway.transform))
        t = torch.sigmoid(torch_convolution(x, highway.gate_logits))
        x = h * t + x * (1 - t)
        if stage == 0:
            x = max_pool(x, 3)
        elif average_filters is None:
            x = max_pool(x, 2)
    if average_filters is None:
        x = x.permute(0, 2, 3, 1).flatten(1)
    else:
        x = torch.relu(torch_convolution(x, model.get_layer("mixed"))).mean((2, 3))
    kernel, bias = (
        torch.tensor(np.array(w), dtype=torch.float64) for w in model.layers[-1].weights
    )
    np.testing.assert_allclose(model.predict(pictures, verbose=0), x @ kernel + bias, atol=1e-4)


def test_it_learns():
    keras.utils.set_random_seed(0)
    model = zoo.build("conv_highway_classifier", stages=[[4, 2]], num_classes=2)
    pictures = random_pictures(64) // 2
    ids = np.arange(64) % 2
    pictures[ids == 1, 10:18, 10:18] += 120
    model.optimizer.learning_rate = 3e-3
    losses = model.fit(pictures, ids, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shape": (7, 28)}, r"input_shape must be 8 x 8 or larger .* got \(7, 28\)"),
        ({"stages": []}, r"stages must hold .* got \[\]"),
        ({"stages": [4, 2]}, r"stages must hold \(filters, layers\) .* got \[4, 2\]"),
        ({"stages": [[4]]}, r"stages must hold \(filters, layers\) .* got \[\[4\]\]"),
        ({"stages": [[0, 2]]}, "filters must be .*, got 0"),
        ({"stages": [[4, -1]]}, "layers must be .*, got -1"),
        ({"stages": [[4, 2.5]]}, "layers must be .*, got 2.5"),
        ({"first_kernel": 0}, "first_kernel must be .*, got 0"),
        ({"average_filters": 0}, "average_filters must be .*, got 0"),
        ({"dropout": 1.0}, "dropout must be .*, got 1.0"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        zoo.build("conv_highway_classifier", **change)
