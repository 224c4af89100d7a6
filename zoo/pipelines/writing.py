"""Texts that a model writes: for another text, for a picture, or going on from a prompt."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.arguments import positive_integer
from zoo.layers.search import NEVER, beam_search, sample
from zoo.layers.words import BOUNDARY, PADDING
from zoo.models.writing import Decoder
from zoo.pipelines.base import Pipeline, compiled, of_similar_length
from zoo.pipelines.image import is_one_picture
from zoo.preprocessing.pieces import Pieces

# A wider beam finds hardly better texts, and costs as much more.
BEAM = 5
# Of what has no source to go by: symbols of a picture's text, and of what follows a prompt.
CAPTION = 50
CONTINUATION = 200
# Symbols whose probabilities are asked for at once, with the state carried on to the next ones.
WINDOW = 1000
# Compiled searches that are kept, each for options of its own.
GRAPHS = 8


class BeamSearch(keras.layers.Layer):
    """`beam_search` with the decoder of a model, on what its encoder made of the input.

    Args:
        decoder: whose steps are taken.
        beam: number of texts that are followed at once.
        max_length: of a text in symbols; without, twice the source's and ten more.

    Call arguments:
        memory, states: what decoding starts with; the memory is None where there is none.
        source: `(batch, source time)`, or None if what is read is no text.

    Returns:
        A dict of `symbols`, `log_probs` and `scores`, as of `beam_search`.
    """

    def __init__(self, decoder: Decoder, beam: int, max_length: int | None = None):
        # In full precision, or the sums of a long text would be rounded.
        super().__init__(name="beam_search", dtype="float32")
        self.decoder, self.beam, self.max_length = decoder, beam, max_length
        # So that Keras knows whose weights this works with.
        self.layers = decoder.layers
        self.supports_masking = True

    def call(self, memory, states, source=None):
        mask = None if source is None else ops.not_equal(source, PADDING)
        read = None if memory is None else self.decoder.read(memory, mask)
        symbols, log_probs, scores = beam_search(
            self.decoder.stepping(),
            states,
            read,
            batch_size=ops.shape(states[0] if memory is None else memory)[0],
            beam=self.beam,
            max_length=self.max_length or 2 * ops.shape(source)[1] + 10,
        )
        return {"symbols": symbols, "log_probs": log_probs, "scores": scores}

    def compute_output_spec(self, memory, states, source=None):
        rows = ((states[0] if memory is None else memory).shape[0], self.beam)
        return {
            "symbols": keras.KerasTensor((*rows, None), "int32"),
            "log_probs": keras.KerasTensor(rows, "float32"),
            "scores": keras.KerasTensor(rows, "float32"),
        }


def searching(model: keras.Model, beam: int, max_length: int | None = None) -> keras.Model:
    """Returns a model from the inputs of another but for its target to what it writes for them."""
    inputs = {name: tensor for name, tensor in model.input.items() if name != "target"}
    memory, states = _start(model)
    found = BeamSearch(Decoder.of(model), beam, max_length)(
        memory, states, source=inputs.get("source")
    )
    return keras.Model(inputs, found)


class AttentionWeights(keras.layers.Layer):
    """How much a decoder looks at what, at each step of a target.

    Call arguments:
        target, source: `(batch, time)` and `(batch, source time)`.
        memory, states: what decoding starts with.

    Returns:
        `(batch, time, source time)`; each step's weights sum to 1.
    """

    def __init__(self, decoder: Decoder):
        super().__init__(name="attention_weights", dtype="float32")
        self.decoder = decoder
        self.layers = decoder.layers
        self.supports_masking = True

    def call(self, target, source, memory, states):
        read = self.decoder.read(memory, ops.not_equal(source, PADDING))
        return self.decoder.attention_weights(target, states, read)

    def compute_output_spec(self, target, source, memory, states):
        return keras.KerasTensor((*target.shape, source.shape[1]), "float32")


def attending(model: keras.Model) -> keras.Model:
    """Returns a model from the inputs of another to its attention weights."""
    memory, states = _start(model)
    weights = AttentionWeights(Decoder.of(model))(
        model.input["target"], model.input["source"], memory, states
    )
    return keras.Model(model.input, weights)


def _start(model: keras.Model) -> tuple[Any, list[Any]]:
    """Returns memory and states that a model's decoder begins with; without a memory, None."""
    names = [layer.name for layer in model.layers]
    memory = model.get_layer("memory").output if "memory" in names else None
    states = range(len(Decoder.of(model).state_size))
    return memory, [model.get_layer(f"bridge_{i}").output for i in states]


