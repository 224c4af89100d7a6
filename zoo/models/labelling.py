"""What the builders that label words share: their inputs, their layers, their loss."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from zoo.arguments import fraction, not_negative_integer, positive_integer
from zoo.cells import named_cell
from zoo.layers import (
    CRF,
    Bidirectional,
    CharacterCNN,
    Highway,
    LetterTrigrams,
    Recurrent,
    WordDropout,
)
from zoo.layers.crf import negative_log_likelihood, viterbi
from zoo.layers.words import UNKNOWN
from zoo.preprocessing.sentence import NO_LABEL

# Kinds of Highway layers after the first layer.
HIGHWAY = ("dense", "conv", "lstm")
# Of their gates at first: they carry three quarters. There are fewer layers than in a deep network
# of pictures, and fewer steps to open them in.
GATE_BIAS = -1.0


def word_vectors(
    vocabulary: Sequence[str],
    word_units: int,
    trigram_units: int,
    trigram_buckets: int,
    character_filters: int,
    word_dropout: float,
) -> tuple[dict[str, Any], Any]:
    """Returns the inputs `words` and `characters`, and the vectors of the words.

    A word's vector is its embedding, the mean of those of its letter trigrams, and what a
    convolution finds in its letters, side by side; trigrams and characters only if they have units.
    """
    word_units = positive_integer("word_units", word_units)
    trigram_units = not_negative_integer("trigram_units", trigram_units)
    trigram_buckets = positive_integer("trigram_buckets", trigram_buckets)
    character_filters = not_negative_integer("character_filters", character_filters)
    word_dropout = fraction("word_dropout", word_dropout)
    inputs = {
        "words": keras.Input((None,), dtype="int32", name="words"),
        "characters": keras.Input((None, None), dtype="int32", name="characters"),
    }
    words, characters = inputs.values()
    if word_dropout:
        words = WordDropout(word_dropout, name="word_dropout")(words)
    embedding = keras.layers.Embedding(
        len(vocabulary) + UNKNOWN + 1, word_units, mask_zero=True, name="word_embeddings"
    )
    vectors = [embedding(words)]
    if trigram_units:
        trigrams = LetterTrigrams(trigram_buckets, trigram_units, name="trigrams")
        vectors.append(trigrams(characters))
    if character_filters:
        vectors.append(CharacterCNN(character_filters, name="letters")(characters))
    if len(vectors) == 1:
        return inputs, vectors[0]
    return inputs, keras.layers.Concatenate(name="word_vectors")(vectors)


def recurrent_layers(
    x: Any,
    cell: str,
    units: int,
    depth: int,
    bidirectional: bool,
    dropout: float,
    highway: str | bool | None,
    shortcut: str | None = None,
) -> Any:
    """Returns the outputs of `depth` layers, the first of them recurrent.

    Without `highway` all are recurrent. With it those after the first are Highway layers, each gate
    from its layer's input: around a recurrent layer ("lstm", or True, whatever the cell), a dense
    one for each word ("dense"), or a convolution over three words ("conv"). With `shortcut` the
    first is a Highway layer too, and this is how the word vectors are brought to its size.

    What a layer reads is dropped at a rate of `dropout`, of a recurrent Highway layer in its
    transform alone: what is carried past many layers would be dropped as many times.

    Raises:
        ValueError: if there is no such cell, kind of Highway layer, or shortcut; if `depth` is no
            positive integer, or there is a shortcut without a Highway layer.
    """
    kind = ("lstm" if highway else None) if isinstance(highway, bool) else highway
    if kind is not None and kind not in HIGHWAY:
        raise ValueError(f"highway must be None or one of {HIGHWAY}, got {highway!r}")
    if shortcut is not None and kind is None:
        raise ValueError(f"shortcut={shortcut!r} is for Highway layers, and highway is {highway!r}")
    for i in range(positive_integer("depth", depth)):
        name, carried = f"recurrent_{i}", kind and (i > 0 or shortcut)
        if dropout and not carried:
            x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
        own = "transform" if carried else name
        if i == 0 or kind in (None, "lstm"):
            one = named_cell(cell, units, dropout=dropout if carried else 0.0, name="cell")
            driver = Bidirectional if bidirectional else Recurrent
            layer = driver(one, return_sequences=True, name=own)
        elif kind == "dense":
            layer = keras.layers.Dense(x.shape[-1], activation="relu", name=own)
        else:
            layer = WordConvolution(x.shape[-1], 3, padding="same", activation="relu", name=own)
        if carried:
            layer = Highway(layer, gate_bias=GATE_BIAS, shortcut=None if i else shortcut, name=name)
        x = layer(x)
    return x


def label_head(labels: Sequence[str], crf: bool) -> keras.layers.Layer:
    """Returns the head that labels words: together, by a CRF, or each by itself."""
    return (CRF if crf else WordLogits)(len(labels), name="labels")


@keras.saving.register_keras_serializable("zoo")
class WordConvolution(keras.layers.Conv1D):
    """A convolution over words to which what is no word is 0, so that padding changes nothing."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is not None:
            inputs = inputs * ops.cast(mask, inputs.dtype)[..., None]
        return super().call(inputs)


