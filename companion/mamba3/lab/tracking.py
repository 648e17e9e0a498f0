"""State tracking: train small one-layer models on walks, and read them at many lengths (C4, C5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from companion.mamba3.lab.models import MixerConfig, Probe
from companion.mamba3.lab.seeds import Recipe, Stack
from companion.mamba3.lab.tasks import TASKS, Task, scaled_accuracy, walks
from companion.mamba3.method.layer import Mamba3, Mamba3Config
from companion.mamba3.method.mamba2 import Mamba2Config
from companion.scale import torch_generator
from companion.sweep import sweep

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
