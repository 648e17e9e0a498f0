"""Claims judged on the authors' published losses: C4, C5, C6."""

from __future__ import annotations

import numpy as np

from companion.claims import DOES_NOT_HOLD, Finding, as_verdict, judge, measured_text
from companion.quartet import claims as c
from companion.quartet.law import PARAMETERS, Law
from companion.quartet.optimal import SIZE_LIMITS, Map, Quality, Speed, crossover
from companion.quartet.published import TABLE_6
from companion.quartet.refit import Refit, nested_test, quality_of
from companion.quartet.reruns import Regression
from companion.stats import LEVEL, Interval, exact, p_value


def reruns(scale: str, found: Regression) -> Finding:
    """Claim C4."""
    before = found.before
    finding = judge(
        c.BY_ID["C4"],
        scale,
        found.difference,
        parts={
            "p of the difference": (p_value(found.difference.p), c.SMALL_P),
            "slope, signs after": (found.after, c.POSITIVE),
            "its p": (p_value(found.after.p), c.SMALL_P),
            "SR - RTN, signs before": (found.sr_minus_rtn, c.POSITIVE),
            "p of SR - RTN": (p_value(found.sr_minus_rtn.p), c.SMALL_P),
        },
        note=f"slope before {measured_text(before)}; one training seed per run",
    )
    if not before.low <= 0 <= before.high:
        return as_verdict(finding, DOES_NOT_HOLD, "the interval of the slope before excludes 0")
    return finding


def deviations(refit: Refit) -> np.ndarray:
    """Percent that each parameter differs from Table 6, constants as logarithms: (6,)."""
    printed = np.array([TABLE_6[name] for name in PARAMETERS])
    return 100 * np.abs(refit.law.theta / printed - 1)


def law(scale: str, refit: Refit) -> Finding:
    """Claim C5."""
    off = deviations(refit)
    nested = nested_test(refit)
    joint = refit.joint
    return judge(
        c.BY_ID["C5"],
        scale,
        exact(off.max(), refit.n_base),
        parts={
            "eff_N of QuEST": (exact(refit.efficiency["eff_N QuEST"]), c.EFF_N),
            "eff_D of SR": (exact(refit.efficiency["eff_D SR"]), c.EFF_D),
            "cost, full over gamma = 1": (
                exact(refit.costs["full"] / refit.costs["gamma = 1"]),
                c.COSTS,
            ),
        },
        note="over resampled runs: "
        + ", ".join(
            f"{name} {measured_text(refit.interval(name))}"
            for name in ("eff_N QuEST", "eff_D SR", "eff_D RTN, broken signs", "alpha", "gamma")
        )
        + f"; gamma = 1 rejected with F = {nested.estimate:.0f}, p = {nested.p:.0e}"
        + f"; QuEST with SR fitted jointly on all its runs: ({joint[0]:.3f}, {joint[1]:.3f})"
        + (f"; {refit.n_lost} resamples had too few distinct runs" if refit.n_lost else ""),
    )


def optimal(scale: str, refit: Refit, bops: Map, measured: Map, n: int = 25) -> Finding:
    """Claim C6."""
    sizes = np.geomspace(*SIZE_LIMITS, n)
    where = np.array([crossover(refit.law, N, Speed(), quality_of(refit)) for N in sizes])
    if not np.isfinite(where).all():
        return judge(c.BY_ID["C6"], scale, Interval(float("nan")), note="no crossover found")
    small, middle, large = (
        _resampled_crossover(refit, N) for N in (SIZE_LIMITS[0], 1e9, SIZE_LIMITS[1])
    )
    return judge(
        c.BY_ID["C6"],
        scale,
        middle,
        parts={
            "at 1e8 parameters": (small, c.WINDOW),
            "at 1e11": (large, c.WINDOW),
            "grows with the size": (exact((np.diff(where) > 0).all()), c.YES),
            "share of the map where FP8:FP8 is best": (exact(bops.share("FP8:FP8")), c.NOWHERE),
        },
        note="shown at 1e9 parameters, over resampled runs; with the authors' RTX 5090 block "
        f"timings FP8:FP8 is best on {100 * measured.share('FP8:FP8'):.0f} % of the map",
    )


def _resampled_crossover(refit: Refit, N: float) -> Interval:
    """Crossover at N with law and efficiencies of every bootstrap refit."""
    thetas = np.stack([refit.boot[name] for name in PARAMETERS], axis=1)
    draws = [
        crossover(Law(theta, 0.0), N, Speed(), Quality(eff_n, eff_d))
        for theta, eff_n, eff_d in zip(
            thetas, refit.boot["eff_N QuEST"], refit.boot["eff_D SR"], strict=True
        )
        if np.isfinite(theta).all()
    ]
    here = crossover(refit.law, N, Speed(), quality_of(refit))
    # a refit without a crossover leaves the interval open on both sides of it: count it as far away
    far = np.where(np.isfinite(draws), draws, np.inf)
    if far.size < 10:
        return Interval(here)
    low, high = np.quantile(far, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(here, float(low), float(high), None, far.size)
