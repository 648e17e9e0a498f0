"""Frames of the explorers; all frames of one explorer have one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab import mueller_brown
from companion.consistent_diffusion.lab.random_runs import LINE
from companion.consistent_diffusion.page.figures.line import CELL
from companion.consistent_diffusion.page.figures.plane import draw_energy
from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def line_frame(
    law: np.ndarray, truth: np.ndarray, residual: np.ndarray, seen: np.ndarray
) -> Figure:
    """Density on the left, residual on the right, at one diffusion time.

    law, truth : masses on LINE; residual : R there, its mean over the law taken out; seen : where
    the truth has more than a millionth of its peak
    """
    fig, (left, right) = figure(1, 2, height=3.0)
    color = STYLES["Fokker-Planck"].color
    left.plot(LINE, truth / CELL, color=STYLES["truth"].color, linestyle=":", label="truth")
    left.plot(LINE, law / CELL, color=color, label="model")
    left.set(xlim=(-9, 9), ylim=(0, 0.6), xlabel="x (data units)", ylabel="density")
    left.legend(loc="upper left")
    right.plot(LINE[seen], residual[seen], color=color)
    right.axhline(0, color=STYLES["truth"].color, linewidth=0.8)
    right.set(xlim=(-9, 9), ylim=(-300, 300), xlabel="x (data units)", ylabel="residual R")
    right.set_yscale("symlog", linthresh=1)
    return fig


def blur_frame(masses: np.ndarray, times: np.ndarray, js: np.ndarray, now: int) -> Figure:
    """The exact map at one time of the force, and its place on the curve."""
    grid, _ = mueller_brown.fine_grid()
    fig, (left, right) = figure(1, 2, height=3.3)
    filled = draw_energy(left, *grid.axes, masses)
    fig.colorbar(filled, ax=left, label="free energy (kT)", ticks=(0, 2, 4, 6, 8))
    left.set(xlabel="x (units of U)", ylabel="y (units of U)")
    color, marker, _ = STYLES["Two For One"]
    right.plot(times, js, color=STYLES["truth"].color)
    right.plot(times[now], js[now], marker, color=color, markersize=10)
    right.set(xlabel="diffusion time of the force", ylabel="divergence (nats)", ylim=(-0.01, 0.22))
    return fig
