"""All results of a run, and the statistics that judge them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar

from companion.data import Missing
from companion.distillation_memorization.lab.run import Sweep
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.memorization import Members
from companion.stats import LEVEL, Interval


# ------------------------------------------------------------------------------------------ results
@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    scale, seed, bootstrap : of the run
    worlds : of the main experiment, one per seed: what the claims are judged on
    transformers, real : the same with transformers, and on real text
    overfit : the sweep over teacher epochs
    """

    scale: str
    seed: int
    bootstrap: int
    worlds: list[World]
    transformers: list[World] | Missing
    real: list[World] | Missing
    overfit: Sweep | Missing

    @property
    def one_seed(self) -> bool:
        """Whether there is no second world (toy scale, the Hub): estimates are points."""
        return len(self.worlds) == 1

    def on_hub(self, world: World | Missing) -> Results:
        """These results judged on the paper's own kind of models, where they were trained."""
        return self if isinstance(world, Missing) else replace(self, worlds=[world])

    def others(self) -> dict[str, list[World]]:
        """The kinds of worlds beside the main one that were run."""
        kinds = {"transformers": self.transformers, "real text": self.real}
        return {name: found for name, found in kinds.items() if not isinstance(found, Missing)}


# --------------------------------------------------------------------------------------- resampling
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


# -------------------------------------------------------------------------------------------- trend
def temperature_slope(worlds: Sequence[Mapping[float, np.ndarray]]) -> Interval:
    """Slope of the log odds of being memorized on log2(tau), by GEE, sequences as groups.

    worlds : per seed, temperature -> bool (n,).  At rates of a few percent log odds are log rates
    to a few percent.  Sequences answer the same at many temperatures, so they are clusters: the
    interval is from the robust covariance.

    A slope that cannot be estimated (nothing memorized, a fit that does not converge) is NaN.
    """
    taus = sorted(worlds[0])
    outcome = np.concatenate([np.stack([w[t] for t in taus], 1).ravel() for w in worlds])
    n = outcome.size // len(taus)
    x = np.tile(np.log2(taus), n)
    groups = np.repeat(np.arange(n), len(taus))
    nothing = Interval(np.nan, n=len(worlds))
    if outcome.sum() in (0, outcome.size) or len(taus) < 2:
        return nothing
    model = sm.GEE(
        outcome.astype(float),
        sm.add_constant(x),
        groups=groups,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Independence(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit()
    if not fitted.converged:
        return nothing
    low, high = fitted.conf_int(1 - LEVEL)[1]
    return Interval(
        float(fitted.params[1]), float(low), float(high), float(fitted.pvalues[1]), len(worlds)
    )
