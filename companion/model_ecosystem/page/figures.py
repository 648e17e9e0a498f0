"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from companion.data import Missing
from companion.model_ecosystem.lab.intervals import TAILS, Directions, Moves, Rate
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.published import fields_table
from companion.model_ecosystem.lab.worlds import REGIMES, WORLDS, Grid
from companion.model_ecosystem.method.theory import critical_mutation, parent_child, sibling
from companion.model_ecosystem.sources import (
    OPEN,
    PRINTED_ORDER,
    PRINTED_RATES,
    RESTRICTIVE,
    TRAITS,
    license_class,
)
from companion.model_ecosystem.verdict import half
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


STEPS = (
    ("all fields", "any", "all fields, all accounts"),
    ("without base_model", "any", "without the parent's name"),
    ("without base_model", "different", "of these, two accounts only"),
)
"""String, accounts, and words of what is taken away one after the other."""

ARMS = (
    ("TF-IDF", "families", "TF-IDF, families equal", "o", BLUE),
    ("TF-IDF", "pairs", "TF-IDF, the paper's weights", "D", GREEN),
    ("Levenshtein", "pairs", "Levenshtein, the paper's weights", "^", GREY),
)


def answer(published: Mapping[str, object] | None) -> Figure:
    """What is left of the siblings' advantage step by step, from the published record."""
    found = (published or {}).get("series", {})
    if "measure" not in found.get("asking", {}):
        return no_record("the ways of asking")
    return steps(pl.DataFrame(found["asking"]))


def steps(table: pl.DataFrame) -> Figure:
    """Siblings minus parent and child, with less and less of what only records make alike."""
    fig, ax = figure(height=3.6)
    main = []
    for k, (measure, weights, words, marker, color) in enumerate(ARMS):
        for y, (string, accounts, _) in enumerate(STEPS):
            row = table.filter(
                measure=measure, weights=weights, string=string, accounts=accounts
            ).row(0, named=True)
            one = Interval(row["gap"], row["gap_low"], row["gap_high"])
            main += [one] if k == 0 else []
            label = None if y else words
            _bar(ax, one, y + 0.22 * (k - 1), marker=marker, color=color, label=label)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(STEPS)), [words for *_, words in STEPS])
    ax.set_ylim(len(STEPS) - 0.5, -0.5)
    ax.set(xlabel="similarity (0 to 1), siblings minus parent and child")
    fig.legend(loc="outside lower center", ncols=2, fontsize=9.5)
    finding_title(
        fig,
        "Siblings are closer, until names and shared accounts are set aside",
        holds=main[0].low > 0 and main[-1].low <= 0 <= main[-1].high,
        otherwise="Siblings minus parent and child, with less and less of the records",
    )
    return fig


def left(named: Mapping[str, LeftOut | Missing]) -> Figure:
    """What is left of the gap without a field, table by table; named : as in TABLES."""
    sample = named["sample"]
    low = None if isinstance(sample, Missing) else half(sample).low
    return fields(fields_table(**named), low)


