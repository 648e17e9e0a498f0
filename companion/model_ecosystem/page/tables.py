"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from companion.claims import measured_text
from companion.data import Missing
from companion.model_ecosystem.lab.intervals import Directions, Rate
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.published import worlds_summary
from companion.model_ecosystem.page.figures import TABLES
from companion.model_ecosystem.sources import (
    PRINTED_FORWARD,
    PRINTED_ORDER,
    PRINTED_RATES,
    TRAITS,
)
from companion.stats import Interval, t_interval
from companion.tables import Html, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def links_table(counts: Mapping[str, Mapping[str, int] | Missing]) -> Styler:
    """Models, what was wrong with the declared links, and families, a table a column."""
    shown = {name: dict(one) for name, one in counts.items() if not isinstance(one, Missing)}
    frame = pd.DataFrame(shown)
    frame = frame[(frame != 0).any(axis=1)]
    frame.index = [name.replace("_", " ") for name in frame.index]
    frame = frame.reset_index(names="declared links")
    return styled(frame, "me-links", dict.fromkeys(shown, "{:,.0f}"))


def left_table(named: Mapping[str, LeftOut | Missing], at_most: int = 8) -> Styler:
    """What is left of the gap without a field, least first, a pair of columns a table of models.

    at_most : fields shown of each; the one that says "I am a child" has a star
    """
    columns: dict[str, list[str]] = {}
    for name, found in named.items():
        if isinstance(found, Missing):
            continue
        order = sorted(range(len(found.fields)), key=lambda i: found.without[i].mean())[:at_most]
        whole = measured_text(t_interval(found.whole))
        name = TABLES[name]
        columns[f"{name}, without"] = ["(nothing)"] + [
            found.fields[i] + ("*" if found.fields[i] == found.child else "") for i in order
        ]
        columns[f"{name}, gap"] = [whole] + [
            measured_text(t_interval(found.without[i])) for i in order
        ]
    return styled(pd.DataFrame(columns), "me-left")


def traits_table(named: Mapping[str, TraitKin | Missing]) -> Styler:
    """Per trait: agreement of parent and child and of siblings, their difference, families."""
    rows = []
    for name, found in named.items():
        if isinstance(found, Missing):
            continue
        for trait in TRAITS:
            mine, gap = found.trait == trait, found.gap(trait)
            if gap.size > 1:
                rows.append(
                    {
                        "table": name,
                        "trait": trait,
                        "families": gap.size,
                        "parent-child": found.parent_child[mine].mean(),
                        "siblings": found.sibling[mine].mean(),
                        "difference": measured_text(t_interval(gap)),
                        "more than half changed (%)": 100 * (found.parent_child[mine] < 0.5).mean(),
                    }
                )
    formats = {
        "parent-child": "{:.2f}",
        "siblings": "{:.2f}",
        "more than half changed (%)": "{:.0f}",
    }
    return styled(pd.DataFrame(rows), "me-traits", formats)


def worlds_table(worlds: pl.DataFrame) -> Styler:
    """What each measure says in worlds whose answer is known, in percent of the worlds."""
    told = worlds_summary(worlds)
    columns = {
        "world": told["world"].to_list(),
        "worlds": told["n"].to_list(),
        "pairs in order (mean)": 100 * told["pairs"].to_numpy(),
        "all pairs in order": 100 * told["perfect"].to_numpy(),
        "order beats chance": 100 * told["chance"].to_numpy(),
        "direction, edges": 100 * told["edges"].to_numpy(),
        "direction, votes": 100 * told["votes"].to_numpy(),
    }
    frame = pd.DataFrame(columns)
    return styled(frame, "me-worlds", dict.fromkeys(frame.columns[2:], "{:.0f}"))


def orders_table(found: Mapping[str, Directions]) -> Styler:
    """Orders of the sample beside the paper's: pairs in order, chance, transitions forward."""
    rows = []
    for trait, one in found.items():
        agree, pairs = PRINTED_ORDER[trait]
        rows.append(
            {
                "trait": trait,
                "pairs in order": f"{one.order.agree} of {one.order.pairs}",
                "paper": f"{agree} of {pairs}",
                "p of chance": f"{one.p:.3f}",
                "forward (%)": measured_text(_percent(one.forward)),
                "paper (%)": f"{PRINTED_FORWARD[trait]:.1f}",
            }
        )
    return styled(pd.DataFrame(rows), "me-orders")


def _percent(one: Interval) -> Interval:
    return Interval(100 * one.estimate, 100 * one.low, 100 * one.high)


def rates_table(found: Mapping[str, Rate]) -> Styler:
    """Mutation rates with their intervals over families, and the paper's."""
    rows = [
        {
            "trait": name,
            "edges": one.clustered.n,
            "families": one.n_families,
            "mutation rate": measured_text(one.clustered),
            "paper": f"{PRINTED_RATES[name]:.3f}" if name in PRINTED_RATES else "",
        }
        for name, one in found.items()
    ]
    return styled(pd.DataFrame(rows), "me-rates")


def speed_table(table: pl.DataFrame) -> Styler:
    """Seconds of both ways."""
    frame = pd.DataFrame(table.to_dict(as_series=False))
    frame["equal"] = frame["equal"].map({True: "yes", False: "no"})
    frame = frame.rename(columns={"n": "models", "ours": "ours (s)", "networkx": "networkx (s)"})
    formats = dict.fromkeys(("models", "edges", "families"), "{:,.0f}")
    return styled(
        frame, "me-speed", formats | dict.fromkeys(("ours (s)", "networkx (s)"), "{:.3f}")
    )


def levenshtein_table(table: pl.DataFrame) -> Styler:
    """Levenshtein similarities, a string a row."""
    frame = pd.DataFrame(table.to_dict(as_series=False))
    return styled(frame, "me-levenshtein", dict.fromkeys(frame.columns[1:], "{:.3f}"))


def hub_table(found: Mapping[str, object]) -> Html:
    """The whole Hub's answer to every way of asking about siblings."""
    asked = pd.DataFrame(found["asking"].to_dict(as_series=False))
    formats = dict.fromkeys(("parent_child", "sibling", "gap", "gap_low", "gap_high"), "{:.3f}")
    return Html(styled(asked, "me-hub", formats).to_html())
