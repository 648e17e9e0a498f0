"""Concept directions and probes: the authors' recipe, and the controls that it needs.

A concept is given by counterfactual pairs of representations.  Its *direction* is the mean
difference of the pairs; its *probe* is the weight vector of a logistic regression.  Both have
length one here, so that their product is a cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

PAPER_C = 1e-4
"""Inverse penalty of the authors' logistic regression."""


class Pairs(NamedTuple):
    """Representations of one concept: zero and one, (pairs, d) each, in the same order."""

    zero: np.ndarray
    one: np.ndarray

    def rows(self, which: slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.zero[which], self.one[which])


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector with length one; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector


def direction(pairs: Pairs) -> np.ndarray:
    """A row of A_s, (d,): the mean difference, one minus zero, with length one."""
    return unit((pairs.one - pairs.zero).mean(0))


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


def repaired(concepts: Sequence[Pairs], rng: np.random.Generator) -> list[Pairs]:
    """Partners shuffled within each concept: the pairs are no counterfactuals any more."""
    return [Pairs(p.zero, p.one[rng.permutation(len(p.one))]) for p in concepts]


def isotropic(sizes: Sequence[int], d: int, rng: np.random.Generator) -> list[Pairs]:
    """Standard normal noise in place of representations, with these numbers of pairs."""
    return [Pairs(rng.standard_normal((n, d)), rng.standard_normal((n, d))) for n in sizes]


def matched(concepts: Sequence[Pairs], rng: np.random.Generator) -> list[Pairs]:
    """Gaussian noise with mean and covariance of all representations together."""
    every = np.concatenate([part for pairs in concepts for part in pairs])
    mean = every.mean(0)
    root = (every - mean) / np.sqrt(len(every) - 1)

    def draw(n: int) -> np.ndarray:
        return mean + rng.standard_normal((n, len(root))) @ root

    return [Pairs(draw(len(p.zero)), draw(len(p.one))) for p in concepts]


def matched_diagonal(
    concepts: Sequence[Pairs], c: float, rng: np.random.Generator, *, draws: int
) -> np.ndarray:
    """Held-out diagonal on matched noise, (draws, K): what no concept at all gives."""
    return np.stack([
        np.diag(cosines(matched(concepts, rng), c, held_out=True)) for _ in range(draws)
    ])  # fmt: skip


def off_diagonal(table: np.ndarray) -> np.ndarray:
    """The entries (i, j), i != j, of a square table."""
    return table[~np.eye(len(table), dtype=bool)]


def frobenius(a: np.ndarray, w: np.ndarray) -> float:
    """The authors' F = || A' W' - P ||_F for directions a (K, d) and probes w (K, d).

    P is the projector on the span of the directions.
    """
    return float(np.linalg.norm(a.T @ w - a.T @ np.linalg.pinv(a.T)))
