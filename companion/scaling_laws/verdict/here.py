"""Claims that are judged on what the notebook trains or simulates itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2

from companion.claims import Finding, judge, not_tested
from companion.scale import generator
from companion.scaling_laws.lab.live import LiveResults
from companion.scaling_laws.lab.worlds import by_world
from companion.scaling_laws.verdict import claims
from companion.stats import LEVEL, Interval, geometric_mean, proportion


def known_truth(scale: str, lab: pd.DataFrame) -> Finding:
    """Claim 11: worlds with a known irreducible loss."""
    table = by_world(lab)
    are, error = table["are"], table["e_error"]
    falls = (are[0.0] > are[0.01]) & (are[0.01] > are[0.1])
    share = proportion(int(falls.sum()), len(falls))
    parts = {"largest error of E": (_largest(error[0.1]), claims.E_CLOSE)}
    if scale == "toy":  # the estimate decides: it is the code that is tested
        share = share._replace(low=None, high=None)
    else:
        parts["over that without cut"] = (_largest(error[0.1] / error[0.0]), claims.E_HALVED)
    return judge(
        claims.BY_ID["11"],
        scale,
        share,
        parts=parts,
        note="error without cut {:.1f} to {:.1f} %, with 1 % {:.1f} to {:.1f}, with 10 % "
        "{:.2f} to {:.2f}".format(
            *(bound for cut in (0.0, 0.01, 0.1) for bound in (are[cut].min(), are[cut].max()))
        ),
    )


def _largest(values: pd.Series) -> Interval:
    """The largest of a sample: what a further one would be is not known."""
    return Interval(float(values.max()), n=len(values))


def seed_noise(scale: str, live: LiveResults) -> Finding:
    """Claim seeds: spread of the final loss."""
    spread = live.spread
    if spread.empty:
        return not_tested(
            claims.BY_ID["seeds"], scale, "fewer than two seeds of any size converged"
        )
    found = {
        row["shape"]: deviation_interval(row["sd_percent"], int(row["n"]))
        for _, row in spread.iterrows()
    }
    worst = max(found, key=lambda shape: found[shape].estimate)
    others = {shape: (one, claims.SEED_SPREAD) for shape, one in found.items() if shape != worst}
    n_failed = len(live.runs.failed)
    return judge(
        claims.BY_ID["seeds"],
        scale,
        found[worst],
        parts=others,
        note=f"largest at {worst}; {n_failed} runs diverged",
    )


def deviation_interval(deviation: float, n: int) -> Interval:
    """Interval of the standard deviation of a normal quantity, from that of `n` values."""
    tails = ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    low, high = (deviation * np.sqrt((n - 1) / chi2.ppf(tail, n - 1)) for tail in tails)
    return Interval(float(deviation), float(low), float(high), None, n)


def live_family(scale: str, live: LiveResults) -> Finding:
    """Claim live: the target predicted from all training sizes, at the worst choice of seeds.

    Choices share their few seeds and the one target, so they give no interval.
    """
    errors = live.errors
    if errors.empty:
        return not_tested(claims.BY_ID["live"], scale, "the target run diverged")
    rows = errors[errors["k"] == errors["k"].max()]
    with_cut = rows.loc[rows["cut"] == 0.1, "are"]
    without = rows.loc[rows["cut"] == 0.0, "are"]
    return judge(
        claims.BY_ID["live"],
        scale,
        _largest(with_cut),
        note=f"largest of {with_cut.size} choices among the same few seeds, mean "
        f"{with_cut.mean():.1f} %; without the cut {without.mean():.1f} %",
    )


def control(scale: str, ratios: pd.DataFrame, seed: int) -> Finding:
    """Claim control: the effect of the cut vanishes."""
    return judge(
        claims.BY_ID["control"],
        scale,
        geometric_mean(ratios["ratio"], rng=generator(seed, "control")),
    )
