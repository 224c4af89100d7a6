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


def softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


OUTPUT_ACTIVATIONS = ACTIVATIONS | {"softmax": softmax}


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


# One step of a cell. `w` are its weights by name, x is (batch, features), a state (batch, size).
# Every weight is cut into the matrices of the paper, one a gate; only the cuts follow the layer.


def elman(w, x, states, activation="tanh"):
    """Elman (1990), Finding structure in time: the context is the previous hidden layer."""
    (h,) = states
    h = ACTIVATIONS[activation](x @ w["kernel"] + h @ w["recurrent_kernel"] + w.get("bias", 0))
    return h, [h]


def jordan_output(w, x, context, activation, output_activation):
    h = x @ w["kernel"] + context @ w["recurrent_kernel"] + w.get("bias", 0)
    y = ACTIVATIONS[activation](h) @ w["output_kernel"] + w.get("output_bias", 0)
    return OUTPUT_ACTIVATIONS[output_activation](y)


def jordan(w, x, states, activation="tanh", output_activation="softmax", decay=0.0):
    """Jordan (1986), Serial order: the context is the previous output, and what decays of it."""
    (context,) = states
    y = jordan_output(w, x, context, activation, output_activation)
    return y, [decay * context + y]


def taught_jordan(w, x, states, activation="tanh", output_activation="softmax", decay=0.0):
    """The same with the true previous output beside the input; the state is the last context."""
    (context,) = states
    x, previous = np.split(x, [-context.shape[-1]], axis=-1)
    context = decay * context + previous
    return jordan_output(w, x, context, activation, output_activation), [context]


