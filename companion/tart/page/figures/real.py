"""Real vectors: prompting, probes, the module, and what breaks it; frames of the explorers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn

from companion.plotting import (
    BLUE,
    DIVERGING,
    GREEN,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    no_record,
    reference_line,
    style,
)
from companion.scale import one_thread
from companion.tart.lab.nulls import accuracy, null_scores
from companion.tart.lab.real import MODULE, Vectors
from companion.tart.method.whitening import Whitening
from companion.tart.page.figures.learn import LOOKS, line, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# --------------------------------------------------------------------------------------------- gaps
BARS = (
    "ICL",
    "ICL, contextual",
    "ICL, median",
    "mean difference",
    "logistic",
    "module",
    "fine-tuned",
)


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    """Prompting and LOO vectors only."""
    return table[table["vectors"].isin(["prompt", "LOO"])]


def answer(published: Mapping[str, object] | None) -> Figure:
    """Prompting, probe and module on the same examples, from the published record."""
    found = (published or {}).get("series", {})
    if "cells" not in found:
        return no_record()
    means = pd.DataFrame(found["cells"])
    each = means.loc[means.index.repeat(means["n"])]  # a mean counts as often as it has contexts
    return methods(each, found.get("tuned", ()))


def methods(
    table: pd.DataFrame, tuned: Sequence[Mapping[str, object]] | pd.DataFrame = ()
) -> Figure:
    """Mean accuracy by method, one panel per task; points: numbers of examples.

    table : of cells, or the record's means
    """
    table = _rows(table)
    tuned = pd.DataFrame(tuned)
    if len(tuned):
        table = pd.concat([table, tuned.assign(method="fine-tuned")], ignore_index=True)
    tasks = list(dict.fromkeys(table["data"]))
    shown = [m for m in BARS if (table["method"] == m).any()]
    fig, axes = figure(1, len(tasks), height=3.9, sharey=True, squeeze=False)
    sizes = sorted(table["k"].unique())
    for ax, task in zip(axes[0], tasks, strict=True):
        for i, method in enumerate(shown):
            rows = table[(table["data"] == task) & (table["method"] == method)]
            means = rows.groupby("k")["accuracy"].mean()
            for k, value in means.items():
                shift = 0.16 * (sizes.index(k) - (len(sizes) - 1) / 2)
                look = LOOKS[method]
                ax.plot(
                    value,
                    i + shift,
                    look.marker,
                    color=look.color,
                    markersize=8,
                    markerfacecolor=look.color if k == sizes[0] else "white",
                )
        ax.axvline(0.5, color="#222222", linestyle=":", linewidth=1.2)
        ax.set(xlabel="accuracy", xlim=(0.4, 1.0))
        ax.set_title(task, fontsize=11)
    axes[0, 0].set_yticks(range(len(shown)), [words(m) for m in shown])
    axes[0, 0].set_ylim(len(shown) - 0.5, -0.5)
    mean = table.groupby(["method", "data"])["accuracy"].mean().groupby("method").mean()
    gain = mean["logistic"] - mean["ICL"]
    left = mean["logistic"] - mean["ICL, median"]
    finding_title(
        fig,
        f"A linear rule on the same examples gains {100 * gain:.0f} points over prompting, "
        + ("none" if left < 0.005 else f"{100 * left:.0f}")
        + " over prompting with the median threshold",
        holds=gain > 0 and left < gain,
        otherwise="Prompting and linear rules on the same examples",
    )
    return fig


def gaps(table: pd.DataFrame, tuned: pd.DataFrame) -> Figure:
    """The two gaps as stacked bars: prompting, + reasoning gap, + representation gap."""
    fig, ax = figure(height=3.0)
    table = _rows(table)
    best = tuned.set_index(["data", "k", "seed"])["accuracy"]
    parts = {}
    for method in ("ICL", "logistic"):
        rows = table[table["method"] == method].set_index(["data", "k", "seed"])["accuracy"]
        parts[method] = rows.reindex(best.index)
    frame = pd.DataFrame({**parts, "fine-tuned": best}).dropna().groupby(level="data").mean()
    for i, (_, row) in enumerate(frame.iterrows()):
        reasoning, rest = row["logistic"] - row["ICL"], row["fine-tuned"] - row["logistic"]
        ax.barh(i, row["ICL"], color="#dddddd", label="prompting" if i == 0 else None)
        ax.barh(
            i,
            reasoning,
            left=row["ICL"],
            color=VERMILION,
            hatch="//",
            edgecolor="white",
            label="reasoning gap" if i == 0 else None,
        )
        ax.barh(
            i,
            rest,
            left=row["logistic"],
            color=GREEN,
            alpha=0.8,
            label="representation gap" if i == 0 else None,
        )
        ax.text(1.0, i, f"{reasoning:+.2f}, {rest:+.2f}", ha="right", va="center", fontsize=9)
    ax.set_yticks(range(len(frame)), list(frame.index))
    ax.set(xlabel="accuracy", xlim=(0.4, 1.02), ylim=(len(frame) - 0.4, -0.6))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.75), ncols=3)
    reasoning = frame["logistic"] - frame["ICL"]
    rest = frame["fine-tuned"] - frame["logistic"]
    finding_title(
        ax,
        "The reasoning gap is larger than the representation gap on every task",
        holds=bool(len(frame)) and bool((reasoning > rest).all()),
        otherwise="Reasoning gap and representation gap by task",
    )
    return fig


def more_examples(
    tables: Sequence[pd.DataFrame], published: Mapping[str, object] | None = None
) -> Figure:
    """Accuracy against the number of examples on sentence vectors and pixels.

    tables : of this run
    published : a record whose sentence vectors are drawn as well, and called published
    """
    told = (published or {}).get("series", {}).get("stream")
    if told is not None:
        old = pd.DataFrame(told)
        tables = [*tables, old.assign(data="Published run: " + old["data"])]
    table = pd.concat(tables, ignore_index=True)
    names = list(dict.fromkeys(table["data"]))
    n_rows = -(-len(names) // 2)
    fig, axes = figure(n_rows, 2, height=0.7 + 2.4 * n_rows, squeeze=False, sharex=True)
    shown = [
        m
        for m in ("mean difference", "logistic", "5 neighbors", "module")
        if (table["method"] == m).any()
    ]
    for ax, name in zip(axes.flat, names, strict=False):
        rows = table[table["data"] == name]
        for method in shown:
            means = rows[rows["method"] == method].groupby("k")["accuracy"].mean()
            ax.plot(means.index, means.values, **line(method))
        ax.set_title(f"{name} ({rows['vectors'].iloc[0]})", fontsize=11)
        ax.set(ylabel="accuracy")
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    for ax in axes[-1]:
        ax.set(xlabel="labelled examples")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    spread = max(
        float(np.ptp([_mean(table, name, m) for m in shown if m != "5 neighbors"]))
        for name in names
    )
    finding_title(
        fig,
        f"Averaged over k, the linear rules and the module lie within {100 * spread:.1f} points",
        holds=spread < 0.04,
        otherwise="Accuracy by number of examples on real vectors",
    )
    return fig


def _mean(table: pd.DataFrame, name: str, method: str) -> float:
    return table[(table["data"] == name) & (table["method"] == method)]["accuracy"].mean()


def shrinkage(table: pd.DataFrame) -> Figure:
    """Mean squared white coordinate of the queries; the context's is about 1."""
    fig, ax = figure(height=3.3)
    markers = iter("osD^vP")
    for (name, vectors), rows in table.groupby(["data", "vectors"], sort=False):
        ax.plot(rows["k"], rows["shrinkage"], marker=next(markers), label=f"{name}, {vectors}")
    reference_line(ax, 1.0, "what the module saw in training")
    ax.set(xlabel="labelled examples", ylabel="mean squared coordinate", ylim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    low = table[table["k"] == table["k"].min()]["shrinkage"].min()
    finding_title(
        ax,
        f"Queries shrink: down to {low:.2f} of the context's square",
        holds=bool((table["shrinkage"] < 1).mean() > 0.5 and low < 0.9),
        otherwise="Size of whitened queries against the context's",
    )
    return fig


# ------------------------------------------------------------------------------------------- ablate
def _by_share(table: pd.DataFrame, column: str, label: str) -> tuple[Figure, pd.DataFrame]:
    names = list(dict.fromkeys(table["data"]))
    fig, axes = figure(1, len(names), height=3.3, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        rows = table[table["data"] == name]
        for method in dict.fromkeys(rows["method"]):
            means = rows[rows["method"] == method].groupby(column)["accuracy"].mean()
            ax.plot(100 * means.index, means.values, **line(method))
        ax.set_title(name, fontsize=11)
        ax.set(xlabel=label)
    axes[0, 0].set_ylabel("accuracy")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig, table.groupby(["method", column])["accuracy"].mean().unstack()


def imbalance(table: pd.DataFrame) -> Figure:
    """Accuracy by share of label 1 in the context."""
    fig, means = _by_share(table, "share", "label 1 in the context (%)")
    lost = means.iloc[:, -1] - means.iloc[:, 0]
    finding_title(
        fig,
        f"A lopsided context costs the module {100 * lost[MODULE]:.0f} points, logistic regression "
        f"with an intercept {100 * lost['logistic, intercept']:.0f}",
        holds=lost[MODULE] > 0,
        otherwise="Accuracy when one label is rare in the context",
    )
    return fig


def flips(table: pd.DataFrame) -> Figure:
    """Accuracy by share of turned labels."""
    fig, means = _by_share(table, "flips", "labels turned around (%)")
    lost = means.iloc[:, 0] - means.iloc[:, -1]
    finding_title(
        fig,
        f"Turned labels cost the module {100 * lost[MODULE]:.0f} points, the mean difference "
        f"{100 * lost['mean difference']:.0f}",
        holds=lost[MODULE] > 0,
        otherwise="Accuracy with turned labels",
    )
    return fig


def reliability(table: pd.DataFrame) -> Figure:
    """Said probability against frequency."""
    fig, ax = figure(height=3.6)
    ax.plot(
        [0, 1],
        [0, 1],
        **{k: v for k, v in style("null").items() if k != "marker"},
        label="calibrated",
    )
    ax.plot(table["said"], table["happened"], "-o", color=BLUE, label="module")
    for _, row in table.iterrows():
        ax.annotate(
            f"{int(row['n'])}",
            (row["said"], row["happened"]),
            xytext=(5, -11),
            textcoords="offset points",
            fontsize=8,
            color="#555555",
        )
    ax.set(
        xlabel="probability that the module gives to label 1",
        ylabel="share with label 1",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    ax.legend(loc="upper left")
    sure = (2 * (table["said"] > 0.5) - 1) * (table["happened"] - table["said"])
    under = float((sure * table["n"]).sum() / table["n"].sum())
    finding_title(
        ax,
        f"The module is too modest by {100 * under:.0f} points on average",
        holds=under > 0.01,
        otherwise="What the module says and what happens",
    )
    return fig


# ------------------------------------------------------------------------------------------ explore
REACH, FINE = 3.0, 41


def surface(head: nn.Module, x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Probability of label 1 (n,) at points (n, 2), read by a module of any width."""
    wide = [np.pad(part, ((0, 0), (0, head.d - 2))) for part in (x, grid)]
    context, queries = (torch.from_numpy(part).float() for part in wide)
    return torch.sigmoid(head.scores(context, torch.from_numpy(y).float(), queries)).numpy()


@one_thread()
def plane_frame(head: nn.Module, x: np.ndarray, y: np.ndarray) -> Figure:
    """Probability surfaces of the module and of logistic regression over the plane."""
    side = np.linspace(-REACH, REACH, FINE)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    logits = null_scores("logistic, C = 1", x, y, grid)
    surfaces = {
        "module": surface(head, x, y, grid),
        "logistic regression": 1 / (1 + np.exp(-logits)),
    }
    fig, axes = figure(1, 2, height=3.8, sharey=True)
    for ax, (name, p) in zip(axes, surfaces.items(), strict=True):
        shown = p.reshape(FINE, FINE)
        image = ax.contourf(side, side, shown, np.linspace(0, 1, 11), cmap=DIVERGING)
        ax.contour(side, side, shown, [0.5], colors="#222222", linewidths=1.4)
        for label, marker in ((0, "o"), (1, "^")):
            ax.plot(
                *x[y == label].T,
                marker,
                color="#222222",
                markersize=6,
                markerfacecolor="white" if label == 0 else "#222222",
                label=f"label {label}",
            )
        ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="x₁", aspect="equal")
        ax.set_title(name, fontsize=11)
        ax.grid(False)
    axes[0].set_ylabel("x₂")
    fig.colorbar(image, ax=axes, label="probability of label 1", shrink=0.8)
    return fig


@one_thread()
def cloud_frame(v: Vectors, mode: str) -> Figure:
    """First two coordinates of a context; size grows with the place in the prompt."""
    fitted = Whitening.fit(v.context, v.p, mode)
    z, queries = fitted.transform(v.context), fitted.transform(v.query)
    right = accuracy(null_scores("mean difference", z, v.labels, queries), v.query_labels)
    fig, ax = figure(height=3.8)
    size = 30 + 170 * np.arange(v.k) / max(1, v.k - 1)
    for label, color, marker in ((0, BLUE, "o"), (1, VERMILION, "^")):
        mine = v.labels == label
        ax.scatter(
            *z[mine, :2].T,
            s=size[mine],
            c=color,
            marker=marker,
            edgecolors="white",
            label=f"label {label}, example",
        )
        asked = v.query_labels == label
        ax.scatter(*queries[asked, :2].T, s=14, c=color, marker=marker, alpha=0.35)
    ax.set(xlabel="first coordinate", ylabel="second coordinate")
    ax.legend(loc="upper right")
    ax.set_title(f"{v.data}, {v.name}: mean difference right in {right:.0%} of the queries")
    return fig


def sentence_frame(
    examples: Sequence[tuple[str, int]], query: str, module: float, logistic: float
) -> Figure:
    """Labelled sentences, the query, and two probabilities."""
    fig, (left, right) = figure(1, 2, height=3.9, width_ratios=(2.6, 1))
    left.axis("off")
    for i, (text, label) in enumerate(examples):
        color, sign = (VERMILION, "▲") if label else (BLUE, "●")
        left.text(0.0, 0.97 - 0.095 * i, f"{sign} {text}", fontsize=9, color=color, va="top")
    asked = textwrap.fill(f"? {query}", 48)
    left.text(0.0, 0.14, asked, fontsize=10, fontweight="bold", va="top")
    left.set(xlim=(0, 1), ylim=(0, 1))
    for i, (_, p, color) in enumerate(
        (("module", module, BLUE), ("logistic\nregression", logistic, ORANGE))
    ):
        right.barh(i, p, color=color, hatch="" if i == 0 else "//", edgecolor="white")
        inside = p > 0.7
        right.text(
            p - 0.03 if inside else p + 0.03,
            i,
            f"{p:.2f}",
            va="center",
            fontsize=10,
            ha="right" if inside else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    right.axvline(0.5, color="#222222", linestyle=":", linewidth=1.2)
    right.set_yticks([0, 1], ["module", "logistic\nregression"], fontsize=9)
    right.set(xlim=(0, 1), ylim=(1.6, -0.6), xlabel="spam (probability)")
    return fig
