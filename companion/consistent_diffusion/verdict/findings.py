"""What the random-feature models say, and the verdict of every claim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from companion.claims import Finding, judge, measured_text, not_tested
from companion.consistent_diffusion.lab.estimator import Speeds, Unbiased
from companion.consistent_diffusion.lab.plane import RESIDUAL_TIMES, T_EVAL, PlaneModels
from companion.consistent_diffusion.lab.random_features import (
    LINE,
    REPAIRING,
    LineFit,
    LineRuns,
    PlaneRuns,
    line_law,
)
from companion.consistent_diffusion.lab.systems import Curve
from companion.consistent_diffusion.verdict import claims, trained
from companion.data import Missing
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


# ----------------------------------------------------------------------------------------- findings
@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed.

    line, plane : random-feature models; estimator, speeds : of the weak residual; curve : exact
    cost of simulating at t > 0; models : networks on Muller-Brown; molecule : alanine dipeptide,
    or why there is none
    """

    line: LineRuns
    plane: PlaneRuns
    estimator: Unbiased
    speeds: Speeds
    curve: Curve
    models: PlaneModels
    molecule: object | Missing


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    toy = scale == "toy"
    five: tuple[Callable[..., Finding], ...] = (
        (
            inconsistent,
            repaired,
            consistent,
            iid_kept,
            residual_falls,
        )
        if toy
        else (
            trained.inconsistent,
            trained.repaired,
            trained.consistent,
            partial(trained.iid_kept, molecule=results.molecule),
            trained.residual_falls,
        )
    )
    found = [function(scale, results.line if toy else results.models) for function in five]
    found.append(
        curve(scale, results.curve.deviation)
        if toy
        else trained.structure(scale, results.molecule, results.curve.deviation)
    )
    found.append(overdone(scale, results.plane))
    found.append(trained.estimator(scale, results.estimator, results.speeds))
    found.append(trained.conservative(scale, results.molecule))
    return found


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    r = results
    shown = slice(None, None, 6)
    found: dict[str, object] = {
        "line": {
            "x": rounded(LINE[shown], 4),
            **{
                f"{alpha:g}": {
                    "js": rounded(r.line.of(alpha, "js")),
                    "mass": rounded(r.line.of(alpha, "mass")),
                    "dsm": rounded(r.line.of(alpha, "dsm")),
                    "law": rounded(line_law(fits[0].model)[shown], 4),
                }
                for alpha, fits in r.line.fits.items()
            },
            "controls": {
                name: {"js": rounded([fit.js for fit in fits])}
                for name, fits in r.line.controls.items()
            },
        },
        "plane": {
            name: {f"{alpha:g}": rounded(js) for alpha, js in arm.items()}
            for name, arm in (("expert", r.plane.expert), ("whole", r.plane.whole))
        },
        "models": {
            "t_eval": list(T_EVAL),
            "times": rounded(RESIDUAL_TIMES),
            "floor": list(r.models.floor),
            **{
                name: {
                    what: rounded(r.models.of(name, what))
                    for what in (
                        "grid_js",
                        "iid_js",
                        "sim_js",
                        "iid_pmf",
                        "sim_pmf",
                        "t_eval_js",
                        "raw",
                        "fixed",
                        "n_diverged",
                        "n_lost",
                    )
                }
                for name in r.models.scored
            },
        },
        "curve": {"t": rounded(r.curve.times), "js": rounded(r.curve.js)},
        "speeds": {
            "cost_ratio": r.speeds.cost_ratio,
            "penalized": r.speeds.our_cost_ratio,
            "hand_ratios": r.speeds.hand_ratios,
            "reference_seconds": r.speeds.reference,
        },
    }
    if not isinstance(r.molecule, Missing):
        from companion.consistent_diffusion.lab.molecule.scores import molecule_series

        found["molecule"] = molecule_series(r.molecule)
    return found


def rounded(values: np.ndarray, digits: int = 5) -> list:
    """Nested lists of `digits` significant digits."""
    return [
        rounded(row, digits) if np.ndim(row) else float(f"{float(row):.{digits}g}")
        for row in values
    ]
