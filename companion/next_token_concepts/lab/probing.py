"""Concept probes, and the cosines of directions with them.

A *probe* is the weight vector of a logistic regression of one side of a concept's counterfactual
pairs against the other, with length one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.method.directions import Pairs, direction, matched, unit

PAPER_C = 1e-4
"""Inverse penalty of the authors' logistic regression."""


def probe(pairs: Pairs, c: float, labels: np.ndarray | None = None) -> np.ndarray:
    """A column of W_s, (d,): logistic regression of one against zero, with length one.

    labels : (2 * pairs,), to be fitted instead of the true ones
    """
    x = np.concatenate([pairs.zero, pairs.one])
    if labels is None:
        labels = np.repeat([0, 1], len(pairs.zero))
    model = LogisticRegression(C=c, max_iter=500).fit(x, labels)
    return unit(model.coef_[0])


def cosines(concepts: Sequence[Pairs], c: float, *, held_out: bool) -> np.ndarray:
    """A_s W_s, (K, K): entry (i, j) is the cosine of direction i with probe j.

    held_out : directions from the even pairs and probes from the odd ones; else both from all.
        The halves are disjoint in pairs; a word that stands in several pairs may be in both.
    """
    first, second = (slice(0, None, 2), slice(1, None, 2)) if held_out else (slice(None),) * 2
    a = np.stack([direction(pairs.rows(first)) for pairs in concepts])
    w = np.stack([probe(pairs.rows(second), c) for pairs in concepts])
    return a @ w.T


def permuted(concepts: Sequence[Pairs], c: float, rng: np.random.Generator) -> np.ndarray:
    """A_s W_s with the labels of the probes permuted: the usual null, which sees nothing."""
    a = np.stack([direction(pairs) for pairs in concepts])
    w = [probe(p, c, rng.permutation(np.repeat([0, 1], len(p.zero)))) for p in concepts]
    return a @ np.stack(w).T


def matched_diagonal(
    concepts: Sequence[Pairs], c: float, rng: np.random.Generator, *, draws: int
) -> np.ndarray:
    """Held-out diagonal on matched noise, (draws, K): what no concept at all gives."""
    return np.stack(
        [np.diag(cosines(matched(concepts, rng), c, held_out=True)) for _ in range(draws)]
    )
