"""The figure at the top of the page, from the published record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import figure, finding_title, no_record, plain_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def answer(published: Mapping[str, object] | None) -> Figure:
    """Left: error of the law of simulation on Muller-Brown.  Right: a molecule over time."""
    series = (published or {}).get("series", {})
    if not {"models", "molecule"} <= set(series):
        return no_record("these figures")
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
    plain_ticks(left.xaxis, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), small=True)
    left.set_title("Muller-Brown, law of simulation", fontsize=10.5)
    shows = answer_panel(right, series["molecule"])
    plain_ticks(right.yaxis, (0.02, 0.04, 0.06, 0.1, 0.2, 0.4), small=True)
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
