"""The signatures of models that write: strings or pictures in, strings out, the search inside."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from zoo.layers.words import BOUNDARY, PADDING
from zoo.pipelines.writing import BEAM, CAPTION, CONTINUATION, drawing, searching
from zoo.preprocessing.pieces_graph import PiecesGraph
from zoo.preprocessing.sequence import (
    CaptionPreprocessor,
    SequencePreprocessor,
    TextPreprocessor,
)

Endpoints = dict[str, tuple[Any, Any]]


def sequence_endpoints(
    model: keras.Model, preprocessor: SequencePreprocessor, track: Callable[[Any], Any]
) -> Endpoints:
    """Returns the signatures of a model from texts to texts, as `raw_endpoints` does."""
    search = searching(model, min(BEAM, len(preprocessor.labels)))
    read, written = PiecesGraph(preprocessor.source), PiecesGraph(preprocessor.target)
    track(read)
    track(written)

    def write(texts):
        numbers = read.numbers(texts)
        lengths = tf.math.count_nonzero(numbers, axis=1, keepdims=True, dtype=tf.int32)
        source = tf.pad(numbers, [[0, 0], [0, 1]], constant_values=PADDING)
        source = tf.where(tf.range(tf.shape(source)[1]) == lengths, BOUNDARY, source)
        return _answer(written, search({"source": source}), is_empty=lengths == 0)

    return {"serving_default": (write, [tf.TensorSpec((None,), tf.string, name="texts")])}


def caption_endpoints(
    model: keras.Model,
    preprocessor: CaptionPreprocessor,
    of_files: Callable[[Any], Any],
    track: Callable[[Any], Any],
) -> Endpoints:
    """Returns the signatures of a model from pictures to texts.

    Args:
        model, preprocessor, track: as of `raw_endpoints`.
        of_files: from image files, strings `(batch,)`, to the pictures that the model takes.
    """
    search = searching(model, min(BEAM, len(preprocessor.labels)), CAPTION)
    written = PiecesGraph(preprocessor.target)
    track(written)

    def write(pixels):
        return _answer(written, search({"pixels": pixels}))

    shape = (None, *preprocessor.pictures.shape)
    return {
        "serving_default": (write, [tf.TensorSpec(shape, tf.uint8, name="pixels")]),
        "serving_images": (
            lambda image_bytes: write(of_files(image_bytes)),
            [tf.TensorSpec((None,), tf.string, name="image_bytes")],
        ),
    }


def language_endpoints(
    model: keras.Model, preprocessor: TextPreprocessor, track: Callable[[Any], Any]
) -> Endpoints:
    """Returns the signatures of a language model, as `raw_endpoints` does."""
    draw, _ = drawing(model, CONTINUATION)
    pieces = PiecesGraph(preprocessor.target)
    track(pieces)
    track(draw)

    def write(texts, temperature):
        prompts = tf.pad(pieces.numbers(texts), [[0, 0], [1, 0]], constant_values=BOUNDARY)
        rows = tf.fill((tf.shape(prompts)[0], 1), temperature)
        found = draw({"prompt": prompts, "temperature": rows})
        return {"outputs": pieces.text(found["symbols"]), "log_probs": found["log_probs"]}

    return {
        "serving_default": (
            write,
            [
                tf.TensorSpec((None,), tf.string, name="texts"),
                tf.TensorSpec((), tf.float32, name="temperature"),
            ],
        )
    }


def _answer(written: PiecesGraph, found: dict[str, Any], is_empty: Any = False) -> dict[str, Any]:
    """Returns what a search found as strings; what is made of nothing is an empty one."""
    texts = tf.where(is_empty, "", written.text(found["symbols"]))
    log_probs = tf.where(is_empty, 0.0, found["log_probs"])
    scores = tf.where(is_empty, 0.0, found["scores"])
    return {
        "outputs": texts[:, 0],
        "log_probs": log_probs[:, 0],
        "scores": scores[:, 0],
        "alternatives": texts,
        "alternative_log_probs": log_probs,
        "alternative_scores": scores,
    }
