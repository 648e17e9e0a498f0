"""What the random-feature models say, and the two claims that the molecule decides."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from statsmodels.stats.proportion import confint_proportions_2indep

from companion.claims import Claim, Criterion, Finding, judge, measured_text, not_tested
from companion.consistent_diffusion.lab.molecule.chains import Simulated, label_of
from companion.consistent_diffusion.lab.molecule.scores import Reference, score, settled
from companion.consistent_diffusion.lab.random_features import (
    REPAIRING,
    LineFit,
    LineRuns,
    PlaneRuns,
)
from companion.consistent_diffusion.verdict import claims
from companion.stats import LEVEL, Interval, exact, over_seeds, paired, proportion, t_interval

# ---------------------------------------------------------------------------------- random features
TRUE_MASS = 0.8


def _listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def ratio(above: np.ndarray, below: np.ndarray, confidence: float = LEVEL) -> Interval:
    """Geometric mean of a ratio over seeds with its t interval on the logarithm."""
    logs = np.log(np.asarray(above, float)) - np.log(np.asarray(below, float))
    return t_interval(logs, confidence).map(math.exp)


def inconsistent(scale: str, runs: LineRuns) -> Finding:
    """C1: the plain model's law at t = 0 is wrong although its loss is good."""
    js = runs.of(0.0, "js")
    return judge(
        claims.BY_ID["C1"],
        scale,
        proportion(int((js > 0.05).sum()), len(js)),
        parts={"score-matching loss": (over_seeds(runs.of(0.0, "dsm")), claims.GOOD_LOSS)},
        note=f"share of seeds; divergences {_listed(js)}",
    )


def repaired(scale: str, runs: LineRuns) -> Finding:
    """C2: the penalty lowers the divergence."""
    return judge_repair(scale, runs.of(0.0, "js"), runs.of(REPAIRING, "js"))


def judge_repair(scale: str, before: np.ndarray, after: np.ndarray) -> Finding:
    """C2 for two arms; the negative controls go through it as well."""
    found = ratio(before, after)
    return judge(
        claims.BY_ID["C2"],
        scale,
        found,
        parts={"ratio": (found, claims.ABOVE_3)},
        note=f"divergences {_listed(before)} without, {_listed(after)} with the penalty",
    )


def control_verdicts(runs: LineRuns) -> dict[str, Finding]:
    """C2's toy criterion on every negative control, and on a penalty of 0."""
    plain = runs.of(0.0, "js")
    arms: dict[str, list[LineFit]] = {"penalty 0": runs.fits[0.0], **runs.controls}
    found = {}
    for name, fits in arms.items():
        js = np.array([fit.js for fit in fits])
        found[name] = judge_repair("toy", plain[: len(js)], js)
    return found


def consistent(scale: str, runs: LineRuns) -> Finding:
    """C3: the mode weights are right."""
    mass = runs.of(REPAIRING, "mass")
    return judge(
        claims.BY_ID["C3"],
        scale,
        proportion(int((np.abs(mass - TRUE_MASS) < 0.08).sum()), len(mass)),
        note=f"share of seeds; right mode {_listed(mass)} (truth {TRUE_MASS}); without penalty "
        f"{_listed(runs.of(0.0, 'mass'))}",
    )


def iid_kept(scale: str, runs: LineRuns) -> Finding:
    """C4: score matching pays little for a penalty that does something."""
    effect = ratio(runs.of(0.0, "js"), runs.of(REPAIRING, "js"))
    loss = ratio(runs.of(REPAIRING, "dsm"), runs.of(0.0, "dsm"))
    return judge(
        claims.BY_ID["C4"],
        scale,
        loss,
        parts={"divergence falls, times": (effect, claims.ABOVE_1)},
        note=f"loss {runs.of(0.0, 'dsm').mean():.4f} without the penalty",
    )


def residual_falls(scale: str, runs: LineRuns) -> Finding:
    """C5: the gauge-fixed residual at small t."""
    raw = ratio(runs.of(0.0, "raw"), runs.of(REPAIRING, "raw"))
    found = ratio(runs.of(0.0, "fixed"), runs.of(REPAIRING, "fixed"))
    return judge(
        claims.BY_ID["C5"], scale, found, note=f"not gauge-fixed: {measured_text(raw)} times"
    )


def overdone(scale: str, runs: PlaneRuns) -> Finding:
    """C7: a model with too little capacity is pulled to the prior."""
    largest = max(runs.whole)
    found = paired(runs.whole[largest], runs.whole[0.0])
    means = ", ".join(f"{js.mean():.3f} at {alpha:g}" for alpha, js in runs.whole.items())
    expert = ", ".join(f"{js.mean():.3f} at {alpha:g}" for alpha, js in runs.expert.items())
    return judge(
        claims.BY_ID["C7"],
        scale,
        found,
        note=f"whole range: {means}; the same features for the expert on [0, 0.1]: {expert}",
    )


