"""Concept directions: the authors' recipe, and the noise that it needs for comparison.

A concept is given by counterfactual pairs of representations.  Its *direction* is the mean
difference of the pairs, with length one, as a probe has, so that their product is a cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from companion import contracts


class Pairs(NamedTuple):
    """Representations of one concept: zero and one, (pairs, d) each, in the same order."""

    zero: np.ndarray
    one: np.ndarray

    def rows(self, which: slice | np.ndarray) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.zero[which], self.one[which])


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector with length one; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector


def direction(pairs: Pairs) -> np.ndarray:
    """A row of A_s, (d,): the mean difference, one minus zero, with length one."""
    return unit((pairs.one - pairs.zero).mean(0))


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


def frobenius(a: np.ndarray, w: np.ndarray) -> float:
    """The authors' F = || A' W' - P ||_F for directions a (K, d) and probes w (K, d).

    P is the projector on the span of the directions.
    """
    return float(np.linalg.norm(a.T @ w - a.T @ np.linalg.pinv(a.T)))


contracts.guard_public(__name__)
