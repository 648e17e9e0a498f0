"""Figures of alanine dipeptide.  They only draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.molecule.experiment import MoleculeResult, molecule_series
from companion.consistent_diffusion.lab.molecule.geometry import C_N, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.scores import late
from companion.consistent_diffusion.page.figures.style import STYLES
from companion.plotting import GREY, SEQUENTIAL, Style, figure, finding_title, methods

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
