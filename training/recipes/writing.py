"""What is written for a text, for a picture, and after what was written before.

python -m training seq2seq_cmudict
"""

from functools import partial
from typing import Any

from training.names import renamed
from training.pictures import random_affine
from training.recipe import Recipe, adamw

TOSHNIWAL = (
    "Toshniwal, Livescu: Jointly Learning to Align and Convert Graphemes to Phonemes with Neural "
    "Attention Models. IEEE SLT 2016."
)
CAGLAYAN = "Caglayan et al.: LIUM-CVC Submissions for WMT17 Multimodal Translation Task. WMT 2017."
FENG = "Feng et al.: Were RNNs All We Needed? arXiv:2410.01201, 2024."
GOODFELLOW = "Goodfellow, Bengio, Courville: Deep Learning. MIT Press 2016, section 10.2."


def _spelled(summary: str, arguments: dict[str, Any]) -> Recipe:
    return Recipe(
        summary=summary,
        builder="vector_to_sequence",
        arguments={"highway_units": 128, **arguments},
        dataset="mnist_spelled",
        train="train[:55000]",
        validation="train[55000:]",
        test="test",
        epochs=40,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        augment=partial(random_affine, degrees=10, zoom=0.1, shear=0.1, shift=2),
        published={"what": "no result: the task is the zoo's own", "source": GOODFELLOW},
        citation=GOODFELLOW,
    )


def _shakespeare(summary: str, arguments: dict[str, Any]) -> Recipe:
    return Recipe(
        summary=summary,
        builder="language_model",
        arguments={
            **arguments,
            "dropout": 0.3,
            "recurrent_dropout": 0.1,
            # Names of speakers, which only the play itself can tell.
            "pointer_length": 512,
        },
        dataset="tinyshakespeare",
        train="train[:97%]",
        # The beginning of a play that training has not seen, as those of the test are.
        validation="train[97%:]",
        test="validation+test",
        epochs=28,
        batch_size=16,
        # Room for some speakers, whose names come again.
        window=512,
        augment=partial(renamed, rate=0.7),
        optimizer=partial(adamw, rate=3e-3, weight_decay=0.1),
        dtype="float16",
        monitor="-val_nats",
        published={"what": "minGRU, on the same characters", "nats": 1.548, "source": FENG},
        citation=FENG,
    )


RECIPES = {
    "vec2seq_mnist": _spelled(
        "The name of a handwritten digit, spelled by a GRU that begins with the picture",
        {"cell": "gru", "units": 64, "depth": 1},
    ),
    "output_recurrent_mnist": _spelled(
        "The name of a handwritten digit, spelled with the letter before as the only memory",
        {"depth": 0},
    ),
    "gru_shakespeare": _shakespeare(
        "The next character of Shakespeare by a GRU with a pointer",
        {"cell": "gru", "units": 384, "depth": 2},
    ),
    # As many parameters as the GRU's.
    "grid_lstm_shakespeare": _shakespeare(
        "The next character of Shakespeare by a Grid LSTM with a pointer",
        {"cell": "grid_lstm", "units": 296, "cell_depth": 2, "cell_tied": True},
    ),
    "seq2seq_multi30k_en_de": Recipe(
        summary="English captions of pictures into German, by an encoder-decoder with attention",
        builder="encoder_decoder",
        arguments={
            "cell": "gru",
            "units": 256,
            "decoder_depth": 2,
            "attention": "scaled_dot",
            "embedding_units": 192,
            "tied": True,
            "dropout": 0.3,
        },
        dataset="multi30k",
        train="train",
        validation="validation",
        test="test",
        epochs=24,
        batch_size=64,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        subwords=4_000,
        dtype="float16",
        monitor="val_bleu",
        published={"what": "an attentive GRU that reads the text alone", "source": CAGLAYAN},
        citation=CAGLAYAN,
    ),
    "seq2seq_cmudict": Recipe(
        summary="Phonemes of an English word from its letters by an encoder-decoder with attention",
        builder="encoder_decoder",
        arguments={
            "cell": "gru",
            "units": 288,
            "encoder_depth": 2,
            "decoder_depth": 2,
            "attention": "scaled_dot",
            "dropout": 0.2,
        },
        dataset="cmudict",
        train="train",
        validation="validation",
        test="test",
        epochs=18,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
        dtype="float16",
        monitor="-val_per",
        published={
            "what": "an encoder-decoder with global attention, one model",
            "per": 0.0504,
            "wer": 0.2169,
            "source": TOSHNIWAL,
        },
        citation=TOSHNIWAL,
    ),
}
