"""Verdicts of the chapter's own claims: theory, mechanisms, controls, and the repair."""

from __future__ import annotations

import numpy as np

from companion.claims import Finding, judge
from companion.synthetic_data import claims as c
from companion.synthetic_data.evidence import known, mean, ratio, relative_loss, repaired, rise
from companion.synthetic_data.judge_paper import knot_ranges
from companion.synthetic_data.results import Results


def theorems(r: Results, scale: str) -> Finding:
    """T1."""
    furthest = max(r.checks, key=lambda row: abs(row.z) if np.isfinite(row.z) else np.inf)
    three = [row.simulated for row in r.checks
             if row.law == "mixing, fresh" and row.at == "s=1, k=3"]  # fmt: skip
    parts = {
        "three replacements": (known(three[0] if three else float("nan")), c.RATIO_4),
        "survival above its bound by": (known(r.survival_margin), c.NOT_BELOW),
    }
    return judge(c.BY_ID["T1"], scale, known(abs(furthest.z), len(r.checks)), parts=parts,
                 note=f"furthest: {furthest.law}, {furthest.at}")  # fmt: skip


def greedy(r: Results, scale: str) -> Finding:
    """T2."""
    runs = r.top("fixed, T=0")
    predicted = 0.5 * (1 - runs.at("accuracy", 0.0))
    off = mean(rise(runs, "over", 0.5) - predicted)
    parts = {"accuracy": (mean(rise(runs, "accuracy", 0.5)), c.SMALL)}
    note = f"predicted {predicted.mean():.4f}, measured {rise(runs, 'over', 0.5).mean():.4f}"
    return judge(c.BY_ID["T2"], scale, off, parts=parts, note=note)


def sharper(r: Results, scale: str) -> Finding:
    """T3."""
    cold, warm = r.top("fresh, T=0.7"), r.top("fresh, T=1")
    moved = mean(rise(cold, "ece", 0.5))
    parts = {
        "mean rise": (known(moved.estimate), c.BIG),
        "accuracy": (mean(rise(cold, "accuracy", 0.5)), c.SMALL_2),
        "calibration error at T = 1": (mean(rise(warm, "ece", 0.5)), c.BELOW_2),
    }
    return judge(c.BY_ID["T3"], scale, moved, parts=parts)


def collapse(r: Results, scale: str) -> Finding:
    """T4."""
    runs = r.top("fixed, T=1")
    both = np.array([runs.at("kl", 1.0), runs.at("kl", 0.5)])
    all_ = (both[0] > both[1]).mean() if np.isfinite(both).all() else float("nan")
    parts = {"share of seeds above s = 0.5": (known(all_, len(runs.seeds)), c.ALL)}
    return judge(c.BY_ID["T4"], scale, ratio(runs.at("kl", 1.0), runs.at("kl", 0.0)), parts=parts)


def hops(r: Results, scale: str) -> Finding:
    """T5."""
    runs = r.top("fixed, T=1")
    found = ratio(relative_loss(runs, "hops_4", 0.5), relative_loss(runs, "em", 0.5))
    return judge(c.BY_ID["T5"], scale, found,
                 parts={"estimate": (known(found.estimate), c.ABOVE_5)})  # fmt: skip


def moves(r: Results, scale: str) -> Finding:
    """T6."""
    ranges = knot_ranges(r.top("fresh, T=0.7"), "kl")
    parts = {"move": (known(ranges.difference.estimate), c.ABOVE_TENTH)}
    note = f"knot {ranges.narrow.estimate:.2f} on [0, 0.5], {ranges.wide.estimate:.2f} on [0, 0.9]"
    return judge(c.BY_ID["T6"], scale, ranges.difference, parts=parts, note=note)


def nothing(r: Results, scale: str) -> Finding:
    """T7, the negative control."""
    runs = r.top("truth")
    each = [
        rise(runs, "kl", 0.5, k) / runs.at("kl", 0.0) for k in range(1, len(runs.metrics["kl"]))
    ]
    change = mean(np.mean(each, axis=0))
    parts = {"change of any metric when s = 0 is trained again": (known(r.repeat), c.SAME)}
    return judge(c.BY_ID["T7"], scale, change, parts=parts)


