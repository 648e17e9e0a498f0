"""How far samples and simulations are from the reference; the molecule's experiment as numbers.

How far the molecule's samples and simulations are from the reference.

The reference is the stored data, as in the paper.  A perfect simulation of the same size would not
score 0 either: the floor is what stretches of the real dynamics score, as many and as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.molecule.chains import (
    FRAME_PS,
    Run,
    Simulated,
    load_molecule,
    simulate_all,
    train_all,
)
from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.models import Molecule, Trained
from companion.consistent_diffusion.lab.molecule.peptide import C_N, bond_lengths, phi_psi
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.systems import js_error, pmf_error, w1_error
from companion.scale import generator

# ------------------------------------------------------------------------------------------- scores
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


# ------------------------------------------------------------------------------------------- series
class Summary(NamedTuple):
    """Scores of everything.

    times_ps : (5,) middle of each window of simulated time
    curves : label -> (n_seeds, 5) divergence in each window
    curve_floor : of real dynamics with as many chains and frames
    simulated, iid : label -> scores of every seed; simulated_floor, iid_floor : divergences for
        their sizes; simulated_pmf, iid_pmf : errors of the free energy for their sizes
    lost, left, chains : label -> how many chains left or heated, left, were started, per seed
    iid_lost : method -> how many denoised samples were not finite, per seed
    """

    times_ps: np.ndarray
    curves: dict[str, np.ndarray]
    curve_floor: Floor
    simulated: dict[str, list[Score]]
    iid: dict[str, list[Score]]
    simulated_floor: Floor
    iid_floor: Floor
    simulated_pmf: Floor
    iid_pmf: Floor
    lost: dict[str, list[int]]
    left: dict[str, list[int]]
    chains: dict[str, list[int]]
    iid_lost: dict[str, list[int]]


def summarize(simulated: Simulated, reference: Reference, seed: int) -> Summary:
    """All scores of a run, and their floors."""
    curves, scores, lost, left, chains = {}, {}, {}, {}, {}
    for label in simulated.labels:
        runs = simulated.of(label)
        found = [divergence_curve(run, reference) for run in runs]
        curves[label] = np.array([curve.divergence for curve in found])
        scores[label] = [score(settled(run), reference) for run in runs]
        lost[label] = [int(run.lost.sum()) for run in runs]
        left[label] = [int(run.left.sum()) for run in runs]
        chains[label] = [run.n_chains for run in runs]
    iid: dict[str, list[Score]] = {}
    iid_lost: dict[str, list[int]] = {}
    for (method, _), drawn in simulated.iid.items():
        iid.setdefault(method, []).append(score(drawn.beads, reference))
        iid_lost.setdefault(method, []).append(drawn.n_lost)
    one: Run = next(iter(simulated.runs.values()))
    n_iid = max(len(drawn.beads) for drawn in simulated.iid.values())
    rng, other = (generator(seed, "molecule", name) for name in ("floor", "floor of the PMF"))
    n_sim = n_settled(one)
    return Summary(
        found[0].times_ps,
        curves,
        floor(reference, one.n_chains, windows(one)[-1].n, rng, bins=CURVE_BINS),
        scores,
        iid,
        floor(reference, one.n_chains, n_sim, rng, bins=BINS),
        floor(reference, n_iid, 1, rng, bins=BINS, repeats=10),
        floor(reference, one.n_chains, n_sim, other, bins=BINS, repeats=10, pmf=True),
        floor(reference, n_iid, 1, other, bins=BINS, repeats=10, pmf=True),
        lost,
        left,
        chains,
        iid_lost,
    )


def series(summary: Summary) -> dict[str, object]:
    """What the record keeps: lists and numbers only; a missing number is None."""

    def plain(values: np.ndarray) -> list:
        return [None if not np.isfinite(v) else round(float(v), 6) for v in values]

    def table(found: dict[str, list[Score]]) -> dict[str, dict[str, list]]:
        return {
            label: {
                name: plain([getattr(s, name) for s in scores])
                for name in ("divergence", "pmf", "bond")
            }
            for label, scores in found.items()
        }

    return {
        "times_ps": plain(summary.times_ps),
        "curves": {label: [plain(row) for row in rows] for label, rows in summary.curves.items()},
        "curve_floor": plain(summary.curve_floor),
        "simulated": table(summary.simulated),
        "simulated_floor": plain(summary.simulated_floor),
        "iid": table(summary.iid),
        "iid_floor": plain(summary.iid_floor),
        "simulated_pmf_floor": plain(summary.simulated_pmf),
        "iid_pmf_floor": plain(summary.iid_pmf),
        "lost": summary.lost,
        "left": summary.left,
        "chains": summary.chains,
        "iid_lost": summary.iid_lost,
    }


# --------------------------------------------------------------------------------------- experiment
@dataclass(frozen=True)
class MoleculeResult:
    """All that was computed about alanine dipeptide.

    molecule : data; trained : networks by name, one dictionary a seed; simulated : chains and
    denoised samples; reference : what they are scored against; summary : the scores
    """

    molecule: Molecule
    trained: list[dict[str, Trained]]
    simulated: Simulated
    reference: Reference
    summary: Summary


def run_molecule(settings: MoleculeSettings, seed: int, *, progress: bool = True) -> MoleculeResult:
    """Train every network with every seed, denoise and simulate with each, and score.

    Raises
    ------
    companion.data.DataUnavailable : at paper scale, the authors' trajectory cannot be had
    companion.training.TrainingDiverged : with step and seed
    ValueError : chains too short to be followed in time
    """
    if settings.molecule_ps < N_WINDOWS * FRAME_PS:
        raise ValueError(
            f"molecule_ps is {settings.molecule_ps}; {N_WINDOWS} windows of time need at least "
            f"{N_WINDOWS * FRAME_PS:g} ps"
        )
    molecule = load_molecule(settings, seed)
    ours = settings.molecule_frames == "ours"
    reference = reference_of(load_frames().beads if ours else molecule.beads)
    trained = train_all(molecule, settings, seed=seed, progress=progress)
    simulated = simulate_all(trained, molecule, settings, seed=seed, progress=progress)
    summary = summarize(simulated, reference, seed)
    return MoleculeResult(molecule, trained, simulated, reference, summary)


def molecule_series(result: MoleculeResult) -> dict[str, object]:
    """What the record keeps of the molecule."""
    return series(result.summary)
