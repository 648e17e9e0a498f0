"""Figures of alanine dipeptide and its beads, and the one at the top of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.molecule.chains import Simulated
from companion.consistent_diffusion.lab.molecule.peptide import BONDS, C_N, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.scores import (
    MoleculeResult,
    Reference,
    late,
    molecule_series,
)
from companion.consistent_diffusion.page.figures.plane import STYLES
from companion.plotting import (
    BLUE,
    GREY,
    SEQUENTIAL,
    VERMILION,
    Style,
    figure,
    finding_title,
    methods,
    no_record,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# ------------------------------------------------------------------------------------------ figures
MAX_ENERGY = 7.0  # kT; what is rarer is white
MAP_BINS = 60
PROFILE_BINS = 72
OTHER = {"No energy": STYLES["control"], **methods("Fixed units")}


def style_of(label: str) -> Style:
    """Color, marker, and dash of a simulation."""
    if label.startswith("Two For One"):
        return STYLES["Two For One"]
    return OTHER.get(label) or STYLES[label]


def answer_panel(ax: Axes, series: Mapping[str, object]) -> bool:
    """Divergence against simulated time, from the record's series.

    Returns : whether Diffusion drifts away and Both stays closer
    """
    curves = {name: np.array(rows, dtype=float) for name, rows in series["curves"].items()}
    low, high = series["curve_floor"][1:]
    _draw_curves(
        ax, np.array(series["times_ps"]), curves, ("Diffusion", "Mixture", "Both"), low, high
    )
    ax.legend(loc="best", fontsize=8.5)
    return drifts(curves, high)


def drifts(curves: Mapping[str, np.ndarray], high: float) -> bool:
    """Whether Diffusion rises above the floor's upper end, and every seed of Both ends lower."""
    plain, both = curves["Diffusion"], curves["Both"]
    if not np.isfinite(plain).all() or len(plain) < 2:
        return False
    rises = plain[:, -1].mean() > max(high, plain[:, 0].mean())
    return bool(rises and (both[:, -1] < plain[:, -1]).all())


def _draw_curves(
    ax: Axes,
    times: np.ndarray,
    curves: Mapping[str, np.ndarray],
    names: Sequence[str],
    low: float,
    high: float,
) -> None:
    ax.axhspan(low, high, color="#d9d9d9", label="floor: the real dynamics")
    for name in names:
        if name not in curves:
            continue
        color, marker, dash = style_of(name)
        for row in curves[name]:
            ax.plot(times, row, color=color, linewidth=0.7, alpha=0.5)
        ax.plot(times, curves[name].mean(0), color=color, marker=marker, linestyle=dash, label=name)
    ax.set(
        xlabel="simulated time (ps)", ylabel="divergence of $\\phi$, $\\psi$ (nats)", yscale="log"
    )


