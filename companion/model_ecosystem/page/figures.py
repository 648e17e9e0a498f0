"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from companion.data import Missing
from companion.model_ecosystem.lab.directions import Directions
from companion.model_ecosystem.lab.intervals import Moves, Rate
from companion.model_ecosystem.lab.kin import TraitKin
from companion.model_ecosystem.lab.worlds import REGIMES, WORLDS, Grid
from companion.model_ecosystem.method.threshold import critical_mutation, parent_child, sibling
from companion.model_ecosystem.sources import (
    OPEN,
    PRINTED_ORDER,
    PRINTED_RATES,
    RESTRICTIVE,
    TRAITS,
    license_class,
)
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    figure,
    finding_title,
    methods,
    no_record,
    style,
)
from companion.stats import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIN = methods("random", "parent-child", "sibling")
TABLES = {"sample": "Hub sample", "leaderboard": "leaderboard", "epoch": "Epoch AI"}
"""Name of a table in the record, and in words."""


def _bar(ax: Axes, one: Interval, y: float, **look: object) -> None:
    """An estimate with its interval, lying."""
    ax.plot([one.low, one.high], [y, y], color=look.get("color"), linewidth=2.4)
    ax.plot(one.estimate, y, markersize=9, markeredgecolor="white", linestyle="", **look)


def answer(published: Mapping[str, object] | None) -> Figure:
    """What is left of the siblings' advantage without one field, from the published record."""
    found = (published or {}).get("series", {})
    if "fields" not in found:
        return no_record("the fields")
    (half,) = [row for row in published["findings"] if row["claim"] == "O1"]
    return fields(pl.DataFrame(found["fields"]), half["low"])


def fields(table: pl.DataFrame, half: float | None = None) -> Figure:
    """Siblings minus parent and child in each table, with all fields and without each one.

    half : lower end of O1's interval, half of the gap minus the rest; None where it is not known
    """
    names = table["table"].unique(maintain_order=True).to_list()
    fig, ax = figure(height=1.3 + 0.85 * len(names))
    for y, name in enumerate(names):
        rows = table.filter(table=name)
        whole, child = rows.filter(field="none"), rows.filter(pl.col("child"))
        others = rows.filter((pl.col("field") != "none") & ~pl.col("child"))
        ax.plot(
            others["gap"],
            np.full(others.height, y),
            "o",
            color=GREY,
            alpha=0.75,
            markersize=5,
            label=None if y else "without another field, each",
        )
        for one, shift, marker, color, words in (
            (whole, -0.24, "o", BLUE, "all fields"),
            (child, 0.24, "X", VERMILION, 'without the one that says "I am a child"'),
        ):
            row = one.row(0, named=True)
            interval = Interval(row["gap"], row["gap_low"], row["gap_high"])
            _bar(ax, interval, y + shift, marker=marker, color=color, label=None if y else words)
        row = child.row(0, named=True)
        ax.annotate(
            row["field"],
            (row["gap_high"], y + 0.24),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=VERMILION,
        )
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    sizes = {name: table.filter(table=name)["n"][0] for name in names}
    ax.set_yticks(
        range(len(names)), [f"{TABLES.get(name, name)}\n{sizes[name]} families" for name in names]
    )
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel="similarity, siblings minus parent and child")
    fig.legend(loc="outside lower center", ncols=2, fontsize=9.5)
    finding_title(
        fig,
        "One field carries more than half of what makes siblings closer in the Hub sample",
        holds=half is not None and half > 0,
        otherwise="Siblings minus parent and child, without one field after the other",
    )
    return fig


