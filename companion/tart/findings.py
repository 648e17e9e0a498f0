"""From a run to one finding per claim."""

from __future__ import annotations

from companion.claims import Finding, judge
from companion.stats import t_interval
from companion.tart.claims import CLAIMS
from companion.tart.experiment import Result


def findings(result: Result, scale: str) -> list[Finding]:
    """The verdict on every claim; intervals are 95 % t intervals over seeds."""
    measured = (result.slope["normal"], result.slope["Cauchy"])
    return [
        judge(claim, scale, t_interval(slopes))
        for claim, slopes in zip(CLAIMS, measured, strict=True)
    ]