def lstm(w, x, states, activation="tanh", output_activation="tanh", recurrent_activation="sigmoid"):
    """LSTM with a forget gate; with peepholes, Gers, Schraudolph and Schmidhuber (2002)."""
    h, c = states
    w_i, w_f, w_g, w_o = np.split(w["kernel"], 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(w["recurrent_kernel"], 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(w.get("bias", np.zeros(4 * h.shape[-1])), 4)
    p_i, p_f, p_o = w.get("peephole", (0, 0, 0))
    gate = ACTIVATIONS[recurrent_activation]
    i = gate(x @ w_i + h @ u_i + p_i * c + b_i)
    f = gate(x @ w_f + h @ u_f + p_f * c + b_f)
    g = ACTIVATIONS[activation](x @ w_g + h @ u_g + b_g)
    c = f * c + i * g
    o = gate(x @ w_o + h @ u_o + p_o * c + b_o)
    h = o * ACTIVATIONS[output_activation](c)
    return h, [h, c]


def gru(w, x, states, activation="tanh", recurrent_activation="sigmoid", reset_after=False):
    """Cho et al. (arXiv:1406.1078); `reset_after` is cuDNN's form, with a bias on either side."""
    (h,) = states
    w_z, w_r, w_h = np.split(w["kernel"], 3, axis=1)
    u_z, u_r, u_h = np.split(w["recurrent_kernel"], 3, axis=1)
    zeros = np.zeros(3 * h.shape[-1])
    biases = w.get("bias", (zeros, zeros)) if reset_after else (w.get("bias", zeros), zeros)
    (b_z, b_r, b_h), (d_z, d_r, d_h) = (np.split(bias, 3) for bias in biases)
    gate = ACTIVATIONS[recurrent_activation]
    z = gate(x @ w_z + b_z + h @ u_z + d_z)
    r = gate(x @ w_r + b_r + h @ u_r + d_r)
    from_state = r * (h @ u_h + d_h) if reset_after else (r * h) @ u_h
    h = z * h + (1 - z) * ACTIVATIONS[activation](x @ w_h + b_h + from_state)
    return h, [h]


def recurrent_highway(w, x, states, activation="tanh"):
    """Zilly et al. (arXiv:1607.03474), equations 6 to 9 with c = 1 - t."""
    (s,) = states
    w_h, w_t = np.split(w["kernel"], 2, axis=1)
    biases = w.get("bias", np.zeros((len(w["recurrent_kernel"]), 2 * s.shape[-1])))
    for depth, (kernel, bias) in enumerate(zip(w["recurrent_kernel"], biases, strict=True)):
        (r_h, r_t), (b_h, b_t) = np.split(kernel, 2, axis=1), np.split(bias, 2)
        first = depth == 0
        h = ACTIVATIONS[activation](first * (x @ w_h) + s @ r_h + b_h)
        t = sigmoid(first * (x @ w_t) + s @ r_t + b_t)
        s = h * t + s * (1 - t)
    return s, [s]


def grid_lstm_transform(sums, m, output_form):
    """Kalchbrenner et al. (arXiv:1507.01526), equations 1 and 2."""
    i, f, c, o = np.split(sums, 4, axis=-1)
    m = sigmoid(f) * m + sigmoid(i) * np.tanh(c)
    if output_form == "tanh(o*m)":
        return np.tanh(sigmoid(o) * m), m
    return sigmoid(o) * np.tanh(m), m


def grid_lstm_block(
    hs, ms, kernels, biases, priority=(), plain=(), activation="relu", output_form="tanh(o*m)"
):
    """The same, sections 3.1 to 3.3: any number of dimensions, from 0; `ms` is by dimension."""
    hs, ms = list(hs), dict(ms)
    new = {}
    order = [n for n in range(len(hs)) if n not in priority] + list(priority)
    for n in order:
        read = [new[k] if n in priority and k in new else hs[k] for k in range(len(hs))]
        sums = sum(h @ part for h, part in zip(read, np.split(kernels[n], len(hs)), strict=True))
        sums = sums + biases[n]
        if n in plain:
            new[n] = ACTIVATIONS[activation](sums)
        else:
            new[n], ms[n] = grid_lstm_transform(sums, ms[n], output_form)
    return [new[n] for n in range(len(hs))], ms


def grid_lstm(
    w, x, states, depth=2, tied=True, priority=None, depth_activation=None, output_form="tanh(o*m)"
):
    """The same along time (0) and depth (1), the input at the bottom of depth."""
    units = states[0].shape[-1]
    below = x @ w["kernel"] + w.get("bias", 0)
    h_depth, m_depth = (below[:, :units], below[:, units:])
    new_states = []
    for layer in range(depth):
        i = 0 if tied else layer
        zeros = np.zeros(4 * units)
        (h_time, h_depth), ms = grid_lstm_block(
            [states[2 * layer], h_depth],
            {0: states[2 * layer + 1], 1: m_depth},
            [w["time_kernel"][i], w["depth_kernel"][i]],
            [
                w["time_bias"][i] if "time_bias" in w else zeros,
                w["depth_bias"][i] if "depth_bias" in w else 0,
            ],
            priority=() if priority is None else (("time", "depth").index(priority),),
            plain=() if depth_activation is None else (1,),
            activation=depth_activation,
            output_form=output_form,
        )
        m_depth = ms[1]
        new_states += [h_time, ms[0]]
    return h_depth, new_states


def run_reference(step, xs, states, mask=None, reverse=False, zero_output_for_mask=False):
    """Walks `step(x, states)` along axis 1 of `xs`, as keras.layers.RNN does.

    A masked step keeps the states, and puts out zeros or the output before it, which is zeros if
    there was none. Outputs come in the order of the walk, so the last first with `reverse`.
    """
    xs, states = np.asarray(xs, "float64"), [np.asarray(state, "float64") for state in states]
    mask = np.ones(xs.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    if reverse:
        xs, mask = xs[:, ::-1], mask[:, ::-1]
    outputs, masked = [], 0.0
    for t in range(xs.shape[1]):
        here = mask[:, t, None]
        output, new_states = step(xs[:, t], states)
        states = [np.where(here, new, old) for new, old in zip(new_states, states, strict=True)]
        outputs.append(np.where(here, output, masked))
        if not zero_output_for_mask:
            masked = outputs[-1]
    return np.stack(outputs, axis=1), states


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
