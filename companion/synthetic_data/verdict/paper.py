"""The paper's claims C1 to C5: all results of a run, the quantities judged, the verdicts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

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
from companion.data import Missing
from companion.scale import generator
from companion.stats import LEVEL, Interval, exact, over_seeds
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import Lives
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.run import AllRuns
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.theory import Check
from companion.synthetic_data.lab.threshold import (
    Artifact,
    Ranges,
    acceleration,
    equivalent,
    knot_by_range,
)
from companion.synthetic_data.method.infinite import Damage
from companion.synthetic_data.sources import external_share
from companion.synthetic_data.verdict import claims


# ------------------------------------------------------------------------------------------ results
@dataclass(frozen=True)
class Results:
    """Results of ``experiments``, by laboratory.

    checks, artifact, survival_margin : A; the margin is the least excess of a simulated survival
        over its bound
    runs, infinite : B; tables : C; lives : D; students, variety : E
    A ``Missing`` stands for what this scale leaves out, or for a model that is not to be had
    repeat : largest difference of two trainings without synthetic data
    """

    checks: list[Check]
    artifact: Artifact
    survival_margin: float
    runs: AllRuns
    infinite: dict[tuple[float, float], Damage]
    repeat: float
    tables: dict[tuple[str, float], Regenerated]
    lives: Lives | Missing
    students: list[Student] | Missing
    variety: list[Variety] | Missing

    @property
    def largest(self) -> int:
        """The largest rank."""
        return max(rank for _, rank in self.runs)

    def top(self, arm: str) -> Runs:
        """An arm at the largest rank."""
        return self.runs[arm, self.largest]

    def sizes(self, arm: str) -> dict[int, Runs]:
        """All sizes of an arm: rank -> runs."""
        return {rank: runs for (name, rank), runs in self.runs.items() if name == arm}


# ----------------------------------------------------------------------------------------- evidence
UNKNOWN = Interval(float("nan"))
"""What a quantity is that cannot be computed: never a pass."""


def known(value: float, n: int | None = None) -> Interval:
    """A count, an identity or a closed form, without sampling error; unknown if not finite."""
    return exact(value, n) if np.isfinite(value) else UNKNOWN


def ratio(over: np.ndarray, under: np.ndarray, *, n_resamples: int = 2000) -> Interval:
    """Ratio of two means over the same seeds with a bootstrap interval.

    Unknown if the denominator is not safely above zero: its own resamples must be positive.  No
    spread over resamples is an infinite interval.
    """
    over, under = np.asarray(over, float), np.asarray(under, float)
    n = len(over)
    if n < 2 or over.shape != under.shape or not np.isfinite([over, under]).all():
        return UNKNOWN
    rng = generator(0, "ratio")
    weights = rng.multinomial(n, np.full(n, 1 / n), n_resamples) / n
    below = weights @ under
    ends = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    if under.mean() <= 0 or np.quantile(below, ends[0]) <= 0:
        return UNKNOWN._replace(n=n)
    draws = (weights @ over) / np.where(below > 0, below, np.nan)
    low, high = np.nanquantile(draws, ends)
    if low == high:
        low, high = -np.inf, np.inf
    return Interval(float(over.mean() / under.mean()), float(low), float(high), None, n)


def rise(runs: Runs, name: str, share: float, generation: int = -1) -> np.ndarray:
    """Change of a metric against s = 0, paired by seed: (n_seeds,)."""
    return runs.at(name, share, generation) - runs.at(name, 0.0, generation)


def relative_loss(runs: Runs, name: str, share: float, generation: int = -1) -> np.ndarray:
    """Share of a score that is lost against s = 0, paired by seed: (n_seeds,)."""
    return -rise(runs, name, share, generation) / runs.at(name, 0.0, generation)


def calibration_lead(runs: Runs, share: float, generation: int = -1) -> np.ndarray:
    """Rise of the calibration error minus fall of accuracy, in percentage points: (n_seeds,)."""
    return 100 * (rise(runs, "ece", share, generation) + rise(runs, "accuracy", share, generation))


def size_interaction(runs: dict[int, Runs], name: str, largest: float = 0.5) -> Interval:
    """Coefficient of s log(size) in a mixed model of the relative loss; seeds as random intercepts.

    runs : rank -> Runs; outcome ~ s + s^2 + s log(rank) + (1 | seed), s up to `largest`.  Losses
    are relative to s = 0 of the same size and seed, so there is no main effect of size.
    """
    rows = []
    sign = 1.0 if name in ("kl", "loss") else -1.0
    for rank, one in runs.items():
        for s in one.shares[(one.shares > 0) & (one.shares <= largest + 1e-9)]:
            lost = sign * rise(one, name, s) / one.at(name, 0.0)
            rows += [
                {"lost": x, "s": s, "size": np.log(rank), "seed": seed}
                for x, seed in zip(lost, one.seeds, strict=True)
            ]
    frame = pd.DataFrame(rows)
    if len(runs) < 2 or not np.isfinite(frame["lost"]).all():
        return UNKNOWN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of seeds at its bound is no concern here
        model = smf.mixedlm("lost ~ 0 + s + I(s**2) + s:size", frame, groups=frame["seed"])
        fitted = model.fit(reml=True, method=["lbfgs", "powell"])
    low, high = fitted.conf_int().loc["s:size"]
    if not np.isfinite([fitted.params["s:size"], low, high]).all():
        return UNKNOWN
    return Interval(
        float(fitted.params["s:size"]),
        float(low),
        float(high),
        float(fitted.pvalues["s:size"]),
        len(frame),
    )


def compounding(runs: Runs, share: float, hops: int = 4) -> float:
    """Observed loss of chains over what independent hops would lose: 1 - (1 - l)^m.

    l is the loss of single facts over all contexts alike, m the number of hops; both are absolute
    losses of the mean over seeds.
    """
    wrong = runs.at("hop_loss", share).mean()
    chain = 1 - runs.at(f"hops_{hops}", share).mean()
    expected = 1 - (1 - wrong) ** hops
    return float(chain / expected) if expected > 0 else float("nan")


def repaired(
    runs: Runs, share: float, rule: str, name: str, *, alike: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(what temperature scaling took away, what there was): changes against s = 0, per seed.

    alike : compare the scaled model with the scaled model of s = 0, else with the plain one
    """
    at = runs.place(share)
    before = runs.at(name, share) - runs.at(name, 0.0)
    base = runs.scaled[rule][name][runs.place(0.0)] if alike else runs.at(name, 0.0)
    after = runs.scaled[rule][name][at] - base
    return before - after, before


# -------------------------------------------------------------------------------------------- paper
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