def law(grid: Grid, four: pl.DataFrame) -> Figure:
    """The law over the mutation probability, and four worlds on either side of it."""
    fig, (left, right) = figure(1, 2, height=4.0, gridspec_kw={"width_ratios": [1.15, 1]})
    fine = np.linspace(0, 1, 200)
    for i, (s, look) in enumerate(zip(grid.s, ("o", "D", "^"), strict=False)):
        color = (BLUE, GREEN, VERMILION)[i % 3]
        left.plot(fine, sibling(fine, s) - parent_child(fine), color=color, linewidth=1.4)
        left.plot(grid.mu, grid.gap[i], look, color=color, label=f"s = {s:g}", markersize=6)
        left.plot(critical_mutation(s), 0, "|", color=color, markersize=22, markeredgewidth=2.5)
    left.set(xlabel="mutation probability μ", ylabel="siblings minus parent and child", xlim=(0, 1))
    left.legend(loc="upper left")
    names = [*REGIMES, "D, masked"]
    words = [f"{name}: {REGIMES[name][0]}" for name in REGIMES] + ["D, tag masked"]
    for i, name in enumerate(names):
        gap = four.filter(regime=name)["gap"].to_numpy()
        right.plot(gap, np.full(gap.size, i), "o" if gap.mean() > 0 else "X", color=BLUE)
    right.set_yticks(range(len(names)), words)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set(xlabel="the same difference")
    for ax, line in ((left, left.axhline), (right, right.axvline)):
        line(0, color=BLACK, linestyle=":", linewidth=1.2)
        ax.set_axisbelow(True)
    agree, points = grid.agreement()
    finding_title(
        fig,
        "Siblings win by fast, directed mutation, or by a tag that only children have",
        holds=agree == points > 0 and _sides(four),
        otherwise="Siblings minus parent and child in simulated families",
    )
    return fig


def _sides(four: pl.DataFrame) -> bool:
    """Whether every world lies on its side of 0 with its whole interval."""
    gaps = {name: t_interval(four.filter(regime=name)["gap"]) for name in [*REGIMES, "D, masked"]}
    return all(gaps[name].low > 0 for name in "CD") and all(
        gaps[name].high < 0 for name in ("A", "B", "D, masked")
    )


def similarity(pairs: Mapping[str, pl.DataFrame], printed: pl.DataFrame) -> Figure:
    """All 24 pair types with all fields and without one, beside the paper's means."""
    fig, axes = figure(1, 2, height=6.8, sharey=True)
    first, *_ = pairs.values()
    names = first.select("subgraph", "relation").rows()
    theirs = {
        (a, b): v for a, b, v in printed.select("subgraph", "relation", "metadata_tfidf").rows()
    }
    for ax, (words, table) in zip(axes, pairs.items(), strict=True):
        for i, (mean, relation) in enumerate(table.select("mean", "relation").rows()):
            look = next((KIN[kin] for kin in KIN if relation.startswith(kin)), None)
            marker, color = (look.marker, look.color) if look else ("D", BLACK)
            ax.plot(mean, i, marker, color=color, markersize=7)
        look = style("paper") | {"linestyle": ""}
        label = "paper, whole Hub" if ax is axes[1] else None
        at = [theirs.get(key, np.nan) for key in names]
        ax.plot(at, range(len(names)), markersize=5, markerfacecolor="none", label=label, **look)
        for edge in [i for i in range(1, len(names)) if names[i][0] != names[i - 1][0]]:
            ax.axhline(edge - 0.5, color=GREY, linewidth=0.6)
        ax.set(xlim=(0, 1), xlabel="mean similarity")
        ax.set_title(words, fontsize=11)
    axes[0].set_yticks(
        range(len(names)), [f"{a.replace('_', ' ')}: {b}" for a, b in names], size=8.5
    )
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    for kin, look in KIN.items():
        axes[1].plot([], [], look.marker, color=look.color, label=kin)
    axes[1].plot([], [], "D", color=BLACK, label="other kin")
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def asking(table: pl.DataFrame) -> Figure:
    """Siblings minus parent and child, for each string, weight, and rule about accounts."""
    fig, ax = figure(height=4.6)
    strings = table["string"].unique(maintain_order=True).to_list()
    ways = [(w, a) for w in ("pairs", "families") for a in ("any", "different")]
    looks = dict(zip(ways, (("o", BLUE), ("X", BLUE), ("o", GREEN), ("X", GREEN)), strict=True))
    for y, string in enumerate(strings):
        for k, (weights, accounts) in enumerate(ways):
            row = table.filter(string=string, weights=weights, accounts=accounts).row(0, named=True)
            one = Interval(row["gap"], row["gap_low"], row["gap_high"])
            marker, color = looks[weights, accounts]
            words = f"{weights} weigh equally, {accounts} accounts" if y == 0 else None
            _bar(ax, one, y + 0.2 * (k - 1.5), marker=marker, color=color, label=words)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(strings)), strings)
    ax.set_ylim(len(strings) - 0.5, -0.5)
    ax.set(xlabel="similarity, siblings minus parent and child")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def traits(named: Mapping[str, TraitKin | Missing]) -> Figure:
    """Agreement of siblings minus that of parent and child, trait by trait."""
    fig, ax = figure(height=3.4)
    shown = {name: one for name, one in named.items() if not isinstance(one, Missing)}
    for k, (name, found) in enumerate(shown.items()):
        look = {k: v for k, v in style(name).items() if k != "linestyle"}
        label = name
        for i, trait in enumerate(TRAITS):
            gap = found.gap(trait)
            if gap.size > 1:
                y = i + 0.2 * (k - (len(shown) - 1) / 2)
                _bar(ax, t_interval(gap), y, label=label, **look)
                label = None
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(TRAITS)), TRAITS)
    ax.set_ylim(len(TRAITS) - 0.5, -0.5)
    ax.set(xlabel="agreement, siblings minus parent and child")
    fig.legend(loc="outside lower center", ncols=3)
    hub = shown.get("Hub sample")
    finding_title(
        ax,
        "On their traits siblings agree less than parent and child",
        holds=hub is not None and t_interval(hub.mean_gap()).high < 0,
        otherwise="Agreement on single traits",
    )
    return fig


