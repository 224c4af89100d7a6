"""A vocabulary of parts of words, learned from texts."""

import io
from collections import Counter
from collections.abc import Iterable

from zoo.layers.words import BOUNDARY
from zoo.preprocessing.pieces import SPACE, Pieces

# Of a byte pair encoding, merges on the way to longer pieces are left over that `Pieces`, which
# takes the longest, seldom uses: learn more pieces than wanted, and drop those.
SURPLUS = 1.5


def learn(texts: Iterable[str], size: int) -> list[str]:
    """Returns pieces for `Pieces`: every character of the texts, and the most useful longer ones.

    They are those of a byte pair encoding, less the ones that a cut by the longest piece uses
    least. None crosses white space or the border between letters and what is none, digits and
    punctuation. The same texts and size give the same list.

    Source: Sennrich et al., *Neural Machine Translation of Rare Words with Subword Units*,
    arXiv:1508.07909, as SentencePiece implements it.

    Args:
        texts: any strings; "▁" in one counts as a space.
        size: number of pieces; there are fewer if the texts have no more.

    Returns:
        The pieces, the most used first. One that begins a word begins with "▁", which is a piece
        too, so that a word may begin with any character.

    Raises:
        RuntimeError: if sentencepiece is not installed.
        ValueError: if there is no word in the texts, or `size` is less than their characters need.
    """
    try:
        import sentencepiece
    except ModuleNotFoundError as error:
        raise RuntimeError("subwords need sentencepiece: pip install gatezoo[train]") from error
    words = Counter(word for text in texts for word in text.replace(SPACE, " ").split())
    characters = {SPACE}.union(*words)
    if not words:
        raise ValueError("texts must hold a word, got none")
    if size < len(characters):
        raise ValueError(f"size must be at least {len(characters)}, the characters, got {size}")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(f"{word}\t{count}" for word, count in sorted(words.items())),
        input_format="tsv",
        model_writer=model,
        model_type="bpe",
        vocab_size=int(SURPLUS * size) + len(characters),
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        # Longer words would be left out.
        max_sentence_length=2**30,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    learned = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # Number 0 is "<unk>".
    kept = characters.union(map(learned.id_to_piece, range(1, learned.vocab_size())))
    while True:
        used = _used(kept, words)
        order = sorted(kept, key=lambda piece: (-used[piece], piece))
        excess = len(kept) - size
        if excess <= 0:
            return order
        # What one piece is used for goes to others once it is dropped: half at a time.
        least = [piece for piece in reversed(order) if piece not in characters]
        kept = kept - set(least[: -(-excess // 2)])


def _used(vocabulary: Iterable[str], words: Counter[str]) -> dict[str, int]:
    """Returns how often each piece occurs in the words as `Pieces` cuts them."""
    pieces, used = Pieces(sorted(vocabulary)), Counter[int]()
    for word, count in words.items():
        for number in pieces.numbers(word):
            used[number] += count
    return {piece: used[number] for number, piece in enumerate(pieces.vocabulary, BOUNDARY + 1)}
