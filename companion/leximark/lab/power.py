r"""How many records an owner needs: the power of Welch's t-test between suspected and held-out.

With scores of equal variance and effect size d (difference of means in deviations) the power of a
two-sided test with n records a side follows from the noncentral t distribution.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.stats import norm, ttest_ind
from statsmodels.stats.power import TTestIndPower

from companion.scale import generator

POWER, ALPHA = 0.8, 0.05
MOST = 2000
"""Numbers of records beyond this are given as infinity."""


def effect_size(members: np.ndarray, others: np.ndarray) -> float:
    """Cohen's d: difference of the means over the pooled deviation."""
    if len(members) < 2 or len(others) < 2:
        raise ValueError("an effect size needs two scores on either side")
    pooled = math.sqrt((members.var(ddof=1) + others.var(ddof=1)) / 2)
    difference = float(members.mean() - others.mean())
    return difference / pooled if pooled > 0 else float("nan")


def effect_of_auroc(auroc: float) -> float:
    r"""d = sqrt(2) Phi^-1(AUROC): for normal scores of equal variance (eq. 7)."""
    if not 0 < auroc < 1:
        raise ValueError(f"an AUROC strictly between 0 and 1 is needed, got {auroc!r}")
    return float(math.sqrt(2) * norm.ppf(auroc))


@cache
def predicted_power(d: float, n: int, alpha: float = ALPHA) -> float:
    """Power with `n` >= 2 records a side, by statsmodels."""
    return float(TTestIndPower().power(abs(d), n, alpha))


def records_needed(d: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Least n with the wanted power; infinite where no n up to :data:`MOST` has it."""
    if not math.isfinite(d) or d <= 0:
        return math.inf
    return _least(lambda n: predicted_power(d, n, alpha), power)


def _least(power_of: Callable[[int], float], wanted: float) -> float:
    """Smallest n in 2..MOST with power at least `wanted`: doubling, then bisection.

    From below, because the noncentral t distribution has no number where power is all but 1.
    """
    low, high = 1, 2
    while not power_of(high) >= wanted:
        low, high = high, 2 * high
        if high > MOST:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= wanted else (middle, high)
    return float(high)


def simulated_power(
    members: np.ndarray,
    others: np.ndarray,
    n: int,
    seed: int,
    alpha: float = ALPHA,
    draws: int = 1000,
) -> float:
    """Share of Welch tests on `n` records a side, drawn with replacement, that find a difference.

    Only a difference in the right direction counts.
    """
    rng = generator(seed, "leximark power", n)
    a = rng.choice(members, (draws, n))
    b = rng.choice(others, (draws, n))
    with warnings.catch_warnings():  # the same few records drawn again have no variance, and no p
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_ind(a, b, axis=1, equal_var=False)
    return float(np.mean((test.pvalue < alpha) & (test.statistic > 0)))


def simulated_records(members: np.ndarray, others: np.ndarray, seed: int) -> float:
    """Least n at which the simulated power reaches 0.8."""
    return _least(lambda n: simulated_power(members, others, n, seed), POWER)
