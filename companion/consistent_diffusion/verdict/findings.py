"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from companion.claims import Finding
from companion.consistent_diffusion.lab.estimator import Speeds, Unbiased
from companion.consistent_diffusion.lab.plane import RESIDUAL_TIMES, T_EVAL, PlaneModels
from companion.consistent_diffusion.lab.random_features import LINE, LineRuns, PlaneRuns, line_law
from companion.consistent_diffusion.lab.systems import Curve
from companion.consistent_diffusion.verdict import parts, trained
from companion.data import Missing


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
            parts.inconsistent,
            parts.repaired,
            parts.consistent,
            parts.iid_kept,
            parts.residual_falls,
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
        parts.curve(scale, results.curve.deviation)
        if toy
        else trained.structure(scale, results.molecule, results.curve.deviation)
    )
    found.append(parts.overdone(scale, results.plane))
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
