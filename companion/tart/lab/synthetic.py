"""What the module can do on tasks of its own kind, and what it cannot do without information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.scale import n_cores, one_thread, torch_generator
from companion.stats import Interval, proportion
from companion.sweep import sweep
from companion.tart.lab.nulls import NULLS, accuracy, null_scores
from companion.tart.method.module import ReasoningModule, fresh_head
from companion.tart.method.training import (
    HeadRecipe,
    LogisticTaskSampler,
    knows_the_weights,
    train_head,
)
from companion.tart.settings import Settings
from companion.training import History

NOISE = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Test values of alpha; the module was trained at 10."""


class Live(NamedTuple):
    """Modules that this run trained, one per seed, and how the training went.

    heads, histories : one per seed; recipe : common to all
    """

    heads: tuple[ReasoningModule, ...]
    histories: tuple[History, ...]
    recipe: HeadRecipe


class Curve(NamedTuple):
    """Accuracy on synthetic tasks by number of examples.

    k : (n,); accuracy : arm -> (tasks, n); arms are "module", the null models, and "knows w"
    first : of a module whose first position was asked too: accuracy without any example
    """

    k: np.ndarray
    accuracy: Mapping[str, np.ndarray]
    first: Interval | None = None

    def last(self, arm: str) -> np.ndarray:
        """Accuracies (tasks,) with the most examples."""
        return self.accuracy[arm][:, -1]


class Noise(NamedTuple):
    """Error rate by noise level: alphas (n,), and arm -> (tasks, n)."""

    alphas: np.ndarray
    error: Mapping[str, np.ndarray]


class Controls(NamedTuple):
    """Negative controls of claim 8.

    shuffled, untrained : accuracies (tasks,); first : interval at the first position
    own_label : largest change of a logit when the query's own label is turned around
    other_label : the same for the label of the example before it, which must matter
    """

    shuffled: np.ndarray
    untrained: np.ndarray
    first: Interval
    own_label: float
    other_label: float


def train_modules(recipe: HeadRecipe, seeds: Sequence[int], *, progress: bool = True) -> Live:
    """One module per seed, two of them side by side, each on one thread."""
    trained = sweep(
        partial(_train, recipe),
        seeds,
        n_jobs=min(2, n_cores()),
        label="modules" if progress else "",
        keep=False,
    )
    heads, histories = zip(*trained, strict=True)
    return Live(heads, histories, recipe)


