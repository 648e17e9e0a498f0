"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.line import (
    CONTROLS,
    LINE,
    REPAIRING,
    LineRuns,
    line_iid,
    line_law,
    line_truth,
)
from companion.consistent_diffusion.lab.measures import ratio
from companion.consistent_diffusion.lab.molecule.scores import BOND_EDGES, MoleculeResult
from companion.consistent_diffusion.lab.plane import (
    MAP,
    METHODS,
    RESIDUAL_TIMES,
    T_EVAL,
    PlaneModels,
)
from companion.consistent_diffusion.lab.systems import Curve, fine_grid
from companion.plotting import (
    GREY,
    PALE,
    SEQUENTIAL,
    Style,
    figure,
    finding_title,
    methods,
    no_record,
    plain_ticks,
    reference_line,
    shows,
)
from companion.stats import over_seeds
from companion.verdicts import Open

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = methods("Diffusion", "Two For One", "Mixture", "Fokker-Planck", "Both", "truth", "control")
"""Method to color, marker, and dash; the paper's own numbers are grey."""

CELL = LINE[1] - LINE[0]
FLOOR = PALE
DEGREES = (-120, 0, 120)


def style_of(label: str) -> Style:
    """Color, marker, and dash of a simulation."""
    if label.startswith("Two For One"):
        return STYLES["Two For One"]
    return STYLES["control"] if label == "No energy" else STYLES[label]


def _ratio_shows(over: np.ndarray, under: np.ndarray, above: float) -> bool:
    try:
        return shows(ratio(over, under), above=above)
    except Open:
        return False


# --------------------------------------------------------------------------- line
def laws(runs: LineRuns, seed: int) -> Figure:
    """Truth, denoised samples, and the law at t = 0 of models without and with the penalty."""
    fig, axes = figure(1, 2, height=3.7, sharey=True)
    for ax, alpha, name in zip(axes, (0.0, REPAIRING), ("Diffusion", "Fokker-Planck"), strict=True):
        color = STYLES[name].color
        samples = line_iid(runs.fits[alpha][0].model, seed)
        bins = np.linspace(-9, 9, 49)
        ax.hist(samples, bins=bins, density=True, color=color, alpha=0.3, label="denoised samples")
        for i, fit in enumerate(runs.fits[alpha]):
            name, width = ("law of simulation", 1.8) if i == 0 else (None, 0.8)
            law = line_law(fit.model) / CELL
            ax.plot(LINE, law, color=color, linewidth=width, label=name)
        ax.plot(LINE, line_truth() / CELL, color=STYLES["truth"].color, ls=":", label="truth")
        ax.set(xlim=(-9, 9), ylim=(0, 0.6), xlabel="x (data units)")
        ax.set_title("no penalty" if alpha == 0 else f"penalty {alpha:g}", fontsize=10.5)
        ax.legend(loc="upper left")
    axes[0].set_ylabel("density (per unit of x)")
    finding_title(
        fig,
        "The penalty makes the law of simulation several times as near to the truth",
        holds=_ratio_shows(runs.of(0.0, "js"), runs.of(REPAIRING, "js"), 3),
        otherwise="Denoised samples and the law of simulation, without and with the penalty",
    )
    return fig


def controls(runs: LineRuns) -> Figure:
    """Divergence of every draw: no penalty, the right one, and the broken ones."""
    rows = {
        "no penalty": runs.of(0.0, "js"),
        f"penalty {REPAIRING:g}": runs.of(REPAIRING, "js"),
        **{name: np.array([fit.js for fit in runs.controls[name]]) for name in CONTROLS},
    }
    labels = [name.replace(" of the ", " of\nthe ") for name in rows]
    looks = ("Diffusion", "Fokker-Planck", "control", "control")
    fig, ax = figure(height=3.0)
    for row, (js, look) in enumerate(zip(rows.values(), looks, strict=True)):
        color, marker, _ = STYLES[look]
        ax.plot(js, np.full(len(js), row), marker, color=color, alpha=0.75)
        ax.plot(np.exp(np.log(js).mean()), row, "|", color=color, markersize=22)
    ax.set_yticks(range(len(rows)), labels)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="divergence from the truth (nats, log axis)", ylim=(3.6, -0.6))
    ax.set_title("Divergence with the penalty, without it, and with broken ones", fontsize=10.5)
    return fig


# --------------------------------------------------------------------------- plane
TOP = 8.0
"""Free energies above this are not drawn, in units of kT."""


def free_energy(masses: np.ndarray, top: float = TOP) -> np.ndarray:
    """-ln of masses, 0 at the deepest point, NaN above `top`."""
    energy = -np.log(np.where(masses > 0, masses, np.nan))
    if not np.isfinite(energy).any():
        return energy
    energy -= np.nanmin(energy)
    return np.where(energy < top, energy, np.nan)


