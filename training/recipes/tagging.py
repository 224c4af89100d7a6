"""bilstm_crf_conll2000 and bilstm_crf_ewt: chunks of phrases, and parts of speech.

Both see the whole sentence, and choose its tags together.

    python -m training bilstm_crf_conll2000 --seeds 5
"""

from functools import partial
from typing import Any

from training.recipe import Recipe, adamw

HUANG = "Huang, Xu, Yu: Bidirectional LSTM-CRF Models for Sequence Tagging. arXiv:1508.01991, 2015."
STANZA = (
    "Qi et al.: Stanza: A Python Natural Language Processing Toolkit for Many Human Languages. "
    "ACL 2020."
)


def _recipe(
    summary: str, published: dict[str, Any], arguments: dict[str, Any], **settings: Any
) -> Recipe:
    return Recipe(
        summary=summary,
        builder="tagger",
        arguments={"word_units": 50, "character_filters": 50, "dropout": 0.4, **arguments},
        batch_size=32,
        optimizer=partial(adamw, rate=3e-3, weight_decay=1e-2),
        published=published,
        citation=published["source"],
        **settings,
    )


RECIPES = {
    "bilstm_crf_conll2000": _recipe(
        "Phrases of newspaper sentences by a bidirectional LSTM and a CRF, GloVe",
        {"what": "BI-LSTM-CRF, Senna embeddings", "f1": 0.9446, "source": HUANG},
        {"units": 200},
        dataset="conll2000",
        train="train[500:]",
        validation="train[:500]",
        test="test",
        epochs=15,
        glove=40_000,
        dtype="float16",
        monitor="val_f1",
    ),
    "bilstm_crf_ewt": _recipe(
        "Universal parts of speech of English by a bidirectional LSTM and a CRF, GloVe",
        {
            "what": "Stanza, which splits raw text into words itself",
            "accuracy": 0.9540,
            "source": STANZA,
        },
        {"units": 150, "trigram_units": 50, "trigram_buckets": 4096},
        dataset="ewt",
        train="train",
        validation="dev",
        test="test",
        epochs=8,
        glove=30_000,
    ),
}