@keras.saving.register_keras_serializable("zoo")
class WordLogits(keras.layers.Dense):
    """A dense layer that returns 0 where there is no word, which no path of labels then prefers."""

    def call(self, inputs, training=None, mask=None):
        logits = super().call(inputs, training=training)
        return logits if mask is None else logits * ops.cast(mask, logits.dtype)[..., None]


@keras.saving.register_keras_serializable("zoo")
class TokenAccuracy(keras.metrics.Mean):
    """Share of the words whose likeliest label is the true one; padding is not counted.

    Args:
        crf: whether the labels are those of a CRF's best path, and not the largest logits.
    """

    def __init__(self, crf=False, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.crf = crf

    def update_state(self, y_true, y_pred, sample_weight=None):
        best = viterbi(y_pred) if self.crf else ops.argmax(y_pred, axis=-1)
        y_true = ops.cast(y_true, best.dtype)
        is_word = ops.cast(ops.not_equal(y_true, NO_LABEL), "float32")
        return super().update_state(ops.equal(y_true, best), is_word)

    def get_config(self):
        return super().get_config() | {"crf": self.crf}


def compile_labeller(model: keras.Model, optimizer: Any = None, metrics: bool = True) -> None:
    """Compiles for integer labels, -1 where there is no word, and integer intents.

    The loss is the cross-entropy a word, or with a CRF the negative log-likelihood a sentence; that
    of the intents is added, ten times beside a CRF, whose sum is over so many words or more.

    Args:
        model: from `words` and `characters` to `labels` and perhaps `intents`.
        optimizer: AdamW at a rate of 1e-3 by default, which suits fine-tuning.
        metrics: whether accuracies are computed too; with a CRF, the best paths of every batch take
            a third of the time of a step.
    """
    cross_entropy = partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True)
    outputs = model.output
    crf = len(outputs["labels"].shape) == 4
    loss: dict[str, Any] = {
        "labels": negative_log_likelihood if crf else cross_entropy(ignore_class=NO_LABEL)
    }
    weights = {"labels": 1.0}
    accuracies: dict[str, Any] = {"labels": [TokenAccuracy(crf)]}
    if "intents" in outputs:
        loss["intents"] = cross_entropy()
        weights["intents"] = 10.0 if crf else 1.0
        accuracies["intents"] = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    model.compile(
        optimizer=optimizer or keras.optimizers.AdamW(1e-3),
        loss=loss,
        loss_weights=weights,
        # With None Keras keeps the metrics of an earlier compile.
        metrics=accuracies if metrics else [],
        # XLA compiles anew for every length of a sentence.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
