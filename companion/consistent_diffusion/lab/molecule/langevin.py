"""Moving the molecule with a model's score, and what becomes of each chain.

Lengths are in nm, times in ps, masses in Da, energies in kJ/mol, which fit together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from companion.consistent_diffusion.lab.molecule.geometry import centered
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.molecule.train import Molecule
from companion.consistent_diffusion.method.experts import Experts
from companion.consistent_diffusion.method.langevin import Dynamics, simulate
from companion.consistent_diffusion.method.reverse_sde import denoise
from companion.consistent_diffusion.method.vp import T_MIN
from companion.scale import one_thread, torch_generator

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
