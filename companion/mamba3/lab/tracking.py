"""State tracking: one layer follows a walk, and is asked where it stands after every move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats as _scipy
from torch import Tensor

from companion.mamba3.lab.models import MixerConfig, Probe, Recipe, Stack
from companion.mamba3.method.layer import Mamba3, Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.scale import torch_generator
from companion.stats import Interval, proportion
from companion.sweep import sweep


# -------------------------------------------------------------------------------------------- tasks
class Task(NamedTuple):
    """A walk on the numbers modulo `order`: each token is a move, each label the sum so far."""

    name: str
    order: int

    @property
    def chance(self) -> float:
        """Accuracy of a guess."""
        return 1 / self.order


TASKS = {"parity": Task("parity", 2), "modulo 3": Task("modulo 3", 3)}


def walks(task: Task, n: int, seq: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """`n` random walks: tokens and labels, both int64 (n, seq).

    The first token is a start token (number ``order``), whose label is 0.
    """
    if seq < 1:
        raise ValueError(f"a walk has at least its start token, got seq {seq}")
    moves = torch.randint(task.order, (n, seq), generator=rng)
    moves[:, 0] = 0
    labels = moves.cumsum(1) % task.order
    moves[:, 0] = task.order
    return moves, labels


def scaled_accuracy(accuracy: Tensor, chance: float) -> Tensor:
    """0 at chance, 1 when perfect, negative below chance. Paper, Table 5b."""
    return (accuracy - chance) / (1 - chance)


# ----------------------------------------------------------------------------------------- training
_SIZES = {"d_model": 32, "d_state": 8, "head_dim": 32, "dt_range": (0.1, 1.0), "chunk": 16}
_M3 = _SIZES | {"rope_fraction": 1.0, "tail": "softplus"}

VARIANTS: Mapping[str, MixerConfig] = {
    "Mamba-3": Mamba3Config(**_M3),
    "Mamba-3, standard RoPE": Mamba3Config(**_M3, rotation="standard"),
    "Mamba-3, no RoPE": Mamba3Config(**_M3, rotation="none"),
    "Mamba-2": Mamba2Config(**_SIZES),
    "real, both signs": Mamba3Config(**_M3, rotation="none", negative=True),
}
"""One layer, one width; Δ starts in [0.1, 1], because half a turn needs Δ near 1."""


@dataclass(frozen=True)
class Training:
    """How a run trains.

    n_seeds, steps, batch : of the stack, updates, sequences a step and seed
    lengths : the curriculum; a single value is a fixed length
    lr : peak learning rate
    """

    n_seeds: int
    steps: int
    batch: int
    lengths: tuple[int, ...]
    lr: float = 5e-3

    def __post_init__(self) -> None:
        if min(self.n_seeds, self.steps, self.batch, *self.lengths) < 1:
            raise ValueError(f"all numbers of a training must be positive, got {self}")
        if list(self.lengths) != sorted(self.lengths):
            raise ValueError(f"a curriculum must not shrink, got {self.lengths}")

    def length(self, step: int) -> int:
        """Length of the walks of update `step`: grows in equal shares, the last share stays.

        3, 40, 160 means from 3 to 40 in the first third, to 160 in the second, and 160 in the
        third.
        """
        if len(self.lengths) == 1:
            return self.lengths[0]
        place = min(step / self.steps * len(self.lengths), len(self.lengths) - 1)
        return int(np.interp(place, range(len(self.lengths)), self.lengths))


@dataclass(frozen=True)
class Tracked:
    """What became of one variant on one task.

    curve : (longest + 1, n_seeds), scaled accuracy after 0, 1, ... moves
    alive : (n_seeds,), whether the loss of every update was finite; other seeds read NaN
    train_length : longest walk of the training
    turns : angle of each move, (n_seeds, order, heads, angles) in radians, or None
    decay : |A| of each move, (n_seeds, order, heads), or None
    """

    task: str
    variant: str
    curve: np.ndarray
    alive: np.ndarray
    train_length: int
    turns: np.ndarray | None = field(default=None, repr=False)
    decay: np.ndarray | None = field(default=None, repr=False)

    def at(self, length: int) -> np.ndarray:
        """Scaled accuracy after `length` moves, one a seed."""
        if not 0 <= length < len(self.curve):
            raise ValueError(f"walks of 0 to {len(self.curve) - 1} moves were read, not {length}")
        return self.curve[length]


def track(
    task: str, variant: str, training: Training, longest: int, n_read: int, seed: int
) -> Tracked:
    """Train the seeds of one variant in a stack, then read them on walks of `longest` moves.

    n_read : walks.  A diverged seed is kept, with an accuracy of NaN.
    """
    config, walk = VARIANTS[variant], TASKS[task]
    seeds = range(seed, seed + training.n_seeds)
    stack = Stack(lambda: Probe(config, walk.order + 1, walk.order), seeds)
    sources = [torch_generator(one, "walks", task) for one in seeds]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        length = training.length(step) + 1  # the start token is not a move
        drawn = [walks(walk, training.batch, length, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    losses = stack.train(batch_at, Recipe(training.steps, training.lr))
    curve = read(stack, walk, longest, n_read, torch_generator(seed, "reading", task))
    alive = np.isfinite(losses).all(axis=0)
    curve[:, ~alive] = np.nan
    turns, decay = moves_of(stack, walk) if isinstance(config, Mamba3Config) else (None, None)
    return Tracked(task, variant, curve, alive, training.lengths[-1], turns, decay)


@torch.no_grad()
def read(stack: Stack, task: Task, longest: int, n: int, rng: torch.Generator) -> np.ndarray:
    """Scaled accuracy after each move, (longest + 1, n_seeds), on the same walks for all.

    A layer is causal, so what it says after 40 moves is what it says of walks of 40 moves.
    """
    right = torch.zeros(longest + 1, len(stack.seeds), dtype=torch.double)
    size = max(1, 16_384 // (longest + 1))
    for done in range(0, n, size):
        tokens, labels = walks(task, min(size, n - done), longest + 1, rng)
        said = stack(tokens.expand(len(stack.seeds), -1, -1)).argmax(-1)
        right += (said == labels).double().sum(1).T
    return scaled_accuracy(right / n, task.chance).numpy()


@torch.no_grad()
def moves_of(stack: Stack, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Angle and |A| that each move has in a trained Mamba-3: what the layer learned.

    The layer sees one token at a time, so a move always has the same angle and decay.
    Returns (n_seeds, order, heads, angles) in radians and (n_seeds, order, heads).
    """
    turns, decays = [], []
    for index in range(len(stack.seeds)):
        model = stack.one(index)
        layer: Mamba3 = model.mixers[0]
        u = model.norms[0](model.embedding(torch.arange(task.order)))[:, None]
        tokens, _, _ = layer.project(u, u.new_zeros(task.order, 0, layer.conv.channels))
        turns.append(tokens.turn[:, 0].numpy())
        decays.append((-tokens.log_alpha / tokens.dt)[:, 0].numpy())
    return np.stack(turns), np.stack(decays)


