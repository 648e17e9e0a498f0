"""How far samples and simulations are from the data; the molecule's experiment as numbers.

The reference is the stored data, as in the paper.  A perfect simulation of the same size would not
score 0 either: the floor is what stretches of the real dynamics score, as many and as long.
Half of a simulation's information would be lost if its chains started as the data are spread: the
rare state has 5 % of them.  So chains start in either state, and each state has its weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab.molecule.chains import (
    FRAME_PS,
    OUTSIDE_PART,
    Moved,
    Simulated,
    dynamics_of,
    load_molecule,
    load_nets,
    shipped_hash,
    simulate_all,
    train_all,
)
from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.models import MoleculeSizes
from companion.consistent_diffusion.lab.molecule.peptide import (
    C_N,
    bond_lengths,
    in_rare_state,
    phi_psi,
)
from companion.consistent_diffusion.lab.systems import js_divergence, pmf_distance
from companion.scale import generator

BINS = 64
"""Bins per angle of the paper's divergence."""
CURVE_BINS = 24
"""Bins per angle where the divergence is judged and followed in time: a window has few points."""
N_WINDOWS = 5
LAG_PS = 10.0
"""Lag at which the relaxation of psi is read."""
HELIX = (-2 * np.pi / 3, np.pi / 3)
"""Ends of the basin of psi whose coming and going is followed, in radian."""
MAP = 48
PROFILE = 72
BOND_EDGES = np.linspace(0.115, 0.155, 61)
"""In nm."""


@dataclass(frozen=True)
class Reference:
    """The stored data, as what it is compared by.

    angles : (n_halves, n, 2) in radian, neighbors 2 ps apart; bonds : (n_halves, n, 4) in nm
    """

    angles: np.ndarray
    bonds: np.ndarray

    @property
    def rare(self) -> np.ndarray:
        """(n_halves, n), whether a frame lies in the rare state."""
        return in_rare_state(self.angles[..., 0])

    @property
    def share(self) -> float:
        """Share of the rare state."""
        return float(self.rare.mean())


def reference_of(beads: np.ndarray) -> Reference:
    """From frames (n_halves, n, 5, 3), or (n, 5, 3), in nm."""
    beads = beads[None] if beads.ndim == 3 else beads
    return Reference(phi_psi(beads), bond_lengths(beads))


def weights_of(common: int, rare: int, share: float) -> np.ndarray:
    """Weight of each chain, (common + rare,), adding to one: the rare state has its share."""
    return np.concatenate([np.full(common, (1 - share) / common), np.full(rare, share / rare)])


def masses(angles: np.ndarray, weights: np.ndarray | None, bins: int) -> np.ndarray:
    """Masses (bins, bins) of phi and psi; frames that are NaN are left out.

    angles : (..., chains, 2); weights : (chains,), or None for equal ones
    """
    weight = np.broadcast_to(1.0 if weights is None else weights, angles.shape[:-1])
    here = np.isfinite(angles).all(-1)
    edges = np.linspace(-np.pi, np.pi, bins + 1)
    points = np.clip(angles[here], -np.pi, np.pi)
    found = np.histogram2d(*points.T, bins=(edges, edges), weights=weight[here])[0]
    return found / found.sum() if found.sum() > 0 else np.full_like(found, np.nan)


def js(reference: np.ndarray, found: np.ndarray) -> float:
    """Divergence of masses; NaN where there are none."""
    return js_divergence(reference, found) if np.isfinite(found).all() else np.nan


def pmf(reference: Reference, angles: np.ndarray, weights: np.ndarray | None) -> float:
    """The paper's error of the free energy: 62 bins per angle and one beyond each end."""
    whole, part = (
        np.pad(masses(one, w, BINS - 2), 1)
        for one, w in ((reference.angles, None), (angles, weights))
    )
    return pmf_distance(whole, part) if np.isfinite(part).all() else np.nan


