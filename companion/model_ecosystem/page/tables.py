"""Small tables of the chapter, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl

from companion.claims import measured_text
from companion.data import Missing
from companion.model_ecosystem.lab.inequality import PRINTED_REPRODUCE
from companion.model_ecosystem.lab.intervals import Rate
from companion.model_ecosystem.lab.real import PRINTED_RATES, Drift
from companion.model_ecosystem.lab.recovery import RATES
from companion.tables import Html, styled

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def links_table(**counts: Mapping[str, int]) -> Styler:
    """What was wrong with the declared links of each ecosystem, and what became of them.

    counts : of each ecosystem, :func:`here.link_counts`
    """
    frame = pd.DataFrame({name.replace("_", " "): dict(one) for name, one in counts.items()})
    frame.index = [name.replace("_", " ") for name in frame.index]
    return styled(
        frame.reset_index(names="declared links"),
        "me-links",
        dict.fromkeys(frame.columns, "{:,.0f}"),
    )


def rates_table(
    coverage: pl.DataFrame,
    sample: Mapping[str, Rate] | Missing,
    curated: Mapping[str, Rate] | Missing,
) -> Styler:
    """Mutation rates: the paper, what the simulator put in, what it gave back, and real models."""
    rows = []
    for name, truth in RATES.items():
        back = coverage.filter(trait=name)["estimate"]
        cells = {}
        for words, found in (("sample", sample), ("mteb", curated)):
            one = None if isinstance(found, Missing) else found.get(name)
            cells |= {
                f"{words}, naive": measured_text(one.naive) if one else "–",
                f"{words}, families": measured_text(one.clustered) if one else "–",
            }
        rows.append(
            {
                "trait": name,
                "paper": PRINTED_RATES[name],
                "simulator, put in": truth,
                "simulator, found": back.mean(),
                **cells,
            }
        )
    numbers = ("paper", "simulator, put in", "simulator, found")
    return styled(pd.DataFrame(rows), "me-rates", dict.fromkeys(numbers, "{:.3f}"))


def reproduction_table(inequality: pl.DataFrame) -> Styler:
    """Share of children that have children, the Hub's and the simulator's."""
    frame = pd.DataFrame(
        {
            "made by": list(PRINTED_REPRODUCE),
            "Hub (%)": [100 * share for share in PRINTED_REPRODUCE.values()],
            "simulator (%)": [100 * inequality[name].mean() for name in PRINTED_REPRODUCE],
        }
    )
    return styled(frame, "me-reproduce", {"Hub (%)": "{:.2f}", "simulator (%)": "{:.2f}"})


def pairs_table(drift: Drift, n: int = 8) -> Styler:
    """The clearest pairs of licenses with three p-values."""
    rows = drift.pairs.head(n)
    ends = zip(rows["source"], rows["target"], strict=True)
    frame = pd.DataFrame(
        {
            "change": [f"{source} → {target}" for source, target in ends],
            "there": rows["there"],
            "back": rows["back"],
            "accounts": rows["uploaders"],
            "families": rows["families"],
            "p, edges": rows["p_adjusted"],
            "p, acc.": rows["p_uploaders"],
            "p, fam.": rows["p_families"],
        }
    )
    return styled(frame, "me-pairs", dict.fromkeys(("p, edges", "p, acc.", "p, fam."), "{:.2g}"))


def worlds_table(worlds: pl.DataFrame) -> Styler:
    """What each test says in worlds whose answer is known, mean over worlds."""
    made = worlds.group_by("world", maintain_order=True).agg(
        (pl.col("share") > pl.col("null")).mean().alias("order"),
        pl.col("by_uploaders").mean(),
        pl.col("by_families").mean(),
        (pl.col("p") < 0.05).mean().alias("ladder"),
        pl.col("tau").mean(),
        pl.col("s").mean(),
        pl.col("s_true").mean(),
    )
    frame = pd.DataFrame(
        {
            "world": made["world"],
            "order > chance (%)": 100 * made["order"],
            "pairs, accounts": made["by_uploaders"],
            "pairs, families": made["by_families"],
            "ladder (%)": 100 * made["ladder"],
            "Kendall τ": made["tau"],
            "s found": made["s"],
            "s put in": made["s_true"],
        }
    )
    formats = {
        "order > chance (%)": "{:.0f}",
        "pairs, accounts": "{:.1f}",
        "pairs, families": "{:.1f}",
        "ladder (%)": "{:.0f}",
        "Kendall τ": "{:.2f}",
        "s found": "{:.3f}",
        "s put in": "{:.3f}",
    }
    return styled(frame, "me-worlds", formats)


def scaling_table(table: pl.DataFrame) -> Styler:
    """Seconds and memory of every size."""
    frame = pd.DataFrame(
        {
            "models": table["n"],
            "edges": table["edges"],
            "families": table["families"],
            "seconds": table["total"],
            "µs per model": table["per_model"],
            "memory (MB)": table["peak_mb"],
        }
    )
    formats = dict.fromkeys(frame.columns, "{:,.0f}") | dict.fromkeys(
        ("seconds", "µs per model"), "{:.2f}"
    )
    return styled(frame, "me-scaling", formats)


def levenshtein_table(table: pl.DataFrame) -> Styler:
    """Levenshtein similarities, a mask a row."""
    frame = pd.DataFrame(table.to_dict(as_series=False))
    return styled(frame, "me-levenshtein", dict.fromkeys(frame.columns[1:], "{:.3f}"))


def hub_tables(found: Mapping[str, object]) -> Html:
    """The Hub's answers: every way of asking about siblings, and the largest families."""
    names = [
        "dna",
        "uploader",
        "weights",
        "n",
        "parent_child",
        "sibling",
        "gap",
        "gap_low",
        "gap_high",
    ]
    asked = pd.DataFrame(found["resemblance"].table.select(names).to_dict(as_series=False))
    largest = pd.DataFrame(found["largest"].to_dict(as_series=False))
    first = styled(asked, "me-hub", dict.fromkeys(names[4:], "{:.3f}"))
    return Html(first.to_html() + styled(largest, "me-hub-largest").to_html())
