"""Tiny training runs: the same weights and the same text, other arithmetic.

What a scheme costs is the loss of its run minus that of the unquantized run with the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.quartet.lab import text
from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.method.linear import Recipe
from companion.scale import derive_seed, one_thread
from companion.sweep import sweep
from companion.training import TrainingSettings, learning_rate, make_optimizer

RECIPES: Mapping[str, Recipe] = {
    "none:none": Recipe(),
    "SR:none": Recipe(forward="SR"),
    "RTN:none": Recipe(forward="RTN"),
    "QuEST:none": Recipe(forward="QuEST"),
    "QuEST nearest:none": Recipe(forward="QuEST nearest"),
    "none:SR": Recipe(backward="SR"),
    "none:RTN": Recipe(backward="RTN"),
    "QuEST:RTN": Recipe(forward="QuEST", backward="RTN"),
    "QuEST:SR": Recipe(forward="QuEST", backward="SR"),
    "naive": Recipe(forward="FP4 per tensor", backward="FP4 per tensor", rotated=False),
}
"""Forward scheme : backward scheme.  QuEST:RTN is version 4, QuEST:SR the first versions."""

BASELINE = "none:none"
CHECKPOINTS = 3
"""Held-out losses are averaged over this many checkpoints at the end of a run."""


@dataclass(frozen=True)
class Plan:
    """How long and on what: shared by all recipes of a comparison.

    steps, n_windows, n_held_out : updates, windows per update and seed, held-out tokens
    spacing : updates between the last checkpoints
    """

    steps: int
    seeds: tuple[int, ...]
    n_windows: int = 8
    n_held_out: int = 50_000
    spacing: int = 10
    lr: float = 3e-3
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.seeds or self.n_windows * self.shape.seq % 32:
            raise ValueError(
                "need steps, seeds, and a number of tokens per update that is a multiple of 32, "
                f"got {self.steps} steps, {len(self.seeds)} seeds, "
                f"{self.n_windows} x {self.shape.seq} tokens"
            )

    @property
    def optimizer(self) -> TrainingSettings:
        """The paper's AdamW with its schedule, at a rate for this size."""
        return TrainingSettings(steps=self.steps, lr=self.lr, warmup=0.1, floor=0.1)


class Trained(NamedTuple):
    """final : recipe -> (seeds,), held-out nats per byte; nan where a seed diverged

    curves : recipe -> (points, seeds) training losses, averaged over stretches of steps
    """

    plan: Plan
    final: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]

    def gap(self, recipe: str) -> np.ndarray:
        """Loss above the unquantized run, per seed."""
        return self.final[recipe] - self.final[BASELINE]

    def n_diverged(self) -> int:
        """Seeds, over all recipes, whose loss is not finite."""
        return int(sum((~np.isfinite(values)).sum() for values in self.final.values()))


def shape_for_text(**changes: int) -> Shape:
    """The default shape with the vocabulary of the text."""
    return Shape(vocab=text.streams()[2], **changes)


def clip_per_seed(model: TinyLlama, largest: float = 1.0) -> Tensor:
    """Scale each seed's gradient to a norm of at most `largest`; the norms before, (seeds,)."""
    squares = torch.zeros(model.n_seeds, device=model.embedding.device)
    for name, weight in model.named_parameters():
        squares += _seeds_first(name, weight.grad).square().sum(1)
    norms = squares.sqrt()
    factor = (largest / (norms + 1e-6)).clamp(max=1.0)
    for name, weight in model.named_parameters():
        shape = [1] * weight.ndim
        shape[1 if name == "gains" else 0] = model.n_seeds
        weight.grad.mul_(factor.view(shape))
    return norms


def _seeds_first(name: str, gradient: Tensor) -> Tensor:
    """(seeds, everything else); the gains have their layer axis first."""
    return (gradient.transpose(0, 1) if name == "gains" else gradient).flatten(1)


def step_once(
    model: TinyLlama, optimizer: torch.optim.Optimizer, tokens: Tensor, lr: float
) -> Tensor:
    """One update of all seeds; their losses before it, (seeds,)."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    losses = model.losses(tokens)
    losses.sum().backward()  # seeds share no weight, so each gets the gradient of its own loss
    clip_per_seed(model)
    optimizer.step()
    optimizer.zero_grad()
    return losses.detach()


@one_thread()
def train_recipe(recipe: Recipe, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """(final held-out loss, training curve) of one recipe, all seeds at once, on one thread.

    One thread makes the numbers independent of the machine's number of cores.
    """
    seeds, settings = list(plan.seeds), plan.optimizer
    noise = torch.Generator().manual_seed(derive_seed(seeds[0], "quartet noise"))
    weights = [derive_seed(seed, "quartet weights") for seed in seeds]
    model = TinyLlama(plan.shape, recipe, weights, noise)
    optimizer = make_optimizer(model, settings)
    held_out = text.held_out(len(seeds), plan.n_held_out, plan.shape.seq)
    last = {plan.steps - 1 - i * plan.spacing for i in range(CHECKPOINTS)}
    losses, final = [], []
    for step in range(plan.steps):
        tokens = text.batch(seeds, step, plan.n_windows, plan.shape.seq)
        losses.append(step_once(model, optimizer, tokens, learning_rate(step, settings)))
        if step in last:
            final.append(evaluate(model, held_out))
    every = max(1, plan.steps // 40)
    n = len(losses) // every * every
    curve = torch.stack(losses[:n]).view(-1, every, len(seeds)).mean(1)
    return torch.stack(final).mean(0).double().numpy(), curve.numpy()


@torch.no_grad()
def evaluate(model: TinyLlama, held_out: Tensor, n_windows: int = 64) -> Tensor:
    """Mean loss per seed over held-out windows (seeds, windows, seq): (seeds,).

    Windows go through in groups whose number of tokens is a multiple of 32 by the shape's seq.
    """
    parts = held_out.split(n_windows, dim=1)
    total = sum(model.losses(part) * part.shape[1] for part in parts)
    return total / held_out.shape[1]


def run_training(
    names: Sequence[str], plan: Plan, *, n_jobs: int = 1, progress: bool = True
) -> Trained:
    """Train every recipe of `names` (the baseline is always added)."""
    unknown = set(names) - set(RECIPES)
    if unknown:
        raise ValueError(f"unknown recipes {sorted(unknown)}; known are {', '.join(RECIPES)}")
    names = [BASELINE, *(name for name in names if name != BASELINE)]
    outcomes = sweep(
        partial(train_recipe, plan=plan),
        [RECIPES[name] for name in names],
        n_jobs=n_jobs,
        label="recipes" if progress else "",
    )
    final, curves = {}, {}
    for name, (loss, curve) in zip(names, outcomes, strict=True):
        final[name], curves[name] = loss, curve
    return Trained(plan, final, curves)
