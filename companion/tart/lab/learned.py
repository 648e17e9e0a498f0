"""What a module learns from synthetic tasks alone, and what it cannot do without information.

Why the learners tie on real vectors is asked there, too: of the ideal learner, and of eq. 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.scale import generator, n_cores, one_thread, torch_generator
from companion.stats import Interval, proportion
from companion.sweep import sweep
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, accuracy, agreement, null_scores
from companion.tart.method.module import ReasoningModule, fresh_head
from companion.tart.method.theory import ideal
from companion.tart.method.training import (
    HeadRecipe,
    LogisticTaskSampler,
    knows_the_weights,
    settle,
    train_head,
)
from companion.tart.method.whitening import whiten

MODULE = "module"


class Curve(NamedTuple):
    """Accuracy on synthetic tasks by number of examples, or by the noise of the tasks.

    at : (n,), examples or alpha; accuracy : arm -> (tasks, n); arms are the module, the null
    models, and "knows w"
    """

    at: np.ndarray
    accuracy: Mapping[str, np.ndarray]

    def last(self, arm: str) -> np.ndarray:
        """Accuracies (tasks,) at the last place."""
        return self.accuracy[arm][:, -1]


class Controls(NamedTuple):
    """Negative controls.

    shuffled, untrained : accuracies (tasks,); first : share of right answers without any example
    own_label : largest change of a logit when the query's own label is turned around
    other_label : the same for the label of the example before it, which must matter
    """

    shuffled: np.ndarray
    untrained: np.ndarray
    first: Interval
    own_label: float
    other_label: float


class Learned(NamedTuple):
    """All that is kept of the modules that a run trains.

    losses : (seeds, steps), nats; plain : (steps,), with the paper's label tokens
    parameters : of one module; curve, noise : accuracies by examples and by alpha
    """

    losses: np.ndarray
    plain: np.ndarray
    parameters: int
    curve: Curve
    noise: Curve
    controls: Controls


@dataclass(frozen=True)
class Asked:
    """What modules are asked once they are trained.

    k : most examples; tasks, queries : of every curve; alphas : noise of test tasks
    controls, first : tasks of the controls, and of the first position
    """

    k: int
    tasks: int
    queries: int
    alphas: tuple[float, ...]
    controls: int
    first: int


def learn(
    recipe: HeadRecipe,
    falling: int,
    seeds: Sequence[int],
    plain_steps: int,
    asked: Asked,
    *,
    progress: bool = True,
) -> Learned:
    """Train one module a seed, two side by side, and ask them.

    falling : steps at a falling rate after those of the recipe
    plain_steps : of one more module, with the paper's label tokens
    """
    trained = sweep(
        partial(_train, recipe, falling),
        seeds,
        n_jobs=min(2, n_cores()),
        label="modules" if progress else "",
        keep=False,
    )
    heads, losses = zip(*trained, strict=True)
    plain = replace(recipe, head=replace(recipe.head, repeats=False), steps=plain_steps)
    _, slow = train_head(plain, seeds[0], progress=False)
    size = sum(p.numel() for p in heads[0].parameters())
    sizes, many = places(asked.k), (asked.tasks, asked.queries)
    return Learned(
        np.stack(losses),
        slow.losses,
        size,
        growing(heads, recipe.sampler, sizes, *many, seeds[0]),
        by_noise(heads, asked, seeds[0]),
        run_controls(heads[0], asked, seeds[0]),
    )


@one_thread()
def _train(recipe: HeadRecipe, falling: int, seed: int) -> tuple[ReasoningModule, np.ndarray]:
    head, history = train_head(recipe, seed, progress=False)
    after = settle(head.train(), recipe, seed, falling, progress=False)
    return head.eval(), np.concatenate([history.losses, after.losses])


def places(most: int) -> np.ndarray:
    """Numbers of examples at which the curve is computed, up to `most`."""
    return np.unique(np.r_[1, np.linspace(4, most, 4).round().astype(int)])


def growing(
    heads: Sequence[nn.Module],
    sampler: LogisticTaskSampler,
    sizes: Sequence[int],
    n_tasks: int,
    n_query: int,
    seed: int,
    name: str = "curve",
) -> Curve:
    """The module (mean over `heads`) and null models on the same new tasks.

    sizes : numbers of examples; the contexts of a task grow, its queries stay
    """
    most = int(max(sizes))
    x, y, w = sampler.tasks(n_tasks, most + n_query, seed, name)
    found = {arm: np.zeros((len(x), len(sizes))) for arm in (MODULE, *NULLS, "knows w")}
    for t in range(len(x)):
        queries, labels = x[t, most:], y[t, most:].numpy()
        for i, k in enumerate(sizes):
            scores = [
                accuracy(h.scores(x[t, :k], y[t, :k], queries).numpy(), labels) for h in heads
            ]
            found[MODULE][t, i] = np.mean(scores)
            z, shown, asked = x[t, :k].numpy(), y[t, :k].numpy(), queries.numpy()
            for arm in NULLS:
                found[arm][t, i] = accuracy(null_scores(arm, z, shown, asked), labels)
        found["knows w"][t] = (knows_the_weights(queries, w[t]).numpy() == labels).mean()
    return Curve(np.asarray(sizes), found)


def by_noise(heads: Sequence[ReasoningModule], asked: Asked, seed: int) -> Curve:
    """Accuracy with `k` examples when the labels are noisier or cleaner than in training."""
    few = max(20, asked.tasks // 3), asked.queries
    curves = [
        growing(
            heads, LogisticTaskSampler(heads[0].d, alpha), [asked.k], *few, seed, f"alpha {alpha:g}"
        )
        for alpha in asked.alphas
    ]
    arms = {arm: np.stack([c.last(arm) for c in curves], 1) for arm in curves[0].accuracy}
    return Curve(np.array(asked.alphas), arms)


def run_controls(head: ReasoningModule, asked: Asked, seed: int) -> Controls:
    """Shuffled labels, an untrained module, no example, and labels that are turned."""
    config, sampler = head.config, LogisticTaskSampler(head.d)
    k, n = asked.k, asked.controls
    x, y, _ = sampler.tasks(n, k + 20, seed, "controls")
    raw = fresh_head(config, torch_generator(seed, "untrained")).eval()
    order = torch.argsort(torch.rand(n, k, generator=torch_generator(seed, "shuffle")), dim=1)
    shuffled, untrained = np.zeros(n), np.zeros(n)
    for t in range(n):
        context, queries, labels = x[t, :k], x[t, k:], y[t, k:].numpy()
        wrong = y[t, :k][order[t]]
        shuffled[t] = accuracy(head.scores(context, wrong, queries).numpy(), labels)
        untrained[t] = accuracy(raw.scores(context, y[t, :k], queries).numpy(), labels)
    pairs = x[:16, : config.n_pairs], y[:16, : config.n_pairs]
    return Controls(
        shuffled,
        untrained,
        first_position(head, asked.first, seed),
        label_effect(head, *pairs, 0),
        label_effect(head, *pairs, 1),
    )


def first_position(head: ReasoningModule, n_tasks: int, seed: int) -> Interval:
    """Accuracy without any example; away from one half, labels leak."""
    x, y, _ = LogisticTaskSampler(head.d).tasks(n_tasks, 1, seed, "first position")
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


# ----------------------------------------------------------------------------- why the learners tie
IDEAL = "ideal"
ARMS = (MEAN, LOGISTIC, MODULE, IDEAL)
DRAWN, WHITE = "as drawn", "whitened"


class Tie(NamedTuple):
    """The same synthetic tasks as they are drawn, and with their contexts put through eq. 5.

    k : (n,) examples; accuracy : (coordinates, arm) joined by ", " -> (tasks, n)
    agrees : arm -> (tasks, n), share of the queries that it and the module decide alike, as drawn
    apart : (n,), share of the queries on which the ideal learner's two chains differ, as drawn
    """

    k: np.ndarray
    accuracy: Mapping[str, np.ndarray]
    agrees: Mapping[str, np.ndarray]
    apart: np.ndarray

    def of(self, coordinates: str, arm: str) -> np.ndarray:
        """Accuracies (tasks, n) of an arm."""
        return self.accuracy[f"{coordinates}, {arm}"]


def compare(
    head: ReasoningModule, sizes: Sequence[int], n_tasks: int, n_query: int, samples: int, seed: int
) -> Tie:
    """All arms on new synthetic tasks of the module's width; contexts of a task grow."""
    most = max(sizes)
    x, y, _ = LogisticTaskSampler(head.d).tasks(n_tasks, most + n_query, seed, "tie")
    found = {f"{c}, {arm}": np.zeros((n_tasks, len(sizes))) for c in (DRAWN, WHITE) for arm in ARMS}
    agrees = {arm: np.zeros((n_tasks, len(sizes))) for arm in ARMS}
    apart = np.zeros(len(sizes))
    points, labels = x.double().numpy(), y.numpy()
    truth = labels[:, most:]
    for i, k in enumerate(sizes):
        for name in (DRAWN, WHITE):
            z, asked = points[:, :k], points[:, most:]
            if name == WHITE:
                pairs = [whiten(a, b, head.d) for a, b in zip(z, asked, strict=True)]
                z, asked = (wide(part, head.d) for part in zip(*pairs, strict=True))
            p = ideal(z, labels[:, :k], asked, samples, generator(seed, "tie ideal", name, k))
            if name == DRAWN:
                apart[i] = ((p[0] > 0.5) != (p[1] > 0.5)).mean()
            for t in range(n_tasks):
                scores = {
                    arm: null_scores(arm, z[t], labels[t, :k], asked[t]) for arm in (MEAN, LOGISTIC)
                }
                scores[IDEAL] = p.mean(0)[t] - 0.5
                scores[MODULE] = module_scores(head, z[t], labels[t, :k], asked[t])
                for arm in ARMS:
                    found[f"{name}, {arm}"][t, i] = accuracy(scores[arm], truth[t])
                    if name == DRAWN:
                        agrees[arm][t, i] = agreement(scores[arm], scores[MODULE])
    return Tie(np.asarray(sizes), found, agrees, apart)


def wide(parts: Sequence[np.ndarray], d: int) -> np.ndarray:
    """Coordinates (n, p) of several contexts, with zeros up to d: (contexts, n, d)."""
    return np.stack([np.pad(z, ((0, 0), (0, d - z.shape[1]))) for z in parts])


def module_scores(
    head: ReasoningModule, z: np.ndarray, y: np.ndarray, queries: np.ndarray
) -> np.ndarray:
    """The module's logits (n,), in the precision of its weights."""
    kind = head.positions.dtype
    given = (torch.as_tensor(part, dtype=kind) for part in (z, y, queries))
    return head.scores(*given).double().numpy()
