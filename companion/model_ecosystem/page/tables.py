"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from companion.claims import measured_text
from companion.data import Missing
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.worlds import WORLDS
from companion.model_ecosystem.sources import TRAITS
from companion.stats import t_interval
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
    """What each test says in worlds whose answer is known, in percent of the worlds."""
    rows = []
    for world in WORLDS:
        part = worlds.filter(world=world)
        votes, edges = (
            part.select(((pl.col(f"{kind}low") > 0) | (pl.col(f"{kind}high") < 0)).mean()).item()
            for kind in ("", "edges_")
        )
        rows.append(
            {
                "world": world,
                "pairs in order (%)": 100 * part["share"].mean(),
                "order beats chance": 100 * (part["share"] > part["null"]).mean(),
                "targets depend on source": 100 * (part["p"] < 0.05).mean(),
                "direction, edges": 100 * edges,
                "direction, votes": 100 * votes,
            }
        )
    frame = pd.DataFrame(rows)
    return styled(frame, "me-worlds", dict.fromkeys(frame.columns[1:], "{:.0f}"))


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
