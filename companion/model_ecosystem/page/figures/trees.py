"""Trees, growth, documentation, speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import polars as pl

from companion.model_ecosystem.lab.benchmark import STEPS
from companion.model_ecosystem.lab.cards import Thinning
from companion.model_ecosystem.lab.real import Growth, Tree
from companion.model_ecosystem.method.forest import depths
from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    VERMILION,
    figure,
    finding_title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


REACH = 0.6
"""A generation g is drawn at radius g ** REACH."""


def cards(lengths: Thinning, automatic: tuple[float, float], languages: Thinning | None) -> Figure:
    """From parents to children: card length, automatic cards, languages of embedding models."""
    fig, axes = figure(1, 3, height=3.5)
    tables = (
        ("mean card (characters)", lengths.parent.mean(), lengths.child.mean()),
        ("automatic cards (%)", *(100 * share for share in automatic)),
        (
            "languages, mteb (mean)",
            np.nan if languages is None else languages.parent.mean(),
            np.nan if languages is None else languages.child.mean(),
        ),
    )
    for ax, (words, parent, child) in zip(axes, tables, strict=True):
        ax.plot([0, 1], [parent, child], "o-", color=BLUE, markersize=9)
        for x, value in ((0, parent), (1, child)):
            ax.annotate(
                f"{value:,.0f}" if value >= 100 else f"{value:.1f}",
                (x, value),
                xytext=(18 * x - 9, 0),
                textcoords="offset points",
                va="center",
                ha="left" if x else "right",
            )
        ax.set_xticks([0, 1], ["parent", "child"])
        ax.set(xlim=(-0.9, 1.9), ylabel=words)
        if np.isfinite(parent + child):
            ax.set_ylim(0, 1.2 * max(parent, child))
    finding_title(
        fig,
        "Cards get shorter over edges; in half of the families they do not",
        holds=lengths.median.high < 0 and lengths.by_family.low < 0.5 < lengths.by_family.high,
        otherwise="Documentation of parents and children",
    )
    return fig


def growth(found: Growth) -> Figure:
    """Children of the largest families of the sample over time."""
    fig, ax = figure(height=3.8)
    largest = len(found.names)
    for i, (name, days, born) in enumerate(zip(*found[:3], strict=True)):
        each = np.repeat(days, born).astype("datetime64[D]")
        ax.step(
            each,
            np.arange(1, each.size + 1),
            where="post",
            color=PALETTE[i],
            linestyle=("-", "--", "-.")[i % 3],
            label=name.split("/")[-1],
        )
    ax.set(ylabel="children so far")
    ax.legend(loc="upper left")
    ax.tick_params(axis="x", labelrotation=30)
    finding_title(
        ax,
        f"The {largest} largest of {found.families} families have {100 * found.share:.0f} % of "
        "the children",
        holds=found.share > 0.5,
        otherwise=f"Children of the {largest} largest families over time",
    )
    return fig


def tree_frame(tree: Tree) -> Figure:
    """All descendants of one model, generations as rings."""
    fig, ax = figure(height=5.2)
    n = tree.parent.size
    edges = list(zip(tree.parent[1:].tolist(), range(1, n), strict=True))
    place = _radial(0, edges)
    drawn = nx.DiGraph(edges)
    drawn.add_node(0)
    nx.draw_networkx_edges(drawn, place, ax=ax, arrows=False, edge_color="#b0b0b0", width=0.6)
    looks = {
        1: (BLUE, "o", "same license"),
        0: (VERMILION, "X", "another license"),
        -1: (GREY, ".", "none declared"),
    }
    for code, (color, marker, words) in looks.items():
        chosen = [v for v in range(1, n) if tree.same_license[v] == code]
        xy = np.array([place[v] for v in chosen]).reshape(-1, 2)
        ax.scatter(
            xy[:, 0],
            xy[:, 1],
            color=color,
            marker=marker,
            s=22,
            linewidths=0,
            label=f"{words}: {len(chosen)}",
            zorder=3,
        )
    ax.scatter(*place[0], color=BLACK, s=80, zorder=4)
    rings = depths(np.where(tree.parent < 0, n, tree.parent))[0].max()
    reach = rings**REACH + 0.3
    ax.set(xlim=(-reach * 1.35, reach * 1.35), ylim=(-reach, reach))
    ax.set_aspect("equal")
    ax.axis("off")
    ax.legend(loc="lower left", fontsize=8.5)
    ax.set_title(f"{tree.name}: {n - 1} descendants")
    return fig


def _radial(head: int, edges: list[tuple[int, int]]) -> dict[int, tuple[float, float]]:
    """Each model in the middle of its leaves' angles, at the radius of its generation."""
    kids: dict[int, list[int]] = {}
    for parent, child in edges:
        kids.setdefault(parent, []).append(child)
    order, stack, ring = [], [head], {head: 0}
    while stack:
        node = stack.pop()
        order.append(node)
        for child in kids.get(node, ()):
            ring[child] = ring[node] + 1
            stack.append(child)
    leaves = [node for node in order if node not in kids]
    angle = {node: 2 * np.pi * i / max(len(leaves), 1) for i, node in enumerate(leaves)}
    for node in reversed(order):
        if node in kids:
            angle[node] = float(np.mean([angle[child] for child in kids[node]]))

    def radius(node: int) -> float:
        return ring[node] ** REACH  # later rings are closer, so that the first one is not a dot

    return {v: (radius(v) * np.cos(angle[v]), radius(v) * np.sin(angle[v])) for v in order}


def scaling(table: pl.DataFrame, against: Mapping[str, float]) -> Figure:
    """Microseconds per model over the size of the forest, by step."""
    fig, ax = figure(height=3.8)
    looks = zip(STEPS, PALETTE, "o^sDvX", strict=False)
    for name, color, marker in looks:
        ax.plot(
            table["n"],
            1e6 * table[name] / table["n"],
            marker=marker,
            color=color,
            linewidth=1.2,
            label=name,
        )
    ax.plot(table["n"], table["per_model"], color=BLACK, linewidth=2.4, marker="o", label="all")
    per = 1e6 * against["networkx"] / against["n"]
    ax.plot(against["n"], per, "*", color=ORANGE, markersize=13)
    ax.annotate(
        "networkx: components\nand depths",
        (against["n"], per),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
    ax.set(xscale="log", yscale="log", xlabel="models", ylabel="microseconds per model")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    cost = table["per_model"].to_numpy()
    last = table.row(-1, named=True)
    finding_title(
        ax,
        f"{last['n']:,} models in {last['total']:.1f} s; the cost per model hardly grows",
        holds=cost.max() < 4 * cost.min(),
        otherwise=f"The cost per model grows {cost.max() / cost.min():.0f} times",
    )
    return fig
