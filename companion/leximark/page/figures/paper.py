"""The paper's tables as slopes, beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.leximark.page.figures.style import QUESTIONS
from companion.plotting import GREY, figure, finding_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _apart(heights: list[float], gap: float = 2.0) -> list[float]:
    """Heights of labels, pushed upwards until neighbors are `gap` apart."""
    moved, last = list(heights), -np.inf
    for i in np.argsort(heights):
        moved[i] = last = max(heights[i], last + gap)
    return moved


def paper_slopes(frame: pd.DataFrame, ours: dict[str, tuple[float, float, float]]) -> Figure:
    """AUROC without and with the mark: the paper's 42 pairs in grey, ours in color.

    frame : columns "none" and "LexiMark" in percent, one row per data set and model
    ours : model -> (none, LexiMark with one dictionary, LexiMark with one per half), 0 to 1
    """
    fig, ax = figure(height=4.2)
    for none, mark in frame[["none", "LexiMark"]].to_numpy():
        ax.plot([0, 1], [none, mark], color=GREY, alpha=0.35, linewidth=1)
    labels = []
    for model, (none, one, both) in ours.items():
        dash = "-" if model == "word model" else "--"
        for value, question in ((one, "record"), (both, "protocol")):
            look = QUESTIONS[question]
            ax.plot(
                [0, 1],
                [100 * none, 100 * value],
                color=look.color,
                marker=look.marker,
                linestyle=dash,
                linewidth=2.2,
            )
            name = "one dictionary" if question == "record" else "one per half"
            labels.append([100 * value, f"{model}, {name}", look.color])
    for height, (_, text, color) in zip(_apart([row[0] for row in labels]), labels, strict=True):
        ax.text(1.04, height, text, color=color, fontsize=8.5, va="center")
    ax.set_xticks([0, 1], ["no mark", "LexiMark"])
    ax.set(xlim=(-0.1, 1.75), ylabel="AUROC (%), Min-K%++ 20 %")
    ax.set_xlabel("what was published")
    gain = (frame["LexiMark"] - frame["none"]).to_numpy()
    finding_title(
        ax,
        f"The paper's {len(gain)} pairs all rise, by {gain.min():.1f} to {gain.max():.1f} points",
        holds=bool((gain > 0).all() and np.isfinite(gain).all()),
        otherwise="AUROC without and with the mark",
    )
    return fig
