"""What is trained on where texts are written: pairs of texts, pictures and texts, one long text."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers import random_model, random_pictures

import zoo
from training import captions, pairs, texts
from training.names import renamed
from training.recipes import recipe
from zoo.layers.words import BOUNDARY, PADDING

LETTERS = "abcdefgh"
RNG = np.random.default_rng(2)
SOURCES = ["".join(RNG.choice(list(LETTERS), RNG.integers(1, 12))) for _ in range(61)]
# The words of a text name the letters of its source, so that one can be told from the other.
OUTPUTS = [" ".join(letter.upper() * 2 for letter in source) for source in SOURCES]
SETTINGS = {"batch_size": 8, "seed": 3, "first_epoch": 0, "epochs": 2}


def taken(found, model, **changes):
    """The batches of a training set, as arrays."""
    batches = found.batches(zoo.preprocessor(model), **SETTINGS | changes)
    return list(batches.as_numpy_iterator())


@pytest.fixture(scope="module")
def written():
    found = pairs.training_set(
        recipe("seq2seq_cmudict"), SOURCES, {"outputs": [[output] for output in OUTPUTS]}
    )
    return found, random_model("encoder_decoder", **found.arguments, units=2, embedding_units=2)


def assert_shifted(inputs, following):
    """What a decoder reads is what it is to write, one step later."""
    assert inputs.shape == following.shape
    np.testing.assert_array_equal(inputs[:, 0], BOUNDARY)
    for read, right in zip(inputs, following, strict=True):
        length = np.count_nonzero(right)
        assert right[length - 1] == BOUNDARY
        np.testing.assert_array_equal(read[1:length], right[: length - 1])
        assert (read[length:] == PADDING).all()


def test_pairs_stay_together(written):
    found, model = written
    assert found.count == len(SOURCES)
    assert found.arguments["source_vocabulary"] == sorted(set("".join(SOURCES)))
    preprocessor = zoo.preprocessor(model)
    batches = taken(found, model)
    assert len(batches) == 2 * (len(SOURCES) // 8)
    for inputs, following in batches:
        assert_shifted(inputs["target"], following)
        for source, target in zip(inputs["source"], inputs["target"], strict=True):
            letters = preprocessor.source.pieces(source[source > BOUNDARY])
            words = preprocessor.target.pieces(target[target > BOUNDARY])
            assert [word.strip("▁ ") for word in words] == [one.upper() * 2 for one in letters]


def test_an_epoch_has_each_pair_once_and_batches_of_similar_length(written):
    found, model = written
    first = [inputs["source"] for inputs, _ in taken(found, model, epochs=1)]
    rows = [tuple(row[row != PADDING]) for batch in first for row in batch]
    numbers = zoo.preprocessor(model).source.numbers
    whole = [(*numbers(source), BOUNDARY) for source in SOURCES]
    for row in set(rows):
        assert rows.count(row) <= whole.count(row)
    padding = np.mean([np.mean(batch == PADDING) for batch in first])
    assert padding < 0.25


def test_batches_are_a_function_of_seed_and_epoch(written):
    found, model = written
    whole, again = taken(found, model), taken(found, model)
    resumed, other = taken(found, model, first_epoch=1), taken(found, model, seed=4)
    for (ours, _), (theirs, _) in zip(whole, again, strict=True):
        np.testing.assert_array_equal(ours["source"], theirs["source"])
    for (ours, _), (theirs, _) in zip(resumed, whole[7:], strict=True):
        np.testing.assert_array_equal(ours["source"], theirs["source"])
    assert any(
        ours["source"].shape != theirs["source"].shape or (ours["source"] != theirs["source"]).any()
        for (ours, _), (theirs, _) in zip(whole, other, strict=True)
    )


def test_each_right_text_of_a_source_is_a_pair():
    sources, outputs = pairs.pairs_of(["a", "b"], {"outputs": [["x", "y"], ["z"]]})
    assert list(zip(sources, outputs, strict=True)) == [("a", "x"), ("a", "y"), ("b", "z")]


def test_both_languages_share_their_parts_of_words():
    found = pairs.arguments(["low lower", "low"], ["lowest low", "newest"], 20)
    assert found["source_vocabulary"] == found["target_vocabulary"]
    assert len(found["source_vocabulary"]) == 20


def test_captions_keep_their_pictures():
    pictures = random_pictures(40, (6, 6)) // 4
    # The corner of a picture says what its text is; nothing is moved here.
    names = ["one", "three"]
    which = np.arange(40) % 2
    pictures[:, 0, 0] = np.where(which == 1, 255, 0)
    chosen = recipe("vec2seq_mnist")
    found = captions.training_set(
        replace(chosen, augment=None),
        pictures,
        {"outputs": [[names[i]] for i in which]},
    )
    assert found.arguments == {"target_vocabulary": sorted(set("onethree"))}
    model = random_model(
        "vector_to_sequence", **found.arguments, input_shape=(6, 6), units=2, highway_units=3
    )
    for inputs, following in taken(found, model):
        assert_shifted(inputs["target"], following)
        for picture, right in zip(inputs["pixels"], following, strict=True):
            text = "".join(zoo.preprocessor(model).target.pieces(right[right > BOUNDARY]))
            assert text == names[int(picture[0, 0] == 255)]


def test_picture_of_two_texts():
    with pytest.raises(ValueError, match="unpack"):
        captions.training_set(
            recipe("vec2seq_mnist"), random_pictures(1), {"outputs": [["a", "b"]]}
        )


def test_windows_of_a_text():
    chosen = recipe("gru_shakespeare")
    text = "".join(RNG.choice(list(LETTERS), 10 * chosen.window + 5))
    found = texts.training_set(chosen, [text], {})
    model = random_model("language_model", **found.arguments, units=2, embedding_units=2)
    assert found.count == 9
    batches = taken(found, model, batch_size=3)
    assert len(batches) == 6
    starts = []
    for inputs, following in batches:
        np.testing.assert_array_equal(inputs["target"][:, 0], BOUNDARY)
        np.testing.assert_array_equal(inputs["target"][:, 1:], following[:, :-1])
        for row in following:
            window = "".join(zoo.preprocessor(model).target.pieces(row))
            starts.append(text.index(window))
    for epoch in (starts[:9], starts[9:]):
        # Side by side, from a place that is the epoch's own.
        assert {after - before for before, after in pairwise(sorted(epoch))} == {chosen.window}
    assert min(starts[:9]) != min(starts[9:])
    assert starts[:9] != sorted(starts[:9])


@pytest.mark.parametrize(
    ("given", "message"),
    [(["a" * 200], "1024 characters or more, got 200"), (["a", "b"], "too many values to unpack")],
)
def test_text_that_is_too_short_or_not_one(given, message):
    with pytest.raises(ValueError, match=message):
        texts.training_set(recipe("gru_shakespeare"), given, {})


PLAY = """
First Lord:
The king is at Verona, Romeo.

