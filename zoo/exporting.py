"""Models out of Keras, for programs that have neither Keras nor this package."""

import os
import subprocess
import sys
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from zoo import checkpoint, loading
from zoo.errors import unknown_name
from zoo.preprocessing.sentence import SentencePreprocessor

FORMATS = ("saved_model",)


def export(
    source: loading.Source,
    path: str | PathLike[str],
    *,
    format: str = "saved_model",
    **options: Any,
) -> None:
    """Writes a model in a form that runs without this package.

    A SavedModel's `serving_default` takes raw input. It is written by TensorFlow also where Keras
    runs on another backend.

    - Of an image classifier it takes uint8 pictures `pixels` `(batch, height, width)` and returns
      `probabilities`, float32 `(batch, classes)`, and `labels`, the likeliest class names, string
      `(batch,)`.
    - Of a slot filler or tagger it takes UTF-8 strings `texts` `(batch,)` and returns `tokens`,
      their words, and `tags`, string `(batch, words)` both, "" after a text's last word, and
      `scores`, float32, the probability of each tag; with intents also `intents`, string
      `(batch,)`, "" for a text without words, and `intent_scores`.

    Args:
        source: a checkpoint's name, the path or URL of a checkpoint folder, or a model of the zoo.
        path: folder to write; it must not exist, or be empty. It appears whole or not at all.
        format: `"saved_model"`.
        **options: as `zoo.load` has them.

    Raises:
        FileExistsError: if `path` exists and holds anything.
        ValueError: if the format is not known, the model has no head, or as `zoo.load`.
    """
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    model = loading.model_of(source, **options)
    if not loading.preprocessor(model).labels:
        raise ValueError(f"{model.name!r} has no head: there are no labels to export")
    with checkpoint.written_whole(Path(path)) as staging:
        if keras.backend.backend() == "tensorflow":
            _write_saved_model(model, staging)
        else:
            _write_by_tensorflow(model, staging)


def _write_saved_model(model: keras.Model, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    of_sentences = isinstance(loading.preprocessor(model), SentencePreprocessor)
    serve = _sentence_endpoint if of_sentences else _picture_endpoint
    archive.add_endpoint("serving_default", *serve(model, archive))
    archive.write_out(str(folder), verbose=False)


def _picture_endpoint(model: keras.Model, archive: Any) -> tuple[Any, list[Any]]:
    """Returns the function from raw pictures to class names, and its signature."""
    import tensorflow as tf

    preprocessor: Any = loading.preprocessor(model)
    labels = tf.constant(preprocessor.labels)

    def classify(pixels):
        logits = model(tf.cast(pixels, model.inputs[0].dtype), training=False)
        return {
            "probabilities": tf.nn.softmax(tf.cast(logits, tf.float32)),
            "labels": tf.gather(labels, tf.argmax(logits, axis=-1)),
        }

    return classify, [tf.TensorSpec((None, *preprocessor.shape), tf.uint8, name="pixels")]


def _sentence_endpoint(model: keras.Model, archive: Any) -> tuple[Any, list[Any]]:
    """Returns the function from texts to tags, and its signature; the archive gets its tables."""
    import tensorflow as tf

    from zoo.layers.decoding import best_labels
    from zoo.preprocessing.sentence_graph import SentenceGraph

    preprocessor: Any = loading.preprocessor(model)
    encode = SentenceGraph(preprocessor)
    archive.track(encode)
    tags, intents = tf.constant(preprocessor.labels), tf.constant(preprocessor.intents, tf.string)

    def label(texts):
        inputs, tokens = encode(texts)
        outputs = model(inputs, training=False)
        best, scores = best_labels(outputs["labels"], preprocessor.labels)
        is_word = tokens != ""
        found = {
            "tokens": tokens,
            "tags": tf.where(is_word, tf.gather(tags, best), ""),
            "scores": tf.where(is_word, scores, 0.0),
        }
        if "intents" in outputs:
            probabilities = tf.nn.softmax(tf.cast(outputs["intents"], tf.float32))
            heard = tf.reduce_any(is_word, axis=-1)
            best = tf.gather(intents, tf.argmax(probabilities, axis=-1))
            found["intents"] = tf.where(heard, best, "")
            found["intent_scores"] = tf.where(heard, tf.reduce_max(probabilities, axis=-1), 0.0)
        return found

    return label, [tf.TensorSpec((None,), tf.string, name="texts")]


def _write_by_tensorflow(model: keras.Model, folder: Path) -> None:
    """Hands the model, as a checkpoint, to a process whose Keras runs on TensorFlow."""
    with tempfile.TemporaryDirectory() as scratch:
        sha256 = loading.save(model, Path(scratch) / "model")
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, zoo; zoo.export(sys.argv[1], sys.argv[2], sha256=sys.argv[3])",
                str(Path(scratch) / "model"),
                str(folder),
                sha256,
            ],
            check=True,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        )
