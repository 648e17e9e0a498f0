"""How far the molecule's samples and simulations are from the reference.

The reference is the stored data, as in the paper.  A perfect simulation of the same size would not
score 0 either: the floor is what stretches of the real dynamics score, as many and as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.metrics import js_error, pmf_error, w1_error
from companion.consistent_diffusion.lab.molecule.geometry import C_N, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.langevin import FRAME_PS, Run

LIMITS = ((-np.pi, np.pi), (-np.pi, np.pi))
BINS = 64
"""Bins per angle of the paper's divergence."""
CURVE_BINS = 24
"""Bins per angle where the divergence is followed in time: a window holds few points."""
N_WINDOWS = 5
REFERENCE_PS = 2.0
"""Time between two frames of the stored data."""


@dataclass(frozen=True)
class Reference:
    """The stored data, as what it is compared by.

    angles : (n_halves, n, 2) in radian, neighbors 2 ps apart; bonds : (n_halves, n, 4) in nm
    """

    angles: np.ndarray
    bonds: np.ndarray

    @property
    def all_angles(self) -> np.ndarray:
        """(n_halves n, 2)."""
        return self.angles.reshape(-1, 2)

    @property
    def all_bonds(self) -> np.ndarray:
        """(n_halves n, 4)."""
        return self.bonds.reshape(-1, 4)


def reference_of(beads: np.ndarray) -> Reference:
    """From frames (n_halves, n, 5, 3), or (n, 5, 3), in nm."""
    beads = beads[None] if beads.ndim == 3 else beads
    return Reference(phi_psi(beads), bond_lengths(beads))


class Window(NamedTuple):
    """Frames first, first + step, ... below last, of every chain; `n` of them."""

    first: int
    last: int
    step: int

    @property
    def n(self) -> int:
        """Frames of a chain in the window."""
        return len(range(self.first, self.last, self.step))


def windows(run: Run) -> list[Window]:
    """Five windows of equal length; frames in one are 2 ps apart, as in the stored data."""
    edges = np.linspace(0, len(run.frames), N_WINDOWS + 1).round().astype(int)
    step = round(REFERENCE_PS / FRAME_PS)
    return [
        Window(max(first, last - step * max(1, (last - first) // step)) + step - 1, last, step)
        if last - first >= step
        else Window(last - 1, last, step)
        for first, last in pairwise(edges)
    ]


def finite(frames: np.ndarray) -> np.ndarray:
    """Frames (n, 5, 3) of chains that had not been stopped."""
    frames = frames.reshape(-1, 5, 3)
    return frames[np.isfinite(frames).all((1, 2))]


class DivergenceCurve(NamedTuple):
    """times_ps : (5,) middle of each window; divergence : (5,), NaN where no chain is left."""

    times_ps: np.ndarray
    divergence: np.ndarray


def divergence_curve(run: Run, reference: Reference) -> DivergenceCurve:
    """Divergence of phi and psi from the reference in each window of simulated time."""
    found = []
    for window in windows(run):
        frames = finite(run.frames[window.first : window.last : window.step])
        found.append(
            js_error(reference.all_angles, phi_psi(frames), bins=CURVE_BINS, limits=LIMITS)
            if len(frames)
            else np.nan
        )
    edges = np.linspace(0, len(run.frames), N_WINDOWS + 1) * FRAME_PS
    return DivergenceCurve((edges[:-1] + edges[1:]) / 2, np.array(found))


class Floor(NamedTuple):
    """Mean, and 2.5 and 97.5 % quantiles, of what real dynamics of the same size score."""

    mean: float
    low: float
    high: float


def floor(
    reference: Reference,
    n_chains: int,
    n_frames: int,
    rng: np.random.Generator,
    *,
    bins: int,
    repeats: int = 40,
    pmf: bool = False,
) -> Floor:
    """Divergence of stretches of the stored dynamics, `n_chains` of `n_frames` frames each.

    Each stretch starts at a random frame, as the chains do.  pmf : the error of the free energy
    instead of the divergence
    """
    halves, n = reference.angles.shape[:2]
    found = []
    for _ in range(repeats):
        half = rng.integers(halves, size=n_chains)[:, None]
        start = rng.integers(n - n_frames + 1, size=n_chains)[:, None]
        points = reference.angles[half, start + np.arange(n_frames)].reshape(-1, 2)
        if pmf:
            error = pmf_error(reference.all_angles, points, limits=LIMITS, n_bins=bins)
        else:
            error = js_error(reference.all_angles, points, bins=bins, limits=LIMITS)
        found.append(error)
    return Floor(float(np.mean(found)), *map(float, np.quantile(found, [0.025, 0.975])))


def settled(run: Run) -> np.ndarray:
    """Frames that are scored: 2 ps apart, the first fifth left out; (n, 5, 3)."""
    return finite(run.frames[::-1][:: round(REFERENCE_PS / FRAME_PS)][: n_settled(run)])


def n_settled(run: Run) -> int:
    """How many frames of each chain :func:`settled` keeps."""
    n = len(run.frames)
    return max(1, int(0.8 * n) // round(REFERENCE_PS / FRAME_PS))


def late(run: Run) -> np.ndarray:
    """All frames but the first fifth, 0.2 ps apart, for smooth curves: (n, 5, 3)."""
    return finite(run.frames[len(run.frames) // 5 :])


class Score(NamedTuple):
    """divergence : of phi and psi, the paper's JS; pmf : error of their free energy, the paper's;
    bond : error of the C-N bonds in nm (mean of both Wasserstein distances); n : frames that were
    scored."""

    divergence: float
    pmf: float
    bond: float
    n: int


def score(frames: np.ndarray, reference: Reference) -> Score:
    """Errors of frames (n, 5, 3) in nm; NaN if there are none."""
    if not len(frames):
        return Score(np.nan, np.nan, np.nan, 0)
    bonds, angles = bond_lengths(frames), phi_psi(frames)
    return Score(
        js_error(reference.all_angles, angles, bins=BINS, limits=LIMITS),
        pmf_error(reference.all_angles, angles, limits=LIMITS, n_bins=BINS),
        float(np.mean([w1_error(reference.all_bonds[:, k], bonds[:, k]) for k in C_N])),
        len(frames),
    )
