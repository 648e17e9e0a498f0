"""What the authors' released numbers say: the law refitted, its map, the re-runs, Table 3.

Each of their runs has one seed.  Intervals over resampled runs show how an answer depends on which
runs are there and on how well the law fits them; seed noise is in them only as far as it makes runs
miss the law.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy.stats import f as f_distribution
from tqdm.auto import tqdm

from companion.quartet.method.law import (
    FREE,
    MODELS,
    PARAMETERS,
    PRECISIONS,
    RATIO_LIMITS,
    SIZE_LIMITS,
    Law,
    Map,
    Quality,
    Runs,
    Speed,
    crossover,
    fit_efficiency,
    fit_from,
    fit_law,
    loss_at_budget,
)
from companion.quartet.sources import RERUN_GAPS, RERUN_RATIOS, TABLE_3, measured_speed, select
from companion.scale import generator
from companion.stats import LEVEL, Interval, over_seeds, paired

EFFICIENCIES = {
    "eff_N SR": ("SR AbsMax", "none", "N"),
    "eff_N RTN": ("RTN AbsMax", "none", "N"),
    "eff_N QuEST": ("QuEST", "none", "N"),
    "eff_D SR": ("none", "SR AbsMax", "D"),
    "eff_D RTN, broken signs": ("none", "RTN AbsMax", "D"),
    "eff_D QuEST, broken signs": ("none", "QuEST", "D"),
}
"""Name to (forward, backward, what is fitted): the first campaign's labels."""

BACKWARD = "eff_D RTN, broken signs"
"""Of version 4's backward scheme."""

SEEN = 2.5e8
"""Parameters up to which runs train the held-out law: without 430M and 800M."""


# --------------------------------------------------------------------------- the law
class HeldOut(NamedTuple):
    """A law fitted without the largest runs.

    law, law_gamma_1 : with gamma free and held at 1; n : (m,) parameters of the runs left out
    loss, predicted, predicted_gamma_1 : (m,) nats
    """

    law: Law
    law_gamma_1: Law
    n: np.ndarray
    loss: np.ndarray
    predicted: np.ndarray
    predicted_gamma_1: np.ndarray


class Refit(NamedTuple):
    """law : full; costs : kind of law to Huber cost; n_base : unquantized runs

    efficiency : name to estimate; boot : name (parameters and efficiencies) to (resamples,)
    joint : (eff_N, eff_D) of QuEST forward, SR backward, fitted together on all its runs
    log_residuals : kind -> (n_base,), log L_model - log L; n_lost : resamples without a fit
    held_out : the law without its two largest runs
    """

    law: Law
    costs: dict[str, float]
    n_base: int
    efficiency: dict[str, float]
    boot: dict[str, np.ndarray]
    joint: tuple[float, float]
    log_residuals: dict[str, np.ndarray]
    n_lost: int
    held_out: HeldOut

    def interval(self, name: str) -> Interval:
        """Estimate and percentile interval over resampled runs."""
        value = {**dict(zip(PARAMETERS, self.law.theta, strict=True)), **self.efficiency}[name]
        draws = self.boot[name][np.isfinite(self.boot[name])]
        if draws.size < 10:
            return Interval(float(value))
        low, high = np.quantile(draws, [0.025, 0.975])
        return Interval(float(value), float(low), float(high), None, self.n_base)

    @property
    def quality(self) -> Quality:
        """QuEST forward and RTN backward, the pair of version 4.

        RTN's released runs have the signs on the wrong side, which makes it no better.
        """
        return Quality(self.efficiency["eff_N QuEST"], self.efficiency[BACKWARD])


def run_refit(
    table: pd.DataFrame, n_starts: int, n_resamples: int, seed: int, *, progress: bool = True
) -> Refit:
    """Fit the law and every efficiency, then all of it again on resampled runs."""
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
        held_out=_held_out(base, n_starts),
    )


def _held_out(base: Runs, n_starts: int) -> HeldOut:
    small, large = base.take(base.N <= SEEN), base.take(base.N > SEEN)
    law, flat = (fit_law(small, n_starts, kind) for kind in ("full", "gamma = 1"))
    predicted = (fitted.loss(large.N, large.D) for fitted in (law, flat))
    return HeldOut(law, flat, large.N, large.loss, *predicted)


