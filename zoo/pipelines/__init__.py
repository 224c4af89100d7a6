"""Raw input to plain Python values, in one call."""

from collections.abc import Callable
from typing import Any

from zoo import loading, registry
from zoo.errors import unknown_name
from zoo.pipelines.base import Pipeline
from zoo.pipelines.image import ImageClassificationPipeline
from zoo.pipelines.sentence import SlotFillingPipeline, TaggingPipeline, TextClassificationPipeline
from zoo.pipelines.writing import CaptionPipeline, LanguagePipeline, SequencePipeline

_PIPELINES: dict[str, Callable[..., Pipeline]] = {
    "algorithm": SequencePipeline,
    "image-classification": ImageClassificationPipeline,
    "image-to-sequence": CaptionPipeline,
    "language-modelling": LanguagePipeline,
    "sequence-to-sequence": SequencePipeline,
    "slot-filling": SlotFillingPipeline,
    "tagging": TaggingPipeline,
    "text-classification": TextClassificationPipeline,
}


def pipeline(source: loading.Source, **options: Any) -> Pipeline:
    """Returns a function from raw input to plain, JSON-ready values.

    Args:
        source: a checkpoint's name, the path or URL of a checkpoint folder, or a model of the zoo.
        **options: as `zoo.load` has them.

    Raises:
        ValueError: if the model has no head, no preprocessor, or a task without a pipeline; or as
            `zoo.load`.
    """
    model = loading.model_of(source, **options)
    origin = loading.origin(model)
    builder = registry.builder(origin.builder)
    if builder.task not in _PIPELINES:
        raise unknown_name("pipeline for the task", builder.task, _PIPELINES)
    preprocessor = loading.preprocessor(model)
    if not preprocessor.labels:
        raise ValueError(f"{model.name!r} has no head: use model.predict for its features")
    return _PIPELINES[builder.task](model, preprocessor)