def fields(table: pl.DataFrame, half_low: float | None = None) -> Figure:
    """Siblings minus parent and child in each table, with all fields and without each one.

    half_low : lower end of the interval of half of the sample's gap minus the rest; None: not known
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
        _name(ax, row["field"], (row["gap_high"], y + 0.24), (6, 0), VERMILION, va="center")
        far = (others["gap"] - whole["gap"][0]).abs().arg_max()
        at = (others["gap"][far], y)
        _name(ax, others["field"][far], at, (0, 6), BLACK, ha="center")
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
        holds=half_low is not None and half_low > 0,
        otherwise="Siblings minus parent and child, without one field after the other",
    )
    return fig


def _name(
    ax: Axes, words: str, at: tuple[float, float], shift: tuple[int, int], color: str, **look: str
) -> None:
    """Words beside a mark, so many points away."""
    ax.annotate(words, at, xytext=shift, textcoords="offset points", color=color, **look)


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
        title = words
        if ax is axes[0]:  # the paper's strings have all fields
            look = style("paper") | {"linestyle": ""}
            at = [theirs.get(key, np.nan) for key in names]
            rank = spearmanr(table["mean"], at, nan_policy="omit").statistic
            title = f"{words}: rank correlation {rank:.2f} with the paper"
            look |= {"markersize": 5, "markerfacecolor": "none", "label": "paper, whole Hub"}
            ax.plot(at, range(len(names)), **look)
        star = [i for i, (pattern, _) in enumerate(names) if pattern == "trio_star"]
        ax.axhspan(star[0] - 0.5, star[-1] + 0.5, color=GREY, alpha=0.18, zorder=0)
        for edge in [i for i in range(1, len(names)) if names[i][0] != names[i - 1][0]]:
            ax.axhline(edge - 0.5, color=GREY, linewidth=0.6)
        ax.set(xlim=(0, 1), xlabel="mean similarity")
        ax.set_title(title, fontsize=10)
    axes[0].set_yticks(
        range(len(names)), [f"{a.replace('_', ' ')}: {b}" for a, b in names], size=8.5
    )
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    for kin, look in KIN.items():
        axes[1].plot([], [], look.marker, color=look.color, label=kin)
    axes[1].plot([], [], "D", color=BLACK, label="other kin")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def asking(table: pl.DataFrame) -> Figure:
    """Siblings minus parent and child, for each measure, string, weight, and rule on accounts."""
    strings = table.select("measure", "string").unique(maintain_order=True).sort("measure").rows()
    strings.sort(key=lambda one: (one[0] != "TF-IDF", one[1] == "card"))
    fig, ax = figure(height=1.6 + 0.62 * len(strings))
    ways = [(w, a) for w in ("pairs", "families") for a in ("any", "different")]
    looks = dict(zip(ways, (("o", BLUE), ("X", BLUE), ("o", GREEN), ("X", GREEN)), strict=True))
    named = {"pairs": "the paper's weights", "families": "families equal"}
    for y, (measure, string) in enumerate(strings):
        for k, (weights, accounts) in enumerate(ways):
            row = table.filter(
                measure=measure, string=string, weights=weights, accounts=accounts
            ).row(0, named=True)
            one = Interval(row["gap"], row["gap_low"], row["gap_high"])
            marker, color = looks[weights, accounts]
            words = f"{named[weights]}, {accounts} accounts" if y == 0 else None
            _bar(ax, one, y + 0.2 * (k - 1.5), marker=marker, color=color, label=words)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    words = [string if m == "TF-IDF" else f"{m}:\n{string}" for m, string in strings]
    ax.set_yticks(range(len(strings)), words)
    ax.set_ylim(len(strings) - 0.5, -0.5)
    ax.set(xlabel="similarity, siblings minus parent and child")
    fig.legend(loc="outside lower center", ncols=2)
    plain = table.filter(
        measure="TF-IDF", string="all fields", weights="families", accounts="any"
    ).row(0, named=True)
    finding_title(
        fig,
        "Siblings are closer in what the Hub records; how much depends on how one asks",
        holds=plain["gap_low"] > 0,
        otherwise="Siblings minus parent and child, asked in many ways",
    )
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


def rates(found: Mapping[str, Rate], inside: Mapping[str, float]) -> Figure:
    """Mutation rates of the real sample with both intervals, and the paper's.

    inside : share of simulated intervals that contain the truth, "naive" and "families"
    """
    fig, ax = figure(height=3.0)
    paper = style("paper") | {"linestyle": "", "markersize": 8}
    for i, (name, one) in enumerate(found.items()):
        first = i == 0
        for interval, shift, look, label in (
            (one.naive, -0.15, style("baseline"), f"edges: {inside['naive']:.0%} right"),
            (one.clustered, 0.15, style("ours"), f"families: {inside['families']:.0%} right"),
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
    """Share of pairs in the best order beside random orientations: means with the middle 95 %."""
    rows = []
    for world in WORLDS:
        part = worlds.filter(world=world)
        rows.append((f"world: {world}", _middle(part["share"]), _middle(part["null"]), None))
    if not isinstance(found, Missing):
        for trait, one in found.items():
            words = f"sample: {trait} ({one.order.pairs})"
            rows.append((words, one.share, _middle(one.null), PRINTED_ORDER[trait]))
    fig, ax = figure(height=1.4 + 0.42 * len(rows))
    for y, (_, share, null, printed) in enumerate(rows):
        for one, shift, marker, color, label in (
            (share, -0.15, "o", BLUE, "best order"),
            (null, 0.15, "X", BLACK, "random orientations (worlds: best of all drawn)"),
        ):
            label = None if y else label
            _bar(ax, one, y + shift, marker=marker, color=color, label=label)
        if printed:
            agree, pairs = printed
            label = "paper, whole Hub" if y == len(WORLDS) else None
            look = style("paper") | {"linestyle": "", "markersize": 8}
            ax.plot(agree / pairs, y, label=label, markerfacecolor="none", **look)
    ax.set_yticks(range(len(rows)), [words for words, *_ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel="share of the directed pairs in the best order")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def _middle(values: np.ndarray) -> Interval:
    """The mean of some draws, and their middle 95 %."""
    values = np.asarray(values, float)
    low, high = np.quantile(values, TAILS)
    return Interval(float(values.mean()), float(low), float(high))


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