def bond_error(reference: Reference, bonds: np.ndarray, weights: np.ndarray | None) -> float:
    """Mean of the Wasserstein distances of both C-N bonds, in nm.  bonds : (..., chains, 4)."""
    from scipy.stats import wasserstein_distance

    here = np.isfinite(bonds).all(-1)
    if not here.any():
        return np.nan
    weight = np.broadcast_to(1.0 if weights is None else weights, here.shape)[here]
    return float(
        np.mean(
            [
                wasserstein_distance(
                    reference.bonds[..., k].ravel(), bonds[..., k][here], v_weights=weight
                )
                for k in C_N
            ]
        )
    )


def share_in_time(angles: np.ndarray) -> np.ndarray:
    """Share of chains in the rare state, frame by frame, of those that are left: (frames,)."""
    here = np.isfinite(angles[..., 0])
    with np.errstate(invalid="ignore"):
        return in_rare_state(angles[..., 0]).sum(-1) / here.sum(-1)


HOME = 0.999
"""Share of the data in the cells that count as where the data are."""


def home_of(reference: Reference) -> np.ndarray:
    """Where the data are: the fewest cells of phi and psi that hold 99.9 % of them, (24, 24)."""
    cells = masses(reference.angles, None, CURVE_BINS)
    order = np.sort(cells.ravel())[::-1]
    n = int(np.searchsorted(np.cumsum(order), HOME)) + 1
    return (cells >= order[n - 1]) & (cells > 0)


def at_home(angles: np.ndarray, home: np.ndarray) -> np.ndarray:
    """Share of the chains in cells of `home`, frame by frame: (frames,).

    angles : (frames, chains, 2) in radian; a chain that left (NaN) is not there
    """
    inside = np.isfinite(angles).all(-1)
    at = ((np.nan_to_num(angles) + np.pi) / (2 * np.pi) * len(home)).astype(int)
    at = np.clip(at, 0, len(home) - 1)
    return (inside & home[at[..., 0], at[..., 1]]).mean(-1)


def timescale(angles: np.ndarray, frame_ps: float) -> float:
    """Relaxation time of psi in ps, from the autocorrelation at a lag of 10 ps.

    angles : (frames, chains, 2) of chains; whether psi is in its basin is a series of 0 and 1,
    whose autocorrelation C gives -lag / ln C.  NaN if C is not between 0 and 1, or there is no
    frame so much later.
    """
    lag = round(LAG_PS / frame_ps)
    inside = (angles[..., 1] > HELIX[0]) & (angles[..., 1] < HELIX[1])
    if not 0 < lag < len(inside):
        return np.nan
    both = np.isfinite(angles[lag:, :, 1])  # a chain that is left now was left before
    if not both.any():
        return np.nan
    now, later = inside[:-lag][both].astype(float), inside[lag:][both].astype(float)
    mean = 0.5 * (now.mean() + later.mean())
    if not 0 < mean < 1:
        return np.nan
    c = float(((now - mean) * (later - mean)).mean() / (mean * (1 - mean)))
    return -lag * frame_ps / np.log(c) if 0 < c < 1 else np.nan


class Floor(NamedTuple):
    """Mean, and 2.5 and 97.5 % quantiles, of what real dynamics of the same size score."""

    mean: float
    low: float
    high: float


def _quantiles(values: list[float]) -> Floor:
    return Floor(float(np.mean(values)), *map(float, np.quantile(values, [0.025, 0.975])))


@dataclass(frozen=True)
class Yardstick:
    """What stretches of the stored dynamics score, as many and as long as the simulations.

    curve, js, pmf : floors of a window of the curve, of the late divergence in 24 and 64 bins
        (js, wide), and of the PMF error
    enter, stay : (frames,) share in the rare state of stretches that begin outside of it, and in it
    """

    curve: Floor
    js: Floor
    wide: Floor
    pmf: Floor
    enter: np.ndarray
    stay: np.ndarray


