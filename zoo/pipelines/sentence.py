"""Sentences to a label for every word, or for the whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from zoo.layers.decoding import best_labels
from zoo.pipelines.base import Pipeline, check_top_k, classified, of_similar_length, softmax
from zoo.preprocessing.sentence import Token, tokens_of


@dataclass(frozen=True)
class Sentence:
    """A text and its words."""

    text: str
    tokens: list[Token]

    @classmethod
    def of_text(cls, text: Any, where: str) -> "Sentence":
        if not isinstance(text, str):
            raise TypeError(f"{where} must be a text, got {text!r}")
        return cls(text, tokens_of(text))

    @classmethod
    def of_words(cls, words: Any, where: str) -> "Sentence":
        if not isinstance(words, list | tuple) or not all(isinstance(w, str) for w in words):
            raise TypeError(f"{where} must be a list of words, got {words!r}")
        tokens, start = [], 0
        for word in words:
            tokens.append(Token(word, start, start + len(word)))
            start += len(word) + 1
        return cls(" ".join(words), tokens)


class _BestLabels(keras.layers.Layer):
    """`best_labels` on top of a model."""

    def __init__(self, labels: Sequence[str]):
        # In full precision, or the sums of a long path would be rounded.
        super().__init__(name="best_labels", dtype="float32")
        self.labels = list(labels)

    def compute_mask(self, outputs, mask=None):
        return None

    def call(self, outputs):
        return best_labels(outputs, self.labels)


class SentencePipeline(Pipeline):
    """A pipeline of sentences, texts or lists of words: a text is split on white space.

    However long a sentence is, all of it is read.
    """

    # Returns the answer to one sentence, of its rows of the outputs, with the options of the task.
    answer: Callable[..., dict[str, Any]]

    def __call__(
        self, inputs: Any = None, *, words: Any = None, batch_size: int = 128, **options: Any
    ) -> Any:
        """Returns the model's answer to one sentence, or to each of several.

        Args:
            inputs: a text, a list of texts, or an iterator of them.
            words: in their place a list of words, a list of such lists, or an iterator of them;
                the text is the words with a space between them.
            batch_size: how many sentences are read at once.

        Raises:
            TypeError: if an input is no text, or no list of words.
            ValueError: if neither or both of `inputs` and `words` are given, or `batch_size` is
                not positive.
        """
        if (inputs is None) == (words is None):
            raise ValueError("give texts or words=, one of them")
        if words is None:
            sentences = _sentences("inputs", inputs, Sentence.of_text, isinstance(inputs, str))
        else:
            single = isinstance(words, list | tuple) and bool(words) and isinstance(words[0], str)
            sentences = _sentences("words", words, Sentence.of_words, single)
        return super().__call__(sentences, batch_size=batch_size, **options)

    def is_single(self, inputs: Any) -> bool:
        return isinstance(inputs, Sentence)

    def answers(self, batch: Sequence[Sentence], **options: Any) -> Iterator[dict[str, Any]]:
        answers: list[dict[str, Any]] = [{}] * len(batch)
        for rows in of_similar_length([len(sentence.tokens) for sentence in batch]):
            words = [[token.text for token in batch[row].tokens] for row in rows]
            outputs = self._predict(self.preprocessor.encode(words))
            for i, row in enumerate(rows):
                found = {name: output[i] for name, output in outputs.items()}
                answers[row] = self.answer(batch[row], found, **options)
        yield from answers


class TextClassificationPipeline(SentencePipeline):
    """Sentences to `{"text": …, "label": "positive", "score": 0.7, "probabilities": {…}}`.

    `probabilities` is in the order of the labels; with `top_k=k` it holds the k likeliest,
    likeliest first. A sentence without words has the label and the score None, and no
    probabilities.
    """

    def outputs_of(self, model: keras.Model) -> Any:
        return {"logits": model.output}

    def check_options(self, top_k: int | None = None) -> None:
        check_top_k(top_k, self.preprocessor.labels)

    def answer(
        self, sentence: Sentence, found: dict[str, np.ndarray], top_k: int | None = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {"label": None, "score": None, "probabilities": {}}
        if sentence.tokens:
            answer = classified(found["logits"], self.preprocessor.labels, top_k)
        return {"text": sentence.text, **answer}


class TaggingPipeline(SentencePipeline):
    """Sentences to `{"text": …, "tokens": [{"text", "start", "end", "tag", "score"}, …], "tags"}`.

    `start` and `end` count the code points of the text as it was given; `score` is the probability
    of the tag.
    """

    def outputs_of(self, model: keras.Model) -> Any:
        labels, scores = _BestLabels(self.preprocessor.labels)(model.output["labels"])
        return model.output | {"labels": labels, "scores": scores}

    def answer(self, sentence: Sentence, found: dict[str, np.ndarray]) -> dict[str, Any]:
        count = len(sentence.tokens)
        tags = [self.preprocessor.labels[i] for i in found["labels"][:count]]
        scores = found["scores"][:count].tolist()
        tokens = [
            {"text": token.text, "start": token.start, "end": token.end, "tag": tag, "score": score}
            for token, tag, score in zip(sentence.tokens, tags, scores, strict=True)
        ]
        return {"text": sentence.text, "tokens": tokens, "tags": tags}


class SlotFillingPipeline(TaggingPipeline):
    """Sentences to tokens and tags, the slots that they make, and the intent if there is one.

    A slot is `{"slot", "text", "start", "end", "score"}`: the text from its first word to its last,
    and the mean of its words' scores. A sentence without words has the intent None.
    """

    def answer(self, sentence: Sentence, found: dict[str, np.ndarray]) -> dict[str, Any]:
        answer = super().answer(sentence, found)
        answer["slots"] = []
        for slot, first, last in chunks(answer["tags"]):
            tokens = answer["tokens"][first : last + 1]
            start, end = tokens[0]["start"], tokens[-1]["end"]
            answer["slots"].append(
                {
                    "slot": slot,
                    "text": sentence.text[start:end],
                    "start": start,
                    "end": end,
                    "score": sum(token["score"] for token in tokens) / len(tokens),
                }
            )
        if "intents" in found:
            probabilities = softmax(found["intents"])
            best = int(np.argmax(probabilities))
            heard = bool(sentence.tokens)
            answer["intent"] = self.preprocessor.intents[best] if heard else None
            answer["intent_score"] = float(probabilities[best]) if heard else None
        return answer


def chunks(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yields label, first and last word of each chunk of IOB tags, as conlleval reads them.

    A chunk begins with B-label, or with an I-label after another label.
    """
    first, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, new = tag.partition("-")
        if label and (prefix != "I" or new != label):
            yield label, first, i - 1
            label = ""
        if prefix != "O" and not label:
            first, label = i, new


def _sentences(name: str, inputs: Any, read: Any, single: bool) -> Any:
    """Returns one sentence, a list of them, or an iterator of them, as the inputs are."""
    if single:
        return read(inputs, name)
    if isinstance(inputs, Iterator):
        return (read(one, f"{name}[{i}]") for i, one in enumerate(inputs))
    if not isinstance(inputs, list | tuple | np.ndarray):
        raise TypeError(f"{name} must be one sentence, a list or an iterator, got {inputs!r}")
    return [read(one, f"{name}[{i}]") for i, one in enumerate(inputs)]
