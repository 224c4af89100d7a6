"""Sentences to numbers of words and their letters, and scores of labels back to labels."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from zoo.layers.words import PADDING, UNKNOWN
from zoo.registry import checked_labels

# Letters of a word that are read; a word of more is known by its first ones.
LETTERS = 24
# What the targets hold where there is no word.
NO_LABEL = -1


_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True)
class Token:
    """A word of a text and where it stands, in code points; `text[start:end]` is the word."""

    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Splits a text on white space."""
    return [Token(match[0], *match.span()) for match in re.finditer(r"\S+", text)]


def vocabulary_of(sentences: Iterable[Sequence[str]], least: int = 1) -> list[str]:
    """Returns the normalised words that occur `least` times, the most frequent first."""
    counts = Counter(normalised(word) for sentence in sentences for word in sentence)
    words = [word for word, count in counts.items() if count >= least]
    return sorted(words, key=lambda word: (-counts[word], word))


def normalised(word: str) -> str:
    """Returns a word as a vocabulary has it: in small letters, every digit a 0, no shorter."""
    return _DIGIT.sub("0", small(word))


def small(text: str) -> str:
    """Returns a text in small letters, one for each: İ, whose small one has two, stays."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


class SentencePreprocessor:
    """Encodes sentences for a model that labels their words, and perhaps their intent.

    Args:
        labels: labels of words in the order of the logits.
        vocabulary: normalised words that have a number of their own.
        intents: labels of whole sentences, if the model has any.
        cased_letters: whether the letters of a word keep their case; the word itself is always
            looked up in small letters.

    Raises:
        ValueError: if labels, words or intents are repeated, or a word is empty, holds white space,
            or is not normalised.
    """

    kind = "sentence"

    def __init__(
        self,
        labels: Sequence[str],
        vocabulary: Sequence[str],
        intents: Sequence[str] = (),
        cased_letters: bool = False,
    ):
        self.labels = checked_labels(labels, "labels")
        self.intents = checked_labels(intents, "intents")
        self.vocabulary = checked_labels(vocabulary, "vocabulary")
        if wrong := [word for word in vocabulary if word.split() != [word]]:
            raise ValueError(f"vocabulary must hold words without white space, got {wrong[0]!r}")
        if wrong := [word for word in vocabulary if word != normalised(word)]:
            raise ValueError(
                f"vocabulary must hold words as they are looked up, {normalised(wrong[0])!r}; "
                f"got {wrong[0]!r}"
            )
        self.cased_letters = cased_letters
        self._numbers = {word: i for i, word in enumerate(self.vocabulary, UNKNOWN + 1)}
        self._read = lru_cache(maxsize=100_000)(self._read_word)

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what a model of sentences takes.

        Args:
            raw: a text, a list of texts, or a list of lists of words. A `tf.data.Dataset` of texts
                is encoded element by element, for `padded_batch`.
            labels: with `"labels"`, a label (or its number) for every word of every sentence, and
                `"intents"`, one a sentence, if the model has intents. Of a model that labels
                sentences as a whole, a label (or its number) for each, which become int32
                `(batch,)`.

        Returns:
            A dict of `words`, int32 `(batch, time)`: 0 after a sentence's last word, 1 for a word
            that is not in the vocabulary; and `characters`, int32 code points `(batch, time,
            letters)`, 0 after a word's last letter, of the first 24 letters. With `labels` a pair
            of it and a dict of int32 `labels` `(batch, time)`, -1 where there is no word, and
            `intents` `(batch,)`. For a dataset, a dataset of such dicts without the first axis.

        Raises:
            TypeError: if an input is neither a text nor a list of words.
            ValueError: if a label is not known, or there are more or fewer labels than words.
        """
        if hasattr(raw, "element_spec"):
            if labels is not None:
                raise ValueError("labels cannot be given with a dataset: map them beside it")
            return self._encode_dataset(raw)
        sentences = self.words_of(raw)
        longest = max([1, *map(len, sentences)])
        read = [[self._read(word) for word in sentence] for sentence in sentences]
        letters = max([1, *(len(points) for sentence in read for _, points in sentence)])
        words = np.full((len(read), longest), PADDING, np.int32)
        characters = np.zeros((len(read), longest, letters), np.int32)
        for i, sentence in enumerate(read):
            for t, (number, points) in enumerate(sentence):
                words[i, t] = number
                characters[i, t, : len(points)] = points
        inputs = {"words": words, "characters": characters}
        return inputs if labels is None else (inputs, self._targets(sentences, labels, longest))

    def decode(self, outputs: Any) -> Any:
        """Returns the likeliest label of every word, and the likeliest intents.

        Args:
            outputs: a model's: `labels` logits `(batch, time, labels)` or the potentials of a CRF
                `(batch, time, labels, labels)`, and `intents` logits `(batch, intents)`.

        Returns:
            `{"labels": a list of labels a sentence, of all of its time, "intents": a list}`.
        """
        import keras

        from zoo.layers.decoding import best_labels

        best, _ = best_labels(keras.ops.convert_to_tensor(outputs["labels"]), self.labels)
        decoded: dict[str, Any] = {
            "labels": [[self.labels[i] for i in row] for row in keras.ops.convert_to_numpy(best)]
        }
        if "intents" in outputs:
            decoded["intents"] = [
                self.intents[i] for i in np.argmax(np.asarray(outputs["intents"]), axis=-1)
            ]
        return decoded

    def example(self) -> dict[str, np.ndarray]:
        """Returns two encoded sentences of words of the vocabulary."""
        return self.encode(self.example_texts())

    def example_texts(self) -> list[str]:
        """Returns the texts that `example` encodes."""
        words = (self.vocabulary * 8)[:8] or ["a"]
        return [" ".join(words), " ".join([*words[:3], "Xylographer-42"])]

    def words_of(self, raw: Any) -> list[list[str]]:
        """Returns the words of a text, of each of several, or of lists of words.

        Raises:
            TypeError: if an input is neither a text nor a list of words.
        """
        if isinstance(raw, str):
            raw = [raw]
        if not isinstance(raw, list | tuple | np.ndarray):
            raise TypeError(f"sentences must be texts or lists of words, got {raw!r}")
        return [self._words(sentence) for sentence in raw]

    def get_config(self) -> dict[str, Any]:
        return {"kind": self.kind, "cased_letters": self.cased_letters}

    def _encode_dataset(self, dataset: Any) -> Any:
        from zoo.preprocessing.sentence_graph import SentenceGraph

        spec = dataset.element_spec
        if getattr(spec, "shape", None) != () or spec.dtype.name != "string":
            raise TypeError(f"a dataset of sentences must hold one text an element, got {spec}")
        graph = SentenceGraph(self)

        def encode(text):
            inputs, _ = graph(text[None])
            return {name: values[0] for name, values in inputs.items()}

        return dataset.map(encode)

    def _words(self, sentence: Any) -> list[str]:
        if isinstance(sentence, str):
            return [token.text for token in tokens_of(sentence)]
        if isinstance(sentence, list | tuple) and all(isinstance(w, str) for w in sentence):
            return list(sentence)
        raise TypeError(f"a sentence must be a text or a list of words, got {sentence!r}")

    def _read_word(self, word: str) -> tuple[int, list[int]]:
        known = normalised(word)
        letters = _DIGIT.sub("0", word) if self.cased_letters else known
        return self._numbers.get(known, UNKNOWN), [ord(letter) for letter in letters[:LETTERS]]

    def _targets(self, sentences: list[list[str]], targets: Any, longest: int) -> Any:
        expected = {"labels", "intents"} if self.intents else {"labels"}
        if not isinstance(targets, Mapping) or set(targets) != expected:
            raise ValueError(f"labels must be a dict of {sorted(expected)}, got {targets!r}")
        if len(targets["labels"]) != len(sentences):
            raise ValueError(
                f"got labels of {len(targets['labels'])} sentences for {len(sentences)}"
            )
        numbers = _numbers(self.labels)
        ids = np.full((len(sentences), longest), NO_LABEL, np.int32)
        for i, (words, labels) in enumerate(zip(sentences, targets["labels"], strict=True)):
            if isinstance(labels, str) or len(labels) != len(words):
                raise ValueError(
                    f"labels[{i}] must have one for each of {len(words)} words, got {labels!r}"
                )
            ids[i, : len(words)] = _ids(labels, numbers, "labels")
        if not self.intents:
            return {"labels": ids}
        intents = _ids(targets["intents"], _numbers(self.intents), "intents")
        if len(intents) != len(sentences):
            raise ValueError(f"got {len(intents)} intents for {len(sentences)} sentences")
        return {"labels": ids, "intents": intents}


