"""Is the stored data set what it says?  A short simulation, run now, is held against it.

The yardstick is the stored data cut into stretches as long as the live run: how far do their own
averages lie from the average of all?
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.molecule.frames import Frames
from companion.consistent_diffusion.lab.molecule.geometry import BOND_NAMES, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.md import Motion, State, simulate

FRAME_PS = 2.0
"""Time between frames, as in the stored data."""


class Live(NamedTuple):
    """beads : (n, 5, 3) in nm, 2 ps apart; seconds : of wall time; steps : of 4 fs"""

    beads: np.ndarray
    seconds: float
    steps: int

    @property
    def ps(self) -> float:
        """Simulated time."""
        return len(self.beads) * FRAME_PS


class Statistic(NamedTuple):
    """One average.

    live, stored : of the live run and of all stored frames; spread : standard deviation of the
    averages of stored stretches as long as the live run; further : share of those stretches that
    lie at least as far from the stored average as the live run does, 0 if none does
    """

    name: str
    unit: str
    live: float
    stored: float
    spread: float
    further: float


def run_live(frames: Frames, ps: float, seed: int) -> Live:
    """Molecular dynamics, now: from the stored start of the first half, at the stored settings."""
    dynamics = Motion()
    stride, n_frames = round(FRAME_PS / dynamics.step), round(ps / FRAME_PS)
    began = time.perf_counter()
    moving = simulate(State(frames.starts[0], None), dynamics, seed, n_frames, stride)
    beads = np.array([frame for frame, _ in moving])
    return Live(beads, time.perf_counter() - began, stride * n_frames)


def compare(live: Live, frames: Frames) -> list[Statistic]:
    """Means and spreads of the bonds, and how psi is distributed.

    Raises
    ------
    ValueError : the live run is longer than half of the stored ones, so there are no stretches
    """
    n = len(live.beads)
    per_half = frames.beads.shape[1] // n
    if per_half < 2:
        raise ValueError(f"a live run of {n} frames has too few stored stretches to compare with")
    stretches = frames.beads[:, : per_half * n].reshape(-1, n, 5, 3)
    ours, stored = _averages(live.beads), _averages(frames.all)
    parts = _averages(stretches)
    found = []
    for key, value in ours.items():
        away = np.abs(parts[key] - stored[key])
        further = float((away >= abs(value - stored[key])).mean())
        found.append(
            Statistic(
                *key, float(value), float(stored[key]), float(parts[key].std(ddof=1)), further
            )
        )
    return found


def _averages(beads: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """(name, unit) -> average over the frames: (..., n, 5, 3) to (...)."""
    bonds, psi = bond_lengths(beads) * 1000, phi_psi(beads)[..., 1]
    found = {}
    for k, name in enumerate(BOND_NAMES):
        found[f"bond {k + 1}, {name}: mean", "pm"] = bonds[..., k].mean(-1)
    for k, name in enumerate(BOND_NAMES):
        found[f"bond {k + 1}, {name}: deviation", "pm"] = bonds[..., k].std(-1)
    low, high = np.radians([-120, 60])
    found["psi between -120 and 60 degrees", "%"] = 100 * ((psi > low) & (psi < high)).mean(-1)
    return found


class Visits(NamedTuple):
    """share : of frames in the rare state, per half; n : how often it was entered, per half"""

    share: list[float]
    n: list[int]


def rare_visits(frames: Frames, apart: int = 10) -> Visits:
    """The rare state 0 < phi < 115 degrees in each half of the data.

    apart : a visit is over when the state was empty for so many frames (20 ps)
    """
    phi = phi_psi(frames.beads)[..., 0]
    inside = (phi > 0) & (phi < 2)
    counts = []
    for row in inside:
        at = np.flatnonzero(row)
        counts.append(int(1 + (np.diff(at) > apart).sum()) if len(at) else 0)
    return Visits(inside.mean(1).tolist(), counts)
