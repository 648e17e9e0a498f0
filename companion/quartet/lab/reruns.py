"""The authors' re-runs with the signs on the right side, and what a regression makes of them.

Numbers of the follow-up repository (Quartet II), 30M parameters, one seed each: loss gap to its own
unquantized baseline in nats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from companion.stats import Interval, paired

RATIOS = (24.6, 49.2, 98.4, 196.8, 393.7, 787.3)
"""Tokens per parameter."""

GAPS = {
    "RTN, signs after": (0.00675, 0.00776, 0.00813, 0.01066, 0.01278, 0.01327),
    "RTN, signs before": (0.00662, 0.00624, 0.00600, 0.00744, 0.00630, 0.00700),
    "SR, signs after": (0.01179, 0.01417, 0.01377, 0.01331, 0.01317, 0.01262),
    "SR, signs before": (0.01494, 0.01546, 0.01222, 0.01365, 0.01375, 0.00999),
}
"""Backward scheme to gaps, in the order of RATIOS."""


def table() -> pd.DataFrame:
    """Columns arm, ratio, doublings (log2 of the ratio, centered), gap."""
    rows = [
        (arm, ratio, gap)
        for arm, gaps in GAPS.items()
        for ratio, gap in zip(RATIOS, gaps, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "ratio", "gap"])
    doublings = np.log2(frame["ratio"])
    return frame.assign(doublings=doublings - doublings.mean())


class Regression(NamedTuple):
    """after, before : slope of RTN's gap per doubling of the tokens, with p of no slope

    difference : after - before, from the interaction; sr_minus_rtn : paired over the ratios,
    signs before
    """

    after: Interval
    before: Interval
    difference: Interval
    sr_minus_rtn: Interval


def regress(frame: pd.DataFrame) -> Regression:
    """Ordinary least squares of RTN's gap on doublings, with an own slope for each side."""
    rtn = frame[frame["arm"].str.startswith("RTN")]
    slopes = {}
    for side in ("after", "before"):
        part = rtn[rtn["arm"].str.endswith(side)]
        slopes[side] = _interval(smf.ols("gap ~ doublings", part).fit(), "doublings")
    wrong = rtn.assign(wrong=rtn["arm"].str.endswith("after").astype(float))
    both = smf.ols("gap ~ doublings * wrong", wrong).fit()
    by_arm = {arm: part.sort_values("ratio")["gap"] for arm, part in frame.groupby("arm")}
    return Regression(
        slopes["after"],
        slopes["before"],
        _interval(both, "doublings:wrong"),
        paired(by_arm["SR, signs before"], by_arm["RTN, signs before"]),
    )


def _interval(fit, name: str) -> Interval:
    low, high = fit.conf_int().loc[name]
    p = float(fit.pvalues[name])
    return Interval(float(fit.params[name]), float(low), float(high), p, int(fit.nobs))
