"""Moving the molecule with a model's score, all networks and simulations side by side.

Moving the molecule with a model's score, and what becomes of each chain.

Lengths are in nm, times in ps, masses in Da, energies in kJ/mol, which fit together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.consistent_diffusion.lab.molecule.frames import load_frames
from companion.consistent_diffusion.lab.molecule.models import (
    Molecule,
    Trained,
    methods,
    model_of,
    molecule_of,
    nets,
    train_net,
)
from companion.consistent_diffusion.lab.molecule.peptide import centered
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.consistent_diffusion.method.networks import Experts
from companion.consistent_diffusion.method.sampling import Dynamics, denoise, simulate
from companion.consistent_diffusion.sources import published_beads
from companion.scale import derive_seed, generator, one_thread, torch_generator
from companion.sweep import sweep

# ----------------------------------------------------------------------------------------- langevin
K_BOLTZMANN = 0.00831446
"""kJ/mol/K."""
TEMPERATURE = 300.0
MASS = (3 * 12.011 + 2 * 14.007) / 5
"""One mass for all beads, their mean in Da: where they are in equilibrium does not depend on it."""
FRAME_PS = 0.2
LIMIT = 10.0
"""A chain that goes further from the center, in units of the model, has left."""
HOT = 1.5
"""A chain whose mean kinetic temperature over its last quarter is higher, relative, has heated."""


@dataclass(frozen=True)
class Run:
    """Chains of one model.

    method, t_eval : what drove them
    frames : (n_frames, n_chains, 5, 3) float32 in nm; NaN from where a chain was stopped
    heat : (n_chains,) kinetic temperature over the wanted one, mean of the last quarter
    stopped_ps : (n_chains,) when a chain left, NaN if it did not
    seconds : of wall time
    """

    method: str
    t_eval: float
    frames: np.ndarray
    heat: np.ndarray
    stopped_ps: np.ndarray
    seconds: float

    @property
    def label(self) -> str:
        """``"Two For One, t = 0.01"`` if the force is taken at a large t."""
        return label_of(self.method, self.t_eval)

    @property
    def n_chains(self) -> int:
        """Chains that were started."""
        return self.frames.shape[1]

    @property
    def left(self) -> np.ndarray:
        """(n_chains,) whether each chain left and was stopped."""
        return np.isfinite(self.stopped_ps)

    @property
    def lost(self) -> np.ndarray:
        """(n_chains,) whether each chain left or heated up."""
        with np.errstate(invalid="ignore"):
            return self.left | (self.heat > HOT)

    def times_ps(self) -> np.ndarray:
        """(n_frames,) simulated time of each frame."""
        return FRAME_PS * np.arange(1, len(self.frames) + 1)


def label_of(method: str, t_eval: float) -> str:
    """How a run is called in figures and tables."""
    return method if t_eval <= T_MIN else f"Two For One, t = {t_eval:g}"


def dynamics_of(settings: MoleculeSettings) -> Dynamics:
    """Constants of the simulations: friction 1/ps, 300 K, a frame every 0.2 ps."""
    return Dynamics(
        kT=K_BOLTZMANN * TEMPERATURE,
        friction=1.0,
        dt=settings.molecule_dt,
        mass=MASS,
        steps=round(settings.molecule_ps / settings.molecule_dt),
        every=round(FRAME_PS / settings.molecule_dt),
        limit=LIMIT,
    )


def run_chains(
    model: nn.Module,
    molecule: Molecule,
    settings: MoleculeSettings,
    seed: int,
    *,
    method: str,
    t_eval: float = T_MIN,
) -> Run:
    """Simulate from random frames of the data.

    The same seed gives every method the same starts and the same random forces.
    """
    draws = torch_generator(seed, "molecule", "langevin")
    chosen = torch.randperm(len(molecule.x), generator=draws)[: settings.molecule_chains]
    moving = model.last if isinstance(model, Experts) else model
    began = time.perf_counter()
    with one_thread():
        chains = simulate(
            moving.score,
            molecule.x[chosen] * molecule.scale,
            dynamics_of(settings),
            draws,
            t_eval=t_eval,
            scale=molecule.scale,
            project=centered,
        )
    frames = chains.frames.reshape(*chains.frames.shape[:2], 5, 3)
    with np.errstate(invalid="ignore"):
        heat = chains.kinetic[-max(1, len(frames) // 4) :].mean(0)
    stopped = np.where(chains.stopped < 0, np.nan, chains.stopped * settings.molecule_dt)
    return Run(method, t_eval, frames, heat, stopped, time.perf_counter() - began)


class Drawn(NamedTuple):
    """beads : denoised samples, (n, 5, 3) in nm, the finite ones; n_lost : how many were not."""

    beads: np.ndarray
    n_lost: int


def draw_iid(model: nn.Module, molecule: Molecule, settings: MoleculeSettings, seed: int) -> Drawn:
    """Denoised samples; fewer than asked for if some are not finite."""
    with one_thread():
        drawn = denoise(
            model.score,
            settings.molecule_iid,
            15,
            torch_generator(seed, "molecule", "iid"),
            steps=settings.molecule_iid_steps,
            project=centered,
        )
    return Drawn(drawn.samples.reshape(-1, 5, 3) * molecule.scale, drawn.n_lost)


# --------------------------------------------------------------------------------------------- runs
IID_METHODS = ("Diffusion", "Mixture", "Both")


@dataclass(frozen=True)
class Simulated:
    """Everything that was simulated and denoised.

    runs : (label, seed index) -> chains
    iid : (method, seed index) -> denoised samples, and how many were lost
    """

    runs: dict[tuple[str, int], Run]
    iid: dict[tuple[str, int], Drawn]

    @property
    def labels(self) -> list[str]:
        """What was simulated, in the order of the figures."""
        return list(dict.fromkeys(label for label, _ in self.runs))

    @property
    def n_seeds(self) -> int:
        """How many independent trainings."""
        return 1 + max(seed for _, seed in self.runs)

    def of(self, label: str) -> list[Run]:
        """The runs of all seeds."""
        return [self.runs[label, seed] for seed in range(self.n_seeds)]


def load_molecule(settings: MoleculeSettings, seed: int = 0) -> Molecule:
    """The frames that the models learn from.

    Raises
    ------
    companion.data.DataUnavailable : the published trajectory is asked for and cannot be had
    """
    if settings.molecule_frames == "ours":
        return molecule_of(load_frames().all)
    if settings.molecule_frames != "published":
        raise ValueError(f"molecule_frames is {settings.molecule_frames!r}; choose ours, published")
    from companion.data._fetch import cache_folder

    return molecule_of(published_beads(cache_folder(), 50_000, generator(seed, "published")))


def train_all(
    molecule: Molecule, settings: MoleculeSettings, *, seed: int, progress: bool = True
) -> list[dict[str, Trained]]:
    """Train every network with every seed; one dictionary a seed, by name of the network."""
    names = sorted(nets(settings), key=lambda name: -_cost(name, settings))
    seeds = range(settings.molecule_seeds)
    done = sweep(
        partial(train_net, molecule=molecule, settings=settings),
        [{"name": name, "seed": derive_seed(seed, i)} for name in names for i in seeds],
        n_jobs=settings.molecule_jobs,
        label="training" if progress else "",
        unpack=True,
    )
    found: list[dict[str, Trained]] = [{} for _ in seeds]
    for k, trained in enumerate(done):
        found[k % len(seeds)][trained.name] = trained
    return found


def _cost(name: str, settings: MoleculeSettings) -> float:
    net = nets(settings)[name]
    return net.steps * (1 + 4 * (net.alpha > 0))


def simulate_all(
    trained: Sequence[dict[str, Trained]],
    molecule: Molecule,
    settings: MoleculeSettings,
    *,
    seed: int,
    progress: bool = True,
) -> Simulated:
    """Denoise with three methods, simulate with all, and with "Two For One" at each t."""
    tasks = [(method, T_MIN) for method in methods(settings)]
    tasks += [("Diffusion", t) for t in settings.molecule_t_evals]
    tasks += [(method, None) for method in IID_METHODS]
    keys = [(i, method, t) for method, t in tasks for i in range(len(trained))]
    jobs = [
        {"trained": trained[i], "seed": derive_seed(seed, i), "method": method, "t_eval": t}
        for i, method, t in keys
    ]
    done = sweep(
        partial(_simulate, molecule=molecule, settings=settings),
        jobs,
        n_jobs=settings.molecule_jobs,
        label="simulating" if progress else "",
        unpack=True,
    )
    runs, iid = {}, {}
    for (i, method, t), result in zip(keys, done, strict=True):
        if t is None:
            iid[method, i] = result
        else:
            runs[result.label, i] = result
    return Simulated(runs, iid)


def _simulate(trained, molecule, settings, seed, method, t_eval) -> Run | Drawn:
    model = model_of(method, trained, molecule, settings)
    if t_eval is None:
        return draw_iid(model, molecule, settings, seed)
    return run_chains(model, molecule, settings, seed, method=method, t_eval=t_eval)