def yardstick(
    reference: Reference,
    common: int,
    rare: int,
    n_frames: int,
    rng: np.random.Generator,
    *,
    repeats: int = 40,
) -> Yardstick:
    """Stretches of `n_frames` frames that begin as the chains do, `common` and `rare` of them."""
    n = reference.angles.shape[1]
    if n_frames >= n:
        raise ValueError(f"chains of {n_frames} frames are longer than the stored ones, {n}")
    begins = reference.rare[:, : n - n_frames + 1]
    rows = [np.argwhere(~begins), np.argwhere(begins)]
    weights = weights_of(common, rare, reference.share)
    narrow, wide = (masses(reference.angles, None, bins) for bins in (CURVE_BINS, BINS))
    last = windows(n_frames)[-1]
    found = {"curve": [], "js": [], "wide": [], "pmf": []}
    enter, stay = [], []
    for _ in range(repeats):
        at = np.concatenate(
            [
                part[rng.integers(len(part), size=k)]
                for part, k in zip(rows, (common, rare), strict=True)
            ]
        )
        angles = reference.angles[at[:, 0], at[:, 1] + np.arange(n_frames)[:, None]]
        late = angles[n_frames // 5 :]
        found["curve"].append(js(narrow, masses(angles[last], weights, CURVE_BINS)))
        found["js"].append(js(narrow, masses(late, weights, CURVE_BINS)))
        found["wide"].append(js(wide, masses(late, weights, BINS)))
        found["pmf"].append(pmf(reference, late, weights))
        enter.append(share_in_time(angles[:, :common]))
        stay.append(share_in_time(angles[:, common:]))
    floors = {name: _quantiles(values) for name, values in found.items()}
    return Yardstick(**floors, enter=np.mean(enter, 0), stay=np.mean(stay, 0))


def windows(n_frames: int) -> list[slice]:
    """Five windows of equal length."""
    edges = np.linspace(0, n_frames, N_WINDOWS + 1).round().astype(int)
    return [slice(a, b) for a, b in pairwise(edges)]


# ------------------------------------------------------------------------------------------- result
@dataclass(frozen=True)
class MoleculeResult:
    """All that is kept about alanine dipeptide.  Label -> array whose first axis is the seed.

    times_ps : middle of each window; frame_ps : between two frames; chains : of each simulation
    curves : divergence in each window, (seeds, 5)
    js, wide : divergence without the first fifth, 24 and 64 bins an angle; pmf : of the free
        energy; bond : error of the C-N bonds in nm
    enter, stay : (seeds, frames) share in the rare state of chains that began outside, and in it
    population : its share in the second half, states weighted as in the data
    heat : kinetic temperature over the wanted one, mean of the chains that stayed; left : chains
        that left; timescale : relaxation time of psi in ps
    back : method -> (seeds, frames) share of chains that began outside of the data and are where
        the data are; back_rare : (seeds,) share in the rare state in their second half;
        back_ps : their length; home : share of all cells of phi and psi where the data are
    iid_js, iid_wide, iid_pmf, iid_bond, iid_population, iid_lost : of denoised samples; iid_floor :
        divergences (24 and 64 bins) of as many frames
    skew : antisymmetric share of the Jacobian of the score
    share : of the rare state in the data; true_timescale : per half; true : the yardstick
    maps, profiles, bonds : masses of phi and psi (MAP, MAP), of each angle (2, PROFILE), and of the
        first C-N bond in BOND_EDGES, all seeds together; "data" is a label, too
    losses : network -> (blocks, seeds)
    """

    times_ps: np.ndarray
    frame_ps: float
    chains: int
    curves: Mapping[str, np.ndarray]
    js: Mapping[str, np.ndarray]
    wide: Mapping[str, np.ndarray]
    pmf: Mapping[str, np.ndarray]
    bond: Mapping[str, np.ndarray]
    enter: Mapping[str, np.ndarray]
    stay: Mapping[str, np.ndarray]
    population: Mapping[str, np.ndarray]
    heat: Mapping[str, np.ndarray]
    left: Mapping[str, np.ndarray]
    timescale: Mapping[str, np.ndarray]
    back: Mapping[str, np.ndarray]
    back_rare: Mapping[str, np.ndarray]
    back_ps: float
    home: float
    iid_js: Mapping[str, np.ndarray]
    iid_wide: Mapping[str, np.ndarray]
    iid_pmf: Mapping[str, np.ndarray]
    iid_bond: Mapping[str, np.ndarray]
    iid_population: Mapping[str, np.ndarray]
    iid_lost: Mapping[str, np.ndarray]
    iid_floor: tuple[float, float]
    skew: Mapping[str, np.ndarray]
    share: float
    true_timescale: np.ndarray
    true: Yardstick
    maps: Mapping[str, np.ndarray]
    profiles: Mapping[str, np.ndarray]
    bonds: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]