def rates(found: Mapping[str, Rate]) -> Figure:
    """Mutation rates of the real sample with both intervals, and the paper's."""
    fig, ax = figure(height=3.0)
    paper = style("paper") | {"linestyle": "", "markersize": 8}
    for i, (name, one) in enumerate(found.items()):
        first = i == 0
        for interval, shift, look, label in (
            (one.naive, -0.15, style("baseline"), "edges independent"),
            (one.clustered, 0.15, style("ours"), "families resampled"),
        ):
            look = {"marker": look["marker"], "color": look["color"]}
            _bar(ax, interval, i + shift, label=label if first else None, **look)
        if name in PRINTED_RATES:
            ax.plot(PRINTED_RATES[name], i, label="paper, whole Hub" if first else None, **paper)
    names = [f"{name} ({one.clustered.n:,} edges)" for name, one in found.items()]
    ax.set_yticks(range(len(found)), names)
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set(xlabel="mutation rate (mean Jaccard distance)", xlim=(0, 1))
    ax.legend(loc="center right")
    return fig


def moves(named: Mapping[str, Mapping[str, Moves | Missing]]) -> Figure:
    """Shares of children that moved, there and back, by votes of families.

    named : trait -> table -> moves
    """
    fig, axes = figure(1, len(named), height=3.2, sharex=True)
    for ax, (words, tables) in zip(np.atleast_1d(axes), named.items(), strict=True):
        shown = {name: one for name, one in tables.items() if not isinstance(one, Missing)}
        for y, one in enumerate(shown.values()):
            for votes, shift, look, label in (
                (one.there, -0.15, style("ours"), "there"),
                (one.back, 0.15, style("baseline"), "back"),
            ):
                at = {"marker": look["marker"], "color": look["color"]}
                label = label if y == 0 else None
                if votes.size > 1 and np.ptp(votes) > 0:
                    _bar(ax, t_interval(votes), y + shift, label=label, **at)
                elif votes.size:
                    ax.plot(votes[0], y + shift, linestyle="", markersize=9, label=label, **at)
        sizes = [f"{name}\n{one.there.size} and {one.back.size}" for name, one in shown.items()]
        ax.set_yticks(range(len(shown)), sizes)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set(xlabel="share that moved", xlim=(-0.25, 1.05))
        ax.set_title(words, fontsize=10, loc="right")
        if ax is np.atleast_1d(axes)[0]:
            fig.legend(loc="outside lower center", ncols=2)
    return fig


