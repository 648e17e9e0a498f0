"""From values over seeds to an interval that never turns a degenerate sample into a pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.claims import NOT_RESOLVED, Finding, as_verdict
from companion.next_token_concepts.learning import GATE, Trained
from companion.stats import Interval, exact, t_interval

OPEN = Interval(float("nan"))


def over(values: Sequence[float], scale: str) -> Interval:
    """Mean over seeds: a point at toy scale, else with its t interval.

    Values that are not finite, or a single seed where an interval is needed, resolve nothing.
    """
    sample = np.asarray(values, dtype=float)
    if not sample.size or not np.isfinite(sample).all():
        return OPEN._replace(n=int(sample.size))
    if scale == "toy":
        return Interval(float(sample.mean()), None, None, None, sample.size)
    if sample.size < 2:
        return OPEN._replace(n=1)
    return t_interval(sample)


def point(value: float, n: int | None = None) -> Interval:
    """A value without sampling error; one that is not finite resolves nothing."""
    return exact(value, n) if np.isfinite(value) else OPEN


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
