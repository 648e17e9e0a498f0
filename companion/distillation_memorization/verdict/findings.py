"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import arms, sets
from companion.distillation_memorization.verdict import causes, claims, rates
from companion.distillation_memorization.verdict.results import Results


def evaluate(results: Results) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    calls: dict[str, Callable[[Results], Finding]] = {
        "1": rates.less,
        "1b": rates.better,
        "order": rates.order,
        "tau": rates.cooler,
        "2": causes.easy,
        "2b": causes.low_zlib,
        "3": causes.predictable,
        "3b": causes.filtered,
        "4": causes.hard_inherits,
        "4b": rates.same_rate,
        "control": rates.control,
    }
    return [
        function(results)
        if results.scale in claims.BY_ID[name].criteria
        else not_tested(claims.BY_ID[name], results.scale, "tested at book scale")
        for name, function in calls.items()
    ]


def series(results: Results) -> dict[str, object]:
    """What the published figures need, small enough for a record."""
    found = {"main": _rates(results.worlds)}
    found |= {name: _rates(worlds) for name, worlds in results.others().items()}
    if not isinstance(results.overfit, Missing):
        sweep = results.overfit
        found["overfit"] = {
            "epochs": sweep.epochs.tolist(),
            "dividend": _rounded(sweep.dividend),
            "soft minus baseline loss": _rounded(sweep.soft_loss - sweep.baseline_loss),
        }
    return found


def _rates(worlds: list[World]) -> dict[str, object]:
    models = list(worlds[0].members)
    return {
        "models": models,
        "rate": _rounded([[w.rate(m) for m in models] for w in worlds]),
        "held_rate": _rounded([[w.held[m].mean() for m in models] for w in worlds]),
        "loss": _rounded([[w.loss[m] for m in models] for w in worlds]),
        "inherited": [
            {
                m: int(sets.inherited(w.members, m).sum())
                for m in (arms.SOFT, arms.HARD, arms.UNREAD)
                if m in w.members
            }
            for w in worlds
        ],
        "teacher_only": [int(sets.teacher_only(w.members).sum()) for w in worlds],
        "easy": [int(sets.easy(w.members).sum()) for w in worlds],
        "easy_and_soft": [int((sets.easy(w.members) & w.members[arms.SOFT]).sum()) for w in worlds],
    }


def _rounded(values: object, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; None for what is not finite."""
    if np.ndim(values):
        return [_rounded(row, digits) for row in values]
    return float(f"{float(values):.{digits}g}") if np.isfinite(values) else None
