"""Intervals over seeds and sequences together, and the test of paired sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from statsmodels.stats.contingency_tables import mcnemar

from companion.distillation_memorization.method.sets import Members
from companion.stats import LEVEL, Interval

Weighted = Callable[[Members, np.ndarray], np.ndarray]
"""(members, weight of each sequence (n,)) -> counts of one seed, added over seeds."""


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided p that both are equally often true, from the pairs that differ."""
    table = [
        [np.sum(first & second), np.sum(first & ~second)],
        [np.sum(~first & second), np.sum(~first & ~second)],
    ]
    return float(mcnemar(table, exact=True).pvalue)


def two_level(
    worlds: Sequence[Members],
    count: Weighted,
    statistic: Callable[[np.ndarray], float],
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> Interval:
    """Bootstrap of a statistic of summed counts: over seeds first, then sequences within each.

    worlds : one mapping per seed; with one seed only its sequences are resampled

    An interval one of whose resamples has no finite statistic, or whose resamples are all alike, is
    not given (infinite ends), so that nothing can be concluded from it.
    """
    ones = [np.ones(len(next(iter(m.values())))) for m in worlds]
    estimate = statistic(sum(count(m, w) for m, w in zip(worlds, ones, strict=True)))
    draws = np.empty(n_resamples)
    for i in range(n_resamples):
        picks = rng.integers(0, len(worlds), len(worlds)) if len(worlds) > 1 else [0]
        total = 0
        for k in picks:
            n = len(ones[k])
            total = total + count(worlds[k], rng.multinomial(n, np.full(n, 1 / n)))
        draws[i] = statistic(total)
    return Interval(float(estimate), *ends(draws), None, len(worlds))


def ends(draws: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Ends of a percentile interval; infinite where a draw is not finite or all are alike."""
    if not np.isfinite(draws).all() or np.ptp(draws) == 0:
        return -np.inf, np.inf
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
