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

from companion import contracts

LEVEL = 0.95
"""Confidence of the book's intervals."""

EQUIVALENCE = 0.90
"""Confidence of an interval that shows equivalence: two one-sided tests at 5 % each."""


class Interval(NamedTuple):
    """An estimate with its confidence interval.

    Fields that a method does not provide are ``None``; the interval is two-sided and 95 % unless
    the function that made it was told otherwise.  A quantity without sampling error has two equal
    ends (:func:`exact`); an estimate about whose error nothing is known has none, or infinite ones.
    """

    estimate: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int | None = None

    @property
    def has_interval(self) -> bool:
        """Whether at least one end is known."""
        ends = (self.low, self.high)
        return any(end is not None and not np.isinf(end) for end in ends)

    def map(self, function: Callable[[float], float]) -> Interval:
        """The interval of a monotone `function` of the quantity (``np.exp`` of a log ratio).

        An interval about which nothing is known stays so: the exponential of minus infinity is
        no lower end.
        """
        if not self.has_interval:
            return self._replace(estimate=float(function(self.estimate)))
        ends = [None if end is None else float(function(end)) for end in (self.low, self.high)]
        if None not in ends and ends[0] > ends[1]:
            ends.reverse()
        return self._replace(estimate=float(function(self.estimate)), low=ends[0], high=ends[1])


def exact(value: float, n: int | None = None) -> Interval:
    """A quantity without sampling error: a count, an identity, printed numbers compared.

    Not for means, ratios or p-values of a sample: those are estimates, and a verdict needs their
    interval.  Without one they are ``Interval(value, n=n)``.
    """
    if isinstance(value, tuple | list) or np.ndim(value):
        raise TypeError(f"an exact quantity is one number, got {type(value).__name__}: {value!r}")
    return Interval(float(value), float(value), float(value), None, n)


def p_value(p: float, n: int | None = None) -> Interval:
    """A p-value as a condition of a claim, for the region "below alpha".

    Small enough, it satisfies the region; too large, it leaves the claim `not resolved`, because
    a test that does not reject says nothing against the claim.  NaN, a test that could not be
    made, stays NaN and has no interval.
    """
    if np.isnan(p):
        return Interval(float("nan"), n=n)
    return Interval(_probability(p), 0.0, float(p), float(p), n)


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"a p-value lies between 0 and 1, got {p!r}")
    return float(p)


