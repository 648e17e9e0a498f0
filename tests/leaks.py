"""Tools that show a leak from evaluation into training.

Three kinds.  *Streams*: what a run asks of ``companion.scale`` is written down, and every stream
of random numbers has one declared use.  *Paint*: training and held-out tokens are replaced by
numbers that cannot be confused, so that what is trained on and what is read can be told apart.
*Huge rows*: test rows a million times as large must leave everything that was fitted unchanged.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from companion import scale

ANY = "*"
"""Stands for one name of a stream: a step, a generation, a mixing ratio."""

HUGE = 1e6

Stream = tuple[str, ...]
"""Seed and names, as text."""


class Ear:
    """The streams that were asked for since it was made, with how often: see :func:`listening`."""

    def __init__(self) -> None:
        self.heard: Counter[Stream] = Counter()

    def names(self) -> set[Stream]:
        """The names without the seed."""
        return {stream[1:] for stream in self.heard}


@contextmanager
def listening() -> Iterator[Ear]:
    """Write down every call of ``generator``, ``torch_generator`` and ``derive_seed`` within.

    Jobs in other processes are not heard: run with one.
    """
    ear, real = Ear(), scale.derive_seed

    def derive_seed(seed: int, *names: object) -> int:
        ear.heard[str(int(seed)), *map(str, names)] += 1
        return real(seed, *names)

    _put(derive_seed)
    try:
        yield ear
    finally:
        _put(real)  # also into the modules that were imported meanwhile


def _put(function: object) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("companion") and hasattr(module, "derive_seed"):
            module.derive_seed = function


class Declared(NamedTuple):
    """What the streams of an experiment are for; patterns of names in which ANY is one name.

    fit : data and order of the training; evaluation : data that are only read
    other : worlds, weights, orders that touch no data
    again : those of the above that are asked for more than once on purpose
    """

    fit: Sequence[Stream]
    evaluation: Sequence[Stream] = ()
    other: Sequence[Stream] = ()
    again: Sequence[Stream] = ()


def matches(names: Stream, pattern: Stream) -> bool:
    """Whether names fit a pattern of the same length."""
    return len(names) == len(pattern) and all(
        want in (ANY, name) for name, want in zip(names, pattern, strict=True)
    )


def complaints(ear: Ear, declared: Declared) -> list[str]:
    """What is wrong with the streams of a run, in words; empty if nothing is.

    Every pattern was heard; every stream has exactly one use; a stream is asked for once, unless
    it is declared to be shared.
    """
    uses = {"fit": declared.fit, "evaluation": declared.evaluation, "other": declared.other}
    patterns = [pattern for group in uses.values() for pattern in group]
    wrong = [
        f"{p} was never asked for"
        for p in patterns
        if not any(matches(names, p) for names in ear.names())
    ]
    for stream, times in sorted(ear.heard.items()):
        names = stream[1:]
        found = [use for use, group in uses.items() if any(matches(names, p) for p in group)]
        if len(found) != 1:
            wrong.append(f"{stream} has the uses {found}")
        if times > 1 and not any(matches(names, p) for p in declared.again):
            wrong.append(f"{stream} was asked for {times} times")
    return wrong


def painted(n: int = 4000, n_held: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    """Training tokens 0 .. n - 1, held-out tokens from a million on: no two are alike."""
    return torch.arange(n), torch.arange(n_held) + int(HUGE)


def is_training(tokens: torch.Tensor) -> bool:
    """Whether all painted tokens are training tokens."""
    return tokens.numel() > 0 and bool((tokens < HUGE).all())


def is_held_out(tokens: torch.Tensor) -> bool:
    """Whether all painted tokens are held out."""
    return tokens.numel() > 0 and bool((tokens >= HUGE).all())


def huge(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`x` with these rows a million times as large (and moved, so that zeros move too)."""
    changed = np.array(x, dtype=float)
    changed[rows] = HUGE * (changed[rows] + 1)
    return changed


def common_rows(a: np.ndarray, b: np.ndarray) -> int:
    """Distinct rows that are in both."""
    return len({tuple(row) for row in np.asarray(a)} & {tuple(row) for row in np.asarray(b)})
