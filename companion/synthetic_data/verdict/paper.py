"""Verdicts of the paper's claims C1 to C5, in the log-bilinear laboratory and by counting."""

from __future__ import annotations

import numpy as np

from companion.claims import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RESOLVED,
    Finding,
    as_verdict,
    judge,
    measured_text,
    not_tested,
)
from companion.scale import generator
from companion.stats import Interval, exact, over_seeds
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.threshold import Ranges, acceleration, equivalent, knot_by_range
from companion.synthetic_data.sources import external_share
from companion.synthetic_data.verdict import claims
from companion.synthetic_data.verdict.evidence import (
    UNKNOWN,
    calibration_lead,
    compounding,
    ratio,
    relative_loss,
    rise,
    size_interaction,
)
from companion.synthetic_data.verdict.results import Results

SCORES = {"accuracy": "accuracy", "em": "facts", "hops_4": "4-hop chains"}
"""Scores of C1, higher is better, and what pages call them."""


def stable(r: Results, scale: str) -> Finding:
    """C1: equivalence at 20 %, acceleration, and a knot that stays."""
    cells = {
        f"{words}, rank {rank}": equivalent(runs.at(name, 0.2), runs.at(name, 0.0), 0.03)
        for rank, runs in r.sizes("fixed, T=1").items()
        for name, words in SCORES.items()
    }
    worst = max(cells, key=lambda cell: _or_low(cells[cell].estimate))
    runs = r.top("fixed, T=1")
    lost = 1 - runs.metrics["accuracy"][-1] / runs.metrics["accuracy"][-1, runs.place(0.0)]
    rng = generator(0, "C1")
    parts = {
        "acceleration of the relative loss of accuracy": (
            acceleration(runs.shares, lost, rng),
            claims.STEEPER,
        ),
        "knot's move": (knot_ranges(runs, "accuracy").difference, claims.STAYS),
    }
    open_ = {cell: x for cell, x in cells.items() if claims.STABLE.verdict(x) != HOLDS}
    parts |= {f"{cell}:": (x, claims.WITHIN_3) for cell, x in open_.items() if cell != worst}
    passed = len(cells) - len(open_)
    note = f"worst of {len(cells)} scores: {worst}, 90 % interval; {passed} are stable"
    return judge(claims.BY_ID["C1"], scale, cells[worst], parts=parts, note=note)


def knot_ranges(runs: Runs, name: str) -> Ranges:
    """Knots of a metric's mean curve on both ranges of the grid."""
    inside = runs.shares <= 0.9 + 1e-9
    values = runs.metrics[name][-1, inside]
    if not np.isfinite(values).all():
        return Ranges(UNKNOWN, UNKNOWN, UNKNOWN)
    return knot_by_range(runs.shares[inside], values, generator(0, "knots", name))


def robust(r: Results, scale: str) -> Finding:
    """C2: interaction of s and size, for accuracy and for divergence."""
    claim = claims.BY_ID["C2"]
    sizes = r.sizes("fixed, T=1")
    if scale not in claim.criteria or len(sizes) < 3:
        return not_tested(claim, scale, f"needs three sizes; this run has {len(sizes)}")
    parts = {"divergence": (size_interaction(sizes, "kl"), claims.BELOW_0)}
    raw = [
        f"rank {rank}: divergence {rise(runs, 'kl', 0.5).mean():+.3f} nats, accuracy "
        f"{100 * rise(runs, 'accuracy', 0.5).mean():+.1f} points at s = 0.5"
        for rank, runs in sizes.items()
    ]
    return judge(
        claim, scale, size_interaction(sizes, "accuracy"), parts=parts, note="; ".join(raw)
    )


def early(r: Results, scale: str) -> Finding:
    """C3: rise of the calibration error minus fall of accuracy, in points."""
    share = 0.5 if scale == "toy" else 0.2
    cells = {
        (t, rank): over_seeds(calibration_lead(runs, share))
        for t in ("0.7", "1")
        for rank, runs in r.sizes(f"fixed, T={t}").items()
    }
    first = cells.pop(("0.7", r.largest))
    parts, notes = {}, [f"rank {r.largest}, T = 0.7 shown"]
    for (t, rank), interval in cells.items():
        name = f"rank {rank}, T = {t}:"
        if scale == "toy":
            notes.append(f"{name} {measured_text(interval)}, not judged here")
        else:
            parts[name] = (interval, claims.ABOVE_0)
    return judge(claims.BY_ID["C3"], scale, first, parts=parts, note="; ".join(notes))


def faster(r: Results, scale: str) -> Finding:
    """C4: loss of chains over loss of facts, and what compounding alone would give."""
    sizes = r.sizes("fixed, T=1")
    found = {
        rank: ratio(relative_loss(runs, "hops_4", 0.5), relative_loss(runs, "em", 0.5))
        for rank, runs in sizes.items()
    }
    parts = {
        f"rank {rank}:": (interval, claims.ABOVE_1)
        for rank, interval in found.items()
        if rank != r.largest
    }
    factor = compounding(r.top("fixed, T=1"), 0.5)
    note = f"chains that are wrong, over what independent hops would give: {factor:.2f}"
    return judge(claims.BY_ID["C4"], scale, found[r.largest], parts=parts, note=note)


def external(scale: str) -> Finding:
    """C5: counted by items, Self-Instruct's share is known; STaR's depends on what is counted."""
    found = judge(
        claims.BY_ID["C5"],
        scale,
        exact(external_share()),
        note="Self-Instruct by instructions, 175 of 52,620; in STaR every question and answer is "
        "external and no rationale is, so its share is whatever the unit makes it",
    )
    if found.verdict != DOES_NOT_HOLD:
        return as_verdict(found, NOT_RESOLVED, "the count is not what the papers print")
    return found


def holm_rows(r: Results) -> dict[str, Interval]:
    """The four tests of C1 to C4 on one condition each, for the table with Holm's correction."""
    runs = r.top("fixed, T=1")
    rows = {
        "C1, accuracy is stable at 20 %": equivalent(
            runs.at("accuracy", 0.2), runs.at("accuracy", 0.0), 0.03
        ),
        "C3, calibration first (T = 0.7)": over_seeds(calibration_lead(r.top("fixed, T=0.7"), 0.2)),
        "C4, chains lose more than facts": over_seeds(
            relative_loss(runs, "hops_4", 0.5) - relative_loss(runs, "em", 0.5)
        ),
    }
    if len(r.sizes("fixed, T=1")) > 2:
        rows["C2, accuracy: size protects"] = size_interaction(r.sizes("fixed, T=1"), "accuracy")
    return {name: rows[name] for name in sorted(rows)}


def _or_low(value: float) -> float:
    return value if np.isfinite(value) else np.inf
