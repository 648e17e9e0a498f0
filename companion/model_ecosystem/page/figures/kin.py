"""Who resembles whom in the real sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from companion.model_ecosystem.page.figures.law import KIN
from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    figure,
    finding_title,
    headline,
    no_record,
    style,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = (
    ("as in the paper", "none", "any", "pairs"),
    ("families weigh equally", "none", "any", "families"),
    ("... and no base_model tag", "base_model", "any", "families"),
    ("... and different uploaders", "base_model", "different", "families"),
    ("... and no ids, counts, dates", "base_model, ids, dates", "different", "families"),
)
"""One choice taken back after the other: words, and the key of the comparison."""

WORDS = {
    "none": "metadata",
    "base_model": "metadata without base_model",
    "base_model, ids, dates": "metadata without base_model, ids, dates",
    "card": "model card",
}
"""A string as the reader sees it."""


def answer(published: Mapping[str, object] | None) -> Figure:
    """The sibling gap under one correction after the other, from the published record."""
    found = (published or {}).get("series", {})
    if "comparisons" not in found:
        return no_record()
    return comparisons(pl.DataFrame(found["comparisons"]))


def comparisons(table: pl.DataFrame) -> Figure:
    """Sibling minus parent-child similarity with 95 % intervals over families."""
    fig, ax = figure(height=3.6)
    rows = [table.filter(dna=d, uploader=u, weights=w).row(0, named=True) for _, d, u, w in STEPS]
    for i, row in enumerate(rows):
        clear = row["gap_low"] > 0
        color, marker = (BLUE, "o") if clear else (VERMILION, "X")
        ax.plot([row["gap_low"], row["gap_high"]], [i, i], color=color, linewidth=2.2)
        ax.plot(row["gap"], i, marker, color=color, markersize=9, markeredgecolor="white")
        ax.text(
            0.99,
            i - 0.12,
            f"{row['n']} families",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=8.5,
            color="#555555",
        )
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(STEPS)), [words for words, *_ in STEPS])
    ax.set_ylim(len(STEPS) - 0.5, -0.6)
    ax.set(xlabel="TF-IDF similarity, siblings minus parent-child")
    finding_title(
        fig,
        "With equal families, no tag, and different uploaders, no sibling gap is left to see",
        holds=rows[0]["gap_low"] > 0 and rows[3]["gap_low"] <= 0 <= rows[3]["gap_high"],
        otherwise="Siblings minus parent-child, one correction after the other",
    )
    return fig


def similarity(pairs: Mapping[str, pl.DataFrame], printed: pl.DataFrame | None = None) -> Figure:
    """All 24 pair types, with the tags and without, beside the paper's means."""
    fig, (left, right) = figure(1, 2, height=6.6, sharey=True)
    names = pairs["none"].select("subgraph", "relation").rows()
    for ax, mask in ((left, "none"), (right, "base_model")):
        for i, (mean, relation) in enumerate(pairs[mask].select("mean", "relation").rows()):
            kin = next((k for k in KIN if relation.startswith(k)), None)
            color, marker = KIN[kin] if kin else (BLACK, "D")
            ax.plot(mean, i, marker, color=color, markersize=7)
        if printed is not None:
            theirs = {
                (a, b): v
                for a, b, v in printed.select("subgraph", "relation", "metadata_tfidf").rows()
            }
            look = style("paper") | {"linestyle": ""}
            label = "paper, whole Hub" if ax is right else None
            ax.plot(
                [theirs.get(key, np.nan) for key in names],
                range(len(names)),
                markersize=5,
                markerfacecolor="none",
                label=label,
                **look,
            )
        for edge in [i for i in range(1, len(names)) if names[i][0] != names[i - 1][0]]:
            ax.axhline(edge - 0.5, color=GREY, linewidth=0.6)
        ax.set(xlim=(0, 1), xlabel="mean similarity")
        ax.set_title("whole string" if mask == "none" else "base_model masked", fontsize=11)
    left.set_yticks(
        range(len(names)), [f"{a.replace('_', ' ')}: {b}" for a, b in names], fontsize=8
    )
    left.set_ylim(len(names) - 0.4, -0.6)
    for kin in KIN:
        right.plot([], [], KIN[kin][1], color=KIN[kin][0], label=kin)
    right.plot([], [], "D", color=BLACK, label="other kin")
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
    star = {m: {r: v for s, r, v, _ in pairs[m].rows() if s == "trio_star"} for m in pairs}
    gap = {m: star[m]["sibling"] - star[m]["parent-child"] for m in star}
    finding_title(
        fig,
        f"One tag makes {100 * (1 - gap['base_model'] / gap['none']):.0f} % of the sibling gap of "
        "the trio star",
        holds=0 < gap["base_model"] < gap["none"],
        otherwise="Similarity of relatives with and without the tag",
    )
    return fig


def comparison_frame(table: pl.DataFrame, dna: str, weights: str, uploader: str) -> Figure:
    """The three similarities and the gap for one way of asking."""
    row = table.filter(dna=dna, uploader=uploader, weights=weights).row(0, named=True)
    fig, (left, right) = figure(1, 2, height=3.4, gridspec_kw={"width_ratios": [1.2, 1]})
    for i, (kin, (color, _)) in enumerate(KIN.items()):
        value = row[kin.replace("-", "_")]
        left.bar(i, value, color=color, width=0.65)
        left.text(i, value + 0.02, f"{value:.2f}", ha="center", fontsize=11)
    left.set_xticks(range(3), ["random", "parent-\nchild", "sibling"])
    left.set(ylim=(0, 1), ylabel="mean TF-IDF similarity")
    clear = row["gap_low"] > 0 or row["gap_high"] < 0
    color = BLUE if clear else VERMILION
    right.plot([row["gap_low"], row["gap_high"]], [0, 0], color=color, linewidth=3)
    right.plot(row["gap"], 0, "o" if clear else "X", color=color, markersize=11)
    right.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    right.set(xlim=(-0.4, 0.7), ylim=(-1, 1), xlabel="siblings minus parent-child")
    right.set_yticks([])
    right.set_title(f"{row['n']} families, worth {row['effective']:.1f} equal ones", fontsize=10)
    words = "Siblings are closer" if row["gap_low"] > 0 else "Cannot be told apart"
    words = "Parent and child are closer" if row["gap_high"] < 0 else words
    headline(fig, words)
    return fig