def fooled(r: Results, scale: str) -> Finding:
    """T8."""
    a = r.artifact
    parts = {"move of the knot of the exact law": (known(a.wide_knot - a.knot), c.ABOVE_02)}
    note = (f"knot {a.knot:.2f} on [0, 0.5] and {a.wide_knot:.2f} on [0, 0.9]; the knot beats a "
            f"parabola in {100 * a.beats_parabola:.0f} %")  # fmt: skip
    return judge(c.BY_ID["T8"], scale, known(a.rejected, a.n), parts=parts, note=note)


def to_blame(r: Results, scale: str) -> Finding:
    """R1: the mixture against its real part alone."""
    alone = r.top("compute matched")
    found = {}
    for arm in ("fixed, T=1", "fixed, T=0.7", "fresh, T=1", "fresh, T=0.7"):
        runs = r.top(arm)
        found[arm] = mean(runs.at("kl", 0.5) - alone.at("kl", 0.5))
    fewer = mean(r.top("fixed, T=1").at("kl", 0.5) - r.top("real only").at("kl", 0.5))
    told = [f"{arm}: {x.estimate:+.3f}" for arm, x in found.items() if arm != "fixed, T=1"]
    told.append(f"against the real part with fewer updates: {fewer.estimate:+.3f}")
    return judge(c.BY_ID["R1"], scale, found["fixed, T=1"], note="; ".join(told))


def mended(r: Results, scale: str) -> Finding:
    """X1: the share of the calibration damage that one scalar removes."""
    runs = r.top("fresh, T=0.7")
    gone, was = repaired(runs, 0.5, "confidence", "ece", alike=False)
    parts = {}
    for t, s in ((0.7, 0.2), (0.7, 0.5), (0.0, 0.5)):
        d = r.infinite[t, s]
        share = 1 - d.after_kl / d.kl if d.kl > 0 else float("nan")
        parts[f"infinite data, T = {t:g}, s = {s:g}, divergence"] = (known(share), c.HALF)
    by_loss = ratio(*repaired(runs, 0.5, "loss", "ece", alike=False))
    alike = ratio(*repaired(runs, 0.5, "loss", "kl", alike=True))
    note = (f"scalar chosen by confidence, mean {runs.temperature['confidence'].mean(1)[-1]:.2f} "
            "at the largest s; chosen by log loss it removes "
            f"{by_loss.estimate:.2f} of the rise in calibration error (below 0: makes it worse) "
            f"and {alike.estimate:.2f} of the rise in divergence")  # fmt: skip
    return judge(c.BY_ID["X1"], scale, ratio(gone, was), parts=parts, note=note)


def lost(r: Results, scale: str) -> Finding:
    """X2: rare facts; a greedy answer does not depend on the temperature."""
    runs = r.top("fixed, T=1")
    gone, was = repaired(runs, 0.5, "loss", "tail", alike=False)
    note = (f"rare facts known: {100 * runs.at('tail', 0.0).mean():.1f} % at s = 0, "
            f"{100 * runs.at('tail', 0.5).mean():.1f} % at s = 0.5, the same after scaling: the "
            "order of answers does not depend on the temperature")  # fmt: skip
    return judge(c.BY_ID["X2"], scale, ratio(-gone, -was), note=note)


def lost_divergence(r: Results, scale: str) -> Finding:
    """X3: divergence on rare contexts, both models scaled."""
    runs = r.top("fixed, T=1")
    found = ratio(*repaired(runs, 0.5, "loss", "tail_kl", alike=True))
    by_confidence = ratio(*repaired(runs, 0.5, "confidence", "tail_kl", alike=True))
    note = f"scalar chosen by log loss; chosen by confidence {by_confidence.estimate:.2f}"
    return judge(c.BY_ID["X3"], scale, found, note=note)
