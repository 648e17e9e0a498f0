"""What happens to documentation on the way down: shorter cards, fewer languages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.model_ecosystem.sources import Ecosystem
from companion.stats import Interval, sign_test


class Thinning(NamedTuple):
    """Parent and child, over edges where both report.

    parent, child : (edges,) lengths or counts
    family : (edges,) the parent's number
    median : median of log(child / parent), 95 % over resampled families
    shorter : share of the unequal pairs whose child has less; sign test over pairs
    by_family : share of the families whose median pair has less; sign test over families
    """

    parent: np.ndarray
    child: np.ndarray
    family: np.ndarray
    median: Interval
    shorter: Interval
    by_family: Interval


def thinning(
    system: Ecosystem, quantity: np.ndarray, rng: np.random.Generator, n_resamples: int
) -> Thinning:
    """Compare a positive quantity (nan or 0: not reported) between parents and children.

    Raises
    ------
    ValueError : fewer than two families report on both sides
    """
    graph = system.graph
    a, b = quantity[graph.parent], quantity[graph.child]
    known = (a > 0) & (b > 0)
    a, b, family = a[known], b[known], graph.parent[known]
    heads, place = np.unique(family, return_inverse=True)
    if heads.size < 2:
        raise ValueError(f"need two families that report on both sides, got {heads.size}")
    ratio = np.log(b / a)
    groups = [ratio[place == i] for i in range(heads.size)]
    draws = [
        np.median(np.concatenate([groups[i] for i in rng.integers(0, heads.size, heads.size)]))
        for _ in range(n_resamples)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    middles = np.array([np.median(group) for group in groups])
    return Thinning(
        a,
        b,
        family,
        Interval(float(np.median(ratio)), float(low), float(high), None, a.size),
        _less(ratio),
        _less(middles),
    )


def _less(ratio: np.ndarray) -> Interval:
    """Share below zero among those that differ from it, with the sign test."""
    unequal = ratio[ratio != 0]
    if not unequal.size:
        return Interval(float("nan"))
    return sign_test(int((unequal < 0).sum()), unequal.size)


def card_lengths(system: Ecosystem) -> np.ndarray:
    """Characters of each card, (n,) float, nan where there is none."""
    return system.table["card_chars"].cast(float).fill_null(np.nan).to_numpy()


def language_counts(system: Ecosystem) -> np.ndarray:
    """Declared languages of each model, (n,) float, 0 where none is declared."""
    return system.table["languages"].list.len().fill_null(0).cast(float).to_numpy()


def automatic_shares(system: Ecosystem) -> tuple[float, float]:
    """Share of automatically generated cards, of parents and of children, over edges with both."""
    auto = system.table["auto_card"].cast(float).fill_null(np.nan).to_numpy()
    a, b = auto[system.graph.parent], auto[system.graph.child]
    known = np.isfinite(a) & np.isfinite(b)
    return float(a[known].mean()), float(b[known].mean())
