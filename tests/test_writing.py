"""The builders that write sequences: their decoder, its training, their preprocessors."""

from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import random_model, random_pictures

import zoo
from zoo.models.writing import Decoder, ScheduledSampling, SymbolAccuracy, compile_writer
from zoo.preprocessing.sequence import CaptionPreprocessor, SequencePreprocessor, TextPreprocessor

CELLS = ("elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm", "recurrent_highway")
ATTENTION = ("none", "dot", "scaled_dot", "additive")
PIECES = [*"abcdef "]
SYMBOLS = len(PIECES) + 3
SOURCE = {"source_vocabulary": [*"xyz"]}
SIZES = {"target_vocabulary": PIECES, "units": 5, "embedding_units": 4}
PICTURE = {"input_shape": [4, 4], "highway_units": 6, "highway_depth": 2}

# name -> (builder, its arguments)
MODELS = {
    **{
        f"encoder_decoder {cell}": (
            "encoder_decoder",
            SOURCE | {"cell": cell, "attention": ATTENTION[i % 3]},
        )
        for i, cell in enumerate(CELLS)
    },
    **{f"language_model {cell}": ("language_model", {"cell": cell}) for cell in CELLS},
    **{
        f"vector_to_sequence {cell}": ("vector_to_sequence", PICTURE | {"cell": cell})
        for cell in CELLS
    },
    "deep, tied encoder_decoder": (
        "encoder_decoder",
        SOURCE
        | {
            "encoder_depth": 2,
            "decoder_depth": 2,
            "tied": True,
            "scheduled_sampling": 0.3,
            "cell": "gru",
        },
    ),
    "tied encoder_decoder of one vocabulary": (
        "encoder_decoder",
        {"source_vocabulary": PIECES, "tied": True, "attention": "additive"},
    ),
    "deep, tied language_model": ("language_model", {"depth": 2, "tied": True, "cell": "lstm"}),
    "language_model of pairs": ("language_model", {"depth": 0}),
    "output-recurrent vector_to_sequence": ("vector_to_sequence", PICTURE | {"depth": 0}),
    **{f"reader_writer {cell}": ("reader_writer", SOURCE | {"cell": cell}) for cell in CELLS},
    "deep reader_writer": ("reader_writer", SOURCE | {"cell": "gru", "depth": 2}),
    "untied reader_writer": (
        "reader_writer",
        SOURCE | {"cell_depth": 3, "cell_tied": False},
    ),
    "one_lstm": ("one_lstm", SOURCE | {"length": 5, "depth": 3}),
    "untied one_lstm": ("one_lstm", SOURCE | {"length": 4, "depth": 2, "tied": False}),
}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    builder, arguments = MODELS[request.param]
    dropout = {} if builder == "one_lstm" else {"dropout": 0.5}
    return random_model(builder, **SIZES, **dropout, **arguments)


def inputs_of(model, rows=3):
    """Random inputs: a source of which the last row is the shortest, or pictures; and a target."""
    random = rng(1)
    inputs = {"target": random.integers(3, SYMBOLS, (rows, 6)).astype(np.int32)}
    inputs["target"][:, 0] = 2
    if "source" in model.input:
        symbols = len(model.zoo_origin.arguments["source_vocabulary"]) + 3
        source = random.integers(3, symbols, (rows, 5)).astype(np.int32)
        for row in range(rows):
            source[row, 4 - row] = 2
            source[row, 5 - row :] = 0
        inputs["source"] = source
    if "pixels" in model.input:
        inputs["pixels"] = (
            random_pictures(rows, (4, 4)) + np.arange(rows, dtype=np.uint8)[:, None, None]
        )
    return inputs


