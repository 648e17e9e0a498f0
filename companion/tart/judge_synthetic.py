"""Verdicts on claims 1 and 8."""

from __future__ import annotations

from companion.claims import Finding, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import exact, paired, t_interval
from companion.tart import claims as c
from companion.tart.synthetic import Controls, Curve


def learns(scale: str, curve: Curve, controls: Controls, long: Curve | Missing) -> Finding:
    """Claim 1."""
    claim = c.BY_ID["1"]
    if scale == "paper":
        if isinstance(long, Missing):
            return not_tested(claim, scale, long.reason)
        curve = long
    module, logistic, mean = (curve.last(a) for a in ("module", "logistic", "mean difference"))
    parts = {"first position": (controls.first, c.CHANCE)}
    behind = paired(logistic, module)
    measured = {
        "toy": t_interval(module)._replace(p=None),
        "book": paired(module, mean),
        "paper": behind._replace(p=None),
    }[scale]
    if scale == "book":
        parts["logistic minus module"] = (behind, c.NEAR_LOGISTIC)
    note = (
        f"{int(curve.k[-1])} examples: module {module.mean():.3f}, logistic {logistic.mean():.3f}, "
        f"mean difference {mean.mean():.3f}, knows w {curve.last('knows w').mean():.3f}; "
        f"logistic minus module {measured_text(behind)}"
    )
    return judge(claim, scale, measured, parts=parts, note=note)


def controls(scale: str, found: Controls) -> Finding:
    """Claim 8."""
    parts = {
        "shuffled labels": (t_interval(found.shuffled)._replace(p=None), c.CHANCE),
        "untrained module": (t_interval(found.untrained)._replace(p=None), c.CHANCE),
        "label of the example before": (exact(found.other_label), c.POSITIVE),
    }
    return judge(c.BY_ID["8"], scale, exact(found.own_label), parts=parts)
