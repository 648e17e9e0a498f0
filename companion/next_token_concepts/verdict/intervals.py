"""From values over seeds to what a claim is held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.claims import NOT_RESOLVED, Finding, as_verdict
from companion.next_token_concepts.lab.learning import GATE, Trained
from companion.stats import Interval, over_seeds

OPEN = Interval(float("nan"))


def over(values: Sequence[float], scale: str) -> Interval:
    """Mean over seeds with its t interval; at toy scale, where the code is tested, a point."""
    found = over_seeds(values)
    return found._replace(low=None, high=None, p=None) if scale == "toy" else found


def gated(finding: Finding, runs: Sequence[Trained]) -> Finding:
    """`not resolved` if a network misses too much of I(x; y) to say anything about optima."""
    worst = float(np.max([run.excess for run in runs])) if runs else float("nan")
    if worst <= GATE:
        return finding
    return as_verdict(
        finding,
        NOT_RESOLVED,
        f"not converged: KL / I(x; y) up to {worst:.3f}, at most {GATE} asked",
    )
