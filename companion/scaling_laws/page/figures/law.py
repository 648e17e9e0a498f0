"""The law itself: its projected objective, its solvers, and one family with its prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    plain_ticks,
)
from companion.scaling_laws.lab.solvers import NO_WORSE, summarize
from companion.scaling_laws.method.law import Fit, Points, ScalingLaw
from companion.scaling_laws.method.protocol import Run
from companion.scaling_laws.method.varpro import projected_objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Prediction(NamedTuple):
    """What a frame shows.

    training : runs with the checkpoints that were fitted; target : the whole target run
    grid : (g,) tokens; band : (low, high) of the laws with one training model left out, or None
    where a refit would not be identified
    """

    training: tuple[Run, ...]
    target: Run
    law: ScalingLaw
    grid: np.ndarray
    band: tuple[np.ndarray, np.ndarray] | None
    are: float
    bias: float
    ylabel: str
    ylim: tuple[float, float]


def surface(data: Points, fit: Fit) -> Figure:
    """The projected objective over both exponents, as root mean square error, and its minimum."""
    alphas, betas = np.geomspace(0.05, 3, 90), np.geomspace(0.05, 4, 110)
    rms = np.sqrt(projected_objective(data, alphas, betas) / data.N.size)
    fig, ax = figure(height=3.9)
    least = rms.min()
    levels = least * np.array([1, 1.01, 1.05, 1.1, 1.25, 1.5, 2, 3, 5])
    filled = ax.contourf(betas, alphas, rms, levels=levels, cmap=f"{SEQUENTIAL}_r", extend="max")
    ax.contour(betas, alphas, rms, levels=levels, colors="white", linewidths=0.5)
    best = (fit.law.beta, fit.law.alpha)
    ax.plot(*best, "o", color=VERMILION, markersize=9, markeredgecolor="white")
    ax.annotate(
        f"α = {fit.law.alpha:.2f}, β = {fit.law.beta:.2f}",
        best,
        xytext=(0.06, 0.9),
        textcoords="axes fraction",
        color="white",
        arrowprops={"arrowstyle": "-", "color": "white", "linewidth": 0.8},
    )
    ax.set(xscale="log", yscale="log", xlabel="β (data)", ylabel="α (size)")
    ticks = [0.05, 0.1, 0.3, 1, 3]
    plain_ticks(ax.xaxis, ticks, widen=True)
    plain_ticks(ax.yaxis, ticks, widen=True)
    ax.grid(visible=False)
    bar = fig.colorbar(filled, ax=ax, label="training error over the least")
    bar.set_ticks(levels[:-1], labels=[f"{level / least:.2f}" for level in levels[:-1]])
    inside = 0.05 < fit.law.alpha < 3 and 0.05 < fit.law.beta < 4
    finding_title(
        ax,
        "One valley, one lowest point",
        holds=inside and _n_minima(rms) == 1,
        otherwise="The valley has more than one low point, or ends at the edge",
    )
    return fig


def _n_minima(values: np.ndarray) -> int:
    padded = np.pad(values, 1, constant_values=np.inf)
    rows, columns = values.shape
    shifts = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]
    around = np.min([padded[i : i + rows, j : j + columns] for i, j in shifts], axis=0)
    return int((values < around).sum())


def solvers(table: pd.DataFrame) -> Figure:
    """Objective reached and time taken by both solvers on the same fits."""
    result = summarize(table)
    fig, (left, right) = figure(1, 2, height=3.5)
    excess = table["sse_varpro"] / table["sse_multi"] - 1
    for ax, column, name in (
        (left, "sse_multi", "20 starts"),
        (right, "seconds_multi", "20 starts"),
    ):
        ours = table["sse_varpro" if ax is left else "seconds_varpro"]
        ax.loglog(table[column], ours, "o", color=BLUE, alpha=0.65, markeredgewidth=0)
        low, high = (
            min(table[column].min(), ours.min()) / 2,
            max(table[column].max(), ours.max()) * 2,
        )
        ax.plot([low, high], [low, high], ":", color=BLACK, linewidth=1.2)
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        what = "sum of squares" if ax is left else "seconds"
        ax.set(xlabel=f"{what}, curve_fit, {name}", ylabel=f"{what}, variable projection")
    right.plot(right.get_xlim(), np.array(right.get_xlim()) / 10, "--", color=GREY, linewidth=1.2)
    right.text(
        0.97, 0.03, "dashed: a tenth", transform=right.transAxes, ha="right", color="#555555"
    )
    left.text(
        0.03,
        0.97,
        f"largest excess {max(excess.max(), 0):.0e}",
        transform=left.transAxes,
        va="top",
        color="#555555",
    )
    finding_title(
        fig,
        f"Never worse, and {1 / result.time_ratio:.0f} times faster",
        holds=bool((excess <= NO_WORSE).all()) and result.time_ratio <= 0.1,
        otherwise=f"No worse in {100 * result.no_worse:.0f} % of the fits, "
        f"{1 / result.time_ratio:.1f} times faster",
    )
    return fig


def family_frame(shown: Prediction) -> Figure:
    """Training checkpoints, the target, the law's curve and the band of its leave-one-out laws."""
    fig, ax = figure(height=4.1)
    n = len(shown.training)
    for i, run in enumerate(shown.training):
        color = _shade(i, n)
        ax.plot(run.D, run.loss, ".", color=color, markersize=3.5, alpha=0.8)
        ax.plot(shown.grid, shown.law.predict(run.N, shown.grid), color=color, linewidth=1)
    ax.plot(shown.target.D, shown.target.loss, ".", color=GREY, markersize=4)
    if shown.band is not None:
        ax.fill_between(shown.grid, *shown.band, color=VERMILION, alpha=0.18, linewidth=0)
    ax.plot(shown.grid, shown.law.predict(shown.target.N, shown.grid), color=VERMILION, linewidth=2)
    window = 0.7 * shown.target.D[-1]
    ax.axvspan(window, shown.target.D[-1], color=GREY, alpha=0.12, linewidth=0)
    ax.set(
        xscale="log",
        xlabel="training tokens",
        ylabel=shown.ylabel,
        xlim=(shown.grid[0], shown.grid[-1] * 1.05),
        ylim=shown.ylim,
    )
    ax.set_title(
        f"Error {shown.are:.1f} %, on average {abs(shown.bias):.1f} % too "
        f"{'high' if shown.bias > 0 else 'low'}"
    )
    _family_legend(ax, shown)
    return fig


def _shade(i: int, n: int) -> tuple[float, float, float]:
    """Light to dark blue, small to large."""
    light, dark = np.array([0.62, 0.79, 0.9]), np.array([0.0, 0.27, 0.5])
    return tuple(light + (dark - light) * (i / max(n - 1, 1)))


def _family_legend(ax: Axes, shown: Prediction) -> None:
    n = len(shown.training)
    handles = [
        Line2D([], [], color=_shade(0, n), marker=".", label=f"{n} training models"),
        Line2D([], [], color=GREY, marker=".", linestyle="", label=f"target, {shown.target.model}"),
        Line2D([], [], color=VERMILION, label="its prediction"),
    ]
    ax.legend(handles=handles, loc="upper right")
