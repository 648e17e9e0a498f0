"""The beads in three dimensions, as pictures: they need no viewer and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.consistent_diffusion.lab.molecule.geometry import BONDS, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.runs import Simulated
from companion.consistent_diffusion.lab.molecule.scores import Reference
from companion.consistent_diffusion.page.molecule.figures import draw_map
from companion.plotting import BLUE, GREY, VERMILION, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
