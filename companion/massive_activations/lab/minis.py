"""Minis: which tiny GPT-NeoX models to train, on what, and when to measure them.

Each run is one frozen :class:`Mini`.  Its arms change one thing at a time: the attention, the
optimizer, weight decay, the learning rate, the first token, the data.  The paper has one run per
size, in which everything changes with the size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from companion import corpora
from companion.massive_activations.lab import bigram
from companion.massive_activations.lab.attention import RELU, SOFTMAX1
from companion.scale import generator

TASK_SEED = 0
"""Seed of the bigram table: one language for all runs."""


@dataclass(frozen=True)
class Mini:
    """One training run; the defaults are the base arm.

    data : ``"bigram"`` (bigram-backcopy) or ``"bytes"`` (English text, vocabulary 256)
    attention : ``"sdpa"`` or one of the two registered by this chapter
    peak lr 1e-2 is ours: at 1e-3, Pythia's, no spike grows in a few hundred steps
    n_eval : sequences on which every checkpoint is measured
    """

    arm: str = "base"
    seed: int = 0
    data: str = "bigram"
    n_layers: int = 3
    d_model: int = 64
    n_heads: int = 4
    seq: int = 64
    vocab_size: int = 64
    batch: int = 8
    steps: int = 400
    lr: float = 1e-2
    weight_decay: float = 0.1
    optimizer: str = "adamw"
    attention: str = "sdpa"
    has_bos: bool = True
    n_eval: int = 64
    n_checkpoints: int = 30

    def __post_init__(self) -> None:
        if self.data not in ("bigram", "bytes"):
            raise ValueError(f"data must be 'bigram' or 'bytes', got {self.data!r}")
        if self.data == "bytes" and self.vocab_size != 256:
            raise ValueError(f"bytes need vocab_size=256, got {self.vocab_size}")


ARMS: Mapping[str, Mapping[str, object]] = {
    "base": {},
    "relu": {"attention": RELU},
    "softmax1": {"attention": SOFTMAX1},
    # Momentum 0.9 makes steps ten times longer: this pair shrinks weights as fast as AdamW's
    # (lr * decay / (1 - momentum) = 1e-3 a step). Of lr 0.1, 0.3, 1 this has the lowest loss.
    "sgd": {"optimizer": "sgd", "lr": 0.3, "weight_decay": 3.3e-4},
    "no-decay": {"weight_decay": 0.0},
    "lr-third": {"lr": 1e-2 / 3},
    "no-bos": {"has_bos": False},
    "text": {"data": "bytes", "vocab_size": 256},
}
"""What each arm changes of the base run."""


def arm(base: Mini, name: str) -> Mini:
    """`base` with the changes of one of :data:`ARMS`; ValueError lists them for another name."""
    if name not in ARMS:
        raise ValueError(f"unknown arm {name!r}; choose one of {', '.join(ARMS)}")
    return replace(base, arm=name, **ARMS[name])


def checkpoint_steps(steps: int, n: int = 30) -> tuple[int, ...]:
    """At most `n` steps from 0 to `steps`: powers of two while they are dense, then evenly spaced.

    Like Pythia's own: 0, 1, 2, 4, ... and then every so many.

    Examples
    --------
    >>> checkpoint_steps(100, 10)
    (0, 1, 2, 4, 8, 16, 25, 50, 75, 100)
    """
    if steps < 1 or n < 2:
        raise ValueError(f"need steps >= 1 and n >= 2, got {steps} and {n}")
    for n_even in range(n - 1, 0, -1):
        even = {round(steps * k / n_even) for k in range(1, n_even + 1)}
        powers = {2**k for k in range(steps.bit_length()) if 2**k < steps / n_even}
        chosen = {0} | powers | even
        if len(chosen) <= n:
            break
    # a few checkpoints cannot hold all powers: the end matters more than the first steps
    return tuple(sorted(chosen)) if len(chosen) <= n else (0, *sorted(chosen)[-n + 1 :])


def make_data(mini: Mini) -> tuple[Callable[[int], Tensor], bigram.Batch]:
    """The training batch of each step (a pure function of it), and the evaluation batch."""
    n_train = mini.steps * mini.batch
    if mini.data == "bytes":
        tokens, held_out = corpora.split(corpora.byte_tokens(corpora.python_topics().text))
        evaluation = corpora.consecutive_windows(held_out, mini.n_eval, mini.seq)
        copies = torch.zeros_like(evaluation[:, 1:], dtype=torch.bool)
        rng = generator(mini.seed, "mini", "bytes")
        pool = corpora.random_windows(tokens, n_train, mini.seq, rng)
        return _batches(pool, mini.batch), bigram.Batch(evaluation, copies)
    table = bigram.bigram_table(mini.vocab_size, generator(TASK_SEED, "bigram table"))
    # one stream for all seeds evaluates every run on the same sequences
    held_out_rng = generator(TASK_SEED, "bigram evaluation")
    evaluation = bigram.sample(mini.n_eval, mini.seq, table, held_out_rng, has_bos=mini.has_bos)
    rng = generator(mini.seed, "mini", "bigram")
    pool = bigram.sample(n_train, mini.seq, table, rng, has_bos=mini.has_bos).tokens
    return _batches(pool, mini.batch), evaluation


def _batches(pool: Tensor, batch: int) -> Callable[[int], Tensor]:
    return lambda step: pool[step * batch : (step + 1) * batch]