def maps(models: PlaneModels) -> Figure:
    """Law of simulation (top) and denoised samples (bottom), one column a method; first seed."""
    grid, exact = fine_grid()
    coarse = exact.reshape(MAP, grid.n // MAP, MAP, -1).sum((1, 3))
    edges = [np.linspace(low, high, MAP + 1) for low, high in (grid.x, grid.y)]
    fig, axes = figure(2, len(METHODS) + 1, height=4.3, sharex=True, sharey=True)

    def draw(ax: Axes, masses: np.ndarray):
        ax.grid(False)
        ax.set(xlim=(-1.8, 1.1), ylim=(-0.5, 2.0), xticks=(-1, 0, 1), yticks=(0, 1, 2))
        return ax.pcolormesh(*edges, free_energy(masses).T, cmap=SEQUENTIAL, vmin=0, vmax=TOP)

    drawn = draw(axes[0, 0], coarse)
    axes[0, 0].set_title("truth", fontsize=9)
    axes[1, 0].axis("off")
    for column, name in enumerate(METHODS, start=1):
        draw(axes[0, column], models.law[name])
        draw(axes[1, column], models.denoised[name])
        axes[0, column].set_title(name, fontsize=9)
        axes[1, column].set_xlabel("x", fontsize=9)
    axes[0, 0].set_ylabel("simulated: y", fontsize=9)
    axes[1, 1].set_ylabel("denoised: y", fontsize=9)
    fig.colorbar(drawn, ax=axes, label="free energy (kT)", shrink=0.8, ticks=(0, 2, 4, 6, 8))
    fig.suptitle("Laws of simulation and denoised samples, first training", fontsize=10.5)
    return fig


def residual(models: PlaneModels) -> Figure:
    """Mean size of the gauge-fixed residual against t, and ln Z against t."""
    fig, (left, right) = figure(1, 2, height=3.9)
    for name in METHODS:
        color, _, dash = STYLES[name]
        for curve in models.fixed[name]:
            left.plot(RESIDUAL_TIMES, curve, color=color, linewidth=0.6, alpha=0.5)
        mean = np.exp(np.log(models.fixed[name]).mean(0))
        left.plot(RESIDUAL_TIMES, mean, color=color, linestyle=dash, label=name)
        moved = models.log_z[name] - models.log_z[name][:, -1:]
        for one in moved:
            right.plot(T_EVAL[1:], one[1:], color=color, linewidth=0.6, alpha=0.5)
        right.plot(T_EVAL[1:], moved.mean(0)[1:], color=color, linestyle=dash)
    left.set(
        xscale="log", yscale="log", xlabel="diffusion time t", ylabel="mean |R| (per unit of t)"
    )
    left.legend(fontsize=9)
    right.set(xscale="log", xlabel="diffusion time t", ylabel=f"ln Z(t) minus ln Z({T_EVAL[-1]:g})")
    plain, penalized = (models.small_residual(name) for name in ("Diffusion", "Fokker-Planck"))
    finding_title(
        fig,
        "At small diffusion times the penalty lowers the residual",
        holds=_ratio_shows(plain, penalized, 1),
        otherwise="The residual, and the integral of the learned density, against diffusion time",
    )
    return fig


def two_for_one(models: PlaneModels, curve: Curve) -> Figure:
    """Divergence against the time at which the force is taken, with the exact curve."""
    fig, ax = figure(height=3.7)
    for name in METHODS:
        color, marker, dash = STYLES[name]
        js = models.t_eval_js[name]
        for one in js:
            ax.plot(T_EVAL[1:], one[1:], color=color, linewidth=0.6, alpha=0.5)
        mean = np.exp(np.log(js).mean(0))[1:]
        ax.plot(T_EVAL[1:], mean, color=color, marker=marker, linestyle=dash, label=name)
    shown = curve.js > 1e-4
    ax.plot(curve.times[shown], curve.js[shown], color=STYLES["truth"].color, label="perfect model")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="diffusion time of the force",
        ylabel="divergence from the truth (nats)",
    )
    ax.legend(fontsize=9)
    ax.set_title("Divergence of the law of simulation, by the time of the force", fontsize=10.5)
    return fig


