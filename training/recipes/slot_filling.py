"""{elman,jordan,lstm,peephole_lstm,gru,bilstm}_atis and bilstm_snips: slots and intents.

The single cells walk one way, and see two words on either side of each; the BiLSTM sees the whole
sentence.

    python -m training bilstm_atis --seeds 5
"""

from functools import partial
from typing import Any

from training.recipe import Recipe, adamw
from training.variation import vary

MESNIL = (
    "Mesnil et al.: Using Recurrent Neural Networks for Slot Filling in Spoken Language "
    "Understanding. IEEE/ACM TASLP 23(3), 2015."
)
LIU = (
    "Liu, Lane: Attention-Based Recurrent Neural Network Models for Joint Intent Detection and "
    "Slot Filling. arXiv:1609.01454, 2016."
)
YAO = (
    "Yao et al.: Spoken Language Understanding Using Long Short-Term Memory Neural Networks. 2014."
)
QIN = (
    "Qin et al.: A Stack-Propagation Framework with Token-Level Intent Detection for Spoken "
    "Language Understanding. EMNLP 2019."
)


def _recipe(
    summary: str, published: dict[str, Any], arguments: dict[str, Any], **settings: Any
) -> Recipe:
    return Recipe(
        summary=summary,
        builder="slot_filler",
        arguments={"trigram_buckets": 2048, "word_dropout": 0.15, **arguments},
        train="train",
        validation="validation",
        test="test",
        batch_size=32,
        optimizer=partial(adamw, rate=3e-3, weight_decay=1e-2),
        monitor="val_f1",
        published=published,
        citation=published["source"],
        **settings,
    )


VARY = partial(vary, names="city_name", days="day_number", bare=0.1)


def _atis(
    published: dict[str, Any], arguments: dict[str, Any], ways: str, **settings: Any
) -> Recipe:
    return _recipe(
        f"Slots and intent of flight queries, cell {arguments['cell']}, {ways}",
        published | {"what": f"{published['what']}; trained on 4,978 sentences"},
        arguments,
        dataset="atis",
        augment=partial(VARY, rate=0.3, others=0.1),
        **settings,
    )


def _one_way(published: dict[str, Any], cell: str) -> Recipe:
    arguments = {"cell": cell, "bidirectional": False, "window": [2, 2]}
    return _atis(published, arguments, "one way, two words to either side", epochs=30)


ELMAN = {"what": "an Elman network", "f1": 0.9498, "source": MESNIL}
JORDAN = {"what": "a Jordan network", "f1": 0.9429, "source": MESNIL}
LSTM = {"what": "an LSTM", "f1": 0.9485, "source": YAO}
ATTENTION = {
    "what": "an attention-based bidirectional LSTM, slots and intent together",
    "f1": 0.9598,
    "intent_accuracy": 0.9821,
    "source": LIU,
}
STACK = {
    "what": "Stack-Propagation, no pretrained vectors",
    "f1": 0.942,
    "intent_accuracy": 0.980,
    "source": QIN,
}

RECIPES = {
    "elman_atis": _one_way(ELMAN, "elman"),
    "jordan_atis": _one_way(JORDAN, "jordan"),
    "lstm_atis": _one_way(LSTM, "lstm"),
    "peephole_lstm_atis": _one_way(LSTM, "peephole_lstm"),
    "gru_atis": _one_way(ELMAN | {"what": "an Elman network, for want of a GRU's"}, "gru"),
    "bilstm_atis": _atis(
        ATTENTION,
        {"cell": "lstm"},
        "both ways",
        epochs=45,
        # With fewer invented names at the end, those of the corpus are labelled better.
        late_augment=(15, partial(VARY, rate=0.15, others=0.05)),
    ),
    "bilstm_snips": _recipe(
        "Slots and intent of requests to an assistant by a bidirectional LSTM and a CRF",
        STACK,
        {"cell": "lstm", "crf": True},
        dataset="snips",
        epochs=10,
    ),
}
