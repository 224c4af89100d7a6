"""Texts that are worked out: parity, addition, memorisation, by Grid LSTMs.

python -m training grid_lstm_addition_5
"""

from functools import partial
from typing import Any

from training.recipe import Recipe, adamw

KALCHBRENNER = "Kalchbrenner, Danihelka, Graves: Grid Long Short-Term Memory. ICLR 2016."


def _recipe(
    summary: str,
    task: str,
    builder: str,
    arguments: dict[str, Any],
    published: str,
    *,
    epochs: int,
    goal: float | None = None,
    grown_to: int | None = None,
) -> Recipe:
    return Recipe(
        summary=summary,
        builder=builder,
        arguments=arguments,
        dataset=task,
        train="train[:16000]",
        validation="validation",
        test="test",
        epochs=epochs,
        goal=goal,
        grown_to=grown_to,
        batch_size=64,
        optimizer=partial(adamw, rate=1e-3, weight_decay=1e-4),
        # The largest would have more than 10 MB.
        dtype="float16",
        published={"what": published, "source": KALCHBRENNER},
        citation=KALCHBRENNER,
    )


def _addition(digits: int, epochs: int, grown_to: int | None = None, **arguments: Any) -> Recipe:
    return _recipe(
        f"The sum of two numbers of up to {digits} digits by a Grid LSTM",
        f"addition_{digits}",
        "reader_writer",
        arguments,
        "15 digits, over 99 % of the sums, by 18 tied layers of 400 units",
        epochs=epochs,
        grown_to=grown_to,
    )


def _memorization(letters: int, epochs: int, goal: float | None = None, **arguments: Any) -> Recipe:
    return _recipe(
        f"A text of up to {letters} letters, again, by a Grid LSTM",
        f"memorization_{letters}",
        "reader_writer",
        arguments,
        "20 symbols of 64, over 99 % of the texts, by 43 tied layers of 100 units",
        epochs=epochs,
        goal=goal,
    )


RECIPES = {
    "grid_lstm_parity": _recipe(
        "The parity of up to 100 bits, all read at once, by a 1-LSTM",
        "parity_100",
        "one_lstm",
        {"length": 100, "units": 64, "depth": 20},
        "250 bits, all right, by a 1-LSTM of 1,500 units",
        epochs=400,
    ),
    "grid_lstm_addition_5": _addition(5, epochs=60, units=128, cell_depth=4, cell_tied=True),
    # The weights that are published were chosen at 15 digits, of which few sums came out right.
    "grid_lstm_addition_13": _addition(
        13, epochs=56, grown_to=15, units=300, cell_depth=12, cell_tied=True
    ),
    "grid_lstm_addition_15": _addition(15, epochs=90, units=300, cell_depth=12, cell_tied=True),
    "grid_lstm_memorization_10": _memorization(
        10, epochs=60, units=128, cell_depth=4, cell_tied=True
    ),
    "grid_lstm_memorization_20": _memorization(
        20, epochs=54, goal=1.0, units=100, cell_depth=43, cell_tied=True
    ),
}