def _one(law: Law, runs: Runs, which: str) -> float:
    return fit_efficiency(law, runs, which)["ND".index(which)]


def _bootstrap(base, law, groups, n_resamples, seed, progress):
    rng = generator(seed, "resampled runs")
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


# --------------------------------------------------------------------------- the map
def optimality_map(law: Law, speed: Speed | None, quality: Quality, n: int = 200) -> Map:
    """The best precision over tokens per parameter and size, both on log axes.

    speed : None takes the speed-ups measured on an RTX 5090, which depend on the size
    """
    ratio, size = np.geomspace(*RATIO_LIMITS, n), np.geomspace(*SIZE_LIMITS, n)
    losses = np.empty((len(PRECISIONS), n, n))
    measured = None if speed is not None else measured_speed()
    for y, N in enumerate(size):
        here = speed if measured is None else measured(N)
        for i, precision in enumerate(PRECISIONS):
            losses[i, y] = loss_at_budget(law, N, ratio, precision, here, quality)
    return Map(ratio, size, losses.argmin(0), losses[0] - losses.min(0))


def resampled_crossover(refit: Refit, N: float) -> Interval:
    """Tokens per parameter from which FP4:FP4 wins at N, over every bootstrap refit.

    A refit without a crossover counts as one that is infinitely far away.
    """
    here = crossover(refit.law, N, Speed(), refit.quality)
    draws = np.array([crossover(law, N, Speed(), quality) for law, quality in resampled(refit)])
    return _over_draws(here, np.where(np.isfinite(draws), draws, np.inf).tolist())


def resampled(refit: Refit) -> list[tuple[Law, Quality]]:
    """Law and efficiencies of every bootstrap refit that has them."""
    thetas = np.stack([refit.boot[name] for name in PARAMETERS], axis=1)
    pairs = zip(refit.boot["eff_N QuEST"], refit.boot[BACKWARD], strict=True)
    return [
        (Law(theta, 0.0), Quality(*pair))
        for theta, pair in zip(thetas, pairs, strict=True)
        if np.isfinite(theta).all()
    ]


def least_lead(law: Law, quality: Quality) -> float:
    """By what factor the marked models exceed their crossover, for the one that does so least.

    0 where a model has no crossover, so that FP4:FP4 never wins there.
    """
    leads = []
    for N, D in MODELS.values():
        where = crossover(law, N, Speed(), quality)
        leads.append(D / N / where if np.isfinite(where) else 0.0)
    return min(leads)


class Leads(NamedTuple):
    """:func:`least_lead` by several laws.

    all_runs : of the refitted law and efficiencies, with the interval over resampled runs
    printed : the same with the pair of efficiencies that Table 3 prints
    held_out, gamma_1 : of the law without the two largest runs, gamma free and held at 1
    """

    all_runs: Interval
    printed: Interval
    held_out: float
    gamma_1: float


def marked_models(refit: Refit) -> Leads:
    """Whether FP4:FP4 is best at the budgets that the paper marks, by three laws."""
    pair = Quality(*(float(TABLE_3.loc["Quartet", name]) for name in ("eff_n", "eff_d")))
    again = resampled(refit)
    others = (refit.held_out.law, refit.held_out.law_gamma_1)
    return Leads(
        _over_draws(least_lead(refit.law, refit.quality), [least_lead(*one) for one in again]),
        _over_draws(least_lead(refit.law, pair), [least_lead(law, pair) for law, _ in again]),
        *(least_lead(law, refit.quality) for law in others),
    )


def _over_draws(here: float, draws: list[float]) -> Interval:
    """An estimate with the percentile interval of its resampled values, if they are ten or more."""
    if len(draws) < 10:
        return Interval(here)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(here, float(low), float(high), None, len(draws))


# --------------------------------------------------------------------------- the re-runs
def rerun_table() -> pd.DataFrame:
    """Columns arm, ratio, doublings (log2 of the ratio, centered), gap."""
    rows = [
        (arm, ratio, gap)
        for arm, gaps in RERUN_GAPS.items()
        for ratio, gap in zip(RERUN_RATIOS, gaps, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "ratio", "gap"])
    doublings = np.log2(frame["ratio"])
    return frame.assign(doublings=doublings - doublings.mean())


