"""From runs to intervals: the quantities that the findings judge."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from companion.scale import generator
from companion.stats import LEVEL, Interval, exact
from companion.synthetic_data.lab.loop import Runs

UNKNOWN = Interval(float("nan"))
"""What a quantity is that cannot be computed: never a pass."""


def known(value: float, n: int | None = None) -> Interval:
    """A count, an identity or a closed form, without sampling error; unknown if not finite."""
    return exact(value, n) if np.isfinite(value) else UNKNOWN


def ratio(over: np.ndarray, under: np.ndarray, *, n_resamples: int = 2000) -> Interval:
    """Ratio of two means over the same seeds with a bootstrap interval.

    Unknown if the denominator is not safely above zero: its own resamples must be positive.  No
    spread over resamples is an infinite interval.
    """
    over, under = np.asarray(over, float), np.asarray(under, float)
    n = len(over)
    if n < 2 or over.shape != under.shape or not np.isfinite([over, under]).all():
        return UNKNOWN
    rng = generator(0, "ratio")
    weights = rng.multinomial(n, np.full(n, 1 / n), n_resamples) / n
    below = weights @ under
    ends = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    if under.mean() <= 0 or np.quantile(below, ends[0]) <= 0:
        return UNKNOWN._replace(n=n)
    draws = (weights @ over) / np.where(below > 0, below, np.nan)
    low, high = np.nanquantile(draws, ends)
    if low == high:
        low, high = -np.inf, np.inf
    return Interval(float(over.mean() / under.mean()), float(low), float(high), None, n)


def rise(runs: Runs, name: str, share: float, generation: int = -1) -> np.ndarray:
    """Change of a metric against s = 0, paired by seed: (n_seeds,)."""
    return runs.at(name, share, generation) - runs.at(name, 0.0, generation)


def relative_loss(runs: Runs, name: str, share: float, generation: int = -1) -> np.ndarray:
    """Share of a score that is lost against s = 0, paired by seed: (n_seeds,)."""
    return -rise(runs, name, share, generation) / runs.at(name, 0.0, generation)


def calibration_lead(runs: Runs, share: float, generation: int = -1) -> np.ndarray:
    """Rise of the calibration error minus fall of accuracy, in percentage points: (n_seeds,)."""
    return 100 * (rise(runs, "ece", share, generation) + rise(runs, "accuracy", share, generation))


def size_interaction(runs: dict[int, Runs], name: str, largest: float = 0.5) -> Interval:
    """Coefficient of s log(size) in a mixed model of the relative loss; seeds as random intercepts.

    runs : rank -> Runs; outcome ~ s + s^2 + s log(rank) + (1 | seed), s up to `largest`.  Losses
    are relative to s = 0 of the same size and seed, so there is no main effect of size.
    """
    rows = []
    sign = 1.0 if name in ("kl", "loss") else -1.0
    for rank, one in runs.items():
        for s in one.shares[(one.shares > 0) & (one.shares <= largest + 1e-9)]:
            lost = sign * rise(one, name, s) / one.at(name, 0.0)
            rows += [
                {"lost": x, "s": s, "size": np.log(rank), "seed": seed}
                for x, seed in zip(lost, one.seeds, strict=True)
            ]
    frame = pd.DataFrame(rows)
    if len(runs) < 2 or not np.isfinite(frame["lost"]).all():
        return UNKNOWN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of seeds at its bound is no concern here
        model = smf.mixedlm("lost ~ 0 + s + I(s**2) + s:size", frame, groups=frame["seed"])
        fitted = model.fit(reml=True, method=["lbfgs", "powell"])
    low, high = fitted.conf_int().loc["s:size"]
    if not np.isfinite([fitted.params["s:size"], low, high]).all():
        return UNKNOWN
    return Interval(
        float(fitted.params["s:size"]),
        float(low),
        float(high),
        float(fitted.pvalues["s:size"]),
        len(frame),
    )


def compounding(runs: Runs, share: float, hops: int = 4) -> float:
    """Observed loss of chains over what independent hops would lose: 1 - (1 - l)^m.

    l is the loss of single facts over all contexts alike, m the number of hops; both are absolute
    losses of the mean over seeds.
    """
    wrong = runs.at("hop_loss", share).mean()
    chain = 1 - runs.at(f"hops_{hops}", share).mean()
    expected = 1 - (1 - wrong) ** hops
    return float(chain / expected) if expected > 0 else float("nan")


def repaired(
    runs: Runs, share: float, rule: str, name: str, *, alike: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(what temperature scaling took away, what there was): changes against s = 0, per seed.

    alike : compare the scaled model with the scaled model of s = 0, else with the plain one
    """
    at = runs.place(share)
    before = runs.at(name, share) - runs.at(name, 0.0)
    base = runs.scaled[rule][name][runs.place(0.0)] if alike else runs.at(name, 0.0)
    after = runs.scaled[rule][name][at] - base
    return before - after, before