class WholeSentencePreprocessor(SentencePreprocessor):
    """Encodes sentences for a model that labels each as a whole.

    Args:
        labels: labels of sentences in the order of the logits.
        vocabulary, cased_letters: as of `SentencePreprocessor`, and so are the errors.
    """

    kind = "whole-sentence"

    def __init__(
        self, labels: Sequence[str], vocabulary: Sequence[str], cased_letters: bool = False
    ):
        super().__init__(labels, vocabulary, cased_letters=cased_letters)

    def decode(self, outputs: Any) -> list[str]:
        """Returns the label with the largest value in each row of logits or probabilities."""
        return [self.labels[i] for i in np.argmax(np.asarray(outputs), axis=-1)]

    def _targets(self, sentences: list[list[str]], targets: Any, longest: int) -> Any:
        if isinstance(targets, str | Mapping) or len(targets) != len(sentences):
            raise ValueError(f"labels must have one for each of {len(sentences)} sentences")
        return _ids(targets, _numbers(self.labels), "labels")


def _numbers(names: list[str]) -> dict[str | int, int]:
    """Returns the number of every name, and of every number."""
    numbers: dict[str | int, int] = {name: i for i, name in enumerate(names)}
    return numbers | {i: i for i in range(len(names))}


def _ids(labels: Sequence[str | int], numbers: dict[str | int, int], argument: str) -> np.ndarray:
    if unknown := [label for label in labels if label not in numbers]:
        names = [name for name in numbers if isinstance(name, str)]
        raise ValueError(
            f"{argument} must be among {len(names)} known ones, such as {', '.join(names[:5])}, "
            f"or their numbers; got {unknown[0]!r}"
        )
    return np.array([numbers[label] for label in labels], np.int32)
