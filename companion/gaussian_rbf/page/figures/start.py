"""Figures of the start: the authors' log, and what wakes a dead network up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from companion.data import Missing
from companion.gaussian_rbf.lab.digits import DeadStart, LogResult
from companion.plotting import BLUE, SEQUENTIAL, figure, finding_title, reference_line, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LN2 = float(np.log(2))


def authors_log(log: LogResult, printed: tuple[np.ndarray, np.ndarray] | Missing) -> Figure:
    """Training objective of our runs over the authors' printed log.

    printed : (epochs, losses), or a ``Missing`` where the file is not here
    """
    fig, ax = figure()
    for row in log.objective:
        ax.plot(log.epochs, row, color=BLUE, linewidth=0.8, alpha=0.5)
    mean = log.objective.mean(axis=0)
    ax.plot(log.epochs, mean, color=BLUE, linewidth=2.2, label=f"ours, {len(log.objective)} runs")
    close = False
    if not isinstance(printed, Missing):
        look = style("paper") | {"linestyle": "", "markersize": 3.5}
        ax.plot(*printed, label="authors' log", **look)
        shared = np.isin(log.epochs, [0, 50, 100, 150, 500, 1000, 2000])
        theirs = np.interp(log.epochs[shared], *printed)
        close = bool(np.all(np.abs(mean[shared] / theirs - 1) < 0.25))
    ax.set(yscale="log", xlabel="epoch", ylabel="training objective (nats)", ylim=(3e-3, 2))
    ax.legend()
    finding_title(
        ax,
        "Our loss follows the authors' printed log, plateau included",
        holds=close,
        otherwise="Training objective on digits, 3 against 8",
    )
    return fig


def dead_start(dead: DeadStart) -> Figure:
    """Data term by weight of the penalty, from the authors' start and from a smaller one."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    colors = mpl.colormaps[SEQUENTIAL](np.linspace(0, 0.85, len(dead.lams)))
    for ax, curves, title in (
        (axes[0], dead.loss, "start with spread 1"),
        (axes[1], dead.from_small, "start with spread 1/√D"),
    ):
        for color, lam, row in zip(colors, dead.lams, curves, strict=True):
            dash = "-" if lam else "--"
            ax.plot(
                np.maximum(row, 1e-3),
                dash,
                color=color if lam else "#D55E00",
                linewidth=1.6,
                label=f"{lam:g}",
            )
        reference_line(ax, LN2, "ln 2")
        ax.set(yscale="log", xlabel="Adam step", ylim=(2e-3, 1.5))
        ax.set_title(title, fontsize=10.5, fontweight="normal")
    axes[0].set_ylabel("data term (nats)")
    axes[1].legend(title="λ_u", fontsize=8, ncols=2, loc="lower left", title_fontsize=9)
    sleeps = abs(dead.loss[list(dead.lams).index(0.0), -1] - LN2) < 1e-3
    finding_title(
        fig,
        "From the authors' start only the penalty wakes the network up",
        holds=bool(sleeps and dead.accuracy_small > 0.9),
        otherwise="Training from two starts, by weight of the penalty",
    )
    return fig


def start_frame(curve: np.ndarray, lam: float, scale: float, peak: float) -> Figure:
    """One training curve of the explorer, with the largest Gaussian at its start."""
    fig, ax = figure(height=3.4)
    ax.plot(np.maximum(curve, 1e-3), color=BLUE, linewidth=2)
    reference_line(ax, LN2, "ln 2: nothing learned")
    ax.set(yscale="log", xlabel="Adam step", ylabel="data term (nats)", ylim=(2e-3, 3))
    ax.set_title(f"λ_u = {lam:g}, start {scale:g}: {_peak(peak)}")
    return fig


def _peak(peak: float) -> str:
    return f"largest Gaussian at the start {peak:.0e}" if peak > 0 else "all Gaussians start at 0"


def unlabeled(ax: Axes) -> None:
    """No ticks: the axes of an image."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
