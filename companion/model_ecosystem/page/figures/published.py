"""Figures of the real sample drawn from the published record, where the sample is not here.

The record keeps every way of asking about siblings, and the rates with their intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from companion.model_ecosystem.lab.intervals import Rate
from companion.model_ecosystem.page.figures import direction, kin
from companion.model_ecosystem.page.figures.law import TRAITS
from companion.plotting import as_published
from companion.stats import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = Mapping[str, object]


def _series(published: Record | None, name: str) -> Mapping[str, object] | None:
    """One series of the record; None where there is none."""
    return (published or {}).get("series", {}).get(name)


def comparison_table(published: Record | None) -> pl.DataFrame | None:
    """The table of comparisons of the published run; None without a record of it."""
    found = _series(published, "comparisons")
    return None if found is None else pl.DataFrame(found)


def published_comparisons(published: Record | None) -> Figure | None:
    """The sibling gap under one correction after the other, published."""
    table = comparison_table(published)
    return None if table is None else as_published(kin.comparisons(table))


def published_rates(published: Record | None) -> Figure | None:
    """Mutation rates with both intervals, published; the record has no numbers of edges."""
    found = _series(published, "rates")
    if found is None:
        return None
    made = {
        name: Rate(*(Interval(*found[name][kind]) for kind in ("naive", "clustered")), 0, 0.0)
        for name in TRAITS
        if name in found
    }
    return as_published(direction.rates(made))
