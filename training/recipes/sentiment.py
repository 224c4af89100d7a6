"""lstm_sst5, bilstm_sst5 and highway_bilstm_sst5: how much somebody liked a film, in five steps.

All are trained on all labelled phrases of the training trees, and chosen and scored on sentences.

    python -m training bilstm_sst5
"""

from functools import partial
from typing import Any

from training.recipe import Recipe, adamw

TAI = (
    "Tai, Socher, Manning: Improved Semantic Representations From Tree-Structured Long Short-Term "
    "Memory Networks. ACL 2015."
)


def _recipe(what: str, accuracy: float, published: str | None = None, **arguments: Any) -> Recipe:
    return Recipe(
        summary=f"Sentiment of a film review's sentence, in five steps, by {what}, GloVe",
        builder="sequence_classifier",
        arguments={**arguments, "word_units": 50, "word_dropout": 0.05},
        dataset="sst5",
        train="train_phrases",
        validation="validation",
        test="test",
        epochs=4,
        batch_size=128,
        optimizer=partial(adamw, rate=1e-3, weight_decay=1e-2),
        glove=20_000,
        published={
            "what": f"{published or what}, phrases too, GloVe of 300 numbers",
            "accuracy": accuracy,
            "source": TAI,
        },
        citation=TAI,
    )


RECIPES = {
    "lstm_sst5": _recipe("an LSTM", 0.464, bidirectional=False),
    "bilstm_sst5": _recipe("a bidirectional LSTM", 0.491, bidirectional=True),
    "highway_bilstm_sst5": _recipe(
        "a bidirectional LSTM and a Highway layer around another",
        0.485,
        "two layers of a bidirectional LSTM",
        bidirectional=True,
        depth=2,
        highway="lstm",
    ),
}
