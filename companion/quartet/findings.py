"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.quartet import claims as c
from companion.quartet import judge_numbers, judge_published, judge_training
from companion.quartet.gaussian import Optimum, ScanPoint, Simulated
from companion.quartet.gradients import Depth, ModelAverages
from companion.quartet.law import PARAMETERS
from companion.quartet.optimal import Map
from companion.quartet.products import Averages
from companion.quartet.refit import Refit
from companion.quartet.reruns import Regression
from companion.quartet.training import Trained


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    table : scheme -> simulation; optimum, means, scans : of the scale rules; products : C3;
    reruns : regression of the authors' re-runs; refit : of ``run_refit``; bops, measured : maps
    with doubled speed and with the authors' timings; depth, averages : gradients; trained : tiny
    runs
    """

    table: Mapping[str, Simulated]
    optimum: Optimum
    means: Mapping[str, tuple[float, float]]
    scans: Mapping[str, ScanPoint]
    products: Averages
    reruns: Regression
    refit: Refit | Missing
    bops: Map | Missing
    measured: Map | Missing
    depth: Depth
    averages: ModelAverages
    trained: Trained


def _or_not_tested(
    name: str, scale: str, function: Callable[..., Finding], *results: object
) -> Finding:
    """``function(scale, *results)``, or `not tested` with the reason of the first missing one."""
    for result in results:
        if isinstance(result, Missing):
            return not_tested(c.BY_ID[name], scale, result.reason)
    return function(scale, *results)


def evaluate(results: Results, scale: str) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r, n, p, t = results, judge_numbers, judge_published, judge_training
    calls: dict[str, tuple[Callable[..., Finding], tuple[object, ...]]] = {
        "C1": (n.gaussian_table, (r.table,)),
        "C2": (n.scale_rule, (r.optimum, r.means, r.scans, r.table)),
        "C3": (n.sign_bug, (r.products,)),
        "C4": (p.reruns, (r.reruns,)),
        "C5": (p.law, (r.refit,)),
        "C6": (p.optimal, (r.refit, r.bops, r.measured)),
        "C7": (n.depth, (r.depth,)),
        "C8": (n.model_averages, (r.averages,)),
        "C9": (t.forward, (r.trained,)),
        "C10": (t.backward, (r.trained,)),
    }
    return [
        _or_not_tested(name, scale, function, *args) for name, (function, args) in calls.items()
    ]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found: dict[str, object] = {
        "table": {
            name: [float(simulated.mse.mean()), float(simulated.misalignment.mean())]
            for name, simulated in results.table.items()
        },
        "products": {
            "counts": results.products.counts,
            "errors": {arm: rounded(e) for arm, e in results.products.errors.items()},
        },
        "averages": {
            "counts": results.averages.counts,
            "errors": {arm: rounded(e) for arm, e in results.averages.errors.items()},
        },
        "depth": {
            arm: {
                "cosine": rounded(results.depth.cosine[arm].mean(0)),
                "misalignment": rounded(results.depth.misalignment[arm].mean(0)),
            }
            for arm in results.depth.cosine
        },
        "final": {name: rounded(values) for name, values in results.trained.final.items()},
    }
    if not isinstance(results.refit, Missing):
        names = (*PARAMETERS, *results.refit.efficiency)
        found["refit"] = {name: list(results.refit.interval(name)[:3]) for name in names}
    return found


def rounded(values: np.ndarray, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; what is not finite stays so."""
    return [
        rounded(row, digits) if np.ndim(row) else float(f"{float(row):.{digits}g}")
        for row in values
    ]
