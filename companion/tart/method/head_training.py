"""Training the reasoning module on synthetic tasks only, with the paper's curriculum.

The loss is the mean binary cross-entropy over all positions of a sequence.  The paper uses Adam
with a constant rate, no decay, no warm-up, no clipping: in the book's loop that is AdamW with
weight decay 0, warm-up 0 and floor 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from companion.scale import torch_generator
from companion.tart.method.module import HeadConfig, ReasoningModule, fresh_head
from companion.tart.method.sampler import LogisticTaskSampler
from companion.training import History, TrainingSettings, train


@dataclass(frozen=True)
class Curriculum:
    """How many dimensions and pairs the tasks of a step have; both grow by stages, then stay.

    d_start, d_step; n_start, n_step : first value, and what every stage adds
    every : steps of a stage (paper: d 4 by 4, pairs 18 by 30, every 1000)
    """

    d_start: int
    d_step: int
    n_start: int
    n_step: int
    every: int

    def __post_init__(self) -> None:
        if min(self.d_start, self.n_start, self.every) < 1 or min(self.d_step, self.n_step) < 0:
            raise ValueError(f"starts and `every` must be positive, steps not negative: {self}")

    def at(self, step: int, config: HeadConfig) -> tuple[int, int]:
        """(dimensions, pairs) at `step`, at most those of the module."""
        stage = step // self.every
        d = min(config.d, self.d_start + stage * self.d_step)
        return d, min(config.n_pairs, self.n_start + stage * self.n_step)


@dataclass(frozen=True)
class HeadRecipe:
    """Everything that a trained module is a function of, with the seed.

    head : its shape; curriculum : of the tasks; steps, lr : of Adam
    batch : sequences of the longest kind per step; shorter ones come in larger batches with
        the same number of pairs, so that all steps cost the same (the paper: 128 at every length)
    alpha, variable : of the sampler
    """

    head: HeadConfig
    curriculum: Curriculum
    steps: int
    lr: float
    batch: int
    alpha: float = 10.0
    variable: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.lr <= 0:
            raise ValueError(f"need steps, batch >= 1 and lr > 0, got {self}")

    @property
    def sampler(self) -> LogisticTaskSampler:
        """Where the tasks come from."""
        return LogisticTaskSampler(self.head.d, self.alpha, self.variable)

    @property
    def training(self) -> HeadTraining:
        """The settings of the book's training loop that make it the paper's Adam."""
        return HeadTraining(
            steps=self.steps,
            lr=self.lr,
            warmup=0.0,
            floor=1.0,
            weight_decay=0.0,
            clip=1e9,
            betas=(0.9, 0.999),
            recipe=repr(self),
        )

    def batch_at(self, step: int, seed: int) -> Tensor:
        """Points and, in the last column, labels of one step: (sequences, pairs, d + 1)."""
        d_used, n_pairs = self.curriculum.at(step, self.head)
        n_tasks = max(1, self.batch * self.head.n_pairs // n_pairs)
        rng = torch_generator(seed, "tart batch", step)
        x, y, _ = self.sampler.draw(n_tasks, n_pairs, rng, d_used=d_used)
        return torch.cat([x, y[..., None]], dim=-1)


@dataclass(frozen=True)
class HeadTraining(TrainingSettings):
    """Settings of the loop that also say which recipe a checkpoint belongs to."""

    recipe: str = ""


def all_positions_loss(head: ReasoningModule, batch: Tensor) -> Tensor:
    """Mean binary cross-entropy over all pairs of `batch` (sequences, pairs, d + 1), in nats.

    From logits: sigmoid first and logarithm later loses large ones.
    """
    x, y = batch[..., :-1], batch[..., -1]
    return F.binary_cross_entropy_with_logits(head(x, y), y)


def train_head(
    recipe: HeadRecipe,
    seed: int,
    *,
    measure_every: int = 0,
    n_test: int = 256,
    checkpoint: Path | None = None,
    checkpoint_every: int = 500,
    device: str = "cpu",
    progress: bool = True,
    label: str = "training the module",
) -> tuple[ReasoningModule, History]:
    """A module trained by `recipe`, and its losses; the same seed gives the same module.

    measure_every : measure accuracy by position on `n_test` unseen tasks of full size every so
        many steps and at the end; 0 leaves it out.  The history's series "accuracy" then has
        shape (measurements, pairs)
    checkpoint : the run goes on from this file if it exists
    """
    head = fresh_head(recipe.head, torch_generator(seed, "tart weights")).to(device)
    steps = range(0, recipe.steps + 1, measure_every) if measure_every else ()
    history = train(
        head,
        lambda step: recipe.batch_at(step, seed),
        recipe.training,
        seed=seed,
        loss=all_positions_loss,
        measure=_accuracy_on(recipe, n_test, seed),
        measure_at={*steps, recipe.steps} if measure_every else (),
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
        label=label,
    )
    return head.eval(), history


def _accuracy_on(recipe: HeadRecipe, n_test: int, seed: int) -> Callable:
    x, y, _ = recipe.sampler.tasks(n_test, recipe.head.n_pairs, seed, "unseen")

    def measure(head: ReasoningModule, _step: int) -> dict[str, np.ndarray]:
        return {"accuracy": hits(head, x, y).mean(0)}

    return measure


@torch.no_grad()
def hits(head: ReasoningModule, x: Tensor, y: Tensor) -> np.ndarray:
    """Whether each prediction is right: float (tasks, pairs), before its label is read."""
    on = next(head.parameters()).device
    parts = [
        ((head(a.to(on), b.to(on)) > 0).float() == b.to(on)).float().cpu()
        for a, b in zip(x.split(128), y.split(128), strict=True)
    ]
    return torch.cat(parts).numpy().astype(float)
