r"""The bigram-backcopy language: small, exactly known, and it makes heads want to do nothing.

Token 0 begins every sequence, the last three ids are triggers.  After a plain token the next one
is drawn from a fixed bigram table P; after a trigger the token before the trigger is repeated.  An
attention head that copies has work to do only at triggers.  Elsewhere it must put its weight
somewhere, and the first token is a place without consequences (Guo et al. 2024, the
Active-Dormant heads paper; the table here is our own).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

BOS = 0
"""The token that begins every sequence."""

N_TRIGGERS = 3


class Batch(NamedTuple):
    """Sequences and what kind of prediction each position asks for.

    tokens : int64 of shape (n, seq)
    is_copy : bool of shape (n, seq - 1); entry t says that token t + 1 repeats token t - 1
    """

    tokens: torch.Tensor
    is_copy: torch.Tensor


def bigram_table(vocab_size: int, rng: np.random.Generator) -> np.ndarray:
    """The fixed table P, shape (vocab_size, vocab_size); row v is the distribution after v.

    Row-softmax of standard normal logits; BOS gets probability 0 everywhere, triggers four times
    their weight, and a trigger never follows a trigger.  Rows sum to one.
    """
    if vocab_size < N_TRIGGERS + 2:
        raise ValueError(
            f"vocab_size must hold BOS, {N_TRIGGERS} triggers and a plain token: at least "
            f"{N_TRIGGERS + 2}, got {vocab_size}"
        )
    first_trigger = vocab_size - N_TRIGGERS
    table = np.exp(rng.normal(size=(vocab_size, vocab_size)))
    table /= table.sum(axis=1, keepdims=True)
    table[:, BOS] = 0.0
    table[:, first_trigger:] *= 4.0
    table[first_trigger:, first_trigger:] = 0.0
    return table / table.sum(axis=1, keepdims=True)


def copy_positions(tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Which predictions are back-copies: bool of shape (n, seq - 1), see :class:`Batch`.

    A trigger that is the first token, or that follows another trigger, has nothing to repeat.
    """
    is_trigger = tokens >= vocab_size - N_TRIGGERS
    is_copy = torch.zeros_like(tokens[:, 1:], dtype=torch.bool)
    is_copy[:, 1:] = is_trigger[:, 1:-1] & ~is_trigger[:, :-2]
    return is_copy


def sample(
    n: int, seq: int, table: np.ndarray, rng: np.random.Generator, *, has_bos: bool = True
) -> Batch:
    """Draw `n` sequences of `seq` tokens.

    table : of :func:`bigram_table`
    has_bos : begin with BOS, then a uniform plain token; without it, begin with the plain token
    """
    vocab_size, n_plain_end = len(table), len(table) - N_TRIGGERS
    if seq < 3:
        raise ValueError(f"a back-copy needs three tokens, got seq={seq}")
    cumulative = np.cumsum(table, axis=1)
    cumulative[:, -1] = 1.0 + 1e-12  # rounding must not leave a gap above the last token
    tokens = np.empty((n, seq), dtype=np.int64)
    tokens[:, 0] = BOS
    start = 1 if has_bos else 0
    tokens[:, start] = rng.integers(1, n_plain_end, size=n)
    for t in range(start + 1, seq):
        last = tokens[:, t - 1]
        drawn = (rng.random(n)[:, None] >= cumulative[last]).sum(axis=1)
        if t >= 2:
            # a copy is always plain, so the token before a trigger is never a trigger itself
            drawn = np.where(last >= n_plain_end, tokens[:, t - 2], drawn)
        tokens[:, t] = drawn
    batch = torch.from_numpy(tokens)
    return Batch(batch, copy_positions(batch, vocab_size))
