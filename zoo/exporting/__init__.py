"""Models out of Keras, for programs that have neither Keras nor this package."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from zoo import checkpoint, hub, loading
from zoo.errors import IntegrityError, unknown_name
from zoo.exporting import graphs
from zoo.pipelines import pipeline
from zoo.pipelines.base import softmax
from zoo.preprocessing.sentence import LETTERS, SentencePreprocessor
from zoo.preprocessing.sequence import CaptionPreprocessor, TextPreprocessor

# A format is the module of its name: `write(model, folder)`, and `reader(folder)` to try it.
FORMATS = ("saved_model", "onnx", "litert")
# Runtimes differ in the last bits of a sum.
TOLERANCE = 1e-4


def export(
    source: loading.Source,
    path: str | PathLike[str],
    *,
    format: str = "saved_model",
    **options: Any,
) -> Path:
    """Writes a model in a form that runs without this package.

    What is written is read again and run, before it appears under its name: its outputs are those
    of Keras, within 1e-4, and its labels are the same.

    `"saved_model"` is a folder `path/VERSION/`, as TensorFlow Serving reads it: the revision of the
    checkpoint that the model was loaded from, or 1. It takes raw input, and has these signatures.

    - `serving_default` of an image classifier takes uint8 pictures `pixels` `(batch, height,
      width)` and returns `probabilities`, float32 `(batch, classes)`, and `labels`, the likeliest
      class names, string `(batch,)`. `serving_images` takes PNG, JPEG, BMP or GIF files instead,
      `image_bytes`, string `(batch,)`, of any size.
    - `serving_default` of a slot filler or tagger takes UTF-8 strings `texts` `(batch,)` and
      returns `tokens`, their words, and `tags`, string `(batch, words)` both, "" after a text's
      last word, and `scores`, float32, the probability of each tag; with intents also `intents`,
      string `(batch,)`, "" for a text without words, and `intent_scores`.
    - `serving_default` of a text classifier takes `texts` and returns `probabilities` and `labels`
      as that of an image classifier does, "" for a text without words.
    - `serving_default` of an encoder-decoder takes `texts` and returns, of a beam search of width
      5, or of as many as there are symbols, `outputs`, string `(batch,)`, their `log_probs` and
      `scores`, float32 `(batch,)`; and the whole beam as `alternatives`, `alternative_log_probs`
      and `alternative_scores` `(batch, 5)`, the best first. What is written for pictures has the
      same outputs, for `pixels`, or in `serving_images` for `image_bytes`.
    - `serving_default` of a language model takes `texts` and `temperature`, a float32, and returns
      200 symbols that are drawn to follow each, `outputs`, and their `log_probs`; each time it is
      loaded its draws begin alike.
    - `predict` of all takes what `zoo.preprocessor(…).encode` returns, and returns the model's
      outputs, float32: `logits`, or of a labeller of words `labels` and perhaps `intents`, and
      besides them `tag_ids`, int32 `(batch, words)`, numbers of the tags, and their `scores`.

    `"onnx"` and `"litert"` are `path/model.onnx` and `path/model.tflite`: `predict` alone, the
    first for any batch and length, the second for one input of any length. Beside it are
    `config.json`, with preprocessing and labels, and the vocabulary, a word a line.

    Args:
        source: a checkpoint's name, the path or URL of a checkpoint folder, or a model of the zoo.
        path: folder to write. A SavedModel may join other versions there; otherwise it must not
            exist, or be empty.
        format: `"saved_model"`, `"onnx"` or `"litert"`.
        **options: as `zoo.load` has them.

    Returns:
        The folder that was written, with the version.

    Raises:
        FileExistsError: if the folder to write exists and holds anything.
        ValueError: if the format is not known, the model has no head, or the format cannot express
            it; or as `zoo.load`.
        IntegrityError: if what was written does not compute what the model does.
        RuntimeError: if the packages of the format are not installed; the message names the extra.
    """
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    if missing := [name for name in _module(format).NEEDS if find_spec(name) is None]:
        raise RuntimeError(f"format={format!r} needs {missing[0]}: pip install 'gatezoo[{format}]'")
    model = loading.model_of(source, **options)
    if not loading.preprocessor(model).labels:
        raise ValueError(f"{model.name!r} has no head: there are no labels to export")
    path = Path(path)
    target = path / str(_version(model)) if format == "saved_model" else path
    was_there = path.exists()
    try:
        with checkpoint.written_whole(target) as staging:
            if keras.backend.backend() == "tensorflow":
                _write(model, format, staging)
            else:
                _write_by_tensorflow(model, format, staging)
            _check(model, format, staging)
    except BaseException:
        if not was_there:
            with suppress(OSError):
                path.rmdir()
        raise
    return target


def _module(format: str) -> Any:
    return import_module(f"zoo.exporting.{format}")


def _version(model: keras.Model) -> int:
    """Returns the revision of the checkpoint that a model was loaded from, or 1."""
    published = loading.origin(model).published
    for entry in hub.index().values():
        for revision, known in entry["revisions"].items():
            if published and known["manifest_sha256"] == published.sha256:
                return int(revision)
    return 1


def _write(model: keras.Model, format: str, folder: Path) -> None:
    """Writes all files of a format, on TensorFlow."""
    try:
        _module(format).write(model, folder)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{model.name!r} cannot be written as {format}: {reason}") from error
    if format == "saved_model":
        return
    preprocessor: Any = loading.preprocessor(model)
    config = {"preprocessing": preprocessor.get_config(), "labels": preprocessor.labels}
    if isinstance(preprocessor, SentencePreprocessor):
        config["preprocessing"] |= {"letters": LETTERS}
        config["intents"] = preprocessor.intents
    (folder / "config.json").write_bytes(checkpoint.to_json(config))
    for name, content in loading.origin(model).assets().items():
        (folder / name).write_bytes(content)


def _write_by_tensorflow(model: keras.Model, format: str, folder: Path) -> None:
    """Hands the model, as a checkpoint, to a process whose Keras runs on TensorFlow."""
    code = """
