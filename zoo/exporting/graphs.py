"""What an exported model computes: from encoded input, or, on TensorFlow, from raw input."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from zoo import loading
from zoo.layers.decoding import best_labels
from zoo.preprocessing.image import ImagePreprocessor
from zoo.preprocessing.sentence import SentencePreprocessor
from zoo.preprocessing.sequence import (
    CaptionPreprocessor,
    SequencePreprocessor,
    TextPreprocessor,
)


def named(model: keras.Model, encoded: Any) -> dict[str, Any]:
    """Returns encoded input, as a preprocessor gives it, as a dict by the names of the inputs."""
    return dict(encoded) if isinstance(encoded, Mapping) else {model.inputs[0].name: encoded}


def core_inputs(model: keras.Model, batch: int | None = None) -> list[Any]:
    """Returns a `tf.TensorSpec` for each input of `core`, with the type that is encoded.

    Args:
        model: with a preprocessor.
        batch: the number of rows, where it is fixed.
    """
    import tensorflow as tf

    example = named(model, loading.preprocessor(model).example())
    return [
        tf.TensorSpec((batch, *x.shape[1:]), example[x.name].dtype, name=x.name)
        for x in model.inputs
    ]


def core(model: keras.Model) -> Callable[..., dict[str, Any]]:
    """Returns the function from a model's inputs, in their order, to its outputs by name.

    They are float32: `logits` of a model with one output, else those the model names. Of a labeller
    of words there are also `tag_ids`, int32, and `scores`, as `best_labels` finds them.
    """
    labels = loading.preprocessor(model).labels

    def outputs_of(*tensors):
        inputs = {
            x.name: ops.cast(tensor, x.dtype)
            for x, tensor in zip(model.inputs, tensors, strict=True)
        }
        if not isinstance(model.input, dict):
            (inputs,) = inputs.values()
        outputs = model(inputs, training=False)
        if not isinstance(outputs, dict):
            return {"logits": ops.cast(outputs, "float32")}
        found = {name: ops.cast(output, "float32") for name, output in outputs.items()}
        if "labels" in found:
            found["tag_ids"], found["scores"] = best_labels(found["labels"], labels)
        return found

    return outputs_of


def raw_endpoints(
    model: keras.Model, outputs_of: Callable[..., Any], track: Callable[[Any], Any]
) -> dict[str, tuple[Any, Any]]:
    """Returns the name of each signature that takes raw input, its function and its inputs.

    Args:
        model: of the zoo.
        outputs_of: `core` of it.
        track: called with what holds the tables of a function.

    Raises:
        ValueError: if the model's preprocessor is none of the zoo's.
    """
    from zoo.exporting import writing

    preprocessor = loading.preprocessor(model)
    if isinstance(preprocessor, ImagePreprocessor):
        return _picture_endpoints(preprocessor, outputs_of)
    if isinstance(preprocessor, SequencePreprocessor):
        return writing.sequence_endpoints(model, preprocessor, track)
    if isinstance(preprocessor, CaptionPreprocessor):
        of_files = _reader(preprocessor.pictures)
        return writing.caption_endpoints(model, preprocessor, of_files, track)
    if isinstance(preprocessor, TextPreprocessor):
        return writing.language_endpoints(model, preprocessor, track)
    if isinstance(preprocessor, SentencePreprocessor):
        names = [x.name for x in model.inputs]
        return _sentence_endpoints(preprocessor, names, outputs_of, track)
    raise ValueError(
        f"raw input of {type(preprocessor).__name__} has no graph; pictures and texts have one"
    )


def _picture_endpoints(
    preprocessor: ImagePreprocessor, outputs_of: Callable[..., Any]
) -> dict[str, tuple[Any, Any]]:
    import tensorflow as tf

    labels = tf.constant(preprocessor.labels)
    of_files = _reader(preprocessor)

    def classify(pixels):
        logits = outputs_of(pixels)["logits"]
        return {
            "probabilities": tf.nn.softmax(logits),
            "labels": tf.gather(labels, tf.argmax(logits, axis=-1)),
        }

    return {
        "serving_default": (
            classify,
            [tf.TensorSpec((None, *preprocessor.shape), tf.uint8, name="pixels")],
        ),
        "serving_images": (
            lambda image_bytes: classify(of_files(image_bytes)),
            [tf.TensorSpec((None,), tf.string, name="image_bytes")],
        ),
    }


def _reader(preprocessor: ImagePreprocessor) -> Callable[[Any], Any]:
    """Returns a function from image files, strings `(batch,)`, to the pictures a model takes."""
    import tensorflow as tf

    height, width, *channels = preprocessor.shape

    def read(encoded):
        """One file, as Pillow would read it."""
        picture = tf.cast(tf.io.decode_image(encoded, 3, expand_animations=False), tf.int32)
        if channels != [3]:
            # In the integers of Pillow, which a grey picture passes unchanged.
            grey = tf.reduce_sum(picture * [19595, 38470, 7471], axis=-1, keepdims=True)
            picture = (grey + 0x8000) // 0x10000
        resized = tf.image.resize(picture, (height, width), "lanczos3", antialias=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
        return tf.reshape(pixels, preprocessor.shape)

    spec = tf.TensorSpec(preprocessor.shape, tf.uint8)
    return lambda files: tf.map_fn(read, files, fn_output_signature=spec)


def _sentence_endpoints(
    preprocessor: SentencePreprocessor,
    names: list[str],
    outputs_of: Callable[..., Any],
    track: Callable[[Any], Any],
) -> dict[str, tuple[Any, Any]]:
    import tensorflow as tf

    from zoo.preprocessing.sentence_graph import SentenceGraph

    encode = SentenceGraph(preprocessor)
    track(encode)
    labels, intents = tf.constant(preprocessor.labels), tf.constant(preprocessor.intents, tf.string)

    def label(texts):
        inputs, tokens = encode(texts)
        outputs = outputs_of(*(inputs[name] for name in names))
        is_word = tokens != ""
        if "logits" in outputs:
            best = tf.gather(labels, tf.argmax(outputs["logits"], axis=-1))
            return {
                "probabilities": tf.nn.softmax(outputs["logits"]),
                "labels": tf.where(tf.reduce_any(is_word, axis=-1), best, ""),
            }
        found = {
            "tokens": tokens,
            "tags": tf.where(is_word, tf.gather(labels, outputs["tag_ids"]), ""),
            "scores": tf.where(is_word, outputs["scores"], 0.0),
        }
        if "intents" in outputs:
            probabilities = tf.nn.softmax(outputs["intents"])
            heard = tf.reduce_any(is_word, axis=-1)
            best = tf.gather(intents, tf.argmax(probabilities, axis=-1))
            found["intents"] = tf.where(heard, best, "")
            found["intent_scores"] = tf.where(heard, tf.reduce_max(probabilities, axis=-1), 0.0)
        return found

    return {"serving_default": (label, [tf.TensorSpec((None,), tf.string, name="texts")])}
