"""Knots fitted to smooth curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion.plotting import BLUE, GREEN, GREY, VERMILION, figure, finding_title
from companion.stats import Interval
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.threshold import Artifact, one_knot
from companion.synthetic_data.method.mixing import mixing_law
from companion.synthetic_data.page.figures.style import ARM_STYLE, SHARE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGE_COLOR = {0.5: VERMILION, 0.9: GREEN}


def _fits(ax, s: np.ndarray, y: np.ndarray) -> list[float]:
    knots = []
    for end, color in RANGE_COLOR.items():
        inside = s <= end + 1e-9
        fitted = one_knot(s[inside], y[inside])
        x = np.array([0, fitted.knot, end])
        ax.plot(x, fitted(x), color=color, label=f"grid to {end:g}: knot at {fitted.knot:.2f}")
        ax.plot(fitted.knot, fitted(np.array(fitted.knot)), "D", color=color, markersize=8)
        knots.append(fitted.knot)
    return knots


def artifact(found: Artifact) -> Figure:
    """The exact law with two fitted knots."""
    fig, ax = figure(height=3.7)
    s = np.round(np.arange(0, 0.91, 0.1), 10)
    fine = np.linspace(0, 0.9, 181)
    ax.plot(fine, mixing_law(fine, 3), color=GREY, label="exact law, no threshold")
    ax.plot(s, mixing_law(s, 3), "o", color=GREY)
    _fits(ax, s, mixing_law(s, 3))
    ax.set(xlabel=SHARE, ylabel="error variance $V_3$ ($\\sigma^2/N$)")
    ax.legend(loc="upper left")
    finding_title(
        ax,
        f"A smooth law shows a 'threshold' at {found.knot:.2f}, or at {found.wide_knot:.2f}: "
        "it follows the grid",
        holds=found.wide_knot - found.knot > 0.2,
        otherwise="One-knot fits to a smooth law on two grids",
    )
    return fig


def knots(runs: Runs, move: Interval, name: str = "fresh, T=0.7") -> Figure:
    """Divergence of laboratory B with fitted knots on both ranges."""
    fig, ax = figure(height=3.7)
    inside = runs.shares <= 0.9 + 1e-9
    s, y = runs.shares[inside], runs.metrics["kl"][-1, inside]
    ax.plot(s, y, "-", color=GREY, linewidth=0.6, alpha=0.5)
    ax.plot(
        s,
        y.mean(axis=1),
        color=ARM_STYLE[name]["color"],
        linestyle="",
        marker=ARM_STYLE[name]["marker"],
        markersize=7,
        label="mean over seeds",
    )
    _fits(ax, s, y.mean(axis=1))
    ax.set(xlabel=SHARE, ylabel="divergence from the truth (nats)")
    ax.legend(loc="upper left")
    finding_title(
        ax,
        f"Extend the grid and the knot moves by {move.estimate:.2f}",
        holds=move.low is not None and move.low > 0,
        otherwise=f"The knot moves by {move.estimate:.2f}, an interval that includes no move",
    )
    return fig


def threshold_frame(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], what: str, end: float
) -> Figure:
    """A curve cut at the reader's end of the grid, with the fitted knot."""
    s, y = curves[what]
    inside = s <= end + 1e-9
    fig, ax = figure(height=3.6)
    ax.plot(s, y, "o", color="#cccccc", label="left out")
    ax.plot(s[inside], y[inside], "o", color=BLUE, label="in the grid")
    fitted = one_knot(s[inside], y[inside])
    x = np.array([0, fitted.knot, end])
    ax.plot(x, fitted(x), color=VERMILION)
    ax.plot(
        fitted.knot,
        fitted(np.array(fitted.knot)),
        "D",
        color=VERMILION,
        markersize=9,
        label="fitted knot",
    )
    ax.set(xlabel=SHARE, ylabel=what)
    ax.legend(loc="upper left")
    ax.set_title(f"Grid from 0 to {end:g}: threshold at {fitted.knot:.2f}")
    return fig
