"""The metrics of each task, those of its field, by the field's own scorers.

Each takes a pipeline and the examples of a split, as `zoo.data.load` returns them.
"""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import keras
import numpy as np

from zoo.pipelines.base import Pipeline
from zoo.pipelines.sentence import TaggingPipeline, TextClassificationPipeline
from zoo.pipelines.writing import LanguagePipeline, SequencePipeline
from zoo.preprocessing.pieces import SPACE


def classification(classify: Pipeline, pictures: np.ndarray, ids: np.ndarray) -> dict[str, float]:
    """Returns the share of pictures whose likeliest class is the true one, and the loss in nats."""
    logits = classify.model.predict(pictures, batch_size=1000, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {
        "accuracy": float(np.mean(logits.argmax(axis=1) == ids)),
        "loss": float(loss(ids, logits)),
    }


def slot_filling(
    fill: TaggingPipeline, sentences: list[list[str]], targets: dict[str, Any]
) -> dict[str, float]:
    """Returns F1, precision and recall of slots, and the shares of right intents and sentences.

    A slot is right with its label and all of its words, as in the conlleval script; a sentence
    with all of its labels and its intent.
    """
    answers = fill(words=sentences)
    metrics = chunk_scores(targets["labels"], [answer["tags"] for answer in answers])
    right = np.array([a["tags"] == t for a, t in zip(answers, targets["labels"], strict=True)])
    if answers and "intent" in answers[0]:
        intents = np.array(
            [a["intent"] == t for a, t in zip(answers, targets["intents"], strict=True)]
        )
        metrics["intent_accuracy"] = intents.mean()
        right &= intents
    return metrics | {"sentence_accuracy": right.mean()}


def tagging(
    tag: TaggingPipeline, sentences: list[list[str]], targets: dict[str, Any]
) -> dict[str, float]:
    """Returns the share of right tags, after the scores of the chunks if tags are in IOB form."""
    found = [answer["tags"] for answer in tag(words=sentences)]
    pairs = zip(chain.from_iterable(found), chain.from_iterable(targets["labels"]), strict=True)
    accuracy = {"accuracy": float(np.mean([a == b for a, b in pairs]))}
    in_chunks = any(label.startswith("B-") for row in targets["labels"] for label in row)
    return (chunk_scores(targets["labels"], found) if in_chunks else {}) | accuracy


def text_classification(
    classify: TextClassificationPipeline, sentences: list[list[str]], targets: dict[str, Any]
) -> dict[str, float]:
    """Returns the share of sentences whose likeliest label is the true one."""
    found = [answer["label"] for answer in classify(words=sentences)]
    return {
        "accuracy": float(np.mean([a == b for a, b in zip(found, targets["labels"], strict=True)]))
    }


def chunk_scores(true: list[list[str]], found: list[list[str]]) -> dict[str, float]:
    """Returns F1, precision and recall of chunks in IOB tags, as seqeval counts them.

    Raises:
        RuntimeError: if seqeval is not installed.
    """
    try:
        from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
    except ModuleNotFoundError as error:
        raise RuntimeError("scores of chunks need seqeval: pip install gatezoo[train]") from error
    precision, recall, f1, _ = precision_recall_fscore_support(true, found, average="micro")
    return {"f1": float(f1), "precision": float(precision), "recall": float(recall)}


def sequence_to_sequence(
    write: SequencePipeline, sources: list[str], targets: dict[str, Any]
) -> dict[str, float]:
    """Returns error rates where all pieces written are words, as phonemes are, else BLEU and chrF.

    `per` is the number of pieces to be inserted, left out or replaced, divided by those of the
    outputs that are right, by jiwer; `wer` the share of sources whose output is not right as a
    whole. Where several outputs are right, it is the nearest that counts. `bleu` and `chrf`, from 0
    to 100, are those of sacreBLEU.

    Raises:
        RuntimeError: if jiwer or sacreBLEU is not installed.
    """
    found = [answer["output"] for answer in write(sources)]
    if all(piece.startswith(SPACE) for piece in write.preprocessor.labels):
        return _error_rates(targets["outputs"], found)
    return _translation(targets["outputs"], found)


def _error_rates(right: list[list[str]], found: list[str]) -> dict[str, float]:
    try:
        import jiwer
        from rapidfuzz.distance import Levenshtein
    except ModuleNotFoundError as error:
        raise RuntimeError("error rates need jiwer: pip install gatezoo[train]") from error
    nearest = [
        min(one, key=lambda text: Levenshtein.distance(text.split(), output.split()))
        for one, output in zip(right, found, strict=True)
    ]
    wrong = [text != output for text, output in zip(nearest, found, strict=True)]
    return {"per": jiwer.wer(nearest, found), "wer": float(np.mean(wrong))}


def _translation(right: list[list[str]], found: list[str]) -> dict[str, float]:
    try:
        import sacrebleu
    except ModuleNotFoundError as error:
        raise RuntimeError("BLEU needs sacrebleu: pip install gatezoo[train]") from error
    references = [list(column) for column in zip(*right, strict=True)]
    return {
        "bleu": sacrebleu.corpus_bleu(found, references).score,
        "chrf": sacrebleu.corpus_chrf(found, references).score,
    }


def signature(metrics: Mapping[str, float]) -> str | None:
    """Returns the signature of sacreBLEU where metrics are its own: what makes them comparable."""
    if "bleu" not in metrics:
        return None
    import sacrebleu

    scorers = {"BLEU": sacrebleu.BLEU(), "chrF": sacrebleu.CHRF()}
    for scorer in scorers.values():
        # How many references there are is part of it: those of the zoo's data have one.
        scorer.corpus_score([""], [[""]])
    return ", ".join(f"{name} {scorer.get_signature()}" for name, scorer in scorers.items())


def whole_outputs(write: Pipeline, inputs: Any, targets: dict[str, Any]) -> dict[str, float]:
    """Returns the share of inputs, pictures or texts, whose output is right letter by letter."""
    found = [answer["output"] for answer in write(inputs)]
    right = [output in one for output, one in zip(found, targets["outputs"], strict=True)]
    return {"accuracy": float(np.mean(right))}


def language_modelling(
    model: LanguagePipeline, texts: list[str], targets: dict[str, Any]
) -> dict[str, float]:
    """Returns the nats a character: minus the mean log p of each after all before it in its text.

    A text is walked from its beginning to its end with the state carried.
    """
    return {"nats": -sum(map(model.log_prob, texts)) / sum(map(len, texts))}


OF_TASK: dict[str, Callable[..., dict[str, float]]] = {
    "algorithm": whole_outputs,
    "image-classification": classification,
    "image-to-sequence": whole_outputs,
    "language-modelling": language_modelling,
    "sequence-to-sequence": sequence_to_sequence,
    "slot-filling": slot_filling,
    "tagging": tagging,
    "text-classification": text_classification,
}