def moved_scores(
    moved: Moved, reference: Reference, weights: np.ndarray, common: int, frame_ps: float
) -> dict[str, np.ndarray]:
    """Scores of one simulation, as in :class:`MoleculeResult`, first axis the seed."""
    narrow, wide = (masses(reference.angles, None, bins) for bins in (CURVE_BINS, BINS))
    rows = []
    for angles, bonds, heat in zip(moved.angles, moved.bonds, moved.heat, strict=True):
        n = len(angles)
        late, stiff = angles[n // 5 :], bonds[n // 5 :]
        enter, stay = share_in_time(angles[:, :common]), share_in_time(angles[:, common:])
        both = (1 - reference.share) * enter + reference.share * stay
        rows.append(
            {
                "curves": [js(narrow, masses(angles[w], weights, CURVE_BINS)) for w in windows(n)],
                "js": js(narrow, masses(late, weights, CURVE_BINS)),
                "wide": js(wide, masses(late, weights, BINS)),
                "pmf": pmf(reference, late, weights),
                "bond": bond_error(reference, stiff, weights),
                "enter": enter,
                "stay": stay,
                "population": both[n // 2 :].mean(),
                "heat": heat[np.isfinite(heat)].mean() if np.isfinite(heat).any() else np.nan,
                "timescale": timescale(late[:, :common], frame_ps),
            }
        )
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def summarize(
    simulated: Simulated,
    reference: Reference,
    sizes: MoleculeSizes,
    losses: Mapping[str, np.ndarray],
    seed: int,
) -> MoleculeResult:
    """All scores of a run, and their floors."""
    common, rare = sizes.molecule_common, sizes.molecule_rare
    weights = weights_of(common, rare, reference.share)
    dynamics = dynamics_of(sizes)
    frame_ps = dynamics.dt * dynamics.every
    rng = generator(seed, "molecule", "floor")
    first = next(iter(simulated.moved.values()))
    n = first.angles.shape[1]
    scores = {
        label: moved_scores(moved, reference, weights, common, frame_ps)
        for label, moved in simulated.moved.items()
    }
    keys = next(iter(scores.values()))
    by = {key: {label: one[key] for label, one in scores.items()} for key in keys}
    narrow, wide = (masses(reference.angles, None, bins) for bins in (CURVE_BINS, BINS))
    flat = reference.angles.reshape(-1, 2)
    n_iid = sizes.molecule_iid
    picks = [flat[rng.integers(len(flat), size=n_iid)] for _ in range(20)]
    iid = {
        "iid_js": lambda a, b: js(narrow, masses(a, None, CURVE_BINS)),
        "iid_wide": lambda a, b: js(wide, masses(a, None, BINS)),
        "iid_pmf": lambda a, b: pmf(reference, a, None),
        "iid_bond": lambda a, b: bond_error(reference, b, None),
        "iid_population": lambda a, b: float(share_in_time(a[None])[0]),
        "iid_lost": lambda a, b: int((~np.isfinite(a[:, 0])).sum()),
    }
    drawn = {
        key: {
            method: np.array([score(*one) for one in zip(found.angles, found.bonds, strict=True)])
            for method, found in simulated.drawn.items()
        }
        for key, score in iid.items()
    }
    home = home_of(reference)
    edges = (np.arange(N_WINDOWS) + 0.5) * n * frame_ps / N_WINDOWS
    pictures = {
        label: (moved.angles[:, n // 5 :], moved.bonds[:, n // 5 :], weights)
        for label, moved in simulated.moved.items()
    } | {"data": (reference.angles, reference.bonds, None)}
    return MoleculeResult(
        times_ps=edges,
        frame_ps=frame_ps,
        chains=common + rare,
        **by,
        left={label: moved.left.sum(-1) for label, moved in simulated.moved.items()},
        back={
            method: np.stack([at_home(angles, home) for angles in found.angles])
            for method, found in simulated.outside.items()
        },
        back_rare={
            method: np.array(
                [share_in_time(angles)[len(angles) // 2 :].mean() for angles in found.angles]
            )
            for method, found in simulated.outside.items()
        },
        back_ps=OUTSIDE_PART * sizes.molecule_ps,
        home=float(home.mean()),
        **drawn,
        iid_floor=(
            float(np.mean([js(narrow, masses(p, None, CURVE_BINS)) for p in picks])),
            float(np.mean([js(wide, masses(p, None, BINS)) for p in picks])),
        ),
        skew=simulated.skew,
        share=reference.share,
        true_timescale=np.array([timescale(_outside(half), FRAME_PS) for half in reference.angles]),
        true=yardstick(reference, common, rare, n, rng),
        maps={label: masses(a, w, MAP) for label, (a, _, w) in pictures.items()},
        profiles={label: _profiles(a, w) for label, (a, _, w) in pictures.items()},
        bonds={label: _bonds(b, w) for label, (_, b, w) in pictures.items()},
        losses=losses,
    )


def _outside(angles: np.ndarray) -> np.ndarray:
    """One half (n, 2) as chains (80 frames, chains, 2) that do not begin in the rare state."""
    n = len(angles) // 80
    chains = angles[: 80 * n].reshape(n, 80, 2)
    return chains[~in_rare_state(chains[:, 0, 0])].swapaxes(0, 1)


def _profiles(angles: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    both = masses(angles, weights, PROFILE)
    return np.stack([both.sum(1), both.sum(0)])


def _bonds(bonds: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    weight = np.broadcast_to(1.0 if weights is None else weights, bonds.shape[:-1])
    first = bonds[..., C_N[0]]
    here = np.isfinite(first)
    found = np.histogram(first[here], BOND_EDGES, weights=weight[here])[0]
    return found / max(weight[here].sum(), 1e-300)


def run_molecule(weights: str, sizes: MoleculeSizes, seed: int) -> MoleculeResult:
    """Take or train every network, denoise and simulate with each, and score.

    weights : hash of the networks that ship, which the result depends on

    Raises
    ------
    companion.data.DataUnavailable : networks that ship, or the authors' trajectory, are not here
    companion.training.TrainingDiverged : with step and seed
    ValueError : the networks that ship are others than `weights` says
    """
    trained = None
    if sizes.molecule_weights == "shipped":
        if weights != (found := shipped_hash()):
            raise ValueError(f"networks with the hash {found[:12]!r} ship, not {weights[:12]!r}")
        trained = load_nets(sizes)
    molecule = load_molecule(sizes, seed)
    ours = sizes.molecule_frames == "ours"
    reference = reference_of(load_frames().beads if ours else molecule.beads)
    if trained is None:
        trained = train_all(molecule, sizes, seed)
    simulated = simulate_all(trained, molecule, sizes, seed)
    losses = {name: one.loss for name, one in trained.items()}
    return summarize(simulated, reference, sizes, losses, seed)
