"""Muller-Brown: maps of the four methods, the residual, the cost of t > 0, the strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab import mueller_brown
from companion.consistent_diffusion.lab.plane_models import RESIDUAL_TIMES, T_EVAL, PlaneModels
from companion.consistent_diffusion.lab.random_runs import PlaneRuns
from companion.consistent_diffusion.lab.two_for_one import Curve
from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import SEQUENTIAL, figure, finding_title, label_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    grid, exact = mueller_brown.fine_grid()
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
