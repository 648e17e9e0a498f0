"""Synthetic tasks, and training the reasoning module on nothing else.

Synthetic tasks: every sequence is a logistic regression of its own.

Nothing else is ever shown to the reasoning module.  Paper, section on the synthetic tasks:

    w ~ N(0, I_d),   x_i ~ N(0, I_d),   y_i ~ Bernoulli(sigmoid(alpha <w, x_i>)).

A batch is a pure function of the sampler, the seed and the number of the batch, so training can be
resumed, and a new seed is a new test set.

Training the reasoning module on synthetic tasks only, with the paper's curriculum.

The loss is the mean binary cross-entropy over all positions of a sequence.  The paper uses Adam
with a constant rate, no decay, no warm-up, no clipping: in the book's loop that is AdamW with
weight decay 0, warm-up 0 and floor 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from companion import contracts
from companion.scale import torch_generator
from companion.tart.method.module import HeadConfig, ReasoningModule, fresh_head
from companion.training import History, TrainingSettings, train

if TYPE_CHECKING:
    from jaxtyping import Float


# ------------------------------------------------------------------------------------------ sampler
@dataclass(frozen=True)
class LogisticTaskSampler:
    """Draws tasks in `d` dimensions.

    d : dimensions of a point
    alpha : weight multiplier; the larger, the less noise in the labels (the paper's 10 is nearly
        noiseless: whoever knows w is right in 98.5 % at d = 16)
    variable : draw alpha per sequence, uniform on the integers 1 to `alpha`
    """

    d: int
    alpha: float = 10.0
    variable: bool = False

    def __post_init__(self) -> None:
        if self.d < 1 or self.alpha <= 0:
            raise ValueError(f"need d >= 1 and alpha > 0, got {self}")
        if self.variable and self.alpha < 1:
            raise ValueError(f"a variable alpha is at least 1, got {self.alpha}")

    def weights(self, n_tasks: int, rng: torch.Generator) -> Tensor:
        """alpha * w: (n_tasks, d)."""
        w = torch.randn(n_tasks, self.d, generator=rng)
        if not self.variable:
            return self.alpha * w
        return w * torch.randint(1, int(self.alpha) + 1, (n_tasks, 1), generator=rng)

    def draw(
        self, n_tasks: int, n_pairs: int, rng: torch.Generator, *, d_used: int | None = None
    ) -> tuple[
        Float[Tensor, "n_tasks n_pairs d"],
        Float[Tensor, "n_tasks n_pairs"],
        Float[Tensor, "n_tasks d"],
    ]:
        """Points (n_tasks, n_pairs, d), labels 0 or 1 (n_tasks, n_pairs), alpha * w (n_tasks, d).

        Notebook eq. 2.

        d_used : coordinates from this one on are 0 in x, the curriculum of the paper; the tail of
            w keeps its values, which then do not matter

        Raises
        ------
        ValueError : `d_used` outside 1 to d
        """
        d_used = self.d if d_used is None else d_used
        if not 1 <= d_used <= self.d:
            raise ValueError(f"d_used must lie in 1..{self.d}, got {d_used}")
        w = self.weights(n_tasks, rng)
        x = torch.randn(n_tasks, n_pairs, self.d, generator=rng)
        x[..., d_used:] = 0.0
        p = torch.sigmoid(torch.einsum("tnd,td->tn", x, w))
        return x, torch.bernoulli(p, generator=rng), w

    def tasks(self, n_tasks: int, n_pairs: int, seed: int, *names: object) -> tuple[Tensor, ...]:
        """:meth:`draw` as a pure function of the seed and of names."""
        return self.draw(n_tasks, n_pairs, torch_generator(seed, "tart tasks", *names))


def knows_the_weights(x: Tensor, w: Tensor) -> Tensor:
    """Labels (...,) of whoever knows w, the Bayes rule: 1 where <w, x> > 0."""
    return ((x * w).sum(-1) > 0).to(x.dtype)


# ------------------------------------------------------------------------------------ head training
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
    checkpoint: Path | None = None,
    checkpoint_every: int = 500,
    device: str = "cpu",
    progress: bool = True,
    label: str = "training the module",
) -> tuple[ReasoningModule, History]:
    """A module trained by `recipe`, and its losses; the same seed gives the same module.

    checkpoint : the run goes on from this file if it exists
    """
    head = fresh_head(recipe.head, torch_generator(seed, "tart weights")).to(device)
    history = train(
        head,
        lambda step: recipe.batch_at(step, seed),
        recipe.training,
        seed=seed,
        loss=all_positions_loss,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
        label=label,
    )
    return head.eval(), history


def settle(
    head: ReasoningModule, recipe: HeadRecipe, seed: int, steps: int, *, progress: bool = True
) -> History:
    """Go on training in place for `steps` with a rate that falls to 0; the losses.

    Ours: the paper's rate is constant.  Batches go on where those of the recipe end, so none is
    seen twice.
    """
    settings = replace(recipe.training, steps=steps, floor=0.0, recipe=f"{recipe!r}, falling")
    return train(
        head,
        lambda step: recipe.batch_at(recipe.steps + step, seed),
        settings,
        seed=seed,
        loss=all_positions_loss,
        progress=progress,
        label="falling rate",
    )


contracts.guard(__name__, {"knows_the_weights": {"x": contracts.FINITE, "w": contracts.FINITE}})