def strength(models: PlaneModels) -> Figure:
    """Divergence with no penalty, the penalty, and a hundred times it: one network, experts."""
    fig, axes = figure(1, 2, height=3.3, sharey=True)
    for ax, names, title in (
        (axes[0], ("Diffusion", "Fokker-Planck", "Fokker-Planck, strong"), "one network"),
        (axes[1], ("Mixture", "Both", "Both, strong"), "experts"),
    ):
        js = np.array([models.grid_js[name] for name in names])
        color, marker, _ = STYLES[names[1]]
        ax.plot(range(3), js, color=color, linewidth=0.7, alpha=0.5)
        ax.plot(range(3), np.exp(np.log(js).mean(1)), color=color, marker=marker)
        ax.set_xticks(range(3), ["none", "as in the paper", "100 times"], fontsize=9)
        ax.set(xlabel="penalty", yscale="log")
        ax.set_title(title, fontsize=10.5)
    axes[0].set_ylabel("divergence from the truth (nats)")
    one = models.grid_js["Fokker-Planck, strong"], models.grid_js["Fokker-Planck"]
    finding_title(
        fig,
        "A hundred times the penalty spoils the network that serves all diffusion times",
        holds=_ratio_shows(*one, 1),
        otherwise="Divergence of the law of simulation against the weight of the penalty",
    )
    return fig


# --------------------------------------------------------------------------- molecule
SHOWN = ("Diffusion", "Mixture", "Both")


def _band(ax: Axes, low: float, high: float) -> None:
    ax.axhspan(low, high, color=FLOOR, label="real dynamics")


def _curves(ax: Axes, times: np.ndarray, curves: Mapping[str, np.ndarray], floor) -> None:
    _band(ax, *floor[1:])
    for name, rows in curves.items():
        color, marker, dash = style_of(name)
        ax.plot(times, rows.T, color=color, linewidth=0.6, alpha=0.5)
        ax.plot(times, rows.mean(0), color=color, marker=marker, linestyle=dash, label=name)
    ax.set(xlabel="simulated time (ps)", yscale="log")


def molecule_curves(result: MoleculeResult) -> Figure:
    """Left: the methods.  Right: the plain model with its force at a larger diffusion time."""
    fig, (left, right) = figure(1, 2, height=3.9, sharey=True)
    here = {name: result.curves[name] for name in (*SHOWN, "No energy")}
    later = {n: rows for n, rows in result.curves.items() if n.startswith("Two For One")}
    _curves(left, result.times_ps, here, result.true.curve)
    _band(right, *result.true.curve[1:])
    shades = np.linspace(0.5, 1, max(1, len(later)))
    for (name, rows), shade in zip(later.items(), shades, strict=True):
        color, marker, _ = style_of(name)
        label = name.removeprefix("Two For One, ")
        right.plot(
            result.times_ps, rows.mean(0), color=color, marker=marker, alpha=shade, label=label
        )
    left.set(ylabel="divergence of $\\phi$, $\\psi$ (nats)")
    left.set_ylim(top=4 * left.get_ylim()[1])  # above the lines, for the legend
    right.set(xlabel="simulated time (ps)")
    left.legend(fontsize=8.5)
    right.legend(fontsize=8.5, title="Two For One", title_fontsize=8.5)
    plain = over_seeds(result.js["Diffusion"] - result.js["Both"])
    finding_title(
        fig,
        "Moved by Both, the molecule stays nearer to its equilibrium than moved by the plain model",
        holds=shows(plain, above=0),
        otherwise="Distance from equilibrium while the molecule is moved by a model",
    )
    return fig


def population(result: MoleculeResult) -> Figure:
    """Share of chains in the rare state: of those that began in it, and of those outside."""
    fig, (left, right) = figure(1, 2, height=3.5)
    times = result.frame_ps * np.arange(1, len(result.true.stay) + 1)
    for ax, what, title in (
        (left, "stay", "began in the rare state"),
        (right, "enter", "began outside"),
    ):
        truth = getattr(result.true, what)
        ax.plot(times, truth, color=STYLES["truth"].color, label="real dynamics")
        for name in SHOWN:
            color, _, dash = STYLES[name]
            rows = getattr(result, what)[name]
            ax.plot(times, rows.T, color=color, linewidth=0.6, alpha=0.5)
            ax.plot(times, rows.mean(0), color=color, linestyle=dash, label=name)
        ax.set(xlabel="simulated time (ps)", ylim=(0, None))
        ax.set_title(title, fontsize=10.5)
    left.set_ylabel("share of chains in it")
    left.legend(fontsize=8.5)
    fig.suptitle("Who stays in $\\phi > 0$, and who enters it", fontsize=11)
    return fig


