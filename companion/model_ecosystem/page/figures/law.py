"""The law of the threshold, its families and its worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from companion.model_ecosystem.lab.regimes import REGIMES
from companion.model_ecosystem.method.threshold import (
    Grid,
    critical_mutation,
    parent_child,
    sibling,
)
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    finding_title,
    headline,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIN = {"random": (GREY, "s"), "parent-child": (ORANGE, "^"), "sibling": (BLUE, "o")}
"""Color and marker of each pair in the chapter."""

TRAITS = {
    "license": (BLUE, "o"),
    "language": (ORANGE, "^"),
    "task": (GREEN, "s"),
    "library": (PURPLE, "D"),
    "template": (VERMILION, "X"),
}


def threshold(grid: Grid) -> Figure:
    """Sibling minus parent-child over the mutation probability, simulated and predicted."""
    fig, ax = figure(height=4.0)
    fine = np.linspace(0, 1, 200)
    looks = ((BLUE, "o"), (GREEN, "D"), (VERMILION, "X"))
    for i, s in enumerate(grid.s):
        color, marker = looks[i % len(looks)]
        ax.plot(fine, sibling(fine, s) - parent_child(fine), color=color, linewidth=1.4)
        ax.plot(grid.mu, grid.gap[i], marker, color=color, label=f"s = {s:g}", markersize=6)
        ax.plot(critical_mutation(s), 0, "|", color=color, markersize=22, markeredgewidth=2.5)
    ax.axhline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set(
        xlabel="mutation probability μ",
        ylabel="agreement, siblings minus parent-child",
        xlim=(0, 1),
    )
    ax.legend(loc="upper left", title="points: simulated\nlines: predicted", title_fontsize=9.5)
    agree, points = grid.agreement()
    finding_title(
        ax,
        "Siblings are the closer pair only to the right of 1/(1+s)",
        holds=agree == points and points > 0,
        otherwise=f"The simulation disagrees with the law at {points - agree} of {points} points",
    )
    return fig


def families(table: pl.DataFrame) -> Figure:
    """Real families: sibling minus parent-child over the share of children that kept the value."""
    fig, ax = figure(height=4.1)
    m = np.linspace(0, 1, 200)
    ax.plot(m, m**2 + (1 - m) ** 2 - m, color=BLACK, linewidth=1.4)
    ax.text(0.29, 0.36, "no family can lie\nabove this line", fontsize=9.5, color=BLACK)
    ax.axhline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.axvline(0.5, color=GREY, linestyle="--", linewidth=1.2)
    for name, (color, marker) in TRAITS.items():
        rows = table.filter(trait=name)
        gap = rows["sibling"] - rows["parent_child"]
        size = 12 + 10 * np.log2(rows["d"].to_numpy())
        ax.scatter(
            rows["parent_child"],
            gap,
            s=size,
            color=color,
            marker=marker,
            alpha=0.6,
            edgecolors="white",
            linewidths=0.5,
            label=name,
        )
    ax.set(
        xlabel="share of children that keep the parent's value",
        ylabel="agreement, siblings minus parent-child",
        ylim=(-1.06, 1.06),
    )
    ax.legend(loc="upper right")
    broken = int(table["violates"].sum())
    finding_title(
        ax,
        f"Not one of {table.height} families breaks the law",
        holds=broken == 0,
        otherwise=f"{broken} of {table.height} families break the law: the code is wrong",
    )
    return fig


def regimes(table: pl.DataFrame) -> Figure:
    """Random, parent-child and sibling similarity in the simulated worlds, mean over forests."""
    fig, ax = figure(height=3.9)
    names = [*REGIMES, "D, masked"]
    words = [f"{name}: {REGIMES[name][0]}" for name in REGIMES] + ["D, tag masked"]
    for i, name in enumerate(names):
        rows = table.filter(regime=name)
        for kin, shift in (("random", -0.16), ("parent-child", 0), ("sibling", 0.16)):
            color, marker = KIN[kin]
            values = rows[kin.replace("-", "_")].to_numpy()
            ax.plot(
                values,
                np.full(values.size, i + shift),
                marker,
                color=color,
                alpha=0.45,
                markersize=4,
            )
            ax.plot(
                values.mean(),
                i + shift,
                marker,
                color=color,
                markersize=9,
                label=kin if i == 0 else None,
            )
    ax.set_yticks(range(len(names)), words)
    ax.invert_yaxis()
    ax.set(xlabel="mean similarity (cosine of token counts)", xlim=(0, 1))
    ax.legend(loc="center right")
    gap = {name: table.filter(regime=name)["gap_families"].to_numpy() for name in names}
    finding_title(
        fig,
        "Siblings win by fast, directed mutation, or by a tag that only children have",
        holds=all((gap[name] > 0).all() for name in "CD")
        and all((gap[name] < 0).all() for name in ("A", "B", "D, masked")),
        otherwise="The worlds do not separate as the law says",
    )
    return fig


def law_frame(mu: float, s: float, tagged: float) -> Figure:
    """Both agreements for one law, and the threshold for every mutation probability."""
    fig, (left, right) = figure(1, 2, height=3.7, gridspec_kw={"width_ratios": [1, 1.6]})
    pair = {"parent-child": parent_child(mu, tagged), "sibling": sibling(mu, s, tagged)}
    for i, (kin, value) in enumerate(pair.items()):
        left.bar(i, value, color=KIN[kin][0], width=0.65)
        left.text(i, value + 0.02, f"{value:.2f}", ha="center", fontsize=11)
    left.set_xticks([0, 1], ["parent-\nchild", "sibling"])
    left.set(ylim=(0, 1.1), ylabel="agreement")
    wins = pair["sibling"] > pair["parent-child"]
    headline(fig, "Siblings are closer" if wins else "Parent and child are closer")
    fine = np.linspace(0, 1, 200)
    gap = sibling(fine, s, tagged) - parent_child(fine, tagged)
    right.fill_between(fine, gap, 0, where=gap > 0, color=SKY, alpha=0.5, linewidth=0)
    right.plot(fine, gap, color=BLUE)
    right.plot(mu, pair["sibling"] - pair["parent-child"], "o", color=VERMILION, markersize=9)
    right.axhline(0, color=BLACK, linestyle=":", linewidth=1.2)
    right.axvline(critical_mutation(s), color=BLACK, linestyle="--", linewidth=1.2)
    right.text(
        critical_mutation(s), -0.3, f" 1/(1+s) = {critical_mutation(s):.2f}", fontsize=9, ha="right"
    )
    right.set(
        xlim=(0, 1),
        ylim=(-0.35, 1.05),
        xlabel="mutation probability μ",
        ylabel="siblings minus parent-child",
    )
    return fig
