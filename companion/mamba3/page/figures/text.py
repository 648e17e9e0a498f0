"""Figures of the small language models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from companion.mamba3.lab.text import PARTS, Read
from companion.mamba3.page.figures.styles import look
from companion.mamba3.sources import ABLATIONS
from companion.mamba3.verdict.evidence import paired_loss, state_table, train_length
from companion.plotting import (
    BLUE,
    figure,
    finding_title,
    plain_ticks,
    reference_line,
    style,
    thin_and_mean,
)


def ablation(reads: Mapping[str, Read]) -> Figure:
    """Loss of each arm above the full layer, seed by seed, beside the paper's."""
    names = [name for name in PARTS if name in reads and name != "full"]
    fig, ax = figure(height=1.9 + 0.45 * len(names))
    full = reads["full"]
    length = train_length(full)
    means, lows = {}, {}
    for row, name in enumerate(names):
        both = full.alive & reads[name].alive
        gaps = (reads[name].loss(length) - full.loss(length))[both]
        ax.plot(gaps, np.full(len(gaps), row), "o", color=BLUE, alpha=0.4, markersize=5)
        if len(gaps) >= 2:
            found = paired_loss(reads, name, "full")
            ax.plot([found.low, found.high], [row, row], color=BLUE, linewidth=2.4)
            lows[name] = found.low
        means[name] = float(gaps.mean()) if len(gaps) else np.nan
        ax.plot(means[name], row, "D", color=BLUE, markersize=7, label="ours" if row == 0 else None)
        if name in ABLATIONS:
            theirs = np.log(ABLATIONS[name] / ABLATIONS["full"])
            label = "paper, 440M, Tables 5a and 10a" if row == 0 else None
            ax.plot(theirs, row + 0.18, **style("paper") | {"linestyle": ""}, label=label)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("loss above the full layer (nats a token; ours a character)")
    ax.axvline(0, color="#222222", linewidth=1)
    ax.legend(loc="best", fontsize=8.5)
    worse = {"no bias", "no bias, no trapezoid"} & set(means)
    finding_title(
        fig,
        "Taking out the biases makes the model worse",
        holds=bool(worse) and all(lows.get(name, -1.0) > 0 for name in worse),
        otherwise="Held-out loss without parts of the layer",
    )
    return fig


def state_sizes(reads: Mapping[str, Read]) -> Figure:
    """Loss against the state size, one line a family, thin lines for seeds."""
    table = state_table(reads, ("Mamba-2", "Mamba-3", "MIMO"))
    fig, ax = figure(height=3.8)
    means = {}
    for family, part in table.groupby("family"):
        for _, one in part.groupby("seed"):
            ax.plot(one.N, one.loss, color=look(family)["color"], alpha=0.25, linewidth=0.8)
        means[family] = part.groupby("N").loss.mean()
        ax.plot(means[family].index, means[family].to_numpy(), label=family, **look(family))
    sizes = sorted(table.N.unique())
    ax.set(xscale="log", xlabel="state size N", ylabel="held-out loss (nats a character)")
    plain_ticks(ax.xaxis, sizes, small=True)
    ax.legend()
    smaller = means["Mamba-3"].iloc[:-1].to_numpy() <= means["Mamba-2"].iloc[1:].to_numpy()
    finding_title(
        ax,
        "Mamba-3 matches Mamba-2 with half the state",
        holds=bool(smaller.all()),
        otherwise="Half the state does not give the loss of Mamba-2 here",
    )
    return fig


def reading_lengths(reads: Mapping[str, Read]) -> Figure:
    """Held-out loss of the same text against the length at which it is cut."""
    fig, ax = figure(height=3.6)
    chosen = {"full": "Mamba-3", "Mamba-2": "Mamba-2"}
    change = {}
    for name, family in chosen.items():
        if name not in reads:
            continue
        read = reads[name]
        mean = read.held_out[:, :, read.alive].mean(axis=1)
        drawn = look(family) | {"label": family}
        thin_and_mean(ax, read.lengths, mean.T, drawn, width=0.8, alpha=0.25)
        beyond = mean.mean(1)[read.lengths.index(train_length(read)) :]
        change[family] = (beyond - beyond[0]).max()
    ax.set(xscale="log", xlabel="characters read at once", ylabel="loss (nats a character)")
    plain_ticks(ax.xaxis, next(iter(reads.values())).lengths, small=True)
    reference_line(ax, train_length(next(iter(reads.values()))), "training length", axis="x")
    ax.legend()
    finding_title(
        ax,
        "Beyond the training length the loss does not rise by 0.01",
        holds=max(change.values()) <= 0.01,
        otherwise="Beyond the training length the loss rises",
    )
    return fig