def molecule_curves(result: MoleculeResult) -> Figure:
    """Left: the methods.  Right: one network with other features, or with its force at larger t."""
    series = molecule_series(result)
    found = {name: np.array(rows, dtype=float) for name, rows in series["curves"].items()}
    times, (low, high) = np.array(series["times_ps"]), series["curve_floor"][1:]
    fig, (left, right) = figure(1, 2, height=3.9, sharey=True)
    _draw_curves(left, times, found, ("Diffusion", "Mixture", "Both", "No energy"), low, high)
    later = [name for name in found if name.startswith("Two For One")]
    shades = np.linspace(0.6, 1.0, max(1, len(later)))
    right.axhspan(low, high, color="#d9d9d9")
    both = [("Diffusion", 1.0), ("Fixed units", 1.0), *zip(later, shades, strict=True)]
    for name, shade in [pair for pair in both if pair[0] in found]:
        color, marker, dash = style_of(name)
        right.plot(
            times,
            found[name].mean(0),
            color=color,
            marker=marker,
            linestyle=dash,
            alpha=shade,
            label=name,
        )
    right.set(xlabel="simulated time (ps)")
    named = {}
    for ax in (left, right):
        named |= {text: line for line, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(named.values(), named, loc="outside lower center", ncols=3, fontsize=9)
    finding_title(
        fig,
        "Moved by the plain model, the molecule drifts away from its equilibrium; with experts "
        "and penalty it stays closer",
        holds=drifts(found, high),
        otherwise="Distance from equilibrium while the molecule is moved by a model",
    )
    return fig


def molecule_maps(result: MoleculeResult) -> Figure:
    """Free energy over both angles: the data, and the first seed of four simulations."""
    simulated, reference = result.simulated, result.reference
    names = [n for n in ("Diffusion", "Mixture", "Both", "No energy") if n in simulated.labels]
    panels = [("data", reference.all_angles)]
    panels += [(name, phi_psi(late(simulated.runs[name, 0]))) for name in names]
    fig, axes = figure(1, len(panels), height=2.8, sharex=True, sharey=True)
    for ax, (name, angles) in zip(axes, panels, strict=True):
        drawn = draw_map(ax, angles)
        ax.set_title(name, fontsize=9.5)
        ax.set(xlabel="$\\phi$ (degrees)", xticks=(-120, 0, 120))
    axes[0].set(ylabel="$\\psi$ (degrees)", yticks=(-120, 0, 120))
    if drawn is not None:
        fig.colorbar(drawn, ax=axes, label="free energy (kT)", shrink=0.9)
    far = {name: result.summary.simulated[name][0].divergence for name in names}
    finding_title(
        fig,
        "Of these four models of the first training, Both keeps the angles nearest to the data",
        holds=min(far, key=far.get) == "Both",
        otherwise="Free energy over both angles: the data, and simulations of the first training",
    )
    return fig


def draw_map(ax: Axes, angles: np.ndarray, bins: int = MAP_BINS) -> object:
    """Minus the logarithm of the share per bin, its minimum at 0; None without points."""
    ax.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
    ax.grid(visible=False)
    if not len(angles):
        ax.text(0, 0, "no chain left", ha="center")
        return None
    edges = np.linspace(-180, 180, bins + 1)
    counts = np.histogram2d(*np.degrees(angles).T, bins=(edges, edges))[0]
    with np.errstate(divide="ignore"):
        energy = -np.log(counts / counts.max())
    energy[energy > MAX_ENERGY] = np.nan
    return ax.pcolormesh(edges, edges, energy.T, cmap=SEQUENTIAL, vmin=0, vmax=MAX_ENERGY)


def molecule_profiles(result: MoleculeResult) -> Figure:
    """Top: free energy along each angle, all seeds together.  Bottom: minus that of the data."""
    simulated, reference = result.simulated, result.reference
    fig, axes = figure(2, 2, height=4.6, sharex=True, sharey="row", height_ratios=(3, 2))
    edges = np.linspace(-180, 180, PROFILE_BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    names = [n for n in ("Diffusion", "Both") if n in simulated.labels]
    moved = {n: phi_psi(np.concatenate([late(run) for run in simulated.of(n)])) for n in names}
    off: dict[str, list[float]] = {name: [] for name in names}
    for k, symbol in enumerate(("phi", "psi")):
        top, bottom = axes[:, k]
        share, data = _profile(reference.all_angles[:, k], edges)
        top.plot(middle, data, color=STYLES["truth"].color, label="data")
        for name in names:
            color, _, dash = STYLES[name]
            energy = _profile(moved[name][:, k], edges)[1]
            top.plot(middle, energy, color=color, linestyle=dash, label=name)
            bottom.plot(middle, energy - data, color=color, linestyle=dash)
            # a bin that a simulation never visits has no energy, and is left out as in the plot
            off[name].append(float(np.nansum(share * (energy - data) ** 2)))
        bottom.axhline(0, color=STYLES["truth"].color, linewidth=0.8)
        bottom.set(xlabel=f"$\\{symbol}$ (degrees)", xticks=(-180, -90, 0, 90, 180))
    axes[0, 0].set(ylabel="free energy (kT)")
    axes[1, 0].set(ylabel="minus the data (kT)")
    axes[0, 0].legend(fontsize=9)
    finding_title(
        fig,
        "Along both angles, the free energy under Both is nearer to the data than under Diffusion",
        holds=all(a < b for a, b in zip(off["Both"], off["Diffusion"], strict=True)),
        otherwise="Free energy along each angle, and its difference to the data",
    )
    return fig


def _profile(angles: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each bin, and minus its logarithm in kT, the least at 0, NaN where nothing is."""
    counts = np.histogram(np.degrees(angles), edges)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = -np.log(counts / counts.max())
        return counts / counts.sum(), np.where(np.isfinite(energy), energy, np.nan)


def molecule_bonds(result: MoleculeResult) -> Figure:
    """Density of the first C-N bond: what a force at a larger diffusion time loses."""
    simulated, reference = result.simulated, result.reference
    fig, ax = figure(height=3.5)
    names = [n for n in simulated.labels if n not in ("Mixture", "No energy", "Fixed units")]
    edges = np.linspace(0.115, 0.155, 81)
    middle = (edges[:-1] + edges[1:]) / 2 * 1000
    density = np.histogram(reference.all_bonds[:, C_N[0]], edges, density=True)[0]
    ax.fill_between(middle, density / 1000, color="#d9d9d9", label="data")
    later = [n for n in names if n.startswith("Two For One")]
    for name in names:
        frames = np.concatenate([late(run) for run in simulated.of(name)])
        density = np.histogram(bond_lengths(frames)[:, C_N[0]], edges, density=True)[0]
        color, _, dash = style_of(name)
        shade = 0.6 + 0.4 * later.index(name) / max(1, len(later) - 1) if name in later else 1.0
        ax.plot(middle, density / 1000, color=color, linestyle=dash, alpha=shade, label=name)
    ax.set(xlabel="length of the C–N bond (pm)", ylabel="density (1/pm)")
    ax.legend(fontsize=8.5)
    errors = {n: np.mean([s.bond for s in found]) for n, found in result.summary.simulated.items()}
    finding_title(
        ax,
        "A force at a larger diffusion time smears the bonds out",
        holds=bool(later) and errors.get(later[-1], 0) > 2 * errors.get("Both", np.inf),
        otherwise="The C–N bond in simulations",
    )
    return fig


def molecule_losses(result: MoleculeResult, smooth: int = 100) -> Figure:
    """Score-matching loss of the networks of the first seed, means of 100 updates."""
    trained = result.trained
    fig, ax = figure(height=3.3)
    for name, (color, _, dash) in {
        "single": STYLES["Diffusion"],
        "single, fixed units": OTHER["Fixed units"],
        "small": STYLES["Mixture"],
        "small, penalty": STYLES["Both"],
        "small, no energy": STYLES["control"],
    }.items():
        if name not in trained[0]:
            continue
        loss = trained[0][name].losses.dsm
        n = max(1, len(loss) // smooth)
        parts = np.array_split(loss, n)
        steps = np.cumsum([len(p) for p in parts])
        ax.plot(steps, [p.mean() for p in parts], color=color, linestyle=dash, label=name)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set(xlabel="updates", ylabel="loss per dimension")
    ax.legend(fontsize=9)
    ax.set_title("Losses of the networks, by their range of diffusion times", fontsize=10.5)
    return fig


# ------------------------------------------------------------------------------------------- answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """Left: error of the law of simulation on Muller-Brown.  Right: a molecule over time."""
    series = (published or {}).get("series", {})
    if not {"models", "molecule"} <= set(series):
        return no_record("these figures")

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


# -------------------------------------------------------------------------------------------- beads
COLORS = (GREY, BLUE, GREY, GREY, BLUE)  # carbon grey, nitrogen blue
HALF = 0.24
"""Half the width of the box that is shown, in nm."""


def aligned(beads: np.ndarray) -> np.ndarray:
    """(5, 3) turned so that N, CA, C (beads 1 to 3) lie in the page, CA on top."""
    middle = beads - beads[2]
    across = middle[3] - middle[1]
    across /= np.linalg.norm(across)
    up = -(middle[1] + middle[3])
    up -= across * (up @ across)
    up /= np.linalg.norm(up)
    axes = np.stack([across, np.cross(up, across), up], 1)
    turned = middle @ axes
    return turned - turned.mean(0)


def beads_frame(
    simulated: Simulated, reference: Reference, label: str, ps: float, chain: int = 0
) -> Figure:
    """One chain at one time: the beads on the left, the place of its angles on the right."""
    run = simulated.runs[label, 0]
    at = int(np.argmin(np.abs(run.times_ps() - ps)))
    beads = run.frames[at, chain]
    fig, (empty, right) = figure(1, 2, height=3.6)
    place = empty.get_subplotspec()
    empty.remove()
    left = fig.add_subplot(place, projection="3d")
    left.set_axis_off()
    left.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), zlim=(-HALF, HALF))
    left.view_init(elev=30, azim=-60)
    left.set_box_aspect((1, 1, 1), zoom=1.6)
    draw_map(right, reference.all_angles)
    right.set(xlabel="$\\phi$ (degrees)", ylabel="$\\psi$ (degrees)")
    if np.isfinite(beads).all():
        shown = aligned(beads.astype(float))
        for i, j in BONDS:
            left.plot(*shown[[i, j]].T, color="#999999", linewidth=5, solid_capstyle="round")
        left.scatter(*shown.T, s=330, c=COLORS, edgecolors="#222222", depthshade=False)
        for name, point in zip(("C", "N", "CA", "C", "N"), shown, strict=True):
            left.text(*point, name, color="white", ha="center", va="center", fontsize=8, zorder=20)
        angles = np.degrees(phi_psi(beads))
        right.plot(*angles, "o", color=VERMILION, markersize=10, markeredgecolor="white")
    else:
        left.text(0, 0, 0, "this chain\nhas left", ha="center", va="center")
    right.set_title(f"{label}, {ps:g} ps", fontsize=10.5)
    return fig


def beads_alt(simulated: Simulated, label: str, ps: float, chain: int = 0) -> str:
    """What :func:`beads_frame` shows, in words."""
    run = simulated.runs[label, 0]
    beads = run.frames[int(np.argmin(np.abs(run.times_ps() - ps))), chain]
    if not np.isfinite(beads).all():
        return f"{label}, {ps:g} ps: this chain has left."
    phi, psi = np.degrees(phi_psi(beads))
    lengths = ", ".join(f"{1000 * d:.0f}" for d in bond_lengths(beads))
    return (
        f"Five beads after {ps:g} ps moved by {label}: phi {phi:.0f}, psi {psi:.0f} degrees; "
        f"bonds {lengths} picometers."
    )
