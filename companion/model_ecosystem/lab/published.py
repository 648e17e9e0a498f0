"""What a record keeps of the results: series for the first screen, and words beside verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import polars as pl

from companion.claims import measured_text
from companion.data import Missing
from companion.model_ecosystem.lab.intervals import Moves
from companion.model_ecosystem.lab.kin import LeftOut
from companion.stats import t_interval


def fields_table(**tables: LeftOut | Missing) -> pl.DataFrame:
    """What is left of the gap without one field after the other.

    Columns: table, field ("none": nothing left out), child (whether the field says "I am a
    child"), gap, gap_low, gap_high, n (families).
    """
    rows = []
    for name, found in tables.items():
        if isinstance(found, Missing):
            continue
        gaps = {"none": found.whole} | dict(zip(found.fields, found.without, strict=True))
        for field, gap in gaps.items():
            one = t_interval(gap)
            rows.append(
                {
                    "table": name,
                    "field": field,
                    "child": field == found.child,
                    "gap": one.estimate,
                    "gap_low": one.low,
                    "gap_high": one.high,
                    "n": gap.size,
                }
            )
    return pl.DataFrame(rows)


def worlds_summary(worlds: pl.DataFrame) -> pl.DataFrame:
    """Shares of the simulated worlds of a kind, one row a kind.

    Columns: world, n, pairs (mean share in the best order), perfect (all pairs in order), chance
    (more pairs than in any random orientation), edges, votes (a direction is announced).
    """

    def announced(kind: str) -> pl.Expr:
        return ((pl.col(f"{kind}low") > 0) | (pl.col(f"{kind}high") < 0)).mean()

    return worlds.group_by("world", maintain_order=True).agg(
        n=pl.len(),
        pairs=pl.col("share").mean(),
        perfect=(pl.col("share") == 1).mean(),
        chance=(pl.col("share") > pl.col("null")).mean(),
        edges=announced("edges_"),
        votes=announced(""),
    )


def series(results: SimpleNamespace) -> dict[str, object]:
    """What the first screen needs, small enough for a record."""
    names = {"sample": "fields", "leaderboard": "board_fields", "epoch": "epoch_fields"}
    table = fields_table(**{name: getattr(results, one) for name, one in names.items()})
    worlds = worlds_summary(results.worlds)
    found = {"fields": table.to_dict(as_series=False), "worlds": worlds.to_dict(as_series=False)}
    if not isinstance(results.cards, Missing) and not isinstance(results.licenses, Missing):
        drawn = t_interval(results.cards["drawn"]).estimate, results.licenses.drawn
        found["control"] = {"what": ["cards", "licenses"], "drawn": list(drawn)}
    if not isinstance(results.asking, Missing):
        found["asking"] = results.asking.to_dict(as_series=False)
    return found


def left(fields: LeftOut) -> str:
    """The gap, and what is left of it, in words."""
    whole, rest = (measured_text(t_interval(gap)) for gap in (fields.whole, fields.rest))
    other = fields.fields[fields.other]
    moved = measured_text(t_interval(fields.without[fields.other]))
    return f"gap {whole}, without {fields.child} {rest}, without {other} {moved}"


def traffic(named: Mapping[str, Moves]) -> str:
    """Mean votes and accounts that moved, each way, and what children drawn from all would do."""
    return "; ".join(
        f"{name}: {mean(one.there):.2f} of {one.there.size} families there, {mean(one.back):.2f} "
        f"of {one.back.size} back, {one.accounts[0]} accounts there and {one.accounts[1]} back "
        f"(children drawn from all models' classes would give {one.drawn:.2f})"
        for name, one in named.items()
    )


def mean(values: np.ndarray) -> float:
    """The mean, nan of nothing."""
    return float(values.mean()) if values.size else np.nan
