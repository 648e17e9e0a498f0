"""Real vectors: prompting, probes, and the module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.plotting import GREEN, VERMILION, figure, finding_title, no_record, reference_line
from companion.tart.page.figures.looks import LOOKS, line, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
