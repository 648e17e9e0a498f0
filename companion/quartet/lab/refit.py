"""The refit with its bootstrap: what the released runs say about six constants and efficiencies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution
from tqdm.auto import tqdm

from companion.quartet.method.law import (
    FREE,
    PARAMETERS,
    Law,
    Runs,
    fit_efficiency,
    fit_from,
    fit_law,
)
from companion.quartet.method.optimal import Quality
from companion.quartet.sources import select
from companion.scale import generator
from companion.stats import Interval

EFFICIENCIES = {
    "eff_N SR": ("SR AbsMax", "none", "N"),
    "eff_N RTN": ("RTN AbsMax", "none", "N"),
    "eff_N QuEST": ("QuEST", "none", "N"),
    "eff_D SR": ("none", "SR AbsMax", "D"),
    "eff_D RTN, broken signs": ("none", "RTN AbsMax", "D"),
    "eff_D QuEST, broken signs": ("none", "QuEST", "D"),
}
"""Name to (forward, backward, what is fitted): the first campaign's labels."""


class Refit(NamedTuple):
    """law : full; costs : kind of law to Huber cost; n_base : unquantized runs

    efficiency : name to estimate; boot : name (parameters and efficiencies) to (resamples,)
    joint : (eff_N, eff_D) of QuEST forward, SR backward, fitted together on all its runs
    log_residuals : kind -> (n_base,), log L_model - log L; n_lost : resamples without a fit
    """

    law: Law
    costs: dict[str, float]
    n_base: int
    efficiency: dict[str, float]
    boot: dict[str, np.ndarray]
    joint: tuple[float, float]
    log_residuals: dict[str, np.ndarray]
    n_lost: int

    def interval(self, name: str) -> Interval:
        """Estimate and percentile interval over resampled runs."""
        value = {**dict(zip(PARAMETERS, self.law.theta, strict=True)), **self.efficiency}[name]
        draws = self.boot[name][np.isfinite(self.boot[name])]
        if draws.size < 10:
            return Interval(float(value))
        low, high = np.quantile(draws, [0.025, 0.975])
        return Interval(float(value), float(low), float(high), None, self.n_base)


def run_refit(
    table: pd.DataFrame, n_starts: int, n_resamples: int, seed: int, *, progress: bool = True
) -> Refit:
    """Fit the law and every efficiency, then all of it again on resampled runs.

    Resampling treats runs as independent.  Each was trained with one seed, so the intervals show
    how the answer depends on which runs are there and how well the law fits them; seed noise is in
    them only as far as it makes runs miss the law.
    """
    base = select(table, "none", "none")
    laws = {kind: fit_law(base, n_starts, kind) for kind in FREE}
    law = laws["full"]
    groups = {
        name: (select(table, forward, backward), which)
        for name, (forward, backward, which) in EFFICIENCIES.items()
    }
    efficiency = {name: _one(law, runs, which) for name, (runs, which) in groups.items()}
    boot, n_lost = _bootstrap(base, law, groups, n_resamples, seed, progress)
    return Refit(
        law=law,
        costs={kind: fitted.cost for kind, fitted in laws.items()},
        n_base=base.loss.size,
        efficiency=efficiency,
        boot=boot,
        joint=fit_efficiency(law, select(table, "QuEST", "SR AbsMax"), "both"),
        log_residuals={
            kind: np.log(fitted.loss(base.N, base.D)) - np.log(base.loss)
            for kind, fitted in laws.items()
        },
        n_lost=n_lost,
    )


def _one(law: Law, runs: Runs, which: str) -> float:
    return fit_efficiency(law, runs, which)["ND".index(which)]


def _bootstrap(base, law, groups, n_resamples, seed, progress):
    rng = generator(seed, "quartet refit")
    boot = {name: np.full(n_resamples, np.nan) for name in (*PARAMETERS, *groups)}
    n_lost = 0
    for i in tqdm(range(n_resamples), desc="bootstrap", disable=not progress):
        drawn = base.take(rng.integers(0, base.loss.size, base.loss.size))
        picks = {
            name: runs.take(rng.integers(0, runs.loss.size, runs.loss.size))
            for name, (runs, _) in groups.items()
        }
        if len({*zip(drawn.N, drawn.D, strict=True)}) < len(PARAMETERS) + 1:
            n_lost += 1
            continue
        found = fit_from(law.theta, drawn)  # warm start
        again = Law(found.x, float(found.cost))
        for name, value in zip(PARAMETERS, found.x, strict=True):
            boot[name][i] = value
        for name, (_, which) in groups.items():
            boot[name][i] = _one(again, picks[name], which)
    return boot, n_lost


def nested_test(refit: Refit, kind: str = "gamma = 1") -> Interval:
    """F statistic of the full law against one with a parameter held at 1, on log residuals.

    The fits minimize a Huber loss, not squares, so the p-value is approximate.
    """
    full, small = (float(np.square(refit.log_residuals[name]).sum()) for name in ("full", kind))
    extra, rest = len(FREE[kind]), refit.n_base - len(PARAMETERS)
    statistic = (small - full) / extra / (full / rest)
    p = float(f_distribution.sf(statistic, extra, rest))
    return Interval(statistic, None, None, p, refit.n_base)


def quality_of(refit: Refit) -> Quality:
    """QuEST forward and SR backward: the pair that the first campaign measured properly."""
    return Quality(refit.efficiency["eff_N QuEST"], refit.efficiency["eff_D SR"])