def curve(scale: str, deviation: float) -> Finding:
    """C6 at toy scale: the exact curve against its reference values."""
    if scale != "toy":
        return not_tested(claims.BY_ID["C6"], scale, "judged on the molecule")
    return judge(claims.BY_ID["C6"], scale, exact(deviation), note="largest relative difference")


# ----------------------------------------------------------------------------------------- molecule
JUDGED_T = (0.01, 0.02)
"""Where Two For One must lose the bonds."""


def judge_two_for_one(
    claim: Claim,
    scale: str,
    simulated: Simulated,
    reference: Reference,
    *,
    structure: Criterion,
    modes: Criterion,
    more: Mapping[str, tuple[Interval, Criterion]] | None = None,
) -> Finding:
    """C6: simulating at t > 0 loses the C-N bonds, and keeps the modes better than t = 0 does.

    The estimate is the bond error at t = 0.01 over that of Both, a mean of log ratios over seeds;
    its p tests the criterion's own threshold.
    structure : for the same ratio at t = 0.02
    modes : for the divergence at t = 0.01 minus that of Diffusion
    more : further parts, measured elsewhere
    """
    near, far = (label_of("Diffusion", t) for t in JUDGED_T)
    if missing := {near, far, "Both", "Diffusion"} - set(simulated.labels):
        return not_tested(claim, scale, f"{', '.join(sorted(missing))} was not simulated")
    scores = {
        label: [score(settled(run), reference) for run in simulated.of(label)]
        for label in (near, far, "Both", "Diffusion")
    }
    if not all(np.isfinite(s.bond) for found in scores.values() for s in found):
        return not_tested(claim, scale, "no chain of one of the models was left to score")

    def ratio(label: str, criterion: Criterion) -> Interval:
        logs = [np.log(a.bond / b.bond) for a, b in zip(scores[label], scores["Both"], strict=True)]
        return over_seeds(logs, null=np.log(criterion.low)).map(np.exp)

    gaps = [
        a.divergence - b.divergence for a, b in zip(scores[near], scores["Diffusion"], strict=True)
    ]
    parts = {
        "at t = 0.02": (ratio(far, structure), structure),
        "divergence at t = 0.01 minus Diffusion's": (over_seeds(gaps), modes),
        **(more or {}),
    }
    found = ratio(near, structure)
    return judge(claim, scale, found, parts=parts, note=_lost_note(simulated))


def judge_conservative(claim: Claim, scale: str, simulated: Simulated) -> Finding:
    """C9: without an energy, more chains leave or heat up than with one (Mixture, trained alike).

    The estimate is the mean over trainings of the difference of the two shares.  Chains of one
    network are no independent trainings; the interval over chains is told in the note.
    """
    if missing := {"No energy", "Mixture"} - set(simulated.labels):
        return not_tested(claim, scale, f"{', '.join(sorted(missing))} was not simulated")
    shares = [_lost(simulated, label) for label in ("No energy", "Mixture")]
    gaps = [a.mean() - b.mean() for a, b in zip(*shares, strict=True)]
    one, other = (np.concatenate(lost) for lost in shares)
    pooled = share_difference(one.sum(), len(one), other.sum(), len(other))
    each = ", ".join(f"{a.sum()} and {b.sum()} of {len(a)}" for a, b in zip(*shares, strict=True))
    note = (
        f"{_lost_note(simulated)}; No energy and Mixture, per training: {each}; over all chains "
        f"{measured_text(pooled)}"
    )
    return judge(claim, scale, over_seeds(gaps), note=note)


def share_difference(lost_a: int, n_a: int, lost_b: int, n_b: int) -> Interval:
    """Share a minus share b of independent chains, Newcombe's interval."""
    low, high = confint_proportions_2indep(
        lost_a, n_a, lost_b, n_b, method="newcomb", compare="diff"
    )
    return Interval(lost_a / n_a - lost_b / n_b, float(low), float(high), None, n_a + n_b)


def _lost(simulated: Simulated, label: str) -> list[np.ndarray]:
    """Whether each chain left or heated, one array a training."""
    return [run.lost for run in simulated.of(label)]


def _lost_note(simulated: Simulated) -> str:
    """Chains that left or heated, per simulation that has any."""
    chains = {label: np.concatenate(_lost(simulated, label)) for label in simulated.labels}
    found = [f"{label} {lost.sum()} of {len(lost)}" for label, lost in chains.items() if lost.any()]
    return "chains that left or heated up: " + (", ".join(found) if found else "none")
