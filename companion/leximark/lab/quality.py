"""What the watermark costs: words changed, closeness of meaning, and whether it can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.encoder import Encoder
from companion.leximark.lab.arms import Dictionaries
from companion.leximark.lab.detection import auroc
from companion.leximark.method.watermark import Marked
from companion.leximark.method.words import frequency, sentences
from companion.leximark.sources import Split

RARE_WORD = 1e-6
"""Words below one in a million are what the detector counts."""


@dataclass(frozen=True)
class Quality:
    """One seed, marked by the authors' rule.

    shares : of the words of each document of half A that were replaced, (n_documents,)
    cosines : of each sentence of half A that was changed with what it became, (n_sentences,)
    agree : share of the replaced places of half B that the two calls' dictionaries fill alike
    seen : AUROC of a detector that knows the method and no key: the share of rare words in marked
        documents of half A against unmarked ones of half B
    seen_unmarked : the same of unmarked documents of A, which chance alone decides
    """

    shares: np.ndarray
    cosines: np.ndarray
    agree: float
    seen: float
    seen_unmarked: float


def measure(docs: Split, known: Dictionaries, encoder: Encoder) -> Quality:
    """Quality of the authors' rule on the documents of a seed."""
    marked = [known.maker("a").mark(text) for text in docs.a]
    before, after = changed_sentences(docs.a, marked)
    cosines = (encoder.encode(before) * encoder.encode(after)).sum(1)
    unmarked = rare_share(docs.b)
    return Quality(
        np.array([m.share for m in marked]),
        np.asarray(cosines, dtype=float),
        agreement(docs.b, known),
        auroc(rare_share([m.text for m in marked]), unmarked),
        auroc(rare_share(docs.a), unmarked),
    )


def changed_sentences(texts: Sequence[str], marked: Sequence[Marked]):
    """(sentences before, after) of all sentences in which a word was replaced."""
    before, after = [], []
    for text, one in zip(texts, marked, strict=True):
        shift = 0
        for sentence in sentences(text):
            start, end = sentence[0].start, sentence[-1].end
            inside = [c for c in one.changes if start <= c.start < end]
            grown = sum(len(c.new) - len(c.old) for c in inside)
            if inside:
                before.append(text[start:end])
                after.append(one.text[start + shift : end + shift + grown])
            shift += grown
    return before, after


def agreement(texts: Sequence[str], known: Dictionaries) -> float:
    """Share of the places replaced under a or b at which both dictionaries write the same word."""
    same = total = 0
    for text in texts:
        a, b = ({c.start: c.new for c in known.maker(name).mark(text).changes} for name in "ab")
        places = a.keys() | b.keys()
        same += sum(a.get(place) == b.get(place) for place in places)
        total += len(places)
    return same / total if total else float("nan")


def rare_share(texts: Sequence[str]) -> np.ndarray:
    """Share of the words of each text that are known and rare: (n_texts,)."""
    return np.array([_rare_share(text) for text in texts])


def _rare_share(text: str) -> float:
    words = [token.word.lower() for sentence in sentences(text) for token in sentence]
    return sum(0 < frequency(word) < RARE_WORD for word in words) / max(1, len(words))