class _SearchPipeline(Pipeline):
    """What is written for an input, by beam search."""

    def __init__(self, model: keras.Model, preprocessor: Any):
        self.model = model
        self.preprocessor = preprocessor
        self._search = lru_cache(GRAPHS)(lambda *options: compiled(searching(model, *options)))

    def check_options(
        self, n_best: int = 1, beam: int | None = None, max_length: int | None = None
    ) -> None:
        symbols = len(self.preprocessor.labels)
        for name, value in {"n_best": n_best, "beam": beam}.items():
            if value is not None and positive_integer(name, value) > symbols:
                raise ValueError(f"{name} must be from 1 to the {symbols} symbols, got {value!r}")
        if beam is not None and beam < n_best:
            raise ValueError(f"beam must be n_best={n_best} or more, got {beam!r}")
        if max_length is not None:
            positive_integer("max_length", max_length)

    def search(
        self,
        inputs: dict[str, Any],
        n_best: int = 1,
        beam: int | None = None,
        max_length: int | None = None,
    ) -> Iterator[list[tuple[list[int], dict[str, Any]]]]:
        """Yields the best outputs for each row of `inputs`: symbols, and what is said of them."""
        beam = beam or max(n_best, min(BEAM, len(self.preprocessor.labels)))
        found = self._search(beam, max_length)(inputs)
        for rows, log_probs, scores in zip(
            found["symbols"], found["log_probs"], found["scores"], strict=True
        ):
            outputs = [
                (row[row != PADDING].tolist(), _output(self.preprocessor.target, row, p, score))
                for row, p, score in zip(rows, log_probs, scores, strict=True)
                # What only fills the beam is none.
                if p > NEVER / 2
            ][:n_best]
            if not outputs:
                raise ValueError(f"{self.model.name!r} gives probabilities that are no numbers")
            yield outputs


class SequencePipeline(_SearchPipeline):
    """Texts to `{"text", "output", "log_prob", "score", "alternatives"}`.

    `log_prob` is the natural logarithm of the output's probability; `score`, by which outputs are
    ranked, is that divided by the number of its symbols, the end among them. `alternatives` holds
    the `n_best` best outputs, the best first. An empty text has an empty output.

    Options: `n_best`, 1 by default; `beam`, how many outputs are followed at once, 5 or `n_best` by
    default; `max_length` of an output in symbols, by default twice those of the longest text read
    beside it and ten more; `attention=True`, which adds `"attention"`: `{"source": […], "output":
    […], "weights": […]}`, the pieces that were read and written, their ends as "", and for each
    written how much it looked at each read.
    """

    def __init__(self, model: keras.Model, preprocessor: Any):
        super().__init__(model, preprocessor)
        self._weights = cache(lambda: compiled(attending(model)))

    def check_options(
        self,
        n_best: int = 1,
        beam: int | None = None,
        max_length: int | None = None,
        attention: bool = False,
    ) -> None:
        super().check_options(n_best, beam, max_length)
        if attention and "attention_0" not in {layer.name for layer in self.model.layers}:
            raise ValueError(f"attention: {self.model.name!r} has none")

    def is_single(self, inputs: Any) -> bool:
        return isinstance(inputs, str)

    def answers(
        self, batch: Sequence[str], attention: bool = False, **options: Any
    ) -> Iterator[dict[str, Any]]:
        sources = self.preprocessor.encode(batch)["source"]
        lengths = (sources != PADDING).sum(axis=1).tolist()
        answers: list[dict[str, Any]] = [{}] * len(batch)
        for rows in of_similar_length(lengths):
            source = sources[rows, : max(lengths[row] for row in rows)]
            for row, one, found in zip(
                rows, source, self.search({"source": source}, **options), strict=True
            ):
                if lengths[row] == 1:
                    found = [([], {"output": "", "log_prob": 0.0, "score": 0.0})]
                alternatives = [output for _, output in found]
                answers[row] = {"text": batch[row], **alternatives[0], "alternatives": alternatives}
                if attention:
                    answers[row]["attention"] = self._attention(one[: lengths[row]], found[0][0])
        yield from answers

    def _attention(self, source: np.ndarray, output: list[int]) -> dict[str, Any]:
        weights = self._weights()(
            {"source": source[None], "target": np.array([[BOUNDARY, *output]], np.int32)}
        )
        return {
            "source": self.preprocessor.source.pieces(source),
            "output": self.preprocessor.target.pieces([*output, BOUNDARY]),
            "weights": weights[0].tolist(),
        }


