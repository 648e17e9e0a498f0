"""Claims judged on random-feature models: C1 to C5 at toy scale, C7 at every scale."""

from __future__ import annotations

import math

import numpy as np

from companion.claims import Finding, judge, measured_text, not_tested
from companion.consistent_diffusion.lab.random_runs import REPAIRING, LineFit, LineRuns, PlaneRuns
from companion.consistent_diffusion.verdict import claims
from companion.stats import LEVEL, Interval, exact, over_seeds, paired, proportion, t_interval

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
