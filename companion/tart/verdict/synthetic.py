"""Verdicts on claims 1 and 8."""

from __future__ import annotations

from companion.claims import Finding, judge, measured_text, not_tested
from companion.data import Missing
from companion.stats import Interval, exact, paired, t_interval
from companion.tart.lab.synthetic import Controls, Curve
from companion.tart.verdict import claims


def learns(scale: str, curve: Curve, controls: Controls, long: Curve | Missing) -> Finding:
    """Claim 1."""
    claim, first = claims.BY_ID["1"], controls.first
    if scale == "paper":
        if isinstance(long, Missing):
            return not_tested(claim, scale, long.reason)
        curve, first = long, long.first or Interval(float("nan"))
    module, logistic, mean = (curve.last(a) for a in ("module", "logistic", "mean difference"))
    parts = {"first position": (first, claims.CHANCE)}
    behind = paired(logistic, module)
    measured = {
        "toy": t_interval(module)._replace(p=None),
        "book": paired(module, mean),
        "paper": behind._replace(p=None),
    }[scale]
    if scale == "book":
        parts["logistic minus module"] = (behind, claims.NEAR_LOGISTIC)
    note = (
        f"{int(curve.k[-1])} examples: module {module.mean():.3f}, logistic {logistic.mean():.3f}, "
        f"mean difference {mean.mean():.3f}, knows w {curve.last('knows w').mean():.3f}; "
        f"logistic minus module {measured_text(behind)}; first position: {around(first)}"
    )
    return judge(claim, scale, measured, parts=parts, note=note)


def around(measured: Interval) -> str:
    """The other reading of "chance": does the interval contain one half?"""
    low, high = measured.low, measured.high
    if low is None or high is None:
        return "no interval"
    return f"its interval {'contains' if low <= 0.5 <= high else 'does not contain'} one half"


def controls(scale: str, found: Controls) -> Finding:
    """Claim 8."""
    blind = {
        "shuffled labels": t_interval(found.shuffled)._replace(p=None),
        "untrained module": t_interval(found.untrained)._replace(p=None),
    }
    parts = {name: (value, claims.CHANCE) for name, value in blind.items()}
    parts["label of the example before"] = (exact(found.other_label), claims.POSITIVE)
    note = "; ".join(f"{name}: {around(value)}" for name, value in blind.items())
    return judge(claims.BY_ID["8"], scale, exact(found.own_label), parts=parts, note=note)
