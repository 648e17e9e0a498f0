"""Rates, intervals, directions, orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.patches import FancyArrowPatch

from companion.model_ecosystem.lab.intervals import Rate
from companion.model_ecosystem.lab.real import PRINTED_RATES, Drift
from companion.model_ecosystem.lab.recovery import covered
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    figure,
    finding_title,
    style,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = {
    "commercial": (VERMILION, ("gemma", "llama")),
    "use-restricted": (ORANGE, ("openrail", "creativeml", "bigscience", "bigcode", "cc-by-nc")),
    "copyleft": (PURPLE, ("cc-by", "gpl", "agpl", "lgpl")),
    "permissive": (
        BLUE,
        ("mit", "apache", "afl", "artistic", "cc", "unlicense", "wtfpl", "bsd", "ms-pl"),
    ),
}
"""The paper's four classes of licenses: color, and how the names begin."""


def license_class(name: str) -> str:
    """The class of a license; "other" if none fits."""
    for kind, (_, starts) in CLASSES.items():
        if name.startswith(starts):
            return kind
    return "other"


def coverage(table: pl.DataFrame) -> Figure:
    """Intervals of one simulated trait, naive and by families, sorted by the estimate."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    rows = table.filter(trait="license").head(80).sort("estimate")
    truth = rows["truth"][0]
    shares = covered(table)
    for ax, (low, high), words in zip(
        axes, (("naive_low", "naive_high"), ("low", "high")), ("naive", "families"), strict=True
    ):
        for i, row in enumerate(rows.iter_rows(named=True)):
            hit = row[low] <= truth <= row[high]
            ax.plot(
                [i, i],
                [row[low], row[high]],
                color=BLUE if hit else VERMILION,
                linestyle="-" if hit else ":",
                linewidth=1.6,
            )
        ax.axhline(truth, color=BLACK, linestyle="--", linewidth=1.2)
        ax.set_title(f"{words}: {100 * shares[words]:.0f} % contain the truth", fontsize=11)
        ax.set(xlabel="simulated ecosystem, sorted")
    axes[0].set_ylabel("mutation rate of the license")
    finding_title(
        fig,
        "Intervals over families cover the truth, naive ones do not",
        holds=shares["families"] >= 0.9 > shares["naive"],
        otherwise="Coverage of both kinds of intervals",
    )
    return fig


def rates(found: Mapping[str, Rate]) -> Figure:
    """Mutation rates of the real sample with both intervals, and the paper's.

    found : by trait; an interval that does not know its number of edges stands without it
    """
    fig, ax = figure(height=3.4)
    paper = style("paper")
    for i, (name, one) in enumerate(found.items()):
        for interval, shift, color, label in (
            (one.naive, -0.13, ORANGE, "edges independent"),
            (one.clustered, 0.13, BLUE, "families resampled"),
        ):
            ax.plot(
                [interval.low, interval.high],
                [i + shift] * 2,
                color=color,
                linewidth=2.4,
                label=label if i == 0 else None,
            )
            ax.plot(interval.estimate, i + shift, "o", color=color)
        if name in PRINTED_RATES:
            ax.plot(
                PRINTED_RATES[name],
                i,
                paper["marker"],
                color=paper["color"],
                markersize=8,
                label="paper, whole Hub" if i == 0 else None,
            )
    counted = all(one.clustered.n for one in found.values())
    ax.set_yticks(
        range(len(found)), [f"{n} ({r.clustered.n:,})" if counted else n for n, r in found.items()]
    )
    ax.set_ylim(len(found) - 0.5, -0.6)
    edges = "; edges in parentheses" if counted else ""
    ax.set(xlabel=f"mutation rate (Jaccard distance{edges})", xlim=(0, 1))
    ax.legend(loc="center right")
    wider = min(
        (r.clustered.high - r.clustered.low) / (r.naive.high - r.naive.low) for r in found.values()
    )
    finding_title(
        ax,
        f"Families make every interval at least {wider:.1f} times wider",
        holds=wider > 1.5,
        otherwise="Mutation rates with naive and with family intervals",
    )
    return fig


def license_order(drift: Drift) -> Figure:
    """The best order from top to bottom; arrows are the net traffic of pairs of licenses."""
    net = drift.counts - drift.counts.T
    places = [i for i in drift.order.places if np.abs(net[i]).sum() > 0]
    fig, ax = figure(height=5.2)
    row = {value: i for i, value in enumerate(places)}
    most = max(net.max(), 1)
    for i in places:
        for j in places:
            if net[i, j] <= 0:
                continue
            down = row[j] > row[i]
            ax.add_patch(
                FancyArrowPatch(
                    (0, row[i]),
                    (0, row[j]),
                    arrowstyle="-|>",
                    mutation_scale=9,
                    connectionstyle=f"arc3,rad={0.75 if down else 0.5}",
                    color=GREEN if down else VERMILION,
                    alpha=0.75,
                    shrinkA=4,
                    shrinkB=4,
                    linewidth=0.8 + 5 * net[i, j] / most,
                    linestyle="-" if down else "--",
                )
            )
    for value, i in row.items():
        kind = license_class(drift.names[value])
        color = CLASSES[kind][0] if kind in CLASSES else GREY
        ax.text(0.05, i, drift.names[value], color=color, va="center", fontsize=10)
        ax.plot(0, i, "o", color=color, markersize=6)
    for kind, (color, _) in CLASSES.items():
        ax.plot([], [], "o", color=color, label=kind)
    ax.legend(loc="lower right")
    ax.set(xlim=(-1.1, 1), ylim=(len(places) - 0.5, -0.7))
    ax.axis("off")
    finding_title(
        ax,
        f"{drift.order.agree} of {drift.order.pairs} directions fit one order",
        holds=drift.order.pairs > 0,
        otherwise="No license gives way to another one here",
    )
    return fig


def orders(worlds: pl.DataFrame, drift: Drift | None = None) -> Figure:
    """Share of pairs in the best order, in simulated worlds and here, and what chance gives."""
    fig, ax = figure(height=3.6)
    names = worlds["world"].unique(maintain_order=True).to_list()
    rng = np.random.default_rng(0)
    for i, name in enumerate(names):
        rows = worlds.filter(world=name)
        jitter = rng.uniform(-0.15, 0.15, rows.height)
        ax.plot(
            rows["share"],
            i + jitter,
            "o",
            color=BLUE,
            alpha=0.5,
            label="best order" if i == 0 else None,
        )
        ax.plot(
            rows["null"],
            i + jitter,
            "x",
            color=GREY,
            alpha=0.7,
            label="97.5 % of random orientations" if i == 0 else None,
        )
    if drift is not None:
        ax.plot(drift.order.share, len(names), "o", color=BLUE, markersize=9)
        ax.plot(np.quantile(drift.null, 0.975), len(names), "x", color=GREY, markersize=8)
        names = [*names, "real sample"]
    ax.axvline(113 / 121, **{k: v for k, v in style("paper").items() if k != "marker"})
    ax.text(113 / 121, -0.5, " paper, finetunes", fontsize=9, color=GREY, va="bottom")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.75)
    ax.set(xlabel="share of pairs in order")
    ax.legend(loc="lower left")
    none = worlds.filter(world="no direction")
    finding_title(
        ax,
        "A world without any direction fits one order as well",
        holds=float((none["share"] > none["null"]).mean()) > 0.9,
        otherwise="Share of pairs in order, by world",
    )
    return fig


def pair_frame(row: Mapping[str, object], heights: Mapping[str, tuple[int, int]]) -> Figure:
    """One pair of licenses: mutations each way, in all, by account and by family.

    heights : words to (there, back)
    """
    fig, ax = figure(height=3.4)
    for i, (there, back) in enumerate(heights.values()):
        ax.barh(i - 0.18, there, height=0.33, color=BLUE)
        ax.barh(i + 0.18, back, height=0.33, color=ORANGE)
        for shift, count in ((-0.18, there), (0.18, back)):
            ax.text(count + 1, i + shift, str(count), va="center", fontsize=9.5)
    ax.set_yticks(range(len(heights)), list(heights))
    ax.set_ylim(len(heights) - 0.5, -0.5)
    ax.set(xlim=(0, 165), xlabel="number")
    ax.bar(0, 0, color=BLUE, label=f"{row['source']} → {row['target']}")
    ax.bar(0, 0, color=ORANGE, label=f"{row['target']} → {row['source']}")
    ax.legend(loc="lower right")
    ax.set_title(f"p = {row['p_uploaders']:.2g} by accounts, {row['p_families']:.2g} by families")
    return fig