def molecule_maps(result: MoleculeResult) -> Figure:
    """Free energy over both angles: the data, and four simulations, all trainings together."""
    names = ["data", *SHOWN, "No energy"]
    fig, axes = figure(1, len(names), height=2.8, sharex=True, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        masses = result.maps[name]
        edges = np.linspace(-180, 180, len(masses) + 1)
        ax.grid(False)
        energy = free_energy(masses, 7.0)
        drawn = ax.pcolormesh(edges, edges, energy.T, cmap=SEQUENTIAL, vmin=0, vmax=7)
        ax.set_title(name, fontsize=9.5)
        ax.set(xlabel="$\\phi$ (degrees)", xticks=DEGREES, aspect="equal")
    axes[0].set(ylabel="$\\psi$ (degrees)", yticks=DEGREES)
    fig.colorbar(drawn, ax=axes, label="free energy (kT)", shrink=0.9)
    return fig


def molecule_profiles(result: MoleculeResult) -> Figure:
    """Free energy along each angle, all trainings together."""
    fig, axes = figure(1, 2, height=3.3, sharey=True)
    for k, symbol in enumerate(("phi", "psi")):
        for name in ("data", *SHOWN):
            color, _, dash = STYLES["truth" if name == "data" else name]
            shares = result.profiles[name][k]
            middle = (np.arange(len(shares)) + 0.5) * 360 / len(shares) - 180
            axes[k].plot(middle, free_energy(shares, 9), color=color, linestyle=dash, label=name)
        axes[k].set(xlabel=f"$\\{symbol}$ (degrees)", xticks=(-180, -90, 0, 90, 180))
    axes[0].set_ylabel("free energy (kT)")
    axes[0].legend(fontsize=9)
    fig.suptitle("Free energy along each angle; gaps were not visited", fontsize=10.5)
    return fig


def molecule_bonds(result: MoleculeResult) -> Figure:
    """Density of the first C-N bond: what a force at a larger diffusion time loses."""
    fig, ax = figure(height=3.4)
    middle = 500 * (BOND_EDGES[:-1] + BOND_EDGES[1:])
    width = 1000 * (BOND_EDGES[1] - BOND_EDGES[0])
    ax.fill_between(middle, result.bonds["data"] / width, color=FLOOR, label="data")
    later = [name for name in result.bonds if name.startswith("Two For One")]
    for name in ("Diffusion", "Both", *later):
        color, _, dash = style_of(name)
        shade = 0.5 + 0.5 * later.index(name) / max(1, len(later) - 1) if name in later else 1.0
        ax.plot(middle, result.bonds[name] / width, color=color, ls=dash, alpha=shade, label=name)
    ax.set(xlabel="length of the C–N bond (pm)", ylabel="density (1/pm)")
    ax.legend(fontsize=8.5)
    last = result.bond[later[-1]] if later else np.array([np.nan])
    finding_title(
        ax,
        "A force at a larger diffusion time smears the bonds out",
        holds=bool(later) and _ratio_shows(last, result.bond["Both"], 2),
        otherwise="The C–N bond in simulations",
    )
    return fig


def losses(result: MoleculeResult) -> Figure:
    """Score-matching loss of the molecule's networks, mean over trainings."""
    fig, ax = figure(height=3.1)
    names = {
        "single": "Diffusion",
        "small": "Mixture",
        "small, penalty": "Both",
        "small, no energy": "No energy",
    }
    for name, label in names.items():
        color, _, dash = style_of(label)
        loss = result.losses[name]
        share = (np.arange(len(loss)) + 0.5) / len(loss)
        ax.plot(share, loss.mean(1), color=color, linestyle=dash, label=name)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set(xlabel="share of the updates", ylabel="loss per dimension")
    ax.legend(fontsize=9)
    ax.set_title("Losses of the networks, by their range of diffusion times", fontsize=10.5)
    return fig


# --------------------------------------------------------------------------- answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """Left: error of the law of simulation on Muller-Brown.  Right: a molecule over time."""
    series = (published or {}).get("series", {})
    if not {"seeds", "curves"} <= set(series):
        return no_record("these figures")
    fig, (left, right) = figure(1, 2, height=3.0)
    names = [name for name in METHODS if name in series["seeds"]]
    for row, name in enumerate(names):
        color, marker, _ = STYLES[name]
        js = np.array(series["seeds"][name], dtype=float)
        left.plot(js, np.full(len(js), row), marker, color=color)
    left.set_yticks(range(len(names)), names)
    left.set(xscale="log", xlabel="divergence from the truth (nats)", ylim=(len(names) - 0.5, -0.5))
    plain_ticks(left.xaxis, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), small=True)
    left.set_title("Muller-Brown, law of simulation", fontsize=10.5)
    curves = series["curves"]
    here = {n: np.array(curves[n], dtype=float) for n in SHOWN if n in curves}
    _curves(right, np.array(curves["times_ps"], dtype=float), here, curves["floor"])
    right.set_ylabel("divergence (nats)")
    right.set_ylim(top=2.5 * right.get_ylim()[1])  # above the lines, for the legend
    right.legend(fontsize=8)
    right.set_title("Alanine dipeptide", fontsize=10.5)
    return fig


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
    reference_line(right, 0, "exact")
    right.set(xlim=(-9, 9), ylim=(-300, 300), xlabel="x (data units)", ylabel="residual R")
    right.set_yscale("symlog", linthresh=1)
    return fig
