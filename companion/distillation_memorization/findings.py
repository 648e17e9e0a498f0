"""What a run found: all results together, the verdict of every claim, the series of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from companion.claims import Finding, not_tested
from companion.data import Missing
from companion.distillation_memorization import arms as a
from companion.distillation_memorization import claims as c
from companion.distillation_memorization import judge_causes, judge_rates, sets
from companion.distillation_memorization.world import World
from companion.distillation_memorization.worlds import Sweep


@dataclass(frozen=True)
class Results:
    """Everything that the notebook computed; a field may hold a ``Missing`` instead.

    scale, seed, bootstrap : of the run
    worlds : of the main experiment, one per seed: what the claims are judged on
    transformers, real : the same with transformers, and on real text
    overfit : the sweep over teacher epochs
    """

    scale: str
    seed: int
    bootstrap: int
    worlds: list[World]
    transformers: list[World] | Missing
    real: list[World] | Missing
    overfit: Sweep | Missing

    @property
    def one_seed(self) -> bool:
        """Whether there is no second world (toy scale, the Hub): estimates are points."""
        return len(self.worlds) == 1

    def on_hub(self, world: World | Missing) -> Results:
        """These results judged on the paper's own kind of models, where they were trained."""
        return self if isinstance(world, Missing) else replace(self, worlds=[world])

    def others(self) -> dict[str, list[World]]:
        """The kinds of worlds beside the main one that were run."""
        kinds = {"transformers": self.transformers, "real text": self.real}
        return {name: found for name, found in kinds.items() if not isinstance(found, Missing)}


def evaluate(results: Results) -> list[Finding]:
    """One finding per claim, in the order of ``CLAIMS``."""
    r, q = judge_rates, judge_causes
    calls: dict[str, Callable[[Results], Finding]] = {
        "1": r.less,
        "1b": r.better,
        "order": r.order,
        "tau": r.cooler,
        "2": q.easy,
        "2b": q.low_zlib,
        "3": q.predictable,
        "3b": q.filtered,
        "4": q.hard_inherits,
        "4b": r.same_rate,
        "control": r.control,
    }
    return [
        function(results)
        if results.scale in c.BY_ID[name].criteria
        else not_tested(c.BY_ID[name], results.scale, "tested at book scale")
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
            {m: int(sets.inherited(w.members, m).sum()) for m in (a.SOFT, a.HARD, a.UNREAD)
             if m in w.members}
            for w in worlds
        ],
        "teacher_only": [int(sets.teacher_only(w.members).sum()) for w in worlds],
        "easy": [int(sets.easy(w.members).sum()) for w in worlds],
        "easy_and_soft": [int((sets.easy(w.members) & w.members[a.SOFT]).sum()) for w in worlds],
    }  # fmt: skip


def _rounded(values: object, digits: int = 6) -> list:
    """Nested lists of `digits` significant digits; None for what is not finite."""
    if np.ndim(values):
        return [_rounded(row, digits) for row in values]
    return float(f"{float(values):.{digits}g}") if np.isfinite(values) else None
