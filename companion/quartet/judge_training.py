"""Claims judged on the tiny training runs: C9 and C10."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

from companion.claims import NOT_RESOLVED as OPEN
from companion.claims import Finding, as_verdict, judge, measured_text, not_tested
from companion.quartet import claims as c
from companion.quartet.training import Trained
from companion.stats import holm, paired, t_interval

MARGIN = 0.01
"""Nats within which two backward schemes would count as equivalent."""


def _lacks(trained: Trained, *names: str) -> str:
    """Why a claim cannot be tested on these runs; empty if it can."""
    missing = [name for name in names if name not in trained.final]
    if missing:
        return f"not trained in this run: {', '.join(missing)}"
    if len(trained.plan.seeds) < 3:
        return f"{len(trained.plan.seeds)} seed gives no interval: shown, not tested"
    return ""


def _diverged(trained: Trained, *names: str) -> int:
    return int(sum((~np.isfinite(trained.final[name])).sum() for name in names))


def _open_if_diverged(claim: str, scale: str, trained: Trained, names: tuple[str, ...]):
    """A finding without numbers if a seed of these recipes has no finite loss, else None."""
    n = _diverged(trained, *names)
    if not n:
        return None
    finding = not_tested(c.BY_ID[claim], scale, "")
    return as_verdict(finding, OPEN, f"{n} of the runs diverged, so no paired interval")


def forward(scale: str, trained: Trained) -> Finding:
    """Claim C9."""
    if scale not in c.BY_ID["C9"].criteria:
        return not_tested(c.BY_ID["C9"], scale, "shown at toy scale, tested at book scale")
    names = ("none:none", "SR:none", "RTN:none", "QuEST:none", "QuEST:RTN", "naive")
    if reason := _lacks(trained, *names):
        return not_tested(c.BY_ID["C9"], scale, reason)
    if finding := _open_if_diverged("C9", scale, trained, names):
        return finding
    gap = {name: trained.gap(name) for name in names}
    difference = paired(gap["SR:none"], gap["RTN:none"])
    naive = paired(gap["naive"], gap["QuEST:RTN"])
    quest = paired(gap["SR:none"], gap["QuEST:none"])
    adjusted = holm([difference.p, quest.p, naive.p])
    gaps = ", ".join(f"{name} {measured_text(t_interval(gap[name]))}" for name in names[1:])
    return judge(
        c.BY_ID["C9"],
        scale,
        difference,
        parts={"naive - Quartet": (naive, c.POSITIVE)},
        note=f"gaps: {gaps}; p after Holm: SR - RTN {adjusted[0]:.3f}, SR - QuEST "
        f"{adjusted[1]:.3f}, naive - Quartet {adjusted[2]:.1e}",
    )


def backward(scale: str, trained: Trained) -> Finding:
    """Claim C10."""
    if scale not in c.BY_ID["C10"].criteria:
        return not_tested(c.BY_ID["C10"], scale, "shown at toy scale, tested at book scale")
    names = ("none:none", "QuEST:none", "none:RTN", "none:SR", "QuEST:RTN", "QuEST:SR")
    if reason := _lacks(trained, *names):
        return not_tested(c.BY_ID["C10"], scale, reason)
    if finding := _open_if_diverged("C10", scale, trained, names):
        return finding
    gap = {name: trained.gap(name) for name in names}
    room = t_interval(0.5 * gap["QuEST:none"] - gap["none:RTN"])
    difference = paired(gap["none:SR"], gap["none:RTN"])
    p_equivalent = ttost_paired(gap["none:SR"], gap["none:RTN"], -MARGIN, MARGIN)[0]
    gaps = ", ".join(f"{name} {measured_text(t_interval(gap[name]))}" for name in names[1:])
    return judge(
        c.BY_ID["C10"],
        scale,
        room,
        note=f"gaps: {gaps}; SR - RTN backward {measured_text(difference)}, reported and not "
        f"claimed (equivalent within {MARGIN} nats: p = {p_equivalent:.2f})",
    )
