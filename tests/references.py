"""Layers of the zoo once more, in NumPy and float64, from the equations of their papers.

Nothing here is shared with the layers: an error would have to be made twice to go unseen.
"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


ACTIVATIONS = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "softplus": lambda a: np.log(1 + np.exp(a)),
}


def highway(x, h, gate_logits, gate):
    """Srivastava, Greff and Schmidhuber (arXiv:1505.00387), equation 3; or the course's form."""
    if gate == "transform":
        t = sigmoid(gate_logits)
        return h * t + x * (1 - t)
    z = sigmoid(gate_logits)
    return x * z + h * (1 - z)


def highway_stack(x, kernel, bias, gate_kernel, gate_bias, activation, gate):
    """Dense Highway layers, one after the other; the weights in the order of `get_weights`."""
    x = np.asarray(x, "float64")
    for w, b, v, d in zip(kernel, bias, gate_kernel, gate_bias, strict=True):
        w, b, v, d = (np.asarray(weight, "float64") for weight in (w, b, v, d))
        h = ACTIVATIONS[activation](x @ w + b)
        x = highway(x, h, x @ v + d, gate)
    return x


def numeric_gradients(function, arguments, step=1e-6):
    """Gradients of a scalar `function` by central differences, one array an argument."""
    arguments = [np.array(argument, "float64") for argument in arguments]
    gradients = []
    for argument in arguments:
        gradient = np.empty_like(argument)
        for index in np.ndindex(argument.shape):
            middle = argument[index]
            argument[index] = middle + step
            above = function(*arguments)
            argument[index] = middle - step
            below = function(*arguments)
            argument[index] = middle
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients
