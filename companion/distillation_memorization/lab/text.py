"""The text that the models learn: generated word-pool text, and windows of a real book.

**Word pools.**  Each sequence draws a few distinct words and then emits words of its pool at random
until it is full.  A small pool repeats itself and compresses well, but the *order* of its words is
random, so the second half cannot be guessed by who has not been trained on it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from companion.corpora import king_james

ALPHABET = " abcdefghijklmnopqrstuvwxyz"
POOL_SIZES = (2, 14)
"""Smallest and largest pool; sizes are log-uniform between them."""

POOLS, REAL = "word pools", "the King James Bible"


@dataclass(frozen=True)
class Sets:
    """Disjoint sequences of one source.

    base : int64 (n_base, length), what the base models are trained on
    train : int64 (n, length), the data set D; held_out : int64 (n_held, length), never trained on
    alphabet : token id -> character
    """

    base: Tensor
    train: Tensor
    held_out: Tensor
    alphabet: str

    def texts(self, tokens: Tensor) -> list[str]:
        """The characters of each row of tokens (n, length)."""
        return decode(tokens, self.alphabet)


@cache
def word_list() -> tuple[str, ...]:
    """600 common English words, most frequent first (counts of the help texts of Python 3.11)."""
    text = (files("companion.distillation_memorization") / "words.json").read_text("utf-8")
    return tuple(json.loads(text)["words"])


def zipf_weights(n: int) -> np.ndarray:
    """Probabilities proportional to 1/rank, shape (n,)."""
    weights = 1 / np.arange(1, n + 1)
    return weights / weights.sum()


def pool_text(length: int, rng: np.random.Generator) -> str:
    """One sequence: a pool of k words, k log-uniform in POOL_SIZES, emitted uniformly."""
    low, high = POOL_SIZES
    k = round(math.exp(rng.uniform(math.log(low), math.log(high))))
    words = word_list()
    pool = rng.choice(len(words), size=k, replace=False, p=zipf_weights(len(words)))
    text = ""
    while len(text) < length:
        text += words[pool[rng.integers(k)]] + " "
    return text[:length]


def encode(texts: Sequence[str], alphabet: str = ALPHABET) -> Tensor:
    """Token ids of equally long texts: int64 (n, length).

    Raises ``ValueError`` for texts of different lengths or a character outside the alphabet.
    """
    if len({len(text) for text in texts}) > 1:
        raise ValueError(f"texts differ in length: {sorted({len(t) for t in texts})}")
    index = {character: i for i, character in enumerate(alphabet)}
    if unknown := set("".join(texts)) - set(index):
        raise ValueError(f"characters {sorted(unknown)} are not in the alphabet")
    return torch.tensor([[index[character] for character in text] for text in texts])


def decode(tokens: Tensor, alphabet: str = ALPHABET) -> list[str]:
    """Inverse of :func:`encode`."""
    return ["".join(alphabet[i] for i in row) for row in tokens.tolist()]


def zlib_bytes(texts: Sequence[str]) -> np.ndarray:
    """Length in bytes of each *text* compressed with zlib, shape (n,): low means repetitive.

    About 10 bytes of it are the header, the same for every text: compare by difference.
    """
    return np.array([len(zlib.compress(text.encode())) for text in texts], dtype=float)


def pool_texts(length: int, rng: np.random.Generator) -> Iterator[str]:
    """Word-pool sequences without end."""
    while True:
        yield pool_text(length, rng)


def real_texts(length: int, rng: np.random.Generator) -> Iterator[str]:
    """Every window of the King James Bible once, in random order.

    Real text repeats itself: a held-out window may share most of its characters with a training
    window, which is why the held-out rate stands beside every rate.
    """
    text = king_james().text
    for place in rng.permutation(len(text) // length):
        yield text[place * length : (place + 1) * length]


SOURCES = {POOLS: pool_texts, REAL: real_texts}


def alphabet_of(source: str) -> str:
    """The characters of a source, in the order of their ids."""
    return ALPHABET if source == POOLS else "".join(sorted(set(king_james().text)))


def distinct(
    source: str, n: int, length: int, rng: np.random.Generator, known: Iterable[str] = ()
) -> list[str]:
    """`n` sequences of a source, all different and none of them known.

    Raises ``ValueError`` when the source has too few.
    """
    known, found = set(known), {}
    for text in SOURCES[source](length, rng):
        if text not in known:
            found[text] = None
        if len(found) == n:
            return list(found)
    raise ValueError(f"the text has {len(found)} such windows, {n} were asked for")


def draw_sets(
    source: str,
    sizes: tuple[int, int, int],
    length: int,
    base_rng: np.random.Generator,
    rng: np.random.Generator,
) -> Sets:
    """Disjoint sequences for the base models, D, and the held-out text.

    sizes : of the three; base_rng : draws the first, rng : the others
    """
    n_base, n, n_held = sizes
    base = distinct(source, n_base, length, base_rng)
    others = distinct(source, n + n_held, length, rng, base)
    alphabet = alphabet_of(source)
    train, held_out = encode(others, alphabet).split([n, n_held])
    return Sets(encode(base, alphabet), train, held_out, alphabet)
