"""Builders by name, and what they refuse."""

import json

import keras
import numpy as np
import pytest
from helpers import random_model, random_pictures

import zoo
from zoo import registry
from zoo.models.classifying import compile_classifier, image_preprocessor


class Scale(keras.layers.Layer):
    """Has a weight without axes, which no layer of the zoo has."""

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=())

    def call(self, x):
        return x * self.factor


@pytest.fixture
def register(monkeypatch):
    """`zoo.register`, undone after the test."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    return zoo.register


@pytest.fixture
def shapes_builder(register):
    """A builder of the user's own, called "shapes"."""

    @register(
        "shapes",
        task="image-classification",
        heads={"labels": "answer"},
        compile=compile_classifier,
        preprocessor=image_preprocessor,
    )
    def shapes(size, labels=("circle", "square")):
        pixels = keras.Input((size, size), name="pixels")
        x = keras.layers.Flatten(name="flatten")(pixels)
        x = Scale(name="scale")(x)
        if labels:
            x = keras.layers.Dense(len(labels), name="answer")(x)
        return keras.Model(pixels, x, name="shapes")


def test_builders_of_the_zoo_are_listed_and_build():
    assert zoo.list_builders() == sorted(zoo.list_builders())
    for name in ("cnn_classifier", "highway_classifier", "mlp_classifier"):
        assert name in zoo.list_builders()
        assert zoo.build(name, num_classes=3).output_shape == (None, 3)


def test_unknown_builder_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"no builder named 'mlp_clasifier'.*mlp_classifier"):
        zoo.build("mlp_clasifier")
    with pytest.raises(ValueError, match=r"known: .*highway_classifier"):
        zoo.build("zzz")


@pytest.mark.parametrize("name", ["mlp_classifier", "shapes"])
def test_name_of_another_builder_is_refused(name, register, shapes_builder):
    with pytest.raises(ValueError, match=f"{name!r} is registered already"):

        @register(name, task="x", heads={"labels": "head"}, compile=compile_classifier)
        def other():
            raise AssertionError("never built")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b", "a"], "'a' more than once"),
        (["a", 1], "list of strings"),
        ([b"a", b"b"], "list of strings"),
        ("ab", "list of strings"),
        (None, "list of strings"),
        (7, "list of strings"),
        ((str(i) for i in range(3)), "list of strings"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=f"labels must be.*{message}"):
        zoo.build("mlp_classifier", labels=labels)


@pytest.mark.parametrize("count", [-1, True, False, 2.0, "3", None])
def test_bad_num_classes(count):
    with pytest.raises(ValueError, match="num_classes must be an integer of 0 or more"):
        zoo.build("mlp_classifier", num_classes=count)


def test_num_classes_besides_labels():
    with pytest.raises(ValueError, match="not both"):
        zoo.build("mlp_classifier", num_classes=2, labels=["a", "b"])


def test_num_classes_stands_for_numbers():
    assert zoo.preprocessor(zoo.build("mlp_classifier", num_classes=3)).labels == ["0", "1", "2"]


def test_unknown_argument_is_told_those_there_are():
    with pytest.raises(TypeError, match=r"'mlp_classifier' has no argument 'width'.*units"):
        zoo.build("mlp_classifier", width=3)


def test_missing_argument_is_named(shapes_builder):
    with pytest.raises(TypeError, match="'shapes' needs size="):
        zoo.build("shapes")


@pytest.mark.parametrize("shape", [(28,), (28, 28, 1, 1), (28, 0), (28, 28.0), (28, None)])
def test_bad_input_shape(shape):
    with pytest.raises(ValueError, match="input_shape must be"):
        zoo.build("cnn_classifier", input_shape=shape)


def test_own_builder_builds_saves_and_loads(shapes_builder, tmp_path):
    model = random_model("shapes", size=5)
    zoo.save(model, tmp_path / "shapes")
    loaded = zoo.load(tmp_path / "shapes")
    pictures = random_pictures(3, (5, 5))
    np.testing.assert_array_equal(loaded.predict(pictures), model.predict(pictures))
    answer = zoo.pipeline(tmp_path / "shapes")(pictures[0])
    assert json.dumps(answer)
    assert list(answer["probabilities"]) == ["circle", "square"]
    assert zoo.load(tmp_path / "shapes", num_classes=0).output_shape == (None, 25)
