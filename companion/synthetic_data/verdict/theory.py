"""Verdicts of the chapter's own claims: theory, mechanisms, controls, and the repair."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from companion.claims import HOLDS, Finding, as_verdict, judge
from companion.stats import LEVEL, Interval, over_seeds, proportion
from companion.synthetic_data.verdict import claims
from companion.synthetic_data.verdict.evidence import (
    UNKNOWN,
    known,
    ratio,
    relative_loss,
    repaired,
    rise,
)
from companion.synthetic_data.verdict.paper import knot_ranges
from companion.synthetic_data.verdict.results import Results


def theorems(r: Results, scale: str) -> Finding:
    """T1."""
    furthest = max(r.checks, key=lambda row: abs(row.z) if np.isfinite(row.z) else np.inf)
    note = f"furthest of {len(r.checks)}: {furthest.law}, {furthest.at}, {abs(furthest.z):.2f} s.e."
    three = [row for row in r.checks if (row.law, row.at) == ("mixing, fresh", "s=1, k=3")]
    times = normal_interval(three[0].simulated, three[0].error) if three else UNKNOWN
    finding = judge(claims.BY_ID["T1"], scale, times, note=note)
    # gates: to lie within the error of a simulation establishes nothing, to lie beyond it does
    for value, limit, why in (
        (abs(furthest.z), claims.FURTHEST, "a simulated mean misses its theorem"),
        (r.survival_margin, claims.NOT_BELOW, "a token dies more often than its bound says"),
    ):
        if (verdict := limit.verdict(known(value))) != HOLDS:
            finding = as_verdict(finding, verdict, why)
    return finding


def normal_interval(mean: float, error: float) -> Interval:
    """Interval of a mean over very many replicates, from its standard error."""
    half = float(norm.ppf((1 + LEVEL) / 2)) * error
    return Interval(mean, mean - half, mean + half)


def greedy(r: Results, scale: str) -> Finding:
    """T2."""
    runs = r.top("fixed, T=0")
    predicted = 0.5 * (1 - runs.at("accuracy", 0.0))
    off = over_seeds(rise(runs, "over", 0.5) - predicted)
    parts = {"accuracy": (over_seeds(rise(runs, "accuracy", 0.5)), claims.SMALL)}
    note = f"predicted {predicted.mean():.4f}, measured {rise(runs, 'over', 0.5).mean():.4f}"
    return judge(claims.BY_ID["T2"], scale, off, parts=parts, note=note)


def sharper(r: Results, scale: str) -> Finding:
    """T3."""
    cold, warm = r.top("fresh, T=0.7"), r.top("fresh, T=1")
    moved = over_seeds(rise(cold, "ece", 0.5))
    parts = {
        "rise": (moved, claims.BIG),
        "accuracy": (over_seeds(rise(cold, "accuracy", 0.5)), claims.SMALL_2),
        "calibration error at T = 1": (over_seeds(rise(warm, "ece", 0.5)), claims.BELOW_2),
    }
    return judge(claims.BY_ID["T3"], scale, moved, parts=parts)


def collapse(r: Results, scale: str) -> Finding:
    """T4."""
    runs = r.top("fixed, T=1")
    more = over_seeds(runs.at("kl", 1.0) - runs.at("kl", 0.5))
    parts = {"s = 1 minus s = 0.5, nats": (more, claims.ABOVE_0)}
    return judge(
        claims.BY_ID["T4"], scale, ratio(runs.at("kl", 1.0), runs.at("kl", 0.0)), parts=parts
    )


def hops(r: Results, scale: str) -> Finding:
    """T5."""
    runs = r.top("fixed, T=1")
    found = ratio(relative_loss(runs, "hops_4", 0.5), relative_loss(runs, "em", 0.5))
    return judge(claims.BY_ID["T5"], scale, found, parts={"the same": (found, claims.ABOVE_5)})


def moves(r: Results, scale: str) -> Finding:
    """T6."""
    ranges = knot_ranges(r.top("fresh, T=0.7"), "kl")
    parts = {"the same": (ranges.difference, claims.ABOVE_TENTH)}
    note = f"knot {ranges.narrow.estimate:.2f} on [0, 0.5], {ranges.wide.estimate:.2f} on [0, 0.9]"
    return judge(claims.BY_ID["T6"], scale, ranges.difference, parts=parts, note=note)


def nothing(r: Results, scale: str) -> Finding:
    """T7, the negative control."""
    runs = r.top("truth")
    each = [
        rise(runs, "kl", 0.5, k) / runs.at("kl", 0.0) for k in range(1, len(runs.metrics["kl"]))
    ]
    change = over_seeds(np.mean(each, axis=0))
    parts = {"change of any metric when s = 0 is trained again": (known(r.repeat), claims.SAME)}
    return judge(claims.BY_ID["T7"], scale, change, parts=parts)


def fooled(r: Results, scale: str) -> Finding:
    """T8."""
    a = r.artifact
    parts = {"move of the knot of the exact law": (known(a.wide_knot - a.knot), claims.ABOVE_02)}
    note = (
        f"knot {a.knot:.2f} on [0, 0.5] and {a.wide_knot:.2f} on [0, 0.9]; the knot beats a "
        f"parabola in {100 * a.beats_parabola:.0f} %"
    )
    share = proportion(round(a.rejected * a.n), a.n)
    return judge(claims.BY_ID["T8"], scale, share, parts=parts, note=note)


def to_blame(r: Results, scale: str) -> Finding:
    """R1: the mixture against its real part alone."""
    alone = r.top("compute matched")
    found = {}
    for arm in ("fixed, T=1", "fixed, T=0.7", "fresh, T=1", "fresh, T=0.7"):
        runs = r.top(arm)
        found[arm] = over_seeds(runs.at("kl", 0.5) - alone.at("kl", 0.5))
    fewer = over_seeds(r.top("fixed, T=1").at("kl", 0.5) - r.top("real only").at("kl", 0.5))
    told = [f"{arm}: {x.estimate:+.3f}" for arm, x in found.items() if arm != "fixed, T=1"]
    told.append(f"against the real part with fewer updates: {fewer.estimate:+.3f}")
    return judge(claims.BY_ID["R1"], scale, found["fixed, T=1"], note="; ".join(told))


def mended(r: Results, scale: str) -> Finding:
    """X1: the share of the calibration damage that one scalar removes."""
    runs = r.top("fresh, T=0.7")
    gone, was = repaired(runs, 0.5, "confidence", "ece", alike=False)
    parts = {}
    for t, s in ((0.7, 0.2), (0.7, 0.5), (0.0, 0.5)):
        d = r.infinite[t, s]
        share = 1 - d.after_kl / d.kl if d.kl > 0 else float("nan")
        parts[f"infinite data, T = {t:g}, s = {s:g}, divergence"] = (known(share), claims.HALF)
    by_loss = ratio(*repaired(runs, 0.5, "loss", "ece", alike=False))
    alike = ratio(*repaired(runs, 0.5, "loss", "kl", alike=True))
    note = (
        f"scalar chosen by confidence, mean {runs.temperature['confidence'].mean(1)[-1]:.2f} "
        "at the largest s; chosen by log loss it removes "
        f"{by_loss.estimate:.2f} of the rise in calibration error (below 0: makes it worse) "
        f"and {alike.estimate:.2f} of the rise in divergence"
    )
    return judge(claims.BY_ID["X1"], scale, ratio(gone, was), parts=parts, note=note)


def lost(r: Results, scale: str) -> Finding:
    """X2: rare facts; a greedy answer does not depend on the temperature."""
    runs = r.top("fixed, T=1")
    gone, was = repaired(runs, 0.5, "loss", "tail", alike=False)
    note = (
        f"rare facts known: {100 * runs.at('tail', 0.0).mean():.1f} % at s = 0, "
        f"{100 * runs.at('tail', 0.5).mean():.1f} % at s = 0.5, the same after scaling: the "
        "order of answers does not depend on the temperature"
    )
    share = ratio(-gone, -was)
    if not gone.any() and np.isfinite(share.estimate):  # an identity: the order is the same
        share = known(0.0, len(gone))
    return judge(claims.BY_ID["X2"], scale, share, note=note)


def lost_divergence(r: Results, scale: str) -> Finding:
    """X3: divergence on rare contexts, both models scaled."""
    runs = r.top("fixed, T=1")
    found = ratio(*repaired(runs, 0.5, "loss", "tail_kl", alike=True))
    by_confidence = ratio(*repaired(runs, 0.5, "confidence", "tail_kl", alike=True))
    note = f"scalar chosen by log loss; chosen by confidence {by_confidence.estimate:.2f}"
    return judge(claims.BY_ID["X3"], scale, found, note=note)
