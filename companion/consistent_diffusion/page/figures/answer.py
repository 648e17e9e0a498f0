"""The figure at the top of the page, from the published record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullFormatter

from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import figure, finding_title

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def answer(published: Mapping[str, object] | None) -> Figure:
    """Left: error of the law of simulation on Muller-Brown.  Right: a molecule over time."""
    series = (published or {}).get("series", {})
    if not {"models", "molecule"} <= set(series):
        fig, ax = figure(height=2.4)
        ax.axis("off")
        told = "No published record yet.\nThe experiment below draws these figures live."
        ax.text(0.5, 0.5, told, ha="center", va="center", color="#555555")
        return fig
    from companion.consistent_diffusion.page.molecule.figures import answer_panel

    fig, (left, right) = figure(1, 2, height=3.9)
    names = [name for name in STYLES if name in series["models"]]
    for row, name in enumerate(names):
        color, marker, _ = STYLES[name]
        js = np.array(series["models"][name]["grid_js"])
        left.plot(js, np.full(len(js), row), marker, color=color)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set(xscale="log", xlabel="divergence from the truth (nats)", ylim=(len(names) - 0.5, -0.5))
    _decimal_ticks(left.xaxis, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5))
    left.set_title("Muller-Brown, law of simulation", fontsize=10.5)
    shows = answer_panel(right, series["molecule"])
    _decimal_ticks(right.yaxis, (0.02, 0.04, 0.06, 0.1, 0.2, 0.4))
    right.set_title("Alanine dipeptide", fontsize=10.5)
    plain, both = (np.mean(series["models"][name]["grid_js"]) for name in ("Diffusion", "Both"))
    molecule = "the molecule drifts less, too" if shows else "on the molecule the seeds overlap"
    finding_title(
        fig,
        f"Experts and penalty cut the simulation's error {plain / both:.1f} times on a plane; "
        + molecule,
        holds=bool(plain > 2 * both),
        otherwise="Simulation with the force of a diffusion model, four ways to train it",
    )
    return fig


def _decimal_ticks(axis: Axis, ticks: tuple[float, ...]) -> None:
    """Plain numbers on a logarithmic axis of about one decade, those within its view."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_formatter(NullFormatter())
