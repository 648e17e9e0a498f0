"""Claims that are judged on the numbers that others released."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.claims import Finding, judge, not_tested
from companion.scale import generator
from companion.scaling_laws.lab.compare import share_reproduced
from companion.scaling_laws.lab.facts import Fact
from companion.scaling_laws.lab.freedom import Freedom
from companion.scaling_laws.lab.huber import HuberFit
from companion.scaling_laws.lab.schedules import Extrapolation, Gap
from companion.scaling_laws.lab.solvers import summarize
from companion.scaling_laws.verdict import claims
from companion.scaling_laws.verdict.across import cut_ratios, share_above_one
from companion.stats import bootstrap, exact, proportion

PUBLISHED_REFIT = {"A": 482.01, "B": 2085.43}
"""Of the Chinchilla points, by Besiroglu et al. 2024."""


def protocol(scale: str, cells: pd.DataFrame) -> Finding:
    """Claim 1: printed cells reproduced."""
    largest = cells.loc[cells["cut"] == 0, "difference"].abs().max()
    return judge(
        claims.BY_ID["1"],
        scale,
        exact(share_reproduced(cells), len(cells)),
        note=f"largest difference where two decimals are printed: {largest:.3f} points",
    )


def not_everywhere(scale: str, ladders: pd.DataFrame) -> Finding:
    """Claim 2': families that the cut does not help."""
    ratios = cut_ratios(ladders)
    helped = share_above_one(ratios)
    listing = ", ".join(f"{name} {value:.2g}" for name, value in ratios.items())
    p = f"; sign test p = {helped.p:.2f}" if helped.p is not None else ""
    return judge(
        claims.BY_ID["2'"],
        scale,
        exact(int((ratios < 1.05).sum()), len(ratios)),
        note=f"ratios: {listing}{p}",
    )


def components(scale: str, result: Freedom) -> Finding:
    """Claim 8: explained variance of the paper's own families, beside the number it prints."""
    return judge(
        claims.BY_ID["8"],
        scale,
        exact(result.raw[2], len(result.families)),
        note=f"standardized parameters: {result.standardized[2]:.3f}; slope of alpha on a "
        f"{result.alpha_slope:.4f}, by arithmetic alone {result.alpha_arithmetic:.4f}",
    )


def schedule_bias(
    scale: str, schedules: tuple[list[Gap], list[Extrapolation]], seed: int
) -> Finding:
    """Claim 9: before and after cool-down; extrapolation of decaying runs.

    The criterion is about each of the three extrapolated runs, so the least error is no estimate.
    """
    gaps, ends = schedules
    per_model = np.array([one.percent.mean() for one in gaps])
    every = np.concatenate([one.percent for one in gaps])
    low, high = np.quantile(every, [0.05, 0.95])
    decayed = [end.end_error for end in ends if end.schedule.startswith("wsd")]
    return judge(
        claims.BY_ID["9"],
        scale,
        bootstrap(per_model, rng=generator(seed, "gap")),
        parts={"least end error": (exact(min(decayed)), claims.TOO_HIGH)},
        note=f"90 % of the gaps lie in {low:.1f} to {high:.1f} %; predictions from 70 % of a "
        f"decaying run are {min(decayed):.1f} to {max(decayed):.1f} % too high",
    )


def chinchilla(scale: str, fit: HuberFit) -> Finding:
    """Claim 10: the objective and the two factors."""
    off = max(
        100 * abs(getattr(fit.law, name) / value - 1) for name, value in PUBLISHED_REFIT.items()
    )
    return judge(
        claims.BY_ID["10"],
        scale,
        exact(fit.objective),
        parts={"A and B off by": (exact(off), claims.WITHIN_3)},
        note=f"A {fit.law.A:.0f}, B {fit.law.B:.0f}, E {fit.law.E:.4f}, "
        f"alpha {fit.law.alpha:.4f}, beta {fit.law.beta:.4f}",
    )


def solver(scale: str, table: pd.DataFrame) -> Finding:
    """Claim bench: both solvers on the same fits."""
    result = summarize(table)
    seconds = table[["seconds_varpro", "seconds_multi"]].to_numpy()
    return judge(
        claims.BY_ID["bench"],
        scale,
        proportion(round(result.no_worse * result.n), result.n),
        parts={
            "share of its time": (
                bootstrap(seconds, _ratio_of_sums, rng=generator(0, "solver times")),
                claims.A_TENTH,
            )
        },
        note=f"the paper's single start ends higher, or fails, in {100 * result.single_worse:.0f} "
        f"% of the fits; {int(table['failed_starts'].sum())} of the starts gave up",
    )


def _ratio_of_sums(pairs: np.ndarray, axis: int | None = None) -> float:
    """Sum of the first column over that of the second."""
    return pairs[:, 0].sum() / pairs[:, 1].sum()


def law_count(scale: str, ladders: pd.DataFrame, n_laws: int, seconds: float) -> Finding:
    """Claim count; without the released families there is nothing to count."""
    if scale == "toy":
        return not_tested(
            claims.BY_ID["count"], scale, f"counted at book scale; this run fitted {n_laws:,} laws"
        )
    return judge(
        claims.BY_ID["count"], scale, exact(n_laws), note=f"{seconds:.0f} s of fitting altogether"
    )


def all_agree(scale: str, facts: tuple[Fact, ...]) -> Finding:
    """Claim units: ten computations."""
    failed = [fact.name for fact in facts if not fact.holds]
    return judge(
        claims.BY_ID["units"],
        scale,
        exact(len(facts) - len(failed), len(facts)),
        note=f"not so: {', '.join(failed)}" if failed else "",
    )