def track_all(
    task: str,
    trainings: Mapping[str, Training],
    longest: int,
    n_read: int,
    seed: int,
    *,
    n_jobs: int | None = 1,
) -> dict[str, Tracked]:
    """Every arm on one task, each a stack of seeds: name to result.

    trainings : name of an arm to how it trains
    """
    if unknown := {*trainings} - {*VARIANTS}:
        raise ValueError(f"unknown {sorted(unknown)}; variants are {', '.join(VARIANTS)}")
    runs = sweep(
        partial(track, longest=longest, n_read=n_read),
        [
            {"task": task, "variant": name, "training": training, "seed": seed}
            for name, training in trainings.items()
        ],
        n_jobs=n_jobs,
        label=task,
        unpack=True,
    )
    return dict(zip(trainings, runs, strict=True))


# --------------------------------------------------------------------------------------- over seeds
SOLVES = 0.99
"""Scaled accuracy from which a run solves a task; the paper prints 100.00 % on parity."""

STARTS = 0.9
"""Scaled accuracy after two moves from which an arm has learned something."""


def solved(run: Tracked, length: int) -> Interval:
    """Share of all seeds that solve the task at a length; one that diverged does not."""
    values = run.at(length)
    return proportion(int((values >= SOLVES).sum()), len(values))


def after_two(run: Tracked) -> Interval:
    """Share of the seeds that are right after two moves, so the arm has learned something."""
    values = run.at(2)
    return proportion(int((values >= STARTS).sum()), len(values))


def count(run: Tracked, length: int) -> str:
    """How many seeds solve the task at a length: ``5 of 8 (1 diverged)``."""
    n_lost = int((~run.alive).sum())
    told = f"{int((run.at(length) >= SOLVES).sum())} of {len(run.alive)}"
    return told + (f" ({n_lost} diverged)" if n_lost else "")


def welch(a: np.ndarray, b: np.ndarray) -> Interval:
    """Difference of two means with its 95 % Welch interval; none where a value is not finite."""
    gap, n = float(np.mean(a) - np.mean(b)), len(a) + len(b)
    if min(len(a), len(b)) < 2 or not np.isfinite(gap) or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Interval(gap, -np.inf, np.inf, None, n)
    test = _scipy.ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval(0.95)
    return Interval(gap, float(low), float(high), float(test.pvalue), n)