class CaptionPipeline(_SearchPipeline):
    """Pictures to `{"output", "log_prob", "score", "alternatives"}`.

    The answer and the options are those of `SequencePipeline`, without text and attention;
    `max_length` is 50 by default.
    """

    def is_single(self, inputs: Any) -> bool:
        return is_one_picture(inputs, self.preprocessor.pictures.shape)

    def answers(
        self, batch: Any, max_length: int | None = None, **options: Any
    ) -> Iterator[dict[str, Any]]:
        pixels = self.preprocessor.pictures.encode(batch)
        length = max_length or CAPTION
        for found in self.search({"pixels": pixels}, max_length=length, **options):
            alternatives = [output for _, output in found]
            yield {**alternatives[0], "alternatives": alternatives}


class Draw(keras.layers.Layer):
    """`sample` with the decoder of a model, from the end of a prompt on.

    Args:
        decoder: whose steps are taken.
        max_length: of what is drawn, in symbols.
        top_k: how many of the likeliest symbols may be drawn; without, all.

    Call arguments:
        prompt: int32 `(batch, time)`, the boundary and the symbols of a prompt, 0 after the last.
        temperature: float32 `(batch, 1)`.

    Returns:
        A dict of `symbols` and `log_probs`, as of `sample`.
    """

    def __init__(self, decoder: Decoder, max_length: int, top_k: int | None):
        super().__init__(name="draw", dtype="float32")
        self.decoder, self.max_length, self.top_k = decoder, max_length, top_k
        self.layers = decoder.layers
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, prompt, temperature):
        last = ops.sum(ops.cast(prompt != PADDING, "int32"), axis=1, keepdims=True) - 1
        # The last symbol of a prompt is what the first one drawn comes after.
        _, states = self.decoder.walk(prompt, [], mask=ops.arange(ops.shape(prompt)[1]) < last)
        symbols, log_probs = sample(
            self.decoder.stepping(),
            states,
            batch_size=ops.shape(prompt)[0],
            first=ops.take_along_axis(prompt, last, axis=1)[:, 0],
            max_length=self.max_length,
            temperature=temperature,
            top_k=self.top_k,
            seed=self.seed_generator,
        )
        return {"symbols": symbols, "log_probs": log_probs}

    def compute_output_spec(self, prompt, temperature):
        rows = prompt.shape[0]
        return {
            "symbols": keras.KerasTensor((rows, self.max_length), "int32"),
            "log_probs": keras.KerasTensor((rows,), "float32"),
        }