ROMEO:
Let Mercutio know; and you, good Mercutio's friend.

MERCUTIO:
Good king, I hear thee, ROMEO: art thou a Romeo?

KING HENRY:
Romeos are none.

BALTHASAR:
Is Henry a king?
"""


def test_names_are_others_wherever_they_stand():
    found = renamed(PLAY, np.random.default_rng(0), 1.0)
    assert len(found) == len(PLAY)
    lines = dict(zip(PLAY.splitlines(), found.splitlines(), strict=True))
    romeo, mercutio = lines["ROMEO:"][:-1], lines["MERCUTIO:"][:-1]
    king, henry = lines["KING HENRY:"][:-1].split()
    assert romeo != "ROMEO"
    assert mercutio != "MERCUTIO"
    assert king == "KING"
    assert lines["The king is at Verona, Romeo."] == f"The king is at Verona, {romeo.title()}."
    assert lines["Romeos are none."] == "Romeos are none."
    assert f"Let {mercutio.title()} know; and you, good {mercutio.title()}'s friend." in found
    assert f"{romeo}: art thou a {romeo.title()}?" in found
    assert lines["Is Henry a king?"] == f"Is {henry.title()} a king?"
    assert "First Lord:" in found


def test_a_share_of_the_names_is_renamed():
    rng = np.random.default_rng(0)
    assert renamed(PLAY, rng, 0.0) == PLAY
    kept = [("ROMEO:" in renamed(PLAY, rng, 0.3)) for _ in range(200)]
    assert 0.6 < np.mean(kept) < 0.85
    assert len({renamed(PLAY, np.random.default_rng(seed), 0.7) for seed in range(9)}) > 5


def test_a_text_is_another_in_every_epoch():
    play = PLAY * 20
    found = texts.training_set(recipe("gru_shakespeare"), [play], {})
    model = random_model("language_model", **found.arguments, units=2, embedding_units=2)
    whole = taken(found, model, batch_size=1)
    resumed = taken(found, model, batch_size=1, first_epoch=1)
    for (ours, _), (theirs, _) in zip(whole[len(whole) // 2 :], resumed, strict=True):
        np.testing.assert_array_equal(ours["target"], theirs["target"])
    seen = zoo.preprocessor(model).decode([inputs["target"][0] for inputs, _ in whole])
    assert any(text[5:60] not in play for text in seen)