@one_thread()
def _train(recipe: HeadRecipe, seed: int) -> tuple[ReasoningModule, History]:
    every = max(1, recipe.steps // 6)
    return train_head(recipe, seed, measure_every=every, progress=False)


def train_live(settings: Settings, seed: int, *, progress: bool = True) -> Live:
    """The notebook's own modules."""
    seeds = range(seed, seed + settings.live_seeds)
    return train_modules(settings.live_recipe, seeds, progress=progress)


def sizes_to_look_at(most: int) -> np.ndarray:
    """Numbers of examples at which the curve is computed, up to `most`."""
    return np.unique(np.r_[1, np.linspace(4, most, 4).round().astype(int)])


def learning_curve(
    heads: Sequence[nn.Module],
    sampler: LogisticTaskSampler,
    sizes: Sequence[int],
    n_tasks: int,
    n_query: int,
    seed: int,
    arms: Sequence[str] = tuple(NULLS),
) -> Curve:
    """The module (mean over `heads`) and null models on the same new tasks.

    sizes : numbers of examples; the contexts of a task grow, its queries stay
    """
    most = max(sizes)
    x, y, w = sampler.tasks(n_tasks, most + n_query, seed, "curve")
    found = {arm: np.zeros((n_tasks, len(sizes))) for arm in ("module", *arms, "knows w")}
    for t in range(n_tasks):
        queries, labels = x[t, most:], y[t, most:].numpy()
        for i, k in enumerate(sizes):
            scores = [
                accuracy(h.scores(x[t, :k], y[t, :k], queries).numpy(), labels) for h in heads
            ]
            found["module"][t, i] = np.mean(scores)
            z, shown, asked = x[t, :k].numpy(), y[t, :k].numpy(), queries.numpy()
            for arm in arms:
                found[arm][t, i] = accuracy(null_scores(arm, z, shown, asked), labels)
        found["knows w"][t] = (knows_the_weights(queries, w[t]).numpy() == labels).mean()
    return Curve(np.asarray(sizes), found)


def live_curve(live: Live, settings: Settings, seed: int) -> Curve:
    """Claim 1: accuracy against the number of examples."""
    sizes = sizes_to_look_at(settings.live_k)
    return learning_curve(
        live.heads, live.recipe.sampler, sizes, settings.n_tasks, settings.n_query, seed
    )


def shipped_curve(head: nn.Module, settings: Settings, seed: int) -> Curve:
    """The shipped module on new tasks of its own kind: where it lies among the null models."""
    sizes = [k for k in settings.shipped_k if k <= head.max_context]
    return learning_curve(
        [head], LogisticTaskSampler(head.d), sizes, settings.shipped_tasks, settings.n_query, seed
    )


def noise_curve(live: Live, settings: Settings, seed: int) -> Noise:
    """Error with `live_k` examples when the labels are noisier or cleaner than in training."""
    k = settings.live_k
    arms: dict[str, list[np.ndarray]] = {name: [] for name in ("module", *NULLS, "knows w")}
    for alpha in NOISE:
        sampler = LogisticTaskSampler(live.recipe.head.d, alpha)
        curve = learning_curve(
            live.heads, sampler, [k], max(20, settings.n_tasks // 2), settings.n_query, seed
        )
        for name, values in arms.items():
            values.append(1 - curve.last(name))
    return Noise(np.array(NOISE), {name: np.stack(v, axis=1) for name, v in arms.items()})


def run_controls(live: Live, settings: Settings, seed: int) -> Controls:
    """Claim 8 on synthetic tasks, with the first of the live modules."""
    config, sampler, head = live.recipe.head, live.recipe.sampler, live.heads[0]
    k, n = settings.live_k, settings.n_controls
    x, y, _ = sampler.tasks(n, k + 20, seed, "controls")
    raw = fresh_head(config, torch_generator(seed, "untrained")).eval()
    order = torch.argsort(torch.rand(n, k, generator=torch_generator(seed, "shuffle")), dim=1)
    shuffled, untrained = np.zeros(n), np.zeros(n)
    for t in range(n):
        context, queries, labels = x[t, :k], x[t, k:], y[t, k:].numpy()
        wrong = y[t, :k][order[t]]
        shuffled[t] = accuracy(head.scores(context, wrong, queries).numpy(), labels)
        untrained[t] = accuracy(raw.scores(context, y[t, :k], queries).numpy(), labels)
    return Controls(
        shuffled,
        untrained,
        first_position(head, sampler, settings.n_first, seed),
        label_effect(head, x[:16, : config.n_pairs], y[:16, : config.n_pairs], 0),
        label_effect(head, x[:16, : config.n_pairs], y[:16, : config.n_pairs], 1),
    )


def first_position(
    head: nn.Module, sampler: LogisticTaskSampler, n_tasks: int, seed: int
) -> Interval:
    """Accuracy without any example; away from one half, labels leak."""
    x, y, _ = sampler.tasks(n_tasks, 1, seed, "first position")
    scores = head.scores(x[0, :0], y[0, :0], x[:, 0]).numpy()
    return proportion(int(((scores > 0) == (y[:, 0].numpy() == 1)).sum()), n_tasks)


@torch.no_grad()
def label_effect(head: nn.Module, x: torch.Tensor, y: torch.Tensor, before: int) -> float:
    """Largest change of the last logit when one label is turned around.

    before : 0 turns the query's own label, 1 that of the example just before it
    """
    turned = y.clone()
    place = y.shape[1] - 1 - before
    turned[:, place] = 1 - turned[:, place]
    return float((head(x, y)[:, -1] - head(x, turned)[:, -1]).abs().max())
