"""{elman,jordan,lstm,peephole_lstm,gru}_atis and bilstm_atis: slot filling on ATIS.

The single cells walk one way, and see two words on either side of each; the BiLSTM sees the whole
sentence. Six to eight minutes a seed on one CPU core for the BiLSTM.

    python -m training bilstm_atis --seeds 5
"""

from functools import partial
from typing import Any

from training.recipe import Recipe, adamw
from training.sentences import invent_names

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


def _recipe(summary: str, published: dict[str, Any], **arguments: Any) -> Recipe:
    return Recipe(
        summary=summary,
        builder="slot_filler",
        arguments={"word_dropout": 0.15, **arguments},
        dataset="atis",
        train="train",
        validation="validation",
        test="test",
        epochs=30,
        batch_size=32,
        optimizer=partial(adamw, rate=3e-3, weight_decay=1e-2),
        augment=partial(invent_names, slot="city_name", rate=0.5, bare=0.1),
        monitor="val_f1",
        published=published,
        citation=published["source"],
    )


def _one_way(cell: str, what: str, f1: float, source: str) -> Recipe:
    return _recipe(
        f"Slots and intent of flight queries, cell {cell}, one way, two words to either side",
        {"what": f"{what}; trained on 4,978 sentences", "f1": f1, "source": source},
        cell=cell,
        bidirectional=False,
        window=[2, 2],
    )


RECIPES = {
    "elman_atis": _one_way("elman", "an Elman network", 0.9498, MESNIL),
    "jordan_atis": _one_way("jordan", "a Jordan network", 0.9429, MESNIL),
    "lstm_atis": _one_way("lstm", "an LSTM", 0.9485, YAO),
    "peephole_lstm_atis": _one_way("peephole_lstm", "an LSTM", 0.9485, YAO),
    "gru_atis": _one_way("gru", "an Elman network: none of a GRU is known", 0.9498, MESNIL),
    "bilstm_atis": _recipe(
        "Slots and intent of flight queries by a bidirectional LSTM",
        {
            "what": "an attention-based bidirectional LSTM, slots and intent together; trained on "
            "4,978 sentences",
            "f1": 0.9598,
            "intent_accuracy": 0.9821,
            "source": LIU,
        },
        cell="lstm",
        bidirectional=True,
    ),
}
