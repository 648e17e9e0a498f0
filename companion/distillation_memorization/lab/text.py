"""The text that the models learn: generated word-pool text, and windows of a real book.

**Word pools.**  Each sequence draws a few distinct words and then emits words of its pool at random
until it is full.  A small pool repeats itself and compresses well, but the *order* of its words is
random, so the second half cannot be guessed by who has not been trained on it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
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


def pool_sets(n_base: int, n: int, n_held: int, length: int, rng: np.random.Generator) -> Sets:
    """Word-pool text; sequences are distinct, so no one is in two sets."""
    texts: dict[str, None] = {}
    while len(texts) < n_base + n + n_held:
        texts[pool_text(length, rng)] = None
    tokens = encode(list(texts))
    base, train, held_out = tokens.split([n_base, n, n_held])
    return Sets(base, train, held_out, ALPHABET)


def real_sets(n_base: int, n: int, n_held: int, length: int, rng: np.random.Generator) -> Sets:
    """Distinct windows of the King James Bible, dealt at random to the three sets.

    Real text repeats itself: a held-out window may share most of its characters with a training
    window, which is why the held-out rate stands beside every rate.

    Raises ``ValueError`` when the text has too few distinct windows.
    """
    text = king_james().text
    texts: dict[str, None] = {}
    for place in rng.permutation(len(text) // length):
        texts[text[place * length : (place + 1) * length]] = None
        if len(texts) == n_base + n + n_held:
            break
    else:
        raise ValueError(
            f"the text has {len(texts)} distinct windows, {n_base + n + n_held} were asked for"
        )
    alphabet = "".join(sorted(set(text)))
    base, train, held_out = encode(list(texts), alphabet).split([n_base, n, n_held])
    return Sets(base, train, held_out, alphabet)


SOURCES = {POOLS: pool_sets, REAL: real_sets}
