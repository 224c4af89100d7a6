"""TensorFlow's SavedModel: raw input in, labels out, and the tensors between them."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.exporting import graphs

NEEDS: tuple[str, ...] = ()


def write(model: keras.Model, folder: Path) -> None:
    """Writes `saved_model.pb` and what belongs to it into `folder`."""
    import tensorflow as tf

    inputs = graphs.core_inputs(model)
    # Traced once, for all signatures.
    core = tf.function(graphs.core(model), input_signature=inputs)
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, endpoint in graphs.raw_endpoints(model, core, archive.track).items():
        archive.add_endpoint(name, *endpoint)
    archive.add_endpoint("predict", core)
    archive.write_out(str(folder), verbose=False)


def reader(folder: Path) -> Any:
    """Returns a function from input by name to the outputs of a signature, that of `graphs.core`.

    Strings come as `str`.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def run(inputs: dict[str, Any], signature: str = "predict") -> dict[str, np.ndarray]:
        # The signature by itself would not keep alive what it was loaded with.
        serve = loaded.signatures[signature]
        types = serve.structured_input_signature[1]
        tensors = {name: tf.constant(value, types[name].dtype) for name, value in inputs.items()}
        outputs = {name: output.numpy() for name, output in serve(**tensors).items()}
        return {
            name: np.char.decode(x.astype(bytes), "utf-8") if x.dtype == object else x
            for name, x in outputs.items()
        }

    return run
