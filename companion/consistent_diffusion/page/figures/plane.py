"""Figures of the line and of the plane, and frames of the explorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.plane import RESIDUAL_TIMES, T_EVAL, PlaneModels
from companion.consistent_diffusion.lab.random_features import (
    CONTROLS,
    LINE,
    REPAIRING,
    LineRuns,
    PlaneRuns,
    line_iid,
    line_law,
    line_truth,
)
from companion.consistent_diffusion.lab.systems import Curve, fine_grid
from companion.plotting import (
    METHODS,
    SEQUENTIAL,
    figure,
    finding_title,
    label_line,
    methods,
    reference_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# -------------------------------------------------------------------------------------------- style
STYLES = methods("Diffusion", "Two For One", "Mixture", "Fokker-Planck", "Both", "truth", "control")
"""Method to color, marker, and dash; the paper's own numbers are grey."""

PAPER = METHODS["paper"]


# --------------------------------------------------------------------------------------------- line
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


# -------------------------------------------------------------------------------------------- plane
TOP = 8.0
"""Free energies above this are not drawn, in units of kT."""
BOX = ((-1.8, 1.1), (-0.5, 2.0))


def free_energy(masses: np.ndarray) -> np.ndarray:
    """-ln of masses, 0 at the deepest point, NaN above TOP."""
    with np.errstate(divide="ignore"):
        energy = -np.log(masses)
    energy -= energy.min()
    return np.where(energy < TOP, energy, np.nan)


def draw_energy(ax: Axes, x: np.ndarray, y: np.ndarray, masses: np.ndarray):
    """Filled contours of a free energy on one axis."""
    filled = ax.contourf(
        x, y, free_energy(masses).T, levels=np.linspace(0, TOP, 17), cmap=SEQUENTIAL
    )
    ax.set(xlim=BOX[0], ylim=BOX[1], xticks=(-1, 0, 1), yticks=(0, 1, 2))
    ax.grid(False)
    return filled


def _sampled(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts, x, y = np.histogram2d(*samples.T, bins=40, range=BOX)
    return 0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1]), counts + 1e-12


def maps(models: PlaneModels) -> Figure:
    """Law of simulation (top) and denoised samples (bottom), one column a method; first seed."""
    grid, exact = fine_grid()
    names = list(models.scored)
    fig, axes = figure(2, len(names) + 1, height=4.3, sharex=True, sharey=True)
    filled = draw_energy(axes[0, 0], *grid.axes, exact)
    axes[0, 0].set_title("truth", fontsize=9)
    axes[1, 0].axis("off")
    for column, name in enumerate(names, start=1):
        first = models.scored[name][0]
        draw_energy(axes[0, column], *grid.axes, first.law)
        draw_energy(axes[1, column], *_sampled(first.iid))
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].set_xlabel("x (units of U)", fontsize=9)
    axes[0, 0].set_ylabel("simulated: y", fontsize=9)
    axes[1, 1].set_ylabel("denoised: y", fontsize=9)
    fig.colorbar(filled, ax=axes, label="free energy (kT)", shrink=0.8, ticks=(0, 2, 4, 6, 8))
    plain, both = models.of("Diffusion", "grid_js").mean(), models.of("Both", "grid_js").mean()
    samples = models.of("Diffusion", "iid_js").mean()
    finding_title(
        fig,
        "The plain model denoises one map and simulates another; with Both the two agree",
        holds=bool(plain > 2 * both and samples < 2.5 * models.floor[0]),
        otherwise="Laws of simulation and denoised samples of the trained models",
    )
    return fig


