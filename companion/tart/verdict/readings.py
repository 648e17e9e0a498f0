"""Intervals of accuracies and differences, by group and in words."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from companion.claims import measured_text
from companion.stats import Interval, over_seeds


def by(values: pd.Series, level: str) -> dict[str, Interval]:
    """The mean of every group of an index level."""
    return {str(name): over_seeds(part) for name, part in values.groupby(level=level, sort=False)}


def units(values: pd.Series) -> pd.Series:
    """Means over k and kinds of vectors: one value per data set and seed, the unit of the tests."""
    return values.groupby(level=["data", "seed"], sort=False).mean()


def told(parts: Mapping[str, Interval]) -> str:
    """Name and interval, one after the other."""
    return ", ".join(f"{name} {measured_text(value)}" for name, value in parts.items())
