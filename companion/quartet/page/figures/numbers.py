"""The format itself: the quantizers' two numbers, and what the scale rule does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from companion.plotting import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, figure, finding_title
from companion.quartet.lab.gaussian import ScanPoint, Simulated
from companion.quartet.sources import TABLE_2

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RULE_STYLE = {
    "floor": (VERMILION, "-"),
    "nearest": (BLUE, "--"),
    "ceil": (GREEN, "-."),
    "none": (BLACK, ":"),
}

_LABELS = {
    "RTN": (8, -14, "left"),
    "RTN fp32 scale": (-8, 2, "right"),
    "RTN EDEN": (0, -14, "center"),
    "NVFP4 RTN": (-8, -8, "right"),
    "QuEST ceil": (8, -3, "left"),
    "QuEST fp32 scale": (-8, 0, "right"),
    "SR": (0, 10, "center"),
}
"""Offset of a label in points, and its side; right of the mark where none is given."""


def plane(table: Mapping[str, Simulated]) -> Figure:
    """Misalignment against error of every quantizer, and the paper's three."""
    fig, ax = figure(height=4.4)
    for name, measured in table.items():
        color = ORANGE if name.startswith("SR") else GREEN if "QuEST" in name else BLUE
        marker = "^" if name.startswith("SR") else "D" if "QuEST" in name else "o"
        x, y = 100 * measured.mse.mean(), 100 * measured.misalignment.mean()
        ax.plot(x, y, marker, color=color, markersize=7)
        dx, dy, side = _LABELS.get(name, (8, 0, "left"))
        if name != "RTN ceil":  # on top of RTN
            ax.annotate(
                "RTN, RTN ceil" if name == "RTN" else name,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                fontsize=8.5,
                color=color,
                ha=side,
            )
    ax.plot(
        100 * TABLE_2["mse"],
        100 * TABLE_2["misalignment"],
        "s",
        color=GREY,
        fillstyle="none",
        markersize=12,
        label="printed in Table 2",
    )
    ax.set(
        xlabel="relative squared error (%)",
        ylabel="misalignment (%)",
        xlim=(0.4, 3.2),
        ylim=(-0.4, 5.6),
    )
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.legend(loc="upper right")
    printed = TABLE_2.set_index("scheme")
    near = [abs(table[s].mse.mean() / printed.loc[s, "mse"] - 1) < 0.02 for s in ("RTN", "SR")]
    off = table["QuEST"].mse.mean() > 1.4 * printed.loc["QuEST", "mse"]
    finding_title(
        ax,
        "SR and RTN come out as printed; QuEST as released does not",
        holds=bool(all(near) and off),
        otherwise="Error and misalignment of the quantizers",
    )
    return fig


def scale_rules(scans: Mapping[str, ScanPoint]) -> Figure:
    """Error and misalignment of QuEST against the size of the numbers, by scale rule."""
    fig, axes = figure(1, 2, height=3.8)
    for rule, points in scans.items():
        color, dash = RULE_STYLE[rule]
        label = "float32 scale" if rule == "none" else rule
        for ax, values in zip(axes, (points.mse, points.misalignment), strict=True):
            ax.plot(points.log2_sigma, 100 * values, color=color, linestyle=dash, label=label)
    axes[0].set(xlabel="log2 of the standard deviation", ylabel="relative squared error (%)")
    axes[1].set(xlabel="log2 of the standard deviation", ylabel="misalignment (%)")
    top = 100 * max(points.mse.max() for points in scans.values())
    axes[0].set_ylim(0, 1.45 * top)
    axes[0].legend(ncols=2, loc="upper left", fontsize=8.5)
    floor, near = scans["floor"].mse.mean(), scans["nearest"].mse.mean()
    finding_title(
        fig,
        f"Rounding the scale down costs {floor / near:.2f} times the error of rounding to nearest",
        holds=floor > 1.3 * near,
        otherwise="QuEST's error by scale rule",
    )
    return fig
