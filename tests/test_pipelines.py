"""Raw input to plain values, and what the preprocessor does on the way."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import random_model, random_pictures
from PIL import Image

import zoo

LABELS = ["zéro", "one", "two", "three"]
PICTURES = random_pictures(7)


@pytest.fixture(scope="module")
def model():
    return random_model(units=[6], labels=LABELS)


@pytest.fixture(scope="module")
def classify(model):
    return zoo.pipeline(model)


@pytest.fixture
def png(tmp_path):
    Image.fromarray(PICTURES[0]).save(tmp_path / "0.png")
    return tmp_path / "0.png"


def assert_same_answer(ours, theirs):
    assert ours["label"] == theirs["label"]
    assert list(ours["probabilities"]) == list(theirs["probabilities"])
    for label, probability in ours["probabilities"].items():
        # A batch of another size is summed in another order.
        assert math.isclose(probability, theirs["probabilities"][label], abs_tol=1e-5)


def test_answer_is_the_softmax_of_the_logits(model, classify):
    answers = classify(PICTURES)
    logits = model.predict(PICTURES, verbose=0).astype("float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert len({answer["label"] for answer in answers}) > 1
    for answer, row in zip(answers, probabilities, strict=True):
        assert answer.keys() == {"label", "score", "probabilities"}
        assert list(answer["probabilities"]) == LABELS
        np.testing.assert_allclose(list(answer["probabilities"].values()), row, atol=1e-5)
        assert answer["label"] == LABELS[row.argmax()]
        assert answer["score"] == max(answer["probabilities"].values())
        assert math.isclose(sum(answer["probabilities"].values()), 1)


def test_answer_is_plain(classify):
    answers = classify(PICTURES)
    assert json.loads(json.dumps(answers)) == answers
    assert type(answers[0]["score"]) is float


def test_forms_of_one_picture(classify, png):
    expected = classify(PICTURES)[0]
    for one in (PICTURES[0], PICTURES[0][..., None], png, str(png)):
        assert_same_answer(classify(one), expected)


def test_forms_of_several_pictures(classify, png):
    expected = classify(PICTURES)
    for several in (
        list(PICTURES),
        tuple(PICTURES),
        PICTURES[..., None],
        [png, *PICTURES[1:4, ..., None], *PICTURES[4:]],
    ):
        for ours, theirs in zip(classify(several), expected, strict=True):
            assert_same_answer(ours, theirs)
    [only] = classify(PICTURES[:1])
    assert_same_answer(only, expected[0])


@pytest.mark.parametrize("empty", [[], PICTURES[:0]])
def test_nothing_gives_nothing(classify, empty):
    assert classify(empty) == []


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batch_size_changes_no_answer(classify, batch_size):
    for ours, theirs in zip(
        classify(PICTURES, batch_size=batch_size), classify(PICTURES), strict=True
    ):
        assert_same_answer(ours, theirs)


def test_iterator_is_read_no_further_than_its_batch(classify):
    read = []

    def pictures():
        for i, picture in enumerate(PICTURES):
            read.append(i)
            yield picture

    answers = classify(pictures(), batch_size=2)
    assert read == []
    first = next(answers)
    assert read == [0, 1]
    rest = list(answers)
    assert len(read) == 7
    for ours, theirs in zip([first, *rest], classify(PICTURES), strict=True):
        assert_same_answer(ours, theirs)


def test_top_k_keeps_the_likeliest_in_order(classify):
    whole = classify(PICTURES[0])
    kept = classify(PICTURES[0], top_k=2)
    ranked = sorted(whole["probabilities"].items(), key=lambda pair: -pair[1])
    assert list(kept["probabilities"].items()) == ranked[:2]
    assert (kept["label"], kept["score"]) == ranked[0] == (whole["label"], whole["score"])


@pytest.mark.parametrize("top_k", [0, -1, 5, 1.0, "2"])
def test_bad_top_k(classify, top_k):
    # A generator too must complain when it is made, not when it is read.
    for inputs in (PICTURES, iter(PICTURES)):
        with pytest.raises(ValueError, match="top_k must be from 1 to 4"):
            classify(inputs, top_k=top_k)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, None])
def test_bad_batch_size(classify, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a positive integer"):
        classify(iter(PICTURES), batch_size=batch_size)


def test_unknown_option(classify):
    with pytest.raises(TypeError, match="topk"):
        classify(PICTURES, topk=3)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_pictures_that_are_not_uint8(classify, dtype):
    for inputs in (PICTURES[0].astype(dtype), PICTURES.astype(dtype), [PICTURES[0].astype(dtype)]):
        with pytest.raises(TypeError, match=f"uint8 pixels from 0 to 255, got {dtype}"):
            classify(inputs)


@pytest.mark.parametrize("shape", [(27, 28), (2, 28, 27), (28,), (28, 28, 3), (1, 1, 28, 28)])
def test_pictures_of_another_shape(classify, shape):
    with pytest.raises((ValueError, TypeError), match="pictures must"):
        classify(random_pictures(1, shape)[0])


def test_path_that_leads_to_no_picture(classify, tmp_path):
    with pytest.raises(FileNotFoundError):
        classify(tmp_path / "nothing.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(OSError, match=r"text\.png"):
        classify(tmp_path / "text.png")
    Image.fromarray(PICTURES[0]).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=r"cut\.png cannot be read as a picture: .*truncated"):
        classify(tmp_path / "cut.png")
    # More pixels than Pillow takes.
    Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")
    with pytest.raises(OSError, match=r"huge\.png cannot be read as a picture: .*200000000"):
        classify(tmp_path / "huge.png")


def test_file_of_another_size_and_mode_is_converted(classify, tmp_path):
    grey = np.kron(PICTURES[0], np.ones((2, 2), np.uint8))
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "large.png")
    small = Image.fromarray(grey).resize((28, 28), Image.Resampling.LANCZOS)
    assert_same_answer(classify(tmp_path / "large.png"), classify(np.asarray(small)))


def test_own_predictions_do_not_change_the_pipeline():
    # Keras takes pictures with a channel too; what it traces next then has a shape of any rank.
    model = random_model(units=[6])
    classify = zoo.pipeline(model)
    before = classify(PICTURES[0])
    model.predict(PICTURES[..., None], verbose=0)
    assert_same_answer(classify(PICTURES[0]), before)
    fresh = zoo.pipeline(model)
    assert_same_answer(fresh(PICTURES[..., None])[0], before)
    assert_same_answer(fresh(PICTURES[0]), before)


def test_pipeline_follows_the_weights_of_its_model():
    model = random_model(units=[6])
    classify = zoo.pipeline(model)
    before = classify(PICTURES[0])
    model.get_layer("head").bias.assign(np.linspace(-9, 9, 10))
    assert classify(PICTURES[0])["probabilities"]["9"] > before["probabilities"]["9"]
    assert classify(PICTURES[0]) != before


def test_pipeline_with_options_of_load(model, known):
    assert list(zoo.pipeline(model, num_classes=2)(PICTURES[0])["probabilities"]) == ["0", "1"]
    one, two = (zoo.pipeline("digits_mlp", revision=revision)(PICTURES[0]) for revision in (1, 2))
    assert one["probabilities"] != two["probabilities"]


def test_model_without_head_has_no_pipeline(model):
    with pytest.raises(ValueError, match=r"has no head: use model\.predict"):
        zoo.pipeline(model, num_classes=0)


def test_colour_pictures(tmp_path):
    classify = zoo.pipeline(random_model("cnn_classifier", input_shape=(8, 6, 3), filters=[2]))
    pictures = random_pictures(2, (8, 6, 3))
    Image.fromarray(pictures[1]).save(tmp_path / "1.png")
    answers = classify(pictures)
    assert_same_answer(classify(pictures[0]), answers[0])
    assert_same_answer(classify(tmp_path / "1.png"), answers[1])


def test_encode_gives_pixels(model, png):
    encode = zoo.preprocessor(model).encode
    assert encode(PICTURES[0]).shape == (1, 28, 28)
    np.testing.assert_array_equal(encode([png, PICTURES[1]]), PICTURES[:2])
    assert encode(PICTURES[..., None]).dtype == np.uint8


@pytest.mark.parametrize(
    "labels",
    [
        ["two", "zéro", "three"],
        np.array(["two", "zéro", "three"]),
        [2, 0, 3],
        np.array([2, 0, 3], "uint8"),
        ("two", 0, np.int64(3)),
    ],
)
def test_encode_with_labels(model, labels):
    pixels, ids = zoo.preprocessor(model).encode(PICTURES[:3], labels)
    np.testing.assert_array_equal(pixels, PICTURES[:3])
    assert ids.dtype == np.int32
    assert ids.tolist() == [2, 0, 3]


@pytest.mark.parametrize("label", ["two", 2, np.int64(2)])
def test_encode_with_one_label(model, label):
    pixels, ids = zoo.preprocessor(model).encode(PICTURES[0], label)
    assert pixels.shape == (1, 28, 28)
    assert ids.tolist() == [2]


@pytest.mark.parametrize("label", ["four", "0", "", 4, -1, 1.5])
def test_encode_with_a_label_there_is_not(model, label):
    with pytest.raises(ValueError, match="labels must be among zéro, one, two, three"):
        zoo.preprocessor(model).encode(PICTURES[:2], ["one", label])


def test_numbers_as_labels_are_names_and_integers_are_ids():
    preprocessor = zoo.preprocessor(random_model(units=[2], labels=["7", "0"]))
    assert preprocessor.encode(PICTURES[:2], ["7", "0"])[1].tolist() == [0, 1]
    assert preprocessor.encode(PICTURES[:2], [1, 0])[1].tolist() == [1, 0]


def test_encode_with_too_few_labels(model):
    with pytest.raises(ValueError, match="2 labels for 3 pictures"):
        zoo.preprocessor(model).encode(PICTURES[:3], ["one", "two"])


@pytest.mark.parametrize("labels", [["two", "zéro", "one"], [2, 0, 1]])
@pytest.mark.parametrize("pictures", [PICTURES[:3], PICTURES[:3, ..., None]])
def test_encode_of_a_dataset(model, pictures, labels):
    dataset = tf.data.Dataset.from_tensor_slices((pictures, labels))
    encoded = zoo.preprocessor(model).encode(dataset)
    assert encoded.element_spec == (
        tf.TensorSpec((28, 28), tf.uint8),
        tf.TensorSpec((), tf.int32),
    )
    pixels, ids = next(encoded.batch(3).as_numpy_iterator())
    np.testing.assert_array_equal(pixels, PICTURES[:3])
    assert ids.tolist() == [2, 0, 1]
    # What `fit` makes of it is the point.
    scores = model.evaluate(encoded.batch(3), verbose=0, return_dict=True)
    arrays = model.evaluate(PICTURES[:3], np.array([2, 0, 1]), verbose=0, return_dict=True)
    assert math.isclose(scores["loss"], arrays["loss"], rel_tol=1e-5)


def test_encode_of_a_dataset_without_labels():
    # Features too need their pixels encoded, though there are no labels.
    model = random_model(units=[6], num_classes=0)
    encoded = zoo.preprocessor(model).encode(tf.data.Dataset.from_tensor_slices(PICTURES))
    np.testing.assert_allclose(
        model.predict(encoded.batch(7), verbose=0), model.predict(PICTURES, verbose=0), rtol=1e-5
    )


@pytest.mark.parametrize("label", ["four", 4, -1])
def test_encode_of_a_dataset_with_a_label_there_is_not(model, label):
    dataset = tf.data.Dataset.from_tensor_slices((PICTURES[:1], [label]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be among"):
        list(zoo.preprocessor(model).encode(dataset))


def test_encode_of_a_dataset_of_other_pictures(model):
    encode = zoo.preprocessor(model).encode
    with pytest.raises(TypeError, match="uint8 pixels, got float32"):
        encode(tf.data.Dataset.from_tensor_slices(PICTURES.astype("float32")))
    # As many pixels, but in other places.
    with pytest.raises(ValueError, match=r"\[28,28\] and \[14,56\]"):
        encode(tf.data.Dataset.from_tensor_slices(PICTURES.reshape(7, 14, 56)))


def test_decode_names_the_likeliest(model):
    decode = zoo.preprocessor(model).decode
    assert decode(np.array([[0, 3, 1, 2], [9, 3, 1, 2.0]])) == ["one", "zéro"]
    assert decode(tf.constant([[0, 0, 0, 1]])) == ["three"]


def test_digits_that_ship_with_the_examples_are_encoded_as_they_are(model):
    path = Path(__file__).parent.parent / "docs" / "examples" / "mnist_test_300.npz"
    with np.load(path) as digits:
        np.testing.assert_array_equal(
            zoo.preprocessor(model).encode(digits["pictures"]), digits["pictures"]
        )
