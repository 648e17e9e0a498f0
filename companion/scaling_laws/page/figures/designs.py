"""Figures of the Monte Carlo over Gemstones: which runs to train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd

from companion.plotting import (
    BLUE,
    ORANGE,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    no_record,
    plain_ticks,
    reference_line,
)
from companion.scaling_laws.lab.designs import select
from companion.scaling_laws.lab.final_only import EquallyGood

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POOL_STYLE = {"120M": (VERMILION, "X"), "545M": (ORANGE, "^"), "1.05B": (BLUE, "o")}


def answer(published: Mapping[str, object] | None) -> Figure:
    """Error against number and size of training runs, from the published record."""
    series = (published or {}).get("series", {})
    if "error_by_k" not in series:
        return no_record()
    return error_curves(pd.DataFrame(series["error_by_k"]))


def error_curves(table: pd.DataFrame) -> Figure:
    """Mean error per pool of sizes over the number of runs; bars: 10th to 90th percentile."""
    fig, ax = figure(height=4.0)
    ends = {}
    for (pool, (color, marker)), shift in zip(POOL_STYLE.items(), (-0.1, 0, 0.1), strict=True):
        part = table[table["pool"] == pool].sort_values("k")
        x = part["k"] + shift
        ax.vlines(x, part["best_tenth"], part["worst_tenth"], color=color, alpha=0.35, linewidth=3)
        ax.plot(
            x,
            part["mean"],
            color=color,
            marker=marker,
            markersize=8,
            linewidth=2.2,
            label=f"largest {pool}",
        )
        ends[pool] = (part["mean"].iloc[0], part["mean"].iloc[-1])
    _percent_axis(ax)
    ax.set_xlabel("training runs, all checkpoints after 10B tokens")
    ax.set_xticks(sorted(table["k"].unique()))
    reference_line(ax, 4, "4 %, the paper's best to expect")
    ax.legend(title="sizes of the training runs", title_fontsize=9.5, loc="upper right")
    last = [ends[pool][1] for pool in POOL_STYLE]
    finding_title(
        ax,
        "More runs and larger runs predict the 2B models better",
        holds=last[0] > last[1] > last[2] and all(first > end for first, end in ends.values()),
        otherwise="Error by number and size of the training runs",
    )
    return fig


def _percent_axis(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.set_ylabel("error on 1.9B to 2.0B models (%)")
    plain_ticks(ax.yaxis, (0.5, 1, 2, 5, 10, 20, 40), small=True, widen=True)


def treatments(draws: pd.DataFrame, *, tokens: float, k: int = 8) -> Figure:
    """Which checkpoints to use: every treatment of the same subsets, one panel per pool."""
    rows = select(draws, tokens=tokens, k=k)
    names = [
        name
        for name in (
            "all",
            "cut 10B",
            "cut 35B",
            "last 30 %",
            "first 30 %",
            "final, 5 parameters",
            "final, 3 parameters",
            "best seen",
        )
        if name in set(rows["treatment"])
    ]
    fig, axes = figure(1, 3, height=1.6 + 0.36 * len(names), sharey=True)
    for ax, (pool, (color, marker)) in zip(axes, POOL_STYLE.items(), strict=True):
        part = rows[rows["pool"] == pool]
        for y, name in enumerate(reversed(names)):
            errors = part.loc[part["treatment"] == name, "are"].dropna()
            if errors.empty:
                continue
            low, high = errors.quantile([0.1, 0.9])
            ax.hlines(y, low, high, color=color, linewidth=5, alpha=0.25)
            ax.plot(errors.mean(), y, marker, color=color, markersize=7)
        ax.set_title(f"largest {pool}", fontsize=10.5)
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, (0.5, 1, 2, 5, 10, 20), small=True, widen=True)
        ax.tick_params(axis="x", labelsize=8.5)
        ax.set_yticks(range(len(names)), reversed(names))
    axes[1].set_xlabel("error on 1.9B to 2.0B models (%)")
    means = rows.groupby(["pool", "treatment"])["are"].mean()
    if "final, 3 parameters" in names:
        text = "Final losses do as well, given a law they can determine"
        ratios = [means[pool, names[-1]] / means[pool, "cut 10B"] for pool in POOL_STYLE]
        holds = all(0.5 < ratio < 2 for ratio in ratios)
    else:
        text = "Cutting the start helps where the training runs are large"
        gain = {pool: means[pool, "all"] / means[pool, "cut 10B"] for pool in POOL_STYLE}
        holds = gain["1.05B"] > 1.1 and gain["120M"] < gain["1.05B"]
    finding_title(fig, text, holds=holds, otherwise="Error by the checkpoints that are used")
    return fig


def final_losses(result: tuple[EquallyGood, float]) -> Figure:
    """Laws that fit the final losses equally well, and how wrong each is on the target."""
    laws, with_all = result
    fig, ax = figure(height=3.9)
    norm = mpl.colors.LogNorm(max(laws.are.min(), 0.3), laws.are.max())
    image = ax.pcolormesh(
        laws.betas,
        100 * laws.shares,
        laws.are,
        norm=norm,
        cmap=f"{SEQUENTIAL}_r",
        shading="nearest",
    )
    lines = ax.contour(
        laws.betas, 100 * laws.shares, laws.are, levels=[with_all], colors="white", linewidths=2
    )
    ax.clabel(lines, fmt=f"all checkpoints: {with_all:.1f} %%", fontsize=9)
    ax.set(xscale="log", xlabel="β", ylabel="part of the loss given\nto the data term (%)")
    plain_ticks(ax.xaxis, (0.05, 0.1, 0.2, 0.5, 1, 2), small=True, widen=True)
    ax.grid(visible=False)
    bar = fig.colorbar(image, ax=ax, label="error on the target (ARE, %)")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50) if norm.vmin <= tick <= norm.vmax]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.ax.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    finding_title(
        ax,
        f"All fit alike and err by {laws.are.min():.1f} to {laws.are.max():.0f} %",
        holds=laws.spread_sse < 1e-9,
        otherwise="Laws of final losses and their errors",
    )
    return fig
