"""Every checkpoint in every format, held against Keras on real inputs.

    python benchmarks/export_matrix.py docs/figures/exports.md

Writes a table: of each checkpoint and format the largest difference of any output from that of
Keras, on the first 200 inputs of its test split, and what the export weighs. It fails if a
difference is above 1e-4, or a label, or the likeliest symbol after those of a text, is another one.
A SavedModel is asked twice, for the outputs of encoded input and for what it says of raw input.
Where Keras runs on another backend than TensorFlow, the outputs are those of that backend.
"""

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer

import zoo
from zoo.exporting import FORMATS, TOLERANCE, graphs

COUNT = 200
# Characters of a prompt: a language model's test split is one long text.
PROMPT = 100
HEADINGS = {"saved_model": "SavedModel", "onnx": "ONNX", "litert": "LiteRT"}


def examples(name: str) -> tuple[Any, list[str] | None]:
    """Returns raw inputs of a checkpoint's test split, and of a writer the right outputs."""
    card = zoo.info(name)
    raw, targets = zoo.data.load(card["dataset"]["name"], card["dataset"]["test_split"])
    if card["task"] == "language-modelling":
        prompts = [raw[0][i : i + PROMPT] for i in range(0, COUNT * PROMPT, PROMPT)]
        return prompts, prompts
    outputs = targets.get("outputs") if isinstance(targets, dict) else None
    return raw[:COUNT], outputs and [right[0] for right in outputs[:COUNT]]


def labels_of(outputs: dict[str, np.ndarray], encoded: Any) -> list[Any]:
    """Returns the numbers of the labels, or symbols, that the outputs of one batch stand for."""
    if "logits" in outputs:
        best = outputs["logits"].argmax(axis=-1)
        return (np.where(encoded["target"] > 0, best, -1) if best.ndim == 2 else best).tolist()
    tags = np.where(encoded["words"] > 0, outputs["tag_ids"], -1).tolist()
    intents = outputs.get("intents", np.zeros((len(tags), 1))).argmax(axis=-1).tolist()
    return list(zip(tags, intents, strict=True))


def raw_answers(model: keras.Model, folder: Path, raw: Any) -> tuple[list[Any], list[Any]]:
    """Returns what the pipeline and `serving_default` of a SavedModel say of raw input."""
    run = import_module("zoo.exporting.saved_model").reader(folder)
    if not isinstance(raw, list):
        inputs = {"pixels": raw}
    else:
        raw = [text if isinstance(text, str) else " ".join(text) for text in raw]
        inputs = {"texts": raw}
    pipe = zoo.pipeline(model)
    # What is drawn differs each time, but not what is likeliest.
    drawn = {"temperature": 0.0} if "temperature" in pipe.options else {}
    answers = pipe(raw, **drawn)
    found = run(inputs | drawn, signature="serving_default")
    if "tags" in found:
        tags = [[tag for tag in tags if tag] for tags in found["tags"].tolist()]
        return [answer["tags"] for answer in answers], tags
    key = "output" if "outputs" in found else "label"
    return [answer[key] for answer in answers], found[f"{key}s"].tolist()


def held(name: str, format: str, folder: Path) -> str:
    """Exports a checkpoint, and returns its largest difference from Keras and its size."""
    model = zoo.load(name)
    written = zoo.export(model, folder, format=format)
    run = import_module(f"zoo.exporting.{format}").reader(written)
    core, preprocessor = graphs.core(model), zoo.preprocessor(model)
    raw, right = examples(name)
    difference = 0.0
    for start in range(0, len(raw), 20):
        part = slice(start, start + 20)
        encoded = (
            preprocessor.encode(raw[part], right[part])[0]
            if right
            else preprocessor.encode(raw[part])
        )
        inputs = graphs.named(model, encoded)
        expected = {
            key: keras.ops.convert_to_numpy(output)
            for key, output in core(*(inputs[x.name] for x in model.inputs)).items()
        }
        found = run(inputs)
        for key, output in expected.items():
            difference = max(difference, float(np.abs(found[key] - output).max()))
        if labels_of(found, encoded) != labels_of(expected, encoded):
            raise RuntimeError(f"{name} as {format} has other labels than Keras")
    if difference > TOLERANCE:
        raise RuntimeError(f"{name} as {format} differs from Keras by {difference:.2g}")
    if format == "saved_model":
        expected, found = raw_answers(model, written, raw)
        if found != expected:
            raise RuntimeError(f"{name} as {format} answers raw input as the pipeline does not")
    size = sum(file.stat().st_size for file in written.rglob("*") if file.is_file())
    return f"{difference:.1g}, {size / 1e6:.1f} MB"


def main(
    path: Annotated[Path, typer.Argument(help="Markdown file to write.")],
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints [all].")] = None,
) -> None:
    """Export every checkpoint in every format, and write what it differs by."""
    lines = [
        "<!-- generated by python benchmarks/export_matrix.py docs/figures/exports.md -->",
        f"| checkpoint | {' | '.join(HEADINGS[format] for format in FORMATS)} |",
        f"|---|{'---|' * len(FORMATS)}",
    ]
    for name in names or zoo.list_models():
        cells = []
        for format in FORMATS:
            with tempfile.TemporaryDirectory() as scratch:
                cells.append(held(name, format, Path(scratch) / "exported"))
            print(name, format, cells[-1], flush=True)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
