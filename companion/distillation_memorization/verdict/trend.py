"""How memorization falls with the temperature: a binomial model with repeated sequences."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import statsmodels.api as sm

from companion.stats import LEVEL, Interval


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
