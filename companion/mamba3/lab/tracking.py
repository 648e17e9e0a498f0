r"""State tracking: walks, layers built by hand that count, and small trained ones (C4, C5).

Layers built by hand: a rotor counts modulo k, and what an error of its angle does to it.

A state that turns by :math:`2\pi/k` for each unit returns after k of them.  Parity is k = 2: with
one pair of coordinates, and a write of its own for each one, the state obeys
:math:`h \leftarrow -h + 1`, so it is the parity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.mamba3.lab.checks import empty_state
from companion.mamba3.lab.models import MixerConfig, Probe, Recipe, Stack
from companion.mamba3.method.layer import Mamba3, Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.mamba3.method.mixing import Tokens, mix
from companion.scale import torch_generator
from companion.sweep import sweep


# -------------------------------------------------------------------------------------------- tasks
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


# -------------------------------------------------------------------------------------------- rotor
HALF_TURN_DT = 1 / math.tanh(2.0)
"""Δ of a one-bit: with u = 2 the released form π tanh(u) Δ turns by exactly π."""
IDLE_DT = 1e-3


def parity_tokens(bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi) -> Tokens:
    """One head, one pair of coordinates, λ = 1, B = C = (1, 1), x = bit.

    bits : (batch, seq) of 0 and 1
    decay : |A|; turn : angle of a one-bit in radians, π is right
    """
    batch, seq = bits.shape
    one = bits.double()[:, :, None]
    dt = one * HALF_TURN_DT + (1 - one) * IDLE_DT
    ones = torch.ones(batch, seq, 1, 1, 2, dtype=torch.float64)
    return Tokens(
        x=one[..., None, None],
        B=ones,
        C=ones,
        dt=dt,
        log_alpha=-decay * dt,
        lam=torch.ones_like(dt),
        turn=(one * turn)[..., None],
    )


def parity_reading(bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi) -> Tensor:
    """y over its height after a single one-bit: about 1 for odd counts, 0 for even ones."""
    tokens = parity_tokens(bits, decay=decay, turn=turn)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    return y[:, :, 0, 0, 0] / (2 * HALF_TURN_DT)


def parity_accuracy(
    bits: Tensor, *, decay: float = 1e-4, turn: float = math.pi, last: int = 32
) -> float:
    """Share of the last positions at which the rotor, read at one half, knows the parity."""
    reading = parity_reading(bits, decay=decay, turn=turn)
    right = (reading > 0.5).long() == bits.cumsum(1) % 2
    return float(right[:, -last:].double().mean())


def walk_tokens(moves: Tensor, k: int, *, decay: float = 1e-5, error: float = 0.0) -> Tokens:
    """A rotor of k positions: the first token writes, all others only turn.

    moves : (batch, seq), whole numbers; the first token is the start and its move is not used
    error : radians added to the angle of every unit of a move
    Two heads read cosine and sine of the position: their C are a quarter turn apart.
    """
    batch, seq = moves.shape
    start = torch.zeros(batch, seq, dtype=torch.float64)
    start[:, :1] = 1
    units = moves.double() * (1 - start)
    per_unit = 2 * math.pi / k + error
    dt = torch.ones(batch, seq, 2, dtype=torch.float64)
    B = torch.zeros(batch, seq, 2, 1, 2, dtype=torch.float64)
    B[..., 0] = 1
    C = B.clone()
    C[:, :, 1, :, 0], C[:, :, 1, :, 1] = 0.0, -1.0
    return Tokens(
        x=start[:, :, None, None, None].expand(-1, -1, 2, 1, 1),
        B=B,
        C=C,
        dt=dt,
        log_alpha=-decay * dt,
        lam=torch.ones_like(dt),
        # the kernel's angle turns B and C together; a state turns the other way
        turn=(units * per_unit)[:, :, None, None].expand(-1, -1, 2, 1),
    )


def walk_position(moves: Tensor, k: int, *, decay: float = 1e-5, error: float = 0.0) -> Tensor:
    """The position 0 ... k - 1 that the two readings point at: (batch, seq)."""
    tokens = walk_tokens(moves, k, decay=decay, error=error)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    cos, sin = y[:, :, 0, 0, 0], y[:, :, 1, 0, 0]
    return torch.round(torch.atan2(sin, cos) * k / (2 * math.pi)).long() % k


def walk_accuracy(moves: Tensor, k: int, *, error: float = 0.0, last: int = 32) -> float:
    """Share of the last positions that the rotor of k positions gets right."""
    truth = moves.clone()
    truth[:, 0] = 0
    right = walk_position(moves, k, error=error) == truth.cumsum(1) % k
    return float(right[:, -last:].double().mean())


def random_bits(batch: int, seq: int, seed: int) -> Tensor:
    """Fair bits, (batch, seq)."""
    return torch.randint(0, 2, (batch, seq), generator=torch.Generator().manual_seed(seed))


class Drift(NamedTuple):
    """Accuracy of a rotor with a wrong angle, after n one-bits.

    counts : numbers of one-bits seen; accuracy : for each, over both parities
    predicted : what the aliasing law says, 1 where cos(εn) > 0 and 0 where it is negative
    """

    error: float
    counts: np.ndarray
    accuracy: np.ndarray
    predicted: np.ndarray


def drift(error: float, n_ones: int) -> Drift:
    r"""Turn by π + ε instead of π, with one write at the start and a threshold at zero.

    After n ones the state stands at n(π + ε), so it reads :math:`(-1)^n\cos(\epsilon n)`: right
    while :math:`\epsilon n<\pi/2`, wrong until :math:`3\pi/2`, right again.
    """
    moves = torch.ones(1, n_ones + 1, dtype=torch.long)
    tokens = walk_tokens(moves, 2, error=error)
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs="neighbors")
    reading = y[0, :, 0, 0, 0].numpy()
    counts = np.arange(n_ones + 1)
    accuracy = ((reading > 0) == (counts % 2 == 0)).astype(float)
    return Drift(error, counts, accuracy, (np.cos(error * counts) > 0).astype(float))


def horizon(error: float) -> float:
    """One-bits until an angle error flips the answer: π / (2|ε|)."""
    return math.inf if error == 0 else math.pi / (2 * abs(error))


# ----------------------------------------------------------------------------------------- tracking
_SIZES = {"d_model": 32, "d_state": 16, "head_dim": 16, "dt_range": (0.1, 1.0), "chunk": 16}
_M3 = _SIZES | {"rope_fraction": 1.0, "tail": "softplus"}

VARIANTS: Mapping[str, MixerConfig] = {
    "Mamba-3": Mamba3Config(**_M3),
    "Mamba-3, heavy tail": Mamba3Config(**_M3 | {"tail": "heavy"}),
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
    lr: float = 1e-2

    def __post_init__(self) -> None:
        if min(self.n_seeds, self.steps, self.batch, *self.lengths) < 1:
            raise ValueError(f"all numbers of a training must be positive, got {self}")
        if list(self.lengths) != sorted(self.lengths):
            raise ValueError(f"a curriculum must not shrink, got {self.lengths}")

    def length(self, step: int) -> int:
        """Length of the walks of update `step`: grows in equal shares, the last share stays.

        3, 40, 64 means from 3 to 40 in the first third, to 64 in the second, and 64 in the third.
        """
        if len(self.lengths) == 1:
            return self.lengths[0]
        place = min(step / self.steps * len(self.lengths), len(self.lengths) - 1)
        return int(np.interp(place, range(len(self.lengths)), self.lengths))


@dataclass(frozen=True)
class Tracked:
    """What became of one variant on one task.

    losses : (steps, n_seeds), nats
    lengths : where it was read, moves; accuracy : scaled, last position, (n_lengths, n_seeds)
    train_length : longest walk of the training
    turns : angle of each move, (n_seeds, order, heads, angles) in radians, or None
    decay : |A| of each move, (n_seeds, order, heads), or None
    """

    task: str
    variant: str
    losses: np.ndarray
    lengths: np.ndarray
    accuracy: np.ndarray
    train_length: int
    turns: np.ndarray | None = field(default=None, repr=False)
    decay: np.ndarray | None = field(default=None, repr=False)

    def at(self, length: int) -> np.ndarray:
        """Scaled accuracy per seed at one of the lengths."""
        (place,) = np.flatnonzero(self.lengths == length)
        return self.accuracy[place]

    @property
    def alive(self) -> np.ndarray:
        """Seeds whose loss stayed finite."""
        return np.isfinite(self.losses).all(axis=0)

    @property
    def solved(self) -> np.ndarray:
        """Seeds that reach a scaled accuracy of 0.9 at the training length."""
        return self.alive & (self.at(self.train_length) >= 0.9)


def track(
    task: Task, variant: str, training: Training, read_at: Sequence[int], n_read: int, seed: int
) -> Tracked:
    """Train the seeds of one variant, then read them.

    read_at : lengths, among them the training length; n_read : walks for each
    A diverged seed is kept, with losses that are not finite and an accuracy of NaN.
    """
    config = VARIANTS[variant]
    seeds = range(seed, seed + training.n_seeds)
    stack = Stack(lambda: Probe(config, task.order + 1, task.order), seeds)
    sources = [torch_generator(one, "walks", task.name) for one in seeds]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        length = training.length(step) + 1  # the start token is not a move
        drawn = [walks(task, training.batch, length, source) for source in sources]
        return tuple(torch.stack(parts) for parts in zip(*drawn, strict=True))

    losses = stack.train(batch_at, Recipe(training.steps, training.lr))
    lengths = sorted({*read_at, training.lengths[-1]})
    accuracy = read(stack, task, lengths, n_read, torch_generator(seed, "reading", task.name))
    accuracy[:, ~np.isfinite(losses).all(axis=0)] = np.nan
    turns, decay = moves_of(stack, task) if isinstance(config, Mamba3Config) else (None, None)
    return Tracked(
        task.name, variant, losses, np.array(lengths), accuracy, training.lengths[-1], turns, decay
    )


@torch.no_grad()
def read(
    stack: Stack, task: Task, lengths: Sequence[int], n: int, rng: torch.Generator
) -> np.ndarray:
    """Scaled accuracy of the last position, (n_lengths, n_seeds), on the same walks for all."""
    result = []
    for length in lengths:
        right = torch.zeros(len(stack.seeds), dtype=torch.double)
        done = 0
        while done < n:
            size = min(n - done, max(1, 16_384 // (length + 1)))
            tokens, labels = walks(task, size, length + 1, rng)
            logits = stack(tokens.expand(len(stack.seeds), -1, -1))[:, :, -1]
            right += (logits.argmax(-1) == labels[:, -1]).double().sum(1)
            done += size
        result.append(scaled_accuracy(right / n, task.chance).numpy())
    return np.array(result)


@torch.no_grad()
def moves_of(stack: Stack, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Angle and |A| that each move has in a trained Mamba-3: what the layer learned.

    The layer sees one token at a time, so a move always has the same angle and decay.
    Returns (n_seeds, order, heads, angles) in radians and (n_seeds, order, heads).
    """
    turns, decays = [], []
    for index in range(len(stack.seeds)):
        model = stack.one(index)
        layer: Mamba3 = model.mixer
        u = model.norm(model.embedding(torch.arange(task.order)))[:, None]
        tokens, _, _ = layer.project(u, u.new_zeros(task.order, 0, layer.conv.channels))
        turns.append(tokens.turn[:, 0].numpy())
        decays.append((-tokens.log_alpha / tokens.dt)[:, 0].numpy())
    return np.stack(turns), np.stack(decays)


def track_all(
    arms: Mapping[str, Sequence[str]],
    training: Training,
    read_at: Sequence[int],
    n_read: int,
    seed: int,
    *,
    n_jobs: int = 1,
    progress: bool = True,
) -> dict[tuple[str, str], Tracked]:
    """Every variant of every task: (task, variant) to result.

    arms : task name to names of :data:`VARIANTS`
    """
    unknown = {*arms} - {*TASKS} | {v for names in arms.values() for v in names} - {*VARIANTS}
    if unknown:
        raise ValueError(
            f"unknown {sorted(unknown)}; tasks are {', '.join(TASKS)}, variants "
            f"{', '.join(VARIANTS)}"
        )
    pairs = [(task, variant) for task, names in arms.items() for variant in names]
    runs = sweep(
        partial(track, training=training, read_at=tuple(read_at), n_read=n_read),
        [{"task": TASKS[task], "variant": variant, "seed": seed} for task, variant in pairs],
        n_jobs=n_jobs,
        label="state tracking" if progress else "",
        unpack=True,
    )
    return dict(zip(pairs, runs, strict=True))
