"""The mixture on a line: laws with and without the penalty, and the negative controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.random_runs import (
    CONTROLS,
    LINE,
    REPAIRING,
    LineRuns,
    line_iid,
    line_law,
    line_truth,
)
from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import figure, finding_title, reference_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = LINE[1] - LINE[0]


def laws(runs: LineRuns, seed: int) -> Figure:
    """Truth, denoised samples, and the law at t = 0 of two models that denoise equally well."""
    fig, axes = figure(1, 2, height=3.7, sharey=True)
    for ax, alpha, name in zip(axes, (0.0, REPAIRING), ("Diffusion", "Fokker-Planck"), strict=True):
        color = STYLES[name].color
        first = runs.fits[alpha][0].model
        bins = np.linspace(-9, 9, 49)
        ax.hist(
            line_iid(first, seed),
            bins=bins,
            density=True,
            color=color,
            alpha=0.3,
            label="denoised samples",
        )
        for i, fit in enumerate(runs.fits[alpha]):
            look = (
                {"linewidth": 1.8, "label": "law of simulation"}
                if i == 0
                else {"linewidth": 0.8, "alpha": 0.6}
            )
            ax.plot(LINE, line_law(fit.model) / CELL, color=color, **look)
        ax.plot(
            LINE, line_truth() / CELL, color=STYLES["truth"].color, linestyle=":", label="truth"
        )
        ax.set(xlim=(-9, 9), ylim=(0, 0.6), xlabel="x (data units)")
        ax.set_title("no penalty" if alpha == 0 else f"penalty {alpha:g}", fontsize=10.5)
        ax.legend(loc="upper left")
    axes[0].set_ylabel("density (per unit of x)")
    before, after = runs.of(0.0, "js").mean(), runs.of(REPAIRING, "js").mean()
    finding_title(
        fig,
        "Denoised samples hardly tell the models apart; only the penalty makes simulation right",
        holds=bool(before > 3 * after),
        otherwise="Denoised samples and the law of simulation, without and with the penalty",
    )
    return fig


def controls(runs: LineRuns) -> Figure:
    """Divergence of every seed: no penalty, the right one, and the broken ones."""
    rows = {
        "no penalty": runs.of(0.0, "js"),
        f"penalty {REPAIRING:g}": runs.of(REPAIRING, "js"),
        **{name: np.array([fit.js for fit in runs.controls[name]]) for name in CONTROLS},
    }
    labels = [name.replace(" of the ", " of\nthe ") for name in rows]
    looks = ("Diffusion", "Fokker-Planck", "control", "control")
    fig, ax = figure(height=3.2)
    for row, ((_, js), look) in enumerate(zip(rows.items(), looks, strict=True)):
        color, marker, _ = STYLES[look]
        ax.plot(js, np.full(len(js), row), marker, color=color, alpha=0.75)
        ax.plot(np.exp(np.log(js).mean()), row, "|", color=color, markersize=22)
    ax.set_yticks(range(len(rows)), labels)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="divergence from the truth (nats, log axis)", ylim=(3.6, -0.6))
    reference_line(ax, 0.05, "claim C1", axis="x")
    wrong = rows[CONTROLS[0]]
    finding_title(
        fig,
        "With the time derivative the wrong way round, the penalty repairs nothing",
        holds=bool(np.exp(np.log(wrong).mean()) > 0.5 * np.exp(np.log(rows["no penalty"]).mean())),
        otherwise="Divergence with the penalty, without it, and with broken ones",
    )
    return fig
