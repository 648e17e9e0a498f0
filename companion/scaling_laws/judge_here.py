"""Claims that are judged on what the notebook trains or simulates itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.claims import Finding, judge, not_tested
from companion.scale import generator
from companion.scaling_laws import claims as c
from companion.scaling_laws.lab import by_world
from companion.scaling_laws.live import LiveResults
from companion.stats import Interval, exact, geometric_mean


def known_truth(scale: str, lab: pd.DataFrame) -> Finding:
    """Claim 11: worlds with a known irreducible loss."""
    table = by_world(lab)
    are, error = table["are"], table["e_error"]
    falls = (are[0.0] > are[0.01]) & (are[0.01] > are[0.1])
    return judge(
        c.BY_ID["11"],
        scale,
        exact(falls.mean(), len(falls)),
        parts={
            "largest error of E": (exact(error[0.1].max()), c.E_CLOSE),
            "over that without cut": (exact((error[0.1] / error[0.0]).max()), c.E_HALVED),
        },
        note="error without cut {:.1f} to {:.1f} %, with 1 % {:.1f} to {:.1f}, with 10 % "
        "{:.2f} to {:.2f}".format(
            *(bound for cut in (0.0, 0.01, 0.1) for bound in (are[cut].min(), are[cut].max()))
        ),
    )


def seed_noise(scale: str, live: LiveResults) -> Finding:
    """Claim seeds: spread of the final loss."""
    spread = live.spread
    if spread.empty:
        return not_tested(c.BY_ID["seeds"], scale, "fewer than two seeds of any size converged")
    worst = spread.loc[spread["sd_percent"].idxmax()]
    n_failed = len(live.runs.failed)
    return judge(
        c.BY_ID["seeds"],
        scale,
        exact(worst["sd_percent"], int(spread["n"].min())),
        note=f"largest at {worst['shape']}; {n_failed} runs diverged",
    )


def live_family(scale: str, live: LiveResults) -> Finding:
    """Claim live: the target predicted from all training sizes."""
    errors = live.errors
    if errors.empty:
        return not_tested(c.BY_ID["live"], scale, "the target run diverged")
    rows = errors[errors["k"] == errors["k"].max()]
    with_cut = rows.loc[rows["cut"] == 0.1, "are"]
    without = rows.loc[rows["cut"] == 0.0, "are"]
    low, high = np.quantile(with_cut, [0.0, 1.0])
    return judge(
        c.BY_ID["live"],
        scale,
        Interval(float(with_cut.mean()), float(low), float(high), None, with_cut.size),
        note=f"without the cut {without.mean():.1f} %; the range is over choices of seeds",
    )


def control(scale: str, ratios: pd.DataFrame, seed: int) -> Finding:
    """Claim control: the effect of the cut vanishes."""
    return judge(
        c.BY_ID["control"],
        scale,
        geometric_mean(ratios["ratio"], rng=generator(seed, "control")),
    )
