"""Requests for inference that are wrong, drawn by hypothesis: each must be refused."""

import json
import math

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

DATATYPES = ["BOOL", "UINT8", "UINT16", "INT8", "INT64", "FP16", "FP32", "FP64", "BYTES"]
INTEGERS = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    SCALARS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NO_LIST = ANY_JSON.filter(lambda value: not isinstance(value, list))


def text_tensor(texts):
    return {"name": "texts", "datatype": "BYTES", "shape": [len(texts)], "data": texts}


def pixel_tensor(pixels):
    return {"name": "pixels", "datatype": "UINT8", "shape": [1, 28, 28], "data": pixels}


def _shapes(right):
    """Shapes of another size, or of what can be read as whole numbers no more."""

    def is_wrong(shape):
        # A text says the same as a number, and axes of one at the end nothing.
        sizes = [size for size in shape if isinstance(size, int) and size != 1]
        return sizes != [size for size in right if size != 1]

    numbers = st.sampled_from([0, -1, -28, 2, 28, 784, 2**31, 2**63 - 1, 2**64 - 1]) | INTEGERS
    return st.lists(numbers, max_size=4).filter(is_wrong) | NO_LIST


def _bad_tensors(tensor, bad_data):
    replaced = {
        "name": ANY_JSON.filter(lambda name: name != tensor["name"]),
        "datatype": (st.sampled_from(DATATYPES) | ANY_JSON).filter(
            lambda datatype: datatype != tensor["datatype"]
        ),
        "shape": _shapes(tensor["shape"]),
        "data": bad_data,
        "parameters": st.sampled_from(["base64", "pd", "datetime", "hf_json", ""]).map(
            lambda content_type: {"content_type": content_type}
        ),
    }
    for field, values in replaced.items():
        yield values.map(lambda value, field=field: tensor | {field: value})
    for field in tensor:
        yield st.just({key: value for key, value in tensor.items() if key != field})


def _bad_requests(tensor, bad_data):
    """One thing is wrong in each."""
    right = {"inputs": [tensor]}
    names = st.text(max_size=12)
    yield from (bad.map(lambda bad: {"inputs": [bad]}) for bad in _bad_tensors(tensor, bad_data))
    yield st.sampled_from([[], [tensor, tensor]]).map(lambda inputs: {"inputs": inputs})
    yield NO_LIST.map(lambda inputs: {"inputs": inputs})
    yield st.lists(names, min_size=1, max_size=3).map(
        lambda names: right | {"outputs": [{"name": f"no {name}"} for name in names]}
    )
    yield names.filter(lambda text: not (text.isascii() and text.isprintable())).map(
        lambda text: right | {"id": text}
    )
    yield ANY_JSON.filter(lambda value: not isinstance(value, dict) and value is not None).map(
        lambda value: right | {"parameters": value}
    )


def malformed(model):
    """A strategy of bodies that `bilstm_atis` or `highway_mnist_50` must refuse."""
    if model == "bilstm_atis":
        tensor = text_tensor(["leave taipei"])
        bad_data = st.one_of(
            NO_LIST,
            st.lists(ANY_JSON, max_size=3).filter(lambda data: not _is_one_text(data)),
            st.just([" ".join(["w"] * 8193)]),
        )
    else:
        pixels = [0] * 784
        tensor = pixel_tensor(pixels)
        wrong = INTEGERS.filter(lambda value: not 0 <= value <= 255)
        wrong |= ANY_JSON.filter(lambda value: type(value) is not int)
        bad_data = st.one_of(
            NO_LIST,
            st.integers(0, 2000).filter(lambda size: size != 784).map(lambda size: [0] * size),
            st.tuples(st.integers(0, 783), wrong).map(
                lambda place: [*pixels[: place[0]], place[1], *pixels[place[0] + 1 :]]
            ),
        )
    right = json.dumps({"inputs": [tensor]}).encode()
    return st.one_of(
        *(bad.map(lambda bad: json.dumps(bad).encode()) for bad in _bad_requests(tensor, bad_data)),
        ANY_JSON.map(lambda value: json.dumps(value).encode()),
        st.binary(max_size=200),
        st.integers(0, len(right) - 1).map(lambda size: right[:size]),
        # Bytes that are not UTF-8 in the middle of a text.
        st.binary(min_size=1, max_size=8).map(
            lambda noise: right.replace(tensor["name"].encode(), b"\xff" + noise)
        ),
        st.integers(500, 5000).map(lambda depth: b"[" * depth + b"]" * depth),
    )


def _is_one_text(data):
    while isinstance(data, list) and len(data) == 1:
        data = data[0]
    return isinstance(data, str)


def malformed_bodies(model, number):
    """The same list of bodies at every call."""
    bodies = []

    @settings(
        max_examples=math.ceil(number * 1.3),
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(malformed(model))
    def collect(body):
        bodies.append(body)

    collect()
    return bodies[:number]