class LanguagePipeline(Pipeline):
    """Prompts to `{"text", "output", "log_prob", "score"}`: what is drawn to follow each.

    `log_prob` is the natural logarithm of the probability of the output after the prompt, as the
    network has it whatever the temperature; `score` is that divided by the number of its symbols.

    Options: `max_length` of the output in symbols, 200 by default; `temperature`, 1 by default, at
    0 the likeliest symbol is taken; `top_k`, to draw from so many of the likeliest alone; `seed`,
    with which the same call gives the same texts.
    """

    def __init__(self, model: keras.Model, preprocessor: Any):
        self.model = model
        self.preprocessor = preprocessor
        self._draw = lru_cache(GRAPHS)(self._drawing)
        self._likelihood = cache(lambda: compiled(_likelihood(model)))

    def check_options(
        self,
        max_length: int = CONTINUATION,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> None:
        positive_integer("max_length", max_length)
        if not isinstance(temperature, Real) or not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be 0 or more, got {temperature!r}")
        symbols = len(self.preprocessor.labels)
        if top_k is not None and positive_integer("top_k", top_k) > symbols:
            raise ValueError(f"top_k must be from 1 to the {symbols} symbols, got {top_k!r}")
        if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**32):
            raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {seed!r}")

    def _answers(
        self, inputs: Iterable[Any], batch_size: int, options: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        # A call has draws of its own, which go on from batch to batch.
        seed = np.random.default_rng(options.get("seed"))
        return super()._answers(inputs, batch_size, options | {"seed": seed})

    def is_single(self, inputs: Any) -> bool:
        return isinstance(inputs, str)

    def answers(
        self,
        batch: Sequence[str],
        max_length: int = CONTINUATION,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | np.random.Generator | None = None,
    ) -> Iterator[dict[str, Any]]:
        draw, generator = self._draw(max_length, top_k)
        generator.state.assign(np.random.default_rng(seed).integers(2**31, size=2))
        prompts = self.preprocessor.encode(batch)["target"]
        found = draw(
            {
                "prompt": prompts,
                "temperature": np.full((len(batch), 1), temperature, np.float32),
            }
        )
        for text, row, log_prob in zip(batch, found["symbols"], found["log_probs"], strict=True):
            length = min(np.count_nonzero(row) + 1, max_length)
            score = log_prob / length
            yield {"text": text, **_output(self.preprocessor.target, row, log_prob, score)}

    def _drawing(
        self, max_length: int, top_k: int | None
    ) -> tuple[Callable[[Any], Any], keras.random.SeedGenerator]:
        draw, generator = drawing(self.model, max_length, top_k)
        return compiled(draw), generator

    def log_prob(self, text: str) -> float:
        """Returns the natural logarithm of the probability of a text, however long it is.

        That the text ends there is no part of it.
        """
        return float(self.log_probs(text).sum())

    def log_probs(self, text: str) -> np.ndarray:
        """Returns log p of each symbol of a text after all before it: nats, float64 `(symbols,)`.

        The state is carried from the first to the last.
        """
        before, after = self.preprocessor.encode([text], [text])
        before, after = before["target"][:, :-1], after[:, :-1]
        decoder, parts = Decoder.of(self.model), [np.zeros(0)]
        states = [ops.convert_to_numpy(state) for state in decoder.initial_state(1)]
        for start in range(0, before.shape[1], WINDOW):
            window = slice(start, start + WINDOW)
            found = self._likelihood()(
                {"target": before[:, window], "following": after[:, window]}
                | {f"state_{i}": state for i, state in enumerate(states)}
            )
            states = [found[f"state_{i}"] for i in range(len(states))]
            parts.append(found["log_probs"][0].astype("float64"))
        return np.concatenate(parts)


def drawing(
    model: keras.Model, max_length: int, top_k: int | None = None
) -> tuple[keras.Model, keras.random.SeedGenerator]:
    """Returns a model from `prompt` and `temperature` to what `Draw` draws, and its generator."""
    layer = Draw(Decoder.of(model), max_length, top_k)
    inputs = {
        "prompt": keras.Input((None,), dtype="int32", name="prompt"),
        "temperature": keras.Input((1,), name="temperature"),
    }
    return keras.Model(inputs, layer(**inputs)), layer.seed_generator


def _likelihood(model: keras.Model) -> keras.Model:
    """Returns a model from symbols, what follows each, and states, to log p and the states after.

    The inputs are `target` and `following`, `(batch, time)`, and `state_0` and so on,
    `(batch, size)`; the outputs `log_probs` `(batch, time)` and the states under their names.
    """
    decoder = Decoder.of(model)
    target = keras.Input((None,), dtype="int32", name="target")
    following = keras.Input((None,), dtype="int32", name="following")
    states = {
        f"state_{i}": keras.Input((size,), name=f"state_{i}")
        for i, size in enumerate(decoder.state_size)
    }
    x, after = decoder.walk(target, list(states.values()))
    log_probs = ops.log_softmax(ops.cast(decoder.logits(x), "float32"), axis=-1)
    log_probs = ops.take_along_axis(log_probs, following[..., None], axis=-1)[..., 0]
    return keras.Model(
        {"target": target, "following": following, **states},
        {"log_probs": log_probs, **dict(zip(states, after, strict=True))},
    )


def _output(pieces: Pieces, row: np.ndarray, log_prob: Any, score: Any) -> dict[str, Any]:
    return {"output": pieces.text(row), "log_prob": float(log_prob), "score": float(score)}
