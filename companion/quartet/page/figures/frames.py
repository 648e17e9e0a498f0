"""Frames of the explorers; all frames of one explorer have one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.plotting import BLACK, BLUE, GREY, ORANGE, VERMILION, figure, headline
from companion.quartet.method.mxfp4 import MAGNITUDES
from companion.quartet.method.optimal import Map
from companion.quartet.page.figures.law import draw_map, map_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Group(NamedTuple):
    """One group under the microscope, in the space in which it is quantized.

    x, q : (32,) before and after; codes : (32,) four-bit codes; scale : of the group
    clipped : (32,) True where |x| / scale exceeds 6; error, misalignment : relative, of the group
    """

    x: np.ndarray
    q: np.ndarray
    codes: np.ndarray
    scale: float
    clipped: np.ndarray
    error: float
    misalignment: float


def group_frame(shown: Group) -> Figure:
    """Elements before and after on the grid of the group, with their codes."""
    fig, ax = figure(height=4.3)
    top = 6 * shown.scale
    for magnitude in MAGNITUDES:
        for sign in (1, -1):
            ax.axhline(sign * magnitude * shown.scale, color=GREY, linewidth=0.7, alpha=0.6)
    place = np.arange(32)
    ax.vlines(place, shown.x, shown.q, color=ORANGE, linewidth=2.5, alpha=0.7, label="error")
    ax.plot(place, shown.x, "o", color=BLUE, label="before")
    ax.plot(place, shown.q, "_", color=BLACK, markersize=9, markeredgewidth=2, label="after")
    ax.plot(
        place[shown.clipped],
        shown.x[shown.clipped],
        "o",
        color=VERMILION,
        markersize=9,
        fillstyle="none",
        markeredgewidth=2,
        label="clipped",
    )
    limit = 1.2 * max(np.abs(shown.x).max(), top)
    ax.set(ylim=(-limit, 1.25 * limit), xlim=(-1, 32), ylabel="value", xticks=place[::4])
    ax.set_xlabel("element; its code, in hexadecimal, stands at the foot")
    for i, code in enumerate(shown.codes):
        ax.text(i, -0.97 * limit, f"{code:x}", ha="center", fontsize=8, family="monospace")
    ax.grid(visible=False)
    ax.legend(ncols=4, loc="upper left")
    ax.set_title(
        f"Scale {shown.scale:.3g}: error {100 * shown.error:.2f} %, misalignment "
        f"{100 * shown.misalignment:+.2f} %"
    )
    return fig


def product_frame(
    exact: np.ndarray, mean: np.ndarray, counts: np.ndarray, errors: np.ndarray, k: int
) -> Figure:
    """Entries of the averaged product against the exact ones, and the error against K."""
    fig, (left, right) = figure(1, 2, height=3.8)
    limit = 1.05 * np.abs(exact).max()
    left.plot(exact.ravel(), (mean - exact).ravel(), ".", color=BLUE, markersize=3, alpha=0.5)
    slope = float((mean * exact).sum() / (exact * exact).sum()) - 1
    left.plot([-limit, limit], [-slope * limit, slope * limit], color=VERMILION)
    spread = 0.45 * np.abs(exact).max()
    left.set(
        xlabel="exact entry of the product",
        ylabel="mean of K draws - exact",
        xlim=(-limit, limit),
        ylim=(-spread, spread),
    )
    right.plot(counts, errors, color=GREY, marker="o", markersize=4)
    here = list(counts).index(k)
    right.plot(k, errors[here], "o", color=VERMILION, markersize=9)
    right.plot(counts, errors[0] / counts, ":", color=BLACK, linewidth=1)
    right.set(
        xscale="log",
        yscale="log",
        xlabel="draws averaged, K",
        ylabel="relative squared error",
        ylim=(3e-4, 0.1),
    )
    right.set_xticks(counts, [f"{c}" for c in counts])
    right.minorticks_off()
    headline(fig, f"K = {k}: error {errors[here]:.2e}, shrinkage {-100 * slope:.2f} %")
    return fig


def map_frame(shown: Map) -> Figure:
    """The optimality map with its legend and the share of each region."""
    fig, ax = figure(height=4.6)
    draw_map(ax, shown)
    fig.legend(handles=map_legend(), loc="outside lower center", ncols=4)
    ax.set_title(f"FP4:FP4 is best on {100 * shown.share('FP4:FP4'):.0f} % of the map")
    return fig
