"""ONNX: the model between encoded input and its outputs, for any batch and length."""

from pathlib import Path
from typing import Any

import keras

from zoo.exporting import graphs
from zoo.layers.portable import portable_loops

NEEDS = ("tf2onnx", "onnx", "onnxruntime")
OPSET = 18
# What a size that is not fixed is called, by its axis.
AXES = ("batch", "words", "letters")


def write(model: keras.Model, folder: Path) -> None:
    """Writes `model.onnx` into `folder`."""
    import logging

    import onnx
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs = graphs.core_inputs(model)
    function = tf.function(graphs.core(model), input_signature=inputs)
    with portable_loops():
        proto, _ = tf2onnx.convert.from_function(function, inputs, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        for name, size in zip(AXES, value.type.tensor_type.shape.dim, strict=False):
            if not size.HasField("dim_value"):
                size.dim_param = name
    onnx.checker.check_model(proto)
    onnx.save(proto, folder / "model.onnx")


def reader(folder: Path) -> Any:
    """Returns a function from encoded input by name to the outputs of `graphs.core`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs), strict=True))