def places(one: Directions) -> Figure:
    """Where each value may stand in an order with as many pairs, by the class of its license."""
    k = len(one.names)
    fig, ax = figure(height=1.4 + 0.24 * k)
    looks = {
        RESTRICTIVE: (VERMILION, "s", "commercial, use-restricted"),
        OPEN: (BLUE, "o", "permissive, copyleft"),
        -1: (GREY, "D", "neither"),
    }
    middle = one.ranges.sum(axis=1)
    order = np.lexsort((one.ranges[:, 0], middle))
    drawn = set()
    for y, i in enumerate(order):
        color, marker, label = looks[license_class(one.names[i])]
        ax.plot(
            one.ranges[i] + 1, [y, y], color=color, linewidth=5, alpha=0.45, solid_capstyle="butt"
        )
        ax.plot(
            np.flatnonzero(one.order.places == i) + 1,
            [y],
            marker,
            color=color,
            label=None if label in drawn else label,
        )
        drawn.add(label)
    ax.set_yticks(range(k), [one.names[i] for i in order], fontsize=9)
    ax.set_ylim(k - 0.4, -0.6)
    ax.set(xlabel="place in the order, 1 is the source", xticks=range(1, k + 1, max(1, k // 10)))
    fig.legend(loc="outside lower center", ncols=3)
    wide = int((one.ranges[:, 1] - one.ranges[:, 0] >= (k - 1) / 2).sum())
    # the ranges are exact: integer programs, not a sample
    finding_title(
        ax,
        f"{wide} of {k} licenses may stand anywhere in half of the order",
        holds=wide > k / 2,
        otherwise="Where each license may stand",
    )
    return fig


def orders(worlds: pl.DataFrame, found: Mapping[str, Directions] | Missing) -> Figure:
    """Share of pairs in the best order, in worlds and in the sample, beside random orientations."""
    fig, ax = figure(height=4.2)
    for i, world in enumerate(WORLDS):
        rows = worlds.filter(world=world)
        for column, shift, marker, color, label in (
            ("share", -0.12, "o", BLUE, "best order"),
            ("null", 0.12, "x", BLACK, "97.5 % of random orientations lie below"),
        ):
            at = rows[column].to_numpy()
            ax.plot(
                at,
                np.full(at.size, i + shift),
                marker,
                color=color,
                alpha=0.4,
                markersize=5,
                label=label if i == 0 else None,
            )
    names = [f"world: {world}" for world in WORLDS]
    if not isinstance(found, Missing):
        for trait, one in found.items():
            y = len(names)
            ax.plot(one.order.share, y - 0.12, "o", color=BLUE)
            ax.plot(np.quantile(one.null, 0.975), y + 0.12, "x", color=BLACK)
            agree, pairs = PRINTED_ORDER[trait]
            label = "paper, whole Hub" if y == len(WORLDS) else None
            look = style("paper") | {"linestyle": "", "markersize": 8}
            ax.plot(agree / pairs, y, label=label, markerfacecolor="none", **look)
            names.append(f"Hub sample: {trait} ({one.order.pairs})")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel="share of the directed pairs in the best order")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def cards(votes: Mapping[str, np.ndarray]) -> Figure:
    """What each family says about cards: length, and automatic text."""
    fig, axes = figure(1, 2, height=2.8)
    looks = {
        "length": ("log of the child's length over the parent's", "Cards get shorter", -1),
        "template": ("rise in the share of automatic cards", "More cards are automatic", 1),
    }
    for ax, (name, (words, title, sign)) in zip(axes, looks.items(), strict=True):
        values = np.sort(votes[name])
        ax.plot(values, np.linspace(0.15, 0.85, values.size), "o", color=GREY, alpha=0.6)
        mean = t_interval(values)
        _bar(ax, mean, 0.5, color=BLUE, marker="D")
        ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
        ax.set(xlabel=words, ylim=(0, 1))
        ax.set_yticks([])
        holds = (mean.low if sign > 0 else -mean.high) > 0
        finding_title(ax, title, holds=holds, otherwise="Cards" if sign < 0 else "Automatic cards")
    return fig


def sizes(named: Mapping[str, np.ndarray | Missing], printed: np.ndarray) -> Figure:
    """How many families have at least so many children, on log axes."""
    fig, ax = figure(height=3.6)
    for name, one in named.items():
        if isinstance(one, Missing):
            continue
        look = style(name) | {"markersize": 4}
        ax.plot(one, np.arange(1, one.size + 1), label=name, **look)
    look = style("paper") | {"linestyle": "", "markersize": 5}
    rank = np.arange(1, printed.size + 1)
    ax.plot(np.sort(printed)[::-1], rank, label="paper, ten largest families of the Hub", **look)
    ax.set(xscale="log", yscale="log", xlabel="children (paper: models in the family)")
    ax.set_ylabel("families with at least as many")
    ax.legend(loc="upper right")
    return fig