class Regression(NamedTuple):
    """Slopes of the gap per doubling of the tokens, by least squares.

    slopes : arm -> slope
    rtn, sr : slope with the signs after minus slope with the signs before
    beyond_placebo : how much more RTN's slope changed than SR's, whose signs should not matter
    level : the same of the gap itself, averaged over the lengths
    small : half of RTN's slope with the signs after minus its slope with the signs before: above 0
        where the bug gave more than half of the slope
    small_beyond_placebo : that minus the same of SR
    sr_minus_rtn : paired over the lengths, signs before; its_slope : of that difference
    """

    slopes: dict[str, Interval]
    rtn: Interval
    sr: Interval
    beyond_placebo: Interval
    level: Interval
    small: Interval
    small_beyond_placebo: Interval
    sr_minus_rtn: Interval
    its_slope: Interval


def regress(frame: pd.DataFrame) -> Regression:
    """Ordinary least squares on doublings, with an own slope for each arm."""
    wrong = frame["arm"].str.endswith("after").astype(float)
    data = frame.assign(wrong=wrong, rtn=frame["arm"].str.startswith("RTN").astype(float))
    by_scheme = {
        name: smf.ols("gap ~ doublings * wrong", data[data["rtn"] == is_rtn]).fit()
        for name, is_rtn in (("RTN", 1.0), ("SR", 0.0))
    }
    both = smf.ols("gap ~ doublings * wrong * rtn", data).fit()
    gaps = {arm: part.sort_values("ratio")["gap"].to_numpy() for arm, part in data.groupby("arm")}
    apart = data[data["arm"] == "RTN, signs before"].sort_values("ratio")
    apart = apart.assign(gap=gaps["SR, signs before"] - gaps["RTN, signs before"])
    return Regression(
        slopes={
            arm: _term(smf.ols("gap ~ doublings", part).fit(), "doublings")
            for arm, part in data.groupby("arm", sort=False)
        },
        rtn=_term(by_scheme["RTN"], "doublings:wrong"),
        sr=_term(by_scheme["SR"], "doublings:wrong"),
        beyond_placebo=_term(both, "doublings:wrong:rtn"),
        level=_term(both, "wrong:rtn"),
        small=_contrast(by_scheme["RTN"], "0.5 * doublings:wrong - 0.5 * doublings"),
        small_beyond_placebo=_contrast(both, "0.5 * doublings:wrong:rtn - 0.5 * doublings:rtn"),
        sr_minus_rtn=paired(gaps["SR, signs before"], gaps["RTN, signs before"]),
        its_slope=_term(smf.ols("gap ~ doublings", apart).fit(), "doublings"),
    )


def _term(fit, name: str) -> Interval:
    low, high = fit.conf_int().loc[name]
    p = float(fit.pvalues[name])
    return Interval(float(fit.params[name]), float(low), float(high), p, int(fit.nobs))


def _contrast(fit, terms: str) -> Interval:
    """A linear combination of terms with its t interval, as statsmodels writes it."""
    found = fit.t_test(f"{terms} = 0")
    low, high = found.conf_int()[0]
    p = float(np.squeeze(found.pvalue))
    return Interval(float(found.effect[0]), float(low), float(high), p, int(fit.nobs))


# --------------------------------------------------------------------------- Table 3
class Earlier(NamedTuple):
    """Earlier four-bit recipes against Quartet at 30M, as printed.

    above : recipe -> nats above Quartet, mean over the lengths at which it ended
    diverged : recipe -> lengths without a number; n : lengths
    """

    above: dict[str, Interval]
    diverged: dict[str, int]
    n: int


def earlier_recipes() -> Earlier:
    """Table 3 as differences to its last row."""
    table = TABLE_3.drop(columns=["eff_n", "eff_d"])
    quartet = table.loc["Quartet"].to_numpy(float)
    above, diverged = {}, {}
    for name, row in table.drop(index="Quartet").iterrows():
        apart = row.to_numpy(float) - quartet
        above[name] = over_seeds(apart[np.isfinite(apart)])
        diverged[name] = int((~np.isfinite(apart)).sum())
    return Earlier(above, diverged, quartet.size)
