"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.gaussian_rbf.lab.bench import Bench
from companion.gaussian_rbf.lab.digits import DeadStart, LogResult
from companion.gaussian_rbf.lab.nested import Nested, mean_scores
from companion.gaussian_rbf.lab.penalties import Penalties, effect_table
from companion.gaussian_rbf.lab.reduction import Reading, Reduction
from companion.gaussian_rbf.method.theory import Counterexample
from companion.gaussian_rbf.verdict import claims, models, spectrum


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    Named as the functions that make them: ``run_log``, ``run_dead_start``, ``run_ridges``,
    ``run_selection``, ``run_nested``, ``run_penalties``, ``run_reduction``, ``read_tables``,
    ``counterexample``, ``run_bench``.
    """

    log: LogResult | Missing
    dead: DeadStart | Missing
    ridges: pd.DataFrame | Missing
    selection: pd.DataFrame | Missing
    nested: Nested | Missing
    penalties: Penalties | Missing
    reduction: Reduction | Missing
    readings: list[Reading] | Missing
    counterexample: Counterexample | Missing
    bench: Bench | Missing


def evaluate(results: Results, scale: str, seed: int) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    calls: dict[str, tuple[Callable[..., Finding], tuple[object, ...]]] = {
        "C1": (models.competitive, (results.nested,)),
        "C2": (spectrum.structures, (results.ridges,)),
        "C3": (spectrum.angles, (results.ridges,)),
        "C4": (spectrum.decay, (results.reduction,)),
        "C5": (models.features, (results.selection,)),
        "C6": (models.penalty, (results.penalties,)),
        "C7": (spectrum.dead_start, (results.dead,)),
        "C8": (spectrum.turned, (results.counterexample, results.readings)),
        "C9": (models.coordinates, (results.reduction,)),
    }
    found = []
    for name, (function, parts) in calls.items():
        missing = next((part for part in parts if isinstance(part, Missing)), None)
        if missing is not None:
            found.append(not_tested(claims.BY_ID[name], scale, missing.reason))
        elif claims.BY_ID[name].criteria.get(scale) is None:
            found.append(
                not_tested(claims.BY_ID[name], scale, "needs more tables than this scale has")
            )
        else:
            found.append(function(scale, *parts, seed=seed))
    return found


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    r, found = results, {}
    if not isinstance(r.ridges, Missing):
        columns = [
            "features",
            "rows",
            "lam",
            "scale",
            "structure",
            "rotated",
            "seed",
            "r2",
            "angle_p",
            "angle_agop",
        ]
        found["ridges"] = r.ridges[columns].round(4).to_dict("list")
    if not isinstance(r.nested, Missing) and len(r.nested.scores):
        means = mean_scores(r.nested).round(4)
        found["scores"] = {"table": list(means.index), **means.to_dict("list")}
    if not isinstance(r.selection, Missing):
        groups = r.selection.groupby(["problem", "method"], sort=False)
        found["selection"] = groups[["score", "auc", "hit", "mass"]].mean().round(4).reset_index()
        found["selection"] = found["selection"].to_dict("list")
    if not isinstance(r.penalties, Missing):
        found["effects"] = effect_table(r.penalties).round(4).to_dict("list")
    if not isinstance(r.dead, Missing):
        found["wake"] = {"lam": r.dead.lams, "epoch": r.dead.wake, "small": r.dead.wake_small}
    if not isinstance(r.log, Missing):
        found["log"] = {
            "epochs": r.log.epochs,
            "objective": np.round(r.log.objective.mean(axis=0), 5),
            "test": r.log.test,
        }
    if not isinstance(r.reduction, Missing):
        means = r.reduction.accuracy.groupby(["table", "method"], sort=False)["accuracy"].mean()
        found["reduction"] = means.round(4).reset_index().to_dict("list")
    if not isinstance(r.readings, Missing):
        found["cosines"] = {one.table.name: round(one.cosine, 4) for one in r.readings}
    if not isinstance(r.bench, Missing):
        found["bench"] = {"fits": r.bench.fits, "ratio": round(r.bench.ratio, 2)}
    return found
