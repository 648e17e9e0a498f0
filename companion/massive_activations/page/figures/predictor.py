"""Figures of the predictor: what a split by rows reports where there is nothing to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion.massive_activations.lab.predict import Leakage
from companion.plotting import BLACK, BLUE, VERMILION, figure, finding_title, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANDOM, GROUPED = BLUE, VERMILION


def leakage_histogram(leakage: Leakage, *, paper_r2: float, split: str = "both") -> Figure:
    """Test R2 over simulated targets without any architecture effect.

    paper_r2 : what the paper reports for K, drawn as a line
    split : ``"random"``, ``"model left out"`` or ``"both"`` (the first two are explorer frames)
    """
    shown = {
        "random": (leakage.random, "random split", RANDOM, "", 0.78, "right"),
        "model left out": (
            leakage.grouped,
            "whole model left out",
            GROUPED,
            "///",
            -0.95,
            "center",
        ),
    }
    if split != "both" and split not in shown:
        raise ValueError(f"unknown split {split!r}; use 'both' or one of {', '.join(shown)}")
    fig, ax = figure(height=3.7)
    bins = np.linspace(_FLOOR - 0.1, 1, 32)
    top = max(np.histogram(values, bins)[0].max() for values, *_ in shown.values())
    for name, (values, text, color, hatch, x, align) in shown.items():
        if split not in (name, "both"):
            continue
        ax.hist(
            np.clip(values, _FLOOR - 0.05, 1),
            bins,
            color=color,
            alpha=0.8,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
        )
        ax.text(
            x,
            1.1 * top,
            f"{text}\nmedian R² {_signed(np.median(values))}",
            color=color,
            ha=align,
            va="center",
            linespacing=1.35,
        )
    ax.axvline(paper_r2, color=style("paper")["color"], linestyle="--", linewidth=1.6)
    ax.text(
        paper_r2 + 0.02,
        1.1 * top,
        f"paper\n{paper_r2}",
        color="#555555",
        va="center",
        linespacing=1.35,
    )
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ax.text(-0.02, 0.82 * top, "no better than\nthe mean", ha="right", va="center", fontsize=9.5)
    ax.set_ylim(0, 1.25 * top)
    ax.set_xlim(_FLOOR - 0.12, 1.18)
    ticks = np.arange(_FLOOR, 1.1, 0.5)
    ax.set_xticks(ticks, [f"≤ {_signed(_FLOOR, 1)}", *(_signed(tick, 1) for tick in ticks[1:])])
    ax.set_xlabel("test R² on targets that no architecture feature causes")
    ax.set_ylabel(f"simulated data sets (of {len(leakage.random)})")
    random, grouped = np.median(leakage.random), np.median(leakage.grouped)
    finding_title(
        ax,
        f"Nothing to find, yet a random split reports R² = {random:.2f}",
        holds=bool(random > 0.6 and grouped < 0.2),
        otherwise="Test R² of two protocols where nothing is to be found",
    )
    return fig


_FLOOR = -2.0


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def null_table(draws: Mapping[str, Leakage], paper: Mapping[str, float]) -> Figure:
    """Median test R2 per regressor on null targets, beside the paper's row for K (Table 3).

    draws : regressor to its simulated scores
    paper : regressor to the paper's test R2; regressors without one are drawn without it
    """
    fig, ax = figure(height=0.62 * len(draws) + 1.6)
    names = list(draws)
    floor = -1.5
    for row, name in enumerate(names):
        for values, color, marker, dy in (
            (draws[name].random, RANDOM, "o", 0.13),
            (draws[name].grouped, GROUPED, "X", -0.13),
        ):
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            ax.plot(
                np.clip([low, high], floor, 1),
                [row + dy] * 2,
                color=color,
                linewidth=2,
                alpha=0.5,
                solid_capstyle="round",
            )
            if middle >= floor:
                ax.plot(middle, row + dy, marker, color=color, markersize=8, mec="white")
            else:
                ax.plot(floor, row + dy, "<", color=color, markersize=8, clip_on=False)
                ax.annotate(
                    _signed(middle, 1),
                    (floor, row + dy),
                    (8, 0),
                    va="center",
                    textcoords="offset points",
                    color=color,
                    fontsize=9.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )
        if name in paper:
            ax.plot(
                paper[name],
                row,
                "s",
                color=style("paper")["color"],
                markersize=8,
                mec="white",
                zorder=4,
            )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(floor - 0.03, 1.02)
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("test R² (dot: median over simulated data sets, line: 10 to 90 %)")
    handles = [
        ax.plot([], [], "s", color=style("paper")["color"], markersize=8)[0],
        ax.plot([], [], "o", color=RANDOM, markersize=8)[0],
        ax.plot([], [], "X", color=GROUPED, markersize=8)[0],
    ]
    fig.legend(
        handles,
        ["paper, for K", "null, random split", "null, model left out"],
        loc="outside lower center",
        ncols=3,
        handletextpad=0.2,
    )
    shared = [name for name in names if name in paper]
    gap = max((abs(np.median(draws[n].random) - paper[n]) for n in shared), default=np.inf)
    finding_title(
        fig,
        "No architecture effect, yet the paper's scores appear",
        holds=bool(gap < 0.15),
        otherwise="Scores on data without an architecture effect, beside the paper's",
    )
    return fig
