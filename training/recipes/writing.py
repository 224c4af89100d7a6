"""seq2seq_cmudict: what a word's letters sound like.

python -m training seq2seq_cmudict
"""

from functools import partial

from training.recipe import Recipe, adamw

TOSHNIWAL = (
    "Toshniwal, Livescu: Jointly Learning to Align and Convert Graphemes to Phonemes with Neural "
    "Attention Models. IEEE SLT 2016."
)

RECIPES = {
    "seq2seq_cmudict": Recipe(
        summary="Phonemes of an English word from its letters, by an encoder-decoder with attention",
        builder="encoder_decoder",
        arguments={"cell": "gru", "units": 256, "depth": 2, "dropout": 0.3},
        dataset="cmudict",
        train="train",
        validation="validation",
        test="test",
        epochs=14,
        batch_size=128,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
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
