"""Intervals of accuracies and differences, and the two readings of "above a threshold"."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from companion.claims import HOLDS, Criterion, measured_text
from companion.stats import Interval, exact, t_interval


def mean(values: pd.Series | np.ndarray) -> Interval:
    """t interval; with fewer than two values, or one that is not finite, nothing is resolved."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or not np.isfinite(values).all():
        return Interval(float("nan"), n=len(values))
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]), float(values[0]), None, len(values))
    return t_interval(values)


def by(values: pd.Series, level: str) -> dict[str, Interval]:
    """The mean of every group of an index level."""
    return {str(name): mean(part) for name, part in values.groupby(level=level, sort=False)}


def units(values: pd.Series) -> pd.Series:
    """Means over k and kinds of vectors: one value per data set and seed, the unit of the tests."""
    return values.groupby(level=["data", "seed"], sort=False).mean()


def told(parts: Mapping[str, Interval]) -> str:
    """Name and interval, one after the other."""
    return ", ".join(f"{name} {measured_text(value)}" for name, value in parts.items())


def by_estimate(measured: Interval, criterion: Criterion) -> Interval:
    """What to hold against a threshold that the estimate alone has to pass.

    An estimate that passes decides.  One that does not pass fails the criterion only where its
    whole interval does, so the interval is kept.
    """
    alone = exact(measured.estimate, measured.n)
    return alone if criterion.verdict(alone) == HOLDS else measured


def strictly(parts: Mapping[str, tuple[Interval, Criterion]]) -> str:
    """The stricter reading, whole intervals against the thresholds, as the first record had it."""
    read = ", ".join(
        f"{name} {measured_text(value)} {criterion.text}: {criterion.verdict(value)}"
        for name, (value, criterion) in parts.items()
    )
    return f"stricter reading, whole intervals: {read}"