def _level(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1 (0.95, not 95), got {confidence!r}")
    return confidence


def _sample(values: ArrayLike, least: int) -> np.ndarray:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or sample.size < least:
        raise ValueError(f"need a 1-D sample of at least {least} values, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"{(~np.isfinite(sample)).sum()} of {sample.size} values are not finite")
    return sample


def over_seeds(values: ArrayLike, *, null: float = 0.0, confidence: float = LEVEL) -> Interval:
    """Mean over seeds with its t interval; `p` tests mean = `null`, two-sided.

    values : array of shape (n,), one number a seed.  Under two values, with one that is not
        finite (a seed that failed) or without any spread nothing is known about further seeds: the
        interval is infinite, so that no verdict follows from it.  Shares of seeds that succeed
        belong in :func:`proportion`.
    """
    sample = np.atleast_1d(np.asarray(values, dtype=float))
    if sample.ndim != 1:
        raise ValueError(f"need one number a seed, got an array of shape {sample.shape}")
    _level(confidence)
    if not sample.size or not np.isfinite(sample).all():
        return Interval(float("nan"), -np.inf, np.inf, None, sample.size)
    if sample.size == 1:
        return Interval(float(sample[0]), -np.inf, np.inf, None, 1)
    return t_interval(sample, confidence, null)


def t_interval(values: ArrayLike, confidence: float = LEVEL, null: float = 0.0) -> Interval:
    """Student-t interval of a mean; `p` tests mean = `null`, two-sided.

    values : array of shape (n,), n >= 2, assumed independent (seeds, texts, folds).  A sample
        without spread (counts have that) has an infinite interval: its standard deviation is not
        known to be zero.
    """
    sample = _sample(values, 2)
    _level(confidence)
    if np.ptp(sample) == 0:
        return Interval(float(sample[0]), -np.inf, np.inf, None, sample.size)
    test = _scipy.ttest_1samp(sample, null)
    low, high = test.confidence_interval(confidence)
    return Interval(float(sample.mean()), float(low), float(high), float(test.pvalue), sample.size)


def paired(a: ArrayLike, b: ArrayLike, confidence: float = LEVEL) -> Interval:
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
    confidence: float = LEVEL,
    method: str = "percentile",
) -> Interval:
    """Bootstrap interval of ``statistic(values, axis=...)`` over independent units.

    values : array of shape (n,) or (n, k); the first axis is resampled.  Where every resample
        gives the same number (all units alike) the interval is infinite, see :func:`t_interval`
    statistic : vectorised function that takes an ``axis`` argument
    method : scipy's ``"percentile"``, ``"basic"`` or ``"BCa"``
    """
    sample = np.asarray(values, dtype=float)
    if sample.shape[0] < 2:
        raise ValueError(f"the bootstrap needs at least 2 units, got {sample.shape[0]}")
    if not np.isfinite(sample).all():
        raise ValueError("the bootstrap needs finite values")
    _level(confidence)
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
    if low == high:
        low, high = -np.inf, np.inf
    return Interval(float(estimate), float(low), float(high), None, len(sample))


def geometric_mean(values: ArrayLike, *, rng: np.random.Generator, **kwargs: object) -> Interval:
    """Bootstrap interval of the geometric mean of positive values (ratios over seeds)."""
    sample = _sample(values, 2)
    if (sample <= 0).any():
        raise ValueError("a geometric mean needs positive values")
    return bootstrap(np.log(sample), np.mean, rng=rng, **kwargs).map(np.exp)


def proportion(successes: int, n: int, confidence: float = LEVEL) -> Interval:
    """Wilson interval of a proportion."""
    _level(confidence)
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"need 0 <= successes <= n and n > 0, got {successes} of {n}")
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    low, high = 0.0 if successes == 0 else low, 1.0 if successes == n else high  # not 1 - 1e-16
    return Interval(successes / n, float(low), float(high), None, n)


def sign_test(successes: int, n: int, null: float = 0.5) -> Interval:
    """Share of successes with Wilson interval; exact one-sided p that it exceeds `null`."""
    p = _scipy.binomtest(successes, n, null, alternative="greater").pvalue
    return proportion(successes, n)._replace(p=float(p))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm-adjusted p-values in the order given (family-wise error)."""
    for p in p_values:
        _probability(p)
    return multipletests(p_values, method="holm")[1]


# After all definitions: nothing that a chapter concludes from may come of a number that is none.
contracts.guard(
    __name__,
    {
        "exact": {"value": contracts.FINITE_NUMBER, "n": contracts.WHOLE.or_none()},
        "p_value": {"n": contracts.WHOLE.or_none()},
        "over_seeds": {"null": contracts.FINITE},
        "t_interval": {"null": contracts.FINITE},
        "bootstrap": {"values": contracts.ROWS, "n_resamples": contracts.COUNT},
        "proportion": {"successes": contracts.WHOLE, "n": contracts.WHOLE},
        "sign_test": {
            "successes": contracts.WHOLE,
            "n": contracts.COUNT,
            "null": contracts.SHARE,
        },
        "Interval": {
            "estimate": contracts.ONE,
            "low": contracts.ONE.or_none(),
            "high": contracts.ONE.or_none(),
            "p": contracts.PROBABILITY.or_none(),
            "n": contracts.WHOLE.or_none(),
        },
    },
)
contracts.ordered(Interval, "low", "high")
