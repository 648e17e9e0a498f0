"""State tracking: sequences of moves, and where they lead after every one of them."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor


class Task(NamedTuple):
    """A walk on a group: each token is a group element, each label the product so far.

    name : as in tables; table : (order, order), ``table[g, m]`` is g followed by m
    """

    name: str
    table: Tensor

    @property
    def order(self) -> int:
        """Elements of the group."""
        return len(self.table)

    @property
    def chance(self) -> float:
        """Accuracy of a guess."""
        return 1 / self.order


def cyclic(k: int) -> Tensor:
    """Addition modulo k."""
    numbers = torch.arange(k)
    return (numbers[:, None] + numbers) % k


def symmetric(n: int) -> Tensor:
    """Composition of all permutations of n things, in lexicographic order."""
    elements = list(itertools.permutations(range(n)))
    index = {p: i for i, p in enumerate(elements)}
    return torch.tensor(
        [[index[tuple(move[now[i]] for i in range(n))] for move in elements] for now in elements]
    )


TASKS = {
    "parity": Task("parity", cyclic(2)),
    "Z3": Task("Z3", cyclic(3)),
    "Z5": Task("Z5", cyclic(5)),
    "S3": Task("S3", symmetric(3)),
}


def walks(task: Task, n: int, seq: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` random walks: tokens and labels, both int64 (n, seq).

    The first token is a start token (number ``order``), whose label is the unit, 0.
    """
    if seq < 1:
        raise ValueError(f"a walk has at least its start token, got seq {seq}")
    moves = torch.randint(task.order, (n, seq), generator=rng)
    labels = torch.zeros(n, seq, dtype=torch.long)
    for t in range(1, seq):
        labels[:, t] = task.table[labels[:, t - 1], moves[:, t]]
    moves[:, 0] = task.order
    return moves, labels


def scaled_accuracy(accuracy: Tensor, chance: float) -> Tensor:
    """0 at chance, 1 when perfect, negative below chance. Paper, Table 5b."""
    return (accuracy - chance) / (1 - chance)
