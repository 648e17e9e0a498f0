"""Intervals and tests, as a thin layer over scipy and statsmodels.

Every function returns an :class:`Interval`, so that a chapter hands its results to
:mod:`companion.claims` without copying numbers from one form into another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats as _scipy
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


class Interval(NamedTuple):
    """An estimate with its confidence interval.

    Fields that a method does not provide are ``None``; the interval is two-sided and 95 % unless
    the function that made it was told otherwise.
    """

    estimate: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int | None = None

    def map(self, function: Callable[[float], float]) -> Interval:
        """The interval of a monotone `function` of the quantity (``np.exp`` of a log ratio)."""
        ends = [None if end is None else float(function(end)) for end in (self.low, self.high)]
        if None not in ends and ends[0] > ends[1]:
            ends.reverse()
        return self._replace(estimate=float(function(self.estimate)), low=ends[0], high=ends[1])


def exact(value: float, n: int | None = None) -> Interval:
    """A quantity without sampling error (a count, a computation on fixed data)."""
    return Interval(float(value), float(value), float(value), None, n)


def _sample(values: ArrayLike, least: int) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or sample.size < least:
        raise ValueError(f"need a 1-D sample of at least {least} values, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"{(~np.isfinite(sample)).sum()} of {sample.size} values are not finite")
    return sample


def t_interval(values: ArrayLike, confidence: float = 0.95, null: float = 0.0) -> Interval:
    """Student-t interval of a mean; `p` tests mean = `null`, two-sided.

    values : array of shape (n,), n >= 2, assumed independent (seeds, texts, folds)
    """
    sample = _sample(values, 2)
    test = _scipy.ttest_1samp(sample, null)
    low, high = test.confidence_interval(confidence)
    return Interval(float(sample.mean()), float(low), float(high), float(test.pvalue), sample.size)


def paired(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean of a - b over pairs with its t interval; `p` tests no difference.

    a, b : arrays of shape (n,), the same seeds or texts in the same order
    """
    first, second = _sample(a, 2), _sample(b, 2)
    if first.shape != second.shape:
        raise ValueError(f"pairs need equal lengths, got {first.size} and {second.size}")
    return t_interval(first - second, confidence)


def bootstrap(
    values: ArrayLike,
    statistic: Callable[..., np.ndarray] = np.mean,
    *,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    method: str = "percentile",
) -> Interval:
    """Bootstrap interval of ``statistic(values, axis=...)`` over independent units.

    values : array of shape (n,) or (n, k); the first axis is resampled
    statistic : vectorised function that takes an ``axis`` argument
    method : scipy's ``"percentile"``, ``"basic"`` or ``"BCa"``
    """
    sample = np.asarray(values, dtype=float)
    if sample.shape[0] < 2:
        raise ValueError(f"the bootstrap needs at least 2 units, got {sample.shape[0]}")
    if not np.isfinite(sample).all():
        raise ValueError("the bootstrap needs finite values")
    if sample.ndim == 1:
        result = _scipy.bootstrap(
            (sample,),
            statistic,
            n_resamples=n_resamples,
            confidence_level=confidence,
            method=method,
            rng=rng,
        )
        low, high = result.confidence_interval
    else:
        picks = rng.integers(0, len(sample), size=(n_resamples, len(sample)))
        draws = [float(statistic(sample[pick], axis=None)) for pick in picks]
        tail = (1 - confidence) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
    estimate = statistic(sample, axis=None if sample.ndim > 1 else 0)
    return Interval(float(estimate), float(low), float(high), None, len(sample))


def geometric_mean(values: ArrayLike, *, rng: np.random.Generator, **kwargs: object) -> Interval:
    """Bootstrap interval of the geometric mean of positive values (ratios over seeds)."""
    sample = _sample(values, 2)
    if (sample <= 0).any():
        raise ValueError("a geometric mean needs positive values")
    return bootstrap(np.log(sample), np.mean, rng=rng, **kwargs).map(np.exp)


def proportion(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson interval of a proportion."""
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"need 0 <= successes <= n and n > 0, got {successes} of {n}")
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    return Interval(successes / n, float(low), float(high), None, n)


def sign_test(successes: int, n: int, null: float = 0.5) -> Interval:
    """Share of successes with Wilson interval; exact one-sided p that it exceeds `null`."""
    p = _scipy.binomtest(successes, n, null, alternative="greater").pvalue
    return proportion(successes, n)._replace(p=float(p))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm-adjusted p-values in the order given (family-wise error)."""
    return multipletests(p_values, method="holm")[1]
