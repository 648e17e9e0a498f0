"""Why the learners tie on real vectors: the ideal learner, and eq. 5 on synthetic contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from companion.scale import generator
from companion.tart.lab.learned import MODULE
from companion.tart.lab.nulls import LOGISTIC, MEAN, accuracy, agreement, null_scores
from companion.tart.method.module import ReasoningModule
from companion.tart.method.theory import ideal
from companion.tart.method.training import LogisticTaskSampler
from companion.tart.method.whitening import whiten

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
