"""Sentences a second of the pipelines that label words, beside spaCy's tagger.

    python benchmarks/labelling_speed.py

1,000 sentences, as lists of words, in one call, of the test split that a checkpoint was scored on;
the median of the rounds. Where spaCy is installed its tagger stands beside, untrained, of the size
that its small English pipeline has (tok2vec of 96 units, four layers): weights do not change its
speed. Where it is not, its row is missing.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import zoo

COUNT = 1000
LABELLERS = ("bilstm_crf_ewt", "bilstm_crf_conll2000", "bilstm_atis", "bilstm_snips")


def seconds(label: Callable[[], Any], rounds: int) -> float:
    """Returns the median time of a call, after one that is not counted."""
    label()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        label()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def spacy_tagger(sentences: list[list[str]], tags: list[list[str]]) -> Callable[[], Any] | None:
    """Returns what tags all sentences by spaCy, or None where it is not installed."""
    try:
        import spacy
        from spacy.tokens import Doc
        from spacy.training import Example
    except ModuleNotFoundError:
        return None
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    pairs = zip(sentences[:100], tags, strict=False)
    examples = [Example(Doc(nlp.vocab, s), Doc(nlp.vocab, s, tags=t)) for s, t in pairs]
    nlp.initialize(lambda: examples)
    return lambda: list(nlp.pipe(Doc(nlp.vocab, words) for words in sentences))


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Print sentences and words a second."""
    table = Table("labeller", "sentences of", "words each", "sentences/s", "words/s")

    def add(what: str, dataset: str, sentences: list[list[str]], label: Callable[[], Any]) -> None:
        took = seconds(label, rounds)
        words = sum(map(len, sentences))
        table.add_row(
            what,
            dataset,
            f"{words / len(sentences):.1f}",
            f"{len(sentences) / took:,.0f}",
            f"{words / took:,.0f}",
        )

    for name in names or LABELLERS:
        pipe = zoo.pipeline(name)
        dataset = zoo.info(name)["dataset"]["name"]
        words, targets = zoo.data.load(dataset, "test")
        # A test split of fewer sentences is gone through again.
        sentences = (words * 2)[:COUNT]
        add(name, dataset, sentences, partial(pipe, words=sentences))
        if dataset == "ewt" and (tag := spacy_tagger(sentences, targets["labels"])):
            add("spaCy's tagger", dataset, sentences, tag)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