def logits_of(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def test_steps_give_what_the_walk_over_a_target_does(model):
    """From memory and states on, as a search takes them."""
    inputs = inputs_of(model)
    expected = logits_of(model, inputs)
    decoder = Decoder.of(model)
    names = [layer.name for layer in model.layers]
    start = {
        name: model.get_layer(name).output
        for name in names
        if name == "memory" or name.startswith("bridge_")
    }
    start = keras.Model(model.input, start)(inputs, training=False) if start else {}
    memory = start.get("memory")
    sizes = decoder.state_size
    if not start:
        states = decoder.initial_state(3)
    else:
        states = [start[f"bridge_{i}"] for i in range(len(sizes))]
    assert [tuple(state.shape) for state in states] == [(3, size) for size in sizes]
    mask = inputs["source"] != 0 if "source" in inputs else None
    read = None if memory is None else decoder.read(memory, mask)
    # Two sequences a row, as in a beam: the other one goes backwards and must not be seen.
    states = [np.stack([state, state], axis=1) for state in states]
    step = decoder.stepping()
    for t in range(inputs["target"].shape[1]):
        last = inputs["target"][:, t]
        symbols = np.stack([last, last[::-1] if t else last], axis=1)
        logits, states = step(keras.ops.convert_to_tensor(symbols), states, read)
        assert logits.shape == (3, 2, SYMBOLS)
        np.testing.assert_allclose(logits[:, 0], expected[:, t], atol=1e-5, err_msg=f"step {t}")


@pytest.mark.parametrize(("cell", "attention"), product(CELLS, ATTENTION))
def test_steps_of_any_cell_and_attention(cell, attention):
    decoder, memory = random_decoder(cell=cell, attention=attention, depth=2)
    target = rng(2).integers(0, SYMBOLS, (3, 4))
    states = [
        rng(i).normal(size=(3, size)).astype("float32") for i, size in enumerate(decoder.state_size)
    ]
    expected = decoder(target, states, memory)
    assert np.ptp(expected, axis=1).min() > 1e-3
    states = [state[:, None] for state in states]
    step = decoder.stepping()
    for t in range(4):
        logits, states = step(keras.ops.convert_to_tensor(target[:, t : t + 1]), states, memory)
        np.testing.assert_allclose(logits[:, 0], expected[:, t], atol=1e-5, err_msg=f"step {t}")


def random_decoder(attention="none", **options):
    """A decoder of random weights, and a memory, a part of which is masked."""
    settings = {"cell": "gru", "units": 5, "depth": 1, "embedding_units": 4, "tied": False}
    decoder = Decoder.new(SYMBOLS, attention=attention, dropout=0.0, **settings | options)
    values = rng(3).normal(size=(3, 1 if attention == "none" else 6, 7)).astype("float32")
    mask = None if attention == "none" else np.arange(6) < np.array([[6], [3], [1]])
    decoder(np.zeros((3, 2), np.int32), [], decoder.read(values, mask))
    for layer in decoder.layers:
        for i, variable in enumerate(layer.weights):
            variable.assign(rng(10 + i).normal(size=variable.shape))
    return decoder, decoder.read(values, mask)


@pytest.mark.parametrize("attention", ["dot", "scaled_dot", "additive"])
def test_attention_against_numpy(attention):
    decoder, memory = random_decoder(attention)
    mask = memory.mask
    layers = {layer.name: [np.array(w) for w in layer.weights] for layer in decoder.layers}
    h = rng(4).normal(size=(3, 4, 5)).astype("float32")
    keys = memory.values @ layers["keys_0"][0]
    if attention != "additive":
        scores = h @ keys.transpose(0, 2, 1)
        scores /= 5**0.5 if attention == "scaled_dot" else 1
    else:
        kernel, bias = layers["queries_0"]
        both = (h @ kernel + bias)[:, :, None] + keys[:, None]
        scores = np.tanh(both) @ layers["attention_0"][0]
    scores = np.where(mask[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    contexts, found = decoder.attend(0, h, memory, weights=True)
    np.testing.assert_allclose(found, weights, atol=1e-5)
    np.testing.assert_allclose(contexts, weights @ memory.values, atol=1e-4)
    np.testing.assert_allclose(np.sum(found, axis=-1), 1, atol=1e-5)
    assert not np.any(np.where(mask[:, None], 0, found))
    assert np.all(found[2, :, 0] == 1)


@pytest.mark.parametrize("attention", ATTENTION)
def test_a_layer_reads_what_the_one_below_found(attention):
    """Layer by layer: h of each beside its context, which the next one and the logits read."""
    decoder, memory = random_decoder(attention, depth=2)
    target = rng(6).integers(0, SYMBOLS, (3, 4))
    x = decoder.embed(target)
    for i, layer in enumerate(decoder.recurrent):
        h, _ = layer(x)
        if attention == "none":
            context = np.repeat(memory.values, 4, axis=1)
        else:
            context = decoder.attend(i, h, memory)
        x = np.concatenate([h, context], axis=-1)
    np.testing.assert_allclose(decoder(target, [], memory), decoder.logits(x), atol=1e-5)
    if attention != "none":
        weights = decoder.attention_weights(target, [], memory)
        np.testing.assert_allclose(
            weights, decoder.attend(1, h, memory, weights=True)[1], atol=1e-5
        )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("attention", ATTENTION)
def test_logits_against_numpy(attention, tied):
    decoder, _ = random_decoder(attention, tied=tied)
    layers = {layer.name: [np.array(w) for w in layer.weights] for layer in decoder.layers}
    h = rng(4).normal(size=(3, 4, 5)).astype("float32")
    x = np.concatenate([h, rng(5).normal(size=(3, 4, 7))], axis=-1).astype("float32")
    kernel, bias = layers["readout"]
    read = np.tanh(x @ kernel + bias)
    embeddings, *reverse = layers["target_embeddings"]
    assert len(reverse) == (0 if tied else 1)
    expected = read @ (embeddings.T if tied else reverse[0])
    np.testing.assert_allclose(decoder.logits(x), expected, atol=1e-4)


def test_what_comes_after_a_symbol_does_not_depend_on_later_ones(model):
    inputs = inputs_of(model)
    before = logits_of(model, inputs)
    for t in (1, 3, 5):
        changed = inputs["target"].copy()
        changed[:, t:] = 3 + (changed[:, t:] - 2) % len(PIECES)
        after = logits_of(model, inputs | {"target": changed})
        np.testing.assert_allclose(after[:, :t], before[:, :t], atol=1e-6)
        assert np.abs(after[:, t] - before[:, t]).min(axis=0).max() > 1e-4


def test_what_is_read_counts_and_its_padding_does_not(model):
    inputs = inputs_of(model)
    expected = logits_of(model, inputs)
    if "source" in inputs:
        longer = np.pad(inputs["source"], [[0, 0], [0, 3]])
        np.testing.assert_allclose(
            logits_of(model, inputs | {"source": longer}), expected, atol=1e-5
        )
    for row in range(3):
        alone = {name: values[row : row + 1] for name, values in inputs.items()}
        if "source" in alone:
            alone["source"] = alone["source"][:, : 5 - row]
        np.testing.assert_allclose(logits_of(model, alone)[0], expected[row], atol=1e-5)
    for name in inputs.keys() - {"target"}:
        other = np.where(inputs[name] == 3, inputs[name] + 1, inputs[name])
        other = 255 - other if name == "pixels" else other
        assert np.abs(logits_of(model, inputs | {name: other}) - expected).max() > 1e-4


def test_the_first_step_sees_the_boundary_alone_and_padding_in_a_target_changes_nothing(model):
    inputs = inputs_of(model)
    expected = logits_of(model, inputs)
    padded = np.pad(inputs["target"], [[0, 0], [0, 2]])
    found = logits_of(model, inputs | {"target": padded})
    np.testing.assert_allclose(found[:, :-2], expected, atol=1e-5)


def cross_entropies(logits, symbols):
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_probs, symbols[..., None], axis=-1)[..., 0]


def test_padding_is_not_counted():
    model = random_model("language_model", **SIZES)
    inputs, following = zoo.preprocessor(model).encode(
        ["abc", "", "fade a cab"], ["abc", "", "fade a cab"]
    )
    logits = logits_of(model, inputs).astype(np.float64)
    counted = following != 0
    assert counted.sum() == 4 + 1 + 11
    loss = cross_entropies(logits, following)[counted].mean()
    right = (logits.argmax(axis=-1) == following)[counted].mean()
    wide = {"target": np.pad(inputs["target"], [[0, 0], [0, 9]])}
    for x, y in (
        (inputs, following),
        (wide, np.pad(following, [[0, 0], [0, 9]])),
    ):
        found = model.evaluate(x, y, verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(loss, rel=1e-5)
        assert found["accuracy"] == pytest.approx(right, rel=1e-5)


def test_accuracy_of_symbols():
    metric = SymbolAccuracy()
    logits = keras.ops.one_hot(np.array([[3, 4, 5, 0], [2, 0, 0, 0]]), 6)
    metric.update_state(np.array([[3, 4, 3, 0], [2, 0, 0, 0]]), logits)
    assert float(metric.result()) == pytest.approx(3 / 4)
    metric.update_state(np.array([[5, 0], [0, 0]]), logits[:, :2])
    assert float(metric.result()) == pytest.approx(3 / 5)


@pytest.mark.parametrize("weights", [[2.0, 1.0], [[2.0, 2.0, 2.0, 5.0], [1.0, 7.0, 7.0, 7.0]]])
def test_accuracy_of_weighted_symbols(weights):
    metric = SymbolAccuracy()
    logits = keras.ops.one_hot(np.array([[3, 4, 5, 0], [2, 0, 0, 0]]), 6)
    metric.update_state(np.array([[3, 4, 3, 0], [2, 0, 0, 0]]), logits, np.array(weights))
    assert float(metric.result()) == pytest.approx(5 / 7)


def test_gradients_of_padding_are_nothing():
    model = random_model("encoder_decoder", dropout=0.0, **SIZES, **SOURCE)
    inputs, following = zoo.preprocessor(model).encode(["xyz", "z"], ["abc", "f"])

    def gradients(width):
        x = {name: np.pad(values, [[0, 0], [0, width]]) for name, values in inputs.items()}
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = model.compute_loss(x, np.pad(following, [[0, 0], [0, width]]), logits)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    for one, other in zip(gradients(0), gradients(3), strict=True):
        one, other = tf.convert_to_tensor(one), tf.convert_to_tensor(other)
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_model_may_have_no_metrics():
    model = random_model("language_model", **SIZES)
    compile_writer(model, metrics=False)
    inputs, following = zoo.preprocessor(model).encode(["abc"], ["abc"])
    assert model.evaluate(inputs, following, verbose=0, return_dict=True).keys() == {"loss"}


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_scheduled_sampling(rate):
    layer = ScheduledSampling(rate, seed=4)
    random = rng(5)
    target = random.integers(3, SYMBOLS, (64, 50)).astype(np.int32)
    target[:, 0] = 2
    target[::2, 30:] = 0
    logits = random.normal(size=(64, 50, SYMBOLS)).astype("float32")
    np.testing.assert_array_equal(layer(target, logits), target)
    seen = np.array(layer(target, logits, training=True))
    assert seen.dtype == target.dtype
    stays = (target == 0) | (target == 2)
    np.testing.assert_array_equal(seen[stays], target[stays])
    found = np.pad(logits.argmax(axis=-1)[:, :-1], [[0, 0], [1, 0]])
    replaced = (seen != target) & ~stays
    np.testing.assert_array_equal(seen[replaced], found[replaced])
    # Where both are the same, a symbol that is replaced cannot be told.
    could = ~stays & (found != target)
    assert abs(replaced[could].mean() - rate) < 0.05
    if rate:
        again = np.array(layer(target, logits, training=True))
        assert (again != seen).any()
    assert ScheduledSampling.from_config(layer.get_config()).get_config() == layer.get_config()


def test_scheduled_sampling_is_at_work_in_training_alone():
    options = {"dropout": 0.0, **SIZES, **SOURCE}
    plain = random_model("encoder_decoder", **options)
    sampling = random_model("encoder_decoder", scheduled_sampling=0.9, **options)
    for one, other in zip(plain.weights, sampling.weights, strict=False):
        assert one.path == other.path
        other.assign(one)
    inputs = inputs_of(plain)
    expected = logits_of(plain, inputs)
    np.testing.assert_allclose(logits_of(sampling, inputs), expected, atol=1e-6)
    np.testing.assert_allclose(plain(inputs, training=True), expected, atol=1e-6)
    trained = np.array(sampling(inputs, training=True))
    np.testing.assert_allclose(trained[:, 0], expected[:, 0], atol=1e-6)
    assert np.abs(trained[:, 2:] - expected[:, 2:]).max() > 1e-3


def test_dropout_is_at_work_in_training_alone(model):
    inputs = inputs_of(model)
    expected = logits_of(model, inputs)
    np.testing.assert_array_equal(logits_of(model, inputs), expected)
    moved = np.abs(np.array(model(inputs, training=True)) - expected).max()
    assert moved > 1e-3 if "dropout" in model.zoo_origin.arguments else moved == 0


@pytest.mark.parametrize(
    "name",
    [
        "encoder_decoder peephole_lstm",
        "deep, tied encoder_decoder",
        "tied encoder_decoder of one vocabulary",
        "deep, tied language_model",
        "language_model of pairs",
        "vector_to_sequence jordan",
        "output-recurrent vector_to_sequence",
    ],
)
def test_saved_and_loaded(name, tmp_path):
    builder, arguments = MODELS[name]
    model = random_model(builder, **SIZES, **arguments)
    sha256 = zoo.save(model, tmp_path / "mine")
    loaded = zoo.load(tmp_path / "mine", sha256=sha256)
    inputs = inputs_of(model)
    np.testing.assert_array_equal(logits_of(loaded, inputs), logits_of(model, inputs))
    assert zoo.preprocessor(loaded).labels == PIECES
    assert loaded.zoo_origin.arguments == model.zoo_origin.arguments
    assert zoo.verify(loaded)["golden"] == 0


def test_keras_saves_scheduled_sampling_too(tmp_path):
    model = random_model("encoder_decoder", scheduled_sampling=0.5, **SIZES, **SOURCE)
    model.save(tmp_path / "model.keras")
    inputs = inputs_of(model)
    np.testing.assert_allclose(
        logits_of(keras.models.load_model(tmp_path / "model.keras"), inputs),
        logits_of(model, inputs),
        atol=1e-6,
    )


@pytest.mark.parametrize("tied", [False, True])
def test_logits_start_small(tied):
    vocabulary = [chr(ord("a") + i) for i in range(50)]
    model = zoo.build(
        "language_model", target_vocabulary=vocabulary, units=16, embedding_units=256, tied=tied
    )
    target = np.random.default_rng(0).integers(1, 50, (8, 20))
    assert np.std(keras.ops.convert_to_numpy(model({"target": target}))) < 1


def test_tied_embeddings_are_the_weights_of_the_logits():
    def count(builder, **options):
        return zoo.build(builder, **SIZES, **options).count_params()

    matrix = SYMBOLS * SIZES["embedding_units"]
    for builder, options in (("encoder_decoder", SOURCE), ("language_model", {})):
        apart, tied = (count(builder, tied=tied, **options) for tied in (False, True))
        assert apart - tied == matrix
    both = {"source_vocabulary": PIECES}
    apart, tied = (count("encoder_decoder", tied=tied, **both) for tied in (False, True))
    assert apart - tied == 2 * matrix


def test_new_pieces_and_features():
    for name in ("encoder_decoder lstm", "vector_to_sequence gru"):
        builder, arguments = MODELS[name]
        model = random_model(builder, **SIZES, **arguments)
        old = {variable.path: variable for variable in model.weights}
        new = zoo.load(model, target_vocabulary=["x", "y"])
        assert new.output.shape == (None, None, 5)
        assert zoo.preprocessor(new).labels == ["x", "y"]
        features = zoo.load(model, num_classes=0)
        assert features.output.shape == ((None, None, 10) if "lstm" in name else (None, 6))
        for variable in (*new.weights, *features.weights):
            if not variable.path.startswith("target_embeddings"):
                np.testing.assert_array_equal(variable, old[variable.path], err_msg=variable.path)
        with pytest.raises(ValueError, match="the weights do not fit"):
            zoo.load(
                model, num_classes=0, **{"units": 6} if "lstm" in name else {"highway_depth": 1}
            )


@pytest.mark.parametrize(
    ("builder", "change", "message"),
    [
        ("one_lstm", {"length": 0}, "length must be a positive integer, got 0"),
        ("one_lstm", {"depth": 0}, "depth must be a positive integer, got 0"),
        ("one_lstm", {"source_vocabulary": ["0"]}, "source_vocabulary must hold two pieces or"),
        ("one_lstm", {"output_form": "o"}, "output_form must be one of"),
        ("reader_writer", {"depth": 0}, "depth must be a positive integer, got 0"),
        ("reader_writer", {"cell": "grid"}, "no cell named 'grid'"),
        ("reader_writer", {"cell_depth": 0}, "depth must be a positive integer, got 0"),
        ("reader_writer", {"cell": "gru", "cell_depth": 2}, "depth"),
        ("encoder_decoder", {"cell": "lstn"}, "no cell named 'lstn'; did you mean lstm"),
        ("encoder_decoder", {"attention": "dott"}, "no attention named 'dott'; did you mean dot"),
        (
            "encoder_decoder",
            {"encoder_depth": 0},
            "encoder_depth must be a positive integer, got 0",
        ),
        (
            "encoder_decoder",
            {"decoder_depth": 0},
            "decoder_depth must be a positive integer, got 0",
        ),
        ("encoder_decoder", {"units": 0}, "units must be a positive integer, got 0"),
        ("encoder_decoder", {"embedding_units": -1}, "embedding_units must be a positive integer"),
        (
            "encoder_decoder",
            {"dropout": 1.0},
            "dropout must be at least 0 and less than 1, got 1.0",
        ),
        ("encoder_decoder", {"scheduled_sampling": 1.0}, "scheduled_sampling must be at least 0"),
        ("encoder_decoder", {"scheduled_sampling": -0.1}, "scheduled_sampling must be at least 0"),
        (
            "encoder_decoder",
            {"source_vocabulary": ["a", "a"]},
            "source_vocabulary must be distinct",
        ),
        ("encoder_decoder", {"source_vocabulary": [""]}, "pieces of a letter or more, got ''"),
        ("language_model", {"cell": "gruu"}, "no cell named 'gruu'; did you mean gru"),
        ("language_model", {"depth": -1}, "depth must be an integer of 0 or more, got -1"),
        ("language_model", {"embedding_units": 0}, "embedding_units must be a positive integer"),
        ("language_model", {"dropout": float("nan")}, "dropout must be at least 0"),
        ("language_model", {"target_vocabulary": []}, "target_vocabulary must hold a piece"),
        ("language_model", {"target_vocabulary": ["a", ""]}, "pieces of a letter or more, got ''"),
        ("vector_to_sequence", {"highway_units": 0}, "highway_units must be a positive integer"),
        ("vector_to_sequence", {"input_shape": (4,)}, "input_shape"),
        ("vector_to_sequence", {"depth": 1.5}, "depth must be an integer of 0 or more, got 1.5"),
    ],
)
def test_bad_arguments(builder, change, message):
    arguments = {"language_model": {}, "vector_to_sequence": PICTURE}.get(builder, SOURCE)
    with pytest.raises(ValueError, match=message):
        zoo.preprocessor(zoo.build(builder, **SIZES | arguments | change))


def rows(*rows):
    return np.array(rows, np.int32)


def assert_encoded(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_texts_are_encoded():
    preprocessor = TextPreprocessor(PIECES)
    assert_encoded(preprocessor.encode("Cab"), {"target": rows([2, 5, 3, 4])})
    found, following = preprocessor.encode(["ab", "", "a?"], ["ab", "", "a?"])
    assert_encoded(found, {"target": rows([2, 3, 4], [2, 0, 0], [2, 3, 1])})
    np.testing.assert_array_equal(following, rows([3, 4, 2], [2, 0, 0], [3, 1, 2]))
    assert_encoded(preprocessor.encode([]), {"target": np.zeros((0, 1), np.int32)})


def test_sources_are_encoded():
    preprocessor = SequencePreprocessor(PIECES, [*"xyz"])
    assert_encoded(
        preprocessor.encode(["xyx", ""]),
        {"source": rows([3, 4, 3, 2], [2, 0, 0, 0]), "target": rows([2], [2])},
    )
    found, following = preprocessor.encode("zq", "ad")
    assert_encoded(found, {"source": rows([5, 1, 2]), "target": rows([2, 3, 6])})
    np.testing.assert_array_equal(following, rows([3, 6, 2]))
    source = preprocessor.encode("x" * 5000)["source"]
    assert source.shape == (1, 5001)


def test_pictures_are_encoded():
    preprocessor = CaptionPreprocessor(PIECES, (4, 4))
    pictures = random_pictures(2, (4, 4))
    assert_encoded(preprocessor.encode(pictures), {"pixels": pictures, "target": rows([2], [2])})
    found, following = preprocessor.encode(pictures, ["a", "be"])
    assert_encoded(found, {"pixels": pictures, "target": rows([2, 3, 0], [2, 4, 7])})
    np.testing.assert_array_equal(following, rows([3, 2, 0], [4, 7, 2]))
    assert preprocessor.encode(pictures[0])["pixels"].shape == (1, 4, 4)


PREPROCESSORS = {
    "text": TextPreprocessor(PIECES),
    "sequence": SequencePreprocessor(PIECES, [*"xyz"]),
    "caption": CaptionPreprocessor(PIECES, (4, 4)),
}


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_what_was_written_is_decoded(name):
    symbols = rows([3, 4, 2, 0], [2, 0, 0, 0], [3, 1, 9, 3])
    assert PREPROCESSORS[name].decode(symbols) == ["ab", "", "a a"]
    assert PREPROCESSORS[name].get_config()["kind"] == name


@pytest.mark.parametrize(
    ("name", "raw", "labels", "error", "message"),
    [
        ("text", 3, None, TypeError, "texts must be a text or a list of texts, got 3"),
        ("text", ["a", b"b"], None, TypeError, "texts must hold texts, got b'b'"),
        ("text", ["a"], ["a", "b"], ValueError, "got 2 labels for 1 inputs"),
        ("text", ["a"], [3], TypeError, "labels must hold texts, got 3"),
        ("sequence", None, None, TypeError, "texts must be a text or a list of texts, got None"),
        ("sequence", [["x"]], None, TypeError, r"texts must hold texts, got \['x'\]"),
        ("sequence", ["x", "y"], "a", ValueError, "got 1 labels for 2 inputs"),
        ("sequence", "x", ["a", "b"], ValueError, "got 2 labels for 1 inputs"),
        ("sequence", "x", [None], TypeError, "labels must hold texts, got None"),
        ("caption", np.zeros((2, 4, 4), np.uint8), ["a"], ValueError, "got 1 labels for 2 inputs"),
        ("caption", np.zeros((2, 5, 4), np.uint8), None, ValueError, r"\(4, 4\)"),
    ],
)
def test_bad_input(name, raw, labels, error, message):
    with pytest.raises(error, match=message):
        PREPROCESSORS[name].encode(raw, labels)
