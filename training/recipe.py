"""What a recipe says: everything that decides a checkpoint's weights, but the seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras

from zoo.arguments import fraction


@dataclass(frozen=True)
class Recipe:
    """How one checkpoint is trained.

    `optimizer` is called with the number of steps of the whole training, `augment` with a batch of
    float pixels and a seed of two integers, with the words of a sentence, their labels and a random
    generator, or with a text and such a generator; both are `functools.partial`s, so that a card
    can name their settings; `late_augment` has a number of last epochs and what augments them
    instead. With `glove` the vocabulary has so many words, those of training among them, and their
    embeddings start from GloVe; with `subwords` texts are made of so many parts of words. A long
    text is cut into windows of `window` symbols. Of a task that is made, texts of training grow to
    the size `grown_to`, or to that of the data set.
    `dtype` is what the weights are rounded to and stored in, as `zoo.save` has it; `precision` is
    the dtype policy of Keras that they are trained with.
    The largest value of `monitor` marks the best epoch, or with a minus sign in front the smallest;
    an epoch in which it is `goal` or better is the last.
    Splits are written as tensorflow-datasets has them.
    """

    summary: str
    builder: str
    arguments: dict[str, Any]
    dataset: str
    train: str
    validation: str
    test: str
    epochs: int
    batch_size: int
    optimizer: partial[keras.optimizers.Optimizer]
    augment: partial[Any] | None = None
    late_augment: tuple[int, partial[Any]] | None = None
    glove: int | None = None
    subwords: int | None = None
    window: int | None = None
    grown_to: int | None = None
    dtype: str | None = None
    precision: str | None = None
    monitor: str = "val_accuracy"
    goal: float | None = None
    published: dict[str, Any] = field(default_factory=dict)
    citation: str = ""

    def changed(
        self,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        precision: str | None = None,
        **optimizer: float | int | None,
    ) -> "Recipe":
        """Returns the recipe with other settings; those that are None stay.

        Args:
            epochs, batch_size, precision: as of the recipe.
            optimizer: arguments of its optimizer, such as `adamw`.
        """
        given = {name: value for name, value in optimizer.items() if value is not None}
        return replace(
            self,
            epochs=epochs or self.epochs,
            batch_size=batch_size or self.batch_size,
            precision=precision or self.precision,
            optimizer=partial(self.optimizer, **given),
        )

    def settings(self) -> dict[str, Any]:
        """Returns the settings a recipe has, JSON-ready: they, data and seed decide the weights."""

        def named(function: partial[Any] | None) -> dict[str, Any] | None:
            return {"name": function.func.__name__, **function.keywords} if function else None

        late = self.late_augment
        settings = {
            "arguments": self.arguments,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": named(self.optimizer),
            "augment": named(self.augment),
            "late_augment": late and {"epochs": late[0], **(named(late[1]) or {})},
            "glove": self.glove,
            "subwords": self.subwords,
            "window": self.window,
            "grown_to": self.grown_to,
            "dtype": self.dtype,
            "precision": self.precision,
            "monitor": self.monitor,
            "goal": self.goal,
        }
        return {name: value for name, value in settings.items() if value is not None}


def adamw(
    steps: int,
    *,
    rate: float,
    weight_decay: float,
    clip_norm: float = 1.0,
    accumulation: int = 1,
    averaging: float | None = None,
) -> keras.optimizers.Optimizer:
    """AdamW, its rate warmed up over a twentieth of the steps and brought to 0 along a cosine.

    Gradients of more than `clip_norm` are scaled down to it, those of `accumulation` steps make one
    update, and with `averaging` an exponential moving average of the weights, of that momentum, is
    what the training results in.

    Raises:
        ValueError: if `rate` is not positive, `averaging` is not at least 0 and less than 1, or
            there are fewer steps than one update has.
    """
    if not 0 < rate < float("inf"):
        raise ValueError(f"rate must be a positive number, got {rate!r}")
    if accumulation > steps:
        raise ValueError(f"accumulation must be at most the {steps} steps, got {accumulation}")
    updates = steps // accumulation
    warmup = max(1, updates // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, updates - warmup), warmup_target=rate, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=weight_decay,
        clipnorm=clip_norm,
        gradient_accumulation_steps=accumulation if accumulation > 1 else None,
        use_ema=averaging is not None,
        ema_momentum=fraction("averaging", averaging or 0.0),
    )


def goodness(monitor: str, values: Mapping[str, float]) -> float:
    """Returns the value that `monitor` names, so that a larger one is better."""
    return -values[monitor[1:]] if monitor.startswith("-") else values[monitor]
