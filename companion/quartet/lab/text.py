"""English text as tokens of a small vocabulary, and the batches that all recipes share."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from companion.corpora import Corpus, byte_tokens, python_topics, split
from companion.scale import generator


@cache
def corpus() -> Corpus:
    """The help topics of Python's standard library."""
    return python_topics()


@cache
def streams() -> tuple[Tensor, Tensor, int]:
    """Training tokens, held-out tokens (the last tenth), size of the vocabulary.

    Tokens are the distinct bytes of the text, numbered; the size is a multiple of 32.
    """
    tokens = byte_tokens(corpus().text)
    kinds, numbered = torch.unique(tokens, return_inverse=True)
    train, held_out = split(numbered)
    return train, held_out, -(-len(kinds) // 32) * 32


def batch(seeds: list[int], step: int, n_windows: int, seq: int) -> Tensor:
    """Windows of training step `step` for each seed: int64 (seeds, n_windows, seq).

    A pure function of seed and step, so every recipe reads the same text in the same order.
    """
    train = streams()[0]
    starts = np.stack(
        [
            generator(seed, "quartet batch", step).integers(0, len(train) - seq, n_windows)
            for seed in seeds
        ]
    )
    return train[torch.from_numpy(starts)[..., None] + torch.arange(seq)]


def held_out(n_seeds: int, n_tokens: int, seq: int) -> Tensor:
    """The first windows of the held-out text, the same for each seed: (n_seeds, windows, seq)."""
    tokens = streams()[1]
    n = min(n_tokens, len(tokens)) // seq
    return tokens[: n * seq].view(1, n, seq).expand(n_seeds, n, seq)
