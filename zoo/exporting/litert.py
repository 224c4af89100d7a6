"""LiteRT, once TensorFlow Lite: the model between one encoded input and its outputs."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.exporting import graphs
from zoo.layers.portable import portable_loops

NEEDS: tuple[str, ...] = ()


def write(model: keras.Model, folder: Path) -> None:
    """Writes `model.tflite` into `folder`.

    A loop over more than one row would need operations of TensorFlow, which interpreters lack.
    """
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    with tempfile.TemporaryDirectory() as scratch:
        with portable_loops():
            archive.add_endpoint("predict", graphs.core(model), graphs.core_inputs(model, batch=1))
        archive.write_out(scratch, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=["predict"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        (folder / "model.tflite").write_bytes(converter.convert())


def reader(folder: Path) -> Any:
    """Returns a function from encoded input by name to the outputs of `graphs.core`, row by row."""
    import tensorflow as tf

    with warnings.catch_warnings():
        # It says that the interpreter moves to a package of its own; this one is still there.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(folder / "model.tflite"))
    predict = interpreter.get_signature_runner("predict")

    def run(inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        count = len(next(iter(inputs.values())))
        rows = [predict(**{k: v[i : i + 1] for k, v in inputs.items()}) for i in range(count)]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    return run
