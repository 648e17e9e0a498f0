"""Made-up data and chains for the tests of the molecule; nothing is trained here."""

from __future__ import annotations

import numpy as np

from companion.consistent_diffusion.lab.molecule.chains import Drawn, Run, Simulated, label_of
from companion.consistent_diffusion.lab.molecule.models import molecule_of
from companion.consistent_diffusion.lab.molecule.scores import (
    MoleculeResult,
    reference_of,
    summarize,
)
from companion.consistent_diffusion.method.diffusion import T_MIN

T_ALL = (
    ("Diffusion", T_MIN),
    ("Mixture", T_MIN),
    ("Both", T_MIN),
    ("No energy", T_MIN),
    ("Diffusion", 0.01),
    ("Diffusion", 0.02),
)


def chain_beads(n: int, rng: np.random.Generator, *, loose: float = 0.0024) -> np.ndarray:
    """(n, 5, 3) in nm: right bond lengths with deviation `loose`, and free angles."""
    lengths = np.array([0.1336, 0.1472, 0.1551, 0.1343]) + loose * rng.normal(size=(n, 4))
    bend = np.radians(65)
    spin = np.cumsum(rng.normal(2.0, 0.3, size=(n, 4)), 1)
    steps = np.stack(
        [np.full((n, 4), np.cos(bend)), np.sin(bend) * np.cos(spin), np.sin(bend) * np.sin(spin)],
        -1,
    )
    places = np.concatenate([np.zeros((n, 1, 3)), np.cumsum(steps * lengths[..., None], 1)], 1)
    return (places - places.mean(1, keepdims=True)).astype("f4")


def run(
    method: str,
    t_eval: float,
    seed: int,
    *,
    loose: float = 0.0024,
    lost: int = 0,
    hot: int = 0,
    n_frames: int = 200,
    n_chains: int = 16,
) -> Run:
    """Chains of independent frames, of which `lost` left half way and `hot` heated up."""
    rng = np.random.default_rng(seed)
    frames = chain_beads(n_frames * n_chains, rng, loose=loose)
    frames = frames.reshape(n_frames, n_chains, 5, 3)
    frames[n_frames // 2 :, :lost] = np.nan
    stopped = np.full(n_chains, np.nan)
    stopped[:lost] = 20.0
    heat = np.ones(n_chains)
    heat[:lost] = np.nan
    heat[lost : lost + hot] = 2.0
    return Run(method, t_eval, frames, heat, stopped, 1.0)


def result(found: Simulated, beads: np.ndarray) -> MoleculeResult:
    """Made-up runs with their scores; `beads` (n_halves, n, 5, 3) are the reference."""
    reference = reference_of(beads)
    molecule = molecule_of(beads.reshape(-1, 5, 3))
    return MoleculeResult(molecule, [], found, reference, summarize(found, reference, 0))


def simulated(n_seeds: int = 3, **changes: dict) -> Simulated:
    """Runs of everything; ``changes[label]`` are arguments of :func:`run`.

    Without changes every label has independent frames of the same law.
    """
    runs, iid = {}, {}
    for k, (method, t) in enumerate(T_ALL):
        label = label_of(method, t)
        for seed in range(n_seeds):
            runs[label, seed] = run(method, t, 100 * k + seed, **changes.get(label, {}))
    for k, method in enumerate(("Diffusion", "Mixture", "Both")):
        for seed in range(n_seeds):
            beads = chain_beads(300, np.random.default_rng(1000 + 10 * k + seed))
            iid[method, seed] = Drawn(beads, k)
    return Simulated(runs, iid)