import pathlib, sys, zoo
from zoo.exporting import _write
_write(zoo.load(sys.argv[1], sha256=sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]))
"""
    with tempfile.TemporaryDirectory() as scratch:
        source = str(Path(scratch) / "model")
        sha256 = loading.save(model, source)
        done = subprocess.run(
            [sys.executable, "-c", code, source, sha256, format, str(folder)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        )
    if done.returncode:
        raise ValueError(
            f"the process on TensorFlow failed: {done.stderr.strip().splitlines()[-1]}"
        )


def _check(model: keras.Model, format: str, folder: Path) -> None:
    """Raises an IntegrityError if what was written does not compute what Keras does."""
    preprocessor: Any = loading.preprocessor(model)
    published = loading.origin(model).published
    run, core = _module(format).reader(folder), graphs.core(model)

    def expected_of(encoded: Any) -> dict[str, np.ndarray]:
        inputs = graphs.named(model, encoded)
        outputs = core(*(inputs[x.name] for x in model.inputs))
        return {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}

    for encoded in [preprocessor.example(), *([published.golden[0]] if published else [])]:
        _compare(run(graphs.named(model, encoded)), expected_of(encoded), format)
    if format == "saved_model":
        for name, raw, encoded in _raw_examples(preprocessor):
            found = run(raw, name)
            if isinstance(preprocessor, TextPreprocessor):
                expected = _written(model, raw, encoded)
            else:
                expected = _answer(preprocessor, encoded, expected_of(encoded))
            _compare(found, expected, name)


def _raw_examples(preprocessor: Any) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yields a signature's name, raw input for it, and the same encoded, or for a pipeline."""
    if isinstance(preprocessor, SentencePreprocessor):
        texts = [*preprocessor.example_texts(), ""]
        yield "serving_default", {"texts": texts}, preprocessor.encode(texts)
        return
    captions = isinstance(preprocessor, CaptionPreprocessor)
    if isinstance(preprocessor, TextPreprocessor) and not captions:
        texts = [*preprocessor.example_texts(), ""]
        # Only what is likeliest is the same each time.
        drawn = {"temperature": 0.0} if preprocessor.kind == "text" else {}
        yield "serving_default", {"texts": texts, **drawn}, texts
        return
    pixels = (preprocessor.pictures if captions else preprocessor).example()
    yield "serving_default", {"pixels": pixels}, pixels
    files = [BytesIO() for _ in pixels]
    for file, picture in zip(files, pixels, strict=True):
        Image.fromarray(picture.squeeze()).save(file, "png")
    yield "serving_images", {"image_bytes": [file.getvalue() for file in files]}, pixels


def _written(model: keras.Model, raw: dict[str, Any], inputs: Any) -> dict[str, Any]:
    """Returns what a signature that writes should make of the inputs of a pipeline."""
    options = {"temperature": raw["temperature"]} if "temperature" in raw else {}
    answers = pipeline(model)(inputs, **options)
    names = {"outputs": "output", "log_probs": "log_prob"}
    return {name: [answer[one] for answer in answers] for name, one in names.items()}


def _answer(preprocessor: Any, encoded: Any, outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns what a signature that takes raw input should make of the outputs of `core`."""
    if "logits" in outputs:
        probabilities = softmax(outputs["logits"])
        labels = preprocessor.decode(probabilities)
        if isinstance(encoded, dict):
            labels = np.where((encoded["words"] > 0).any(axis=1), labels, "")
        return {"probabilities": probabilities, "labels": labels}
    is_word = encoded["words"] > 0
    answer = {
        "tags": np.where(is_word, np.take(preprocessor.labels, outputs["tag_ids"]), ""),
        "scores": np.where(is_word, outputs["scores"], 0),
    }
    if "intents" in outputs:
        heard, probabilities = is_word.any(axis=1), softmax(outputs["intents"])
        best = np.take(preprocessor.intents, probabilities.argmax(axis=1))
        answer["intents"] = np.where(heard, best, "")
        answer["intent_scores"] = np.where(heard, probabilities.max(axis=1), 0)
    return answer


def _compare(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    for name, value in expected.items():
        value = np.asarray(value)
        if value.dtype.kind != "f":
            same = np.array_equal(found[name], value)
        else:
            same = found[name].shape == value.shape and np.allclose(
                found[name], value, rtol=TOLERANCE, atol=TOLERANCE
            )
        if not same:
            raise IntegrityError(
                f"{what} does not compute what Keras does: its {name} are {found[name]!r}, "
                f"and should be {value!r}"
            )