def residual(models: PlaneModels) -> Figure:
    """Mean size of the residual against t: raw on the left, gauge-fixed on the right."""
    fig, axes = figure(1, 2, height=3.9, sharey=True)
    for ax, what in zip(axes, ("raw", "fixed"), strict=True):
        for name in models.scored:
            color, _, dash = STYLES[name]
            curves = models.of(name, what)
            for curve in curves:
                ax.plot(RESIDUAL_TIMES, curve, color=color, linewidth=0.7, alpha=0.5)
            ax.plot(
                RESIDUAL_TIMES,
                np.exp(np.log(curves).mean(0)),
                color=color,
                linestyle=dash,
                label=name,
            )
        ax.set(xscale="log", yscale="log", xlabel="diffusion time t (log axis)")
    axes[0].set_ylabel("mean |R| (1 per unit of t)")
    axes[0].set_title("as it is", fontsize=10.5)
    axes[1].set_title("without its mean over x", fontsize=10.5)
    axes[0].legend()
    small = RESIDUAL_TIMES < 0.05
    plain, both = (models.of(name, "fixed")[:, small].mean() for name in ("Diffusion", "Both"))
    finding_title(
        fig,
        "The plain model's residual is largest at small t, and the penalty lowers it there",
        holds=bool(plain > 2 * both),
        otherwise="The Fokker-Planck residual against the diffusion time",
    )
    return fig


def two_for_one(models: PlaneModels, curve: Curve) -> Figure:
    """Divergence against the time at which the force is taken, with the exact curve."""
    fig, ax = figure(height=3.9)
    for name in models.scored:
        color, marker, dash = STYLES[name]
        js = models.of(name, "t_eval_js")
        for one in js:
            ax.plot(T_EVAL[1:], one[1:], color=color, linewidth=0.6, alpha=0.5)
        ax.plot(
            T_EVAL[1:],
            np.exp(np.log(js).mean(0))[1:],
            color=color,
            marker=marker,
            linestyle=dash,
            label=name,
        )
    shown = curve.js > 1e-4
    ax.plot(curve.times[shown], curve.js[shown], color=STYLES["truth"].color, label="perfect model")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="diffusion time of the force (log axis)",
        ylabel="divergence from the truth (nats)",
    )
    ax.legend()
    js = np.exp(np.log(models.of("Diffusion", "t_eval_js")).mean(0))
    finding_title(
        ax,
        "A force at t > 0 helps the plain model, until the blur costs more than it gains",
        holds=bool(js.min() < 0.8 * js[0] and js[-1] > js.min()),
        otherwise="Divergence of the stationary law against the time of the force",
    )
    return fig


def strength(runs: PlaneRuns) -> Figure:
    """Divergence against the weight of the penalty: an expert, and a model of the whole range."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    for ax, arm, title in (
        (axes[0], runs.expert, "expert on [0, 0.1]"),
        (axes[1], runs.whole, "whole range"),
    ):
        alphas = list(arm)
        js = np.array(list(arm.values())).T  # (seeds, alphas)
        color, marker, _ = STYLES["Fokker-Planck"]
        place = range(len(alphas))
        for one in js:
            ax.plot(place, one, color=color, linewidth=0.7, alpha=0.5)
        line = ax.plot(place, js.mean(0), color=color, marker=marker)[0]
        label_line(line, "mean", dy=6)
        ax.set_xticks(place, [f"{alpha:g}" for alpha in alphas])
        ax.set_xlabel("weight of the penalty")
        ax.set_title(title, fontsize=10.5)
    axes[0].set_ylabel("divergence from the truth (nats)")
    means = {alpha: js.mean() for alpha, js in runs.whole.items()}
    least = min(js.mean() for alpha, js in runs.expert.items() if alpha > 0)
    finding_title(
        fig,
        "The same penalty mends an expert and spoils a model that is too small for its task",
        holds=bool(means[max(means)] > means[0.0] and least < runs.expert[0.0].mean()),
        otherwise="Divergence against the weight of the penalty",
    )
    return fig


# ------------------------------------------------------------------------------------------- frames
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
    grid, _ = fine_grid()
    fig, (left, right) = figure(1, 2, height=3.3)
    filled = draw_energy(left, *grid.axes, masses)
    fig.colorbar(filled, ax=left, label="free energy (kT)", ticks=(0, 2, 4, 6, 8))
    left.set(xlabel="x (units of U)", ylabel="y (units of U)")
    color, marker, _ = STYLES["Two For One"]
    right.plot(times, js, color=STYLES["truth"].color)
    right.plot(times[now], js[now], marker, color=color, markersize=10)
    right.set(xlabel="diffusion time of the force", ylabel="divergence (nats)", ylim=(-0.01, 0.22))
    return fig
