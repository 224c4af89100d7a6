"""Whether a checkpoint is what it says it is."""

from typing import Any

import keras
import numpy as np

from zoo import data, loading, pipelines, registry, scores
from zoo.errors import IntegrityError, unknown_name

# Backends and machines differ in the last bits of a sum over fifty layers.
GOLDEN_TOLERANCE = 1e-4
# So many test examples may fall on the other side of a tie.
TIES = 2


def verify(source: loading.Source, *, metrics: bool = True, **fetching: Any) -> dict[str, Any]:
    """Checks a checkpoint: every file's hash, its golden output, its card's metrics.

    Args:
        source: a checkpoint's name, the path or URL of a checkpoint folder, or a model loaded from
            one, which is then held against what that checkpoint promises.
        metrics: compute the card's metrics again on the test set, which must be on disk or
            reachable.
        **fetching: `revision`, `sha256` and `trust`, as `zoo.load` has them.

    Returns:
        `{"files": number of files, "golden": largest difference, "metrics": {…}}`, the metrics
        as computed now, without them where `metrics` is false or the card has none, or no data
        set.

    Raises:
        IntegrityError: if a file, the golden output or a metric is not what was published.
        DataUnavailableError: if the test set is neither on disk nor reachable.
        ValueError: if a model was not loaded from a checkpoint, or its head was changed; if the
            card has a metric that is none of the task, or does not say on what; or as `zoo.load`.
    """
    model = source if isinstance(source, keras.Model) else loading.load(source, **fetching)
    found = loading.origin(model).published
    if found is None:
        raise ValueError(f"{model.name!r} has no checkpoint to be held against")
    report: dict[str, Any] = {"files": len(found.files)}
    golden_input, golden_output = found.golden
    pairs = zip(
        keras.tree.flatten(loading.outputs_of(model, golden_input)),
        keras.tree.flatten(golden_output),
        strict=True,
    )
    for output, golden in pairs:
        difference = float(np.max(np.abs(output - golden)))
        report["golden"] = max(difference, report.get("golden", 0.0))
        if not np.allclose(output, golden, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE):
            raise IntegrityError(f"{found.path}: the golden output differs by {difference:.3g}")
    published, dataset = found.card.get("metrics"), found.card.get("dataset")
    if metrics and published and dataset:
        if missing := [field for field in ("name", "test_split") if field not in dataset]:
            raise ValueError(f"{found.path}: the card's dataset has no {missing[0]} to score on")
        examples = data.load(dataset["name"], dataset["test_split"])
        report["metrics"] = evaluate(model, examples)
        for name, value in published.items():
            if name not in report["metrics"]:
                raise unknown_name("metric of the task", name, report["metrics"])
            tolerance = _tolerance(name, len(examples[0]))
            if not abs(report["metrics"][name] - value) <= tolerance:
                raise IntegrityError(
                    f"{found.path}: {name} is {report['metrics'][name]:.6f}, the card says "
                    f"{value:.6f}"
                )
    return report


def _tolerance(metric: str, count: int) -> float:
    """Returns how far a metric of `count` examples may be from what was published."""
    if metric == "nats":
        return GOLDEN_TOLERANCE
    # Those of a translation go to 100.
    return TIES / count * (100 if metric in ("bleu", "chrf") else 1)


def evaluate(model: keras.Model, examples: tuple[Any, Any]) -> dict[str, float]:
    """Returns the metrics of a model's task.

    Args:
        model: one of the zoo.
        examples: as `zoo.data.load` returns them.

    Raises:
        ValueError: if there are no metrics for the task.
    """
    task = registry.builder(loading.origin(model).builder).task
    if task not in scores.OF_TASK:
        raise unknown_name("metrics for the task", task, scores.OF_TASK)
    metrics = scores.OF_TASK[task](pipelines.pipeline(model), *examples)
    return {name: round(float(value), 6) for name, value in metrics.items()}
