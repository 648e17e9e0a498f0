"""Training the molecule's models: which networks there are, and which methods they make up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.consistent_diffusion.lab.molecule.energy import (
    MoleculeEnergy,
    MoleculeScore,
    Spread,
    spread_of,
)
from companion.consistent_diffusion.lab.molecule.geometry import N_BEADS, N_INVARIANTS, centered
from companion.consistent_diffusion.lab.molecule.settings import MoleculeSettings
from companion.consistent_diffusion.lab.train import Fit, Losses, train
from companion.consistent_diffusion.method.experts import Experts
from companion.consistent_diffusion.method.graph_transformer import GraphEnergy, GraphScore, turned
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.vp import T_MIN
from companion.scale import derive_seed, one_thread, torch_generator
from companion.training import n_parameters

EFFECTIVE = 12
"""Dimensions of five beads without their common center."""

SINGLE = {"Diffusion": "single", "Fixed units": "single, fixed units"}
"""Method -> its one network."""
SMALL = {"Mixture": "small", "Both": "small, penalty", "No energy": "small, no energy"}
"""Method -> its expert for small t; all share the experts for large t."""


@dataclass(frozen=True)
class Molecule:
    """The data in the unit of the models.

    beads : (n, 5, 3) in nm, centered; scale : nm per unit, the deviation of all coordinates
    """

    beads: np.ndarray
    scale: float

    @cached_property
    def x(self) -> Tensor:
        """(n, 15) in units of the model."""
        return torch.tensor(self.beads.reshape(-1, 15), dtype=torch.float32) / self.scale

    @cached_property
    def spread(self) -> Spread:
        """Mean and deviation of the invariants."""
        return spread_of(self.x)


def molecule_of(beads: np.ndarray) -> Molecule:
    """Data from (n, 5, 3) beads in nm."""
    beads = beads - beads.mean(1, keepdims=True)
    return Molecule(beads, float(beads.std()))


class Net(NamedTuple):
    """One network: its range of t, the weight's midpoint, updates, penalty, whether it has an
    energy, and whether its features are in units of the noise."""

    t0: float
    t1: float
    midpoint: float
    steps: int
    alpha: float = 0.0
    energy: bool = True
    noise: bool = True


def methods(settings: MoleculeSettings) -> tuple[str, ...]:
    """What is trained; the transformer reads coordinates, so it has no other units to try."""
    found = (*SINGLE, *SMALL)
    if settings.molecule_network == "transformer":
        return tuple(name for name in found if name != "Fixed units")
    return found


def nets(settings: MoleculeSettings) -> dict[str, Net]:
    """Name -> network; the midpoints are the paper's."""
    s = settings
    if len(s.molecule_borders) != len(s.molecule_large_steps):
        raise ValueError(
            f"{len(s.molecule_borders)} molecule_borders need as many molecule_large_steps, "
            f"got {s.molecule_large_steps}"
        )
    edges = (1.0, *s.molecule_borders)
    found = {"single": Net(0.0, 1.0, 0.3, s.molecule_single_steps)}
    if "Fixed units" in methods(s):
        found["single, fixed units"] = found["single"]._replace(noise=False)
    for i, steps in enumerate(s.molecule_large_steps):
        low, high = edges[i + 1], edges[i]
        found[f"large {i}"] = Net(low, high, (low + high) / 2, steps, energy=False)
    small = Net(0.0, edges[-1], 0.3 * edges[-1], s.molecule_small_steps)
    return found | {
        "small": small,
        "small, penalty": small._replace(alpha=s.molecule_alpha),
        "small, no energy": small._replace(energy=False),
    }


def build(net: Net, spread: Spread, settings: MoleculeSettings, seed: int) -> nn.Module:
    """The untrained network; `seed` draws its weights."""
    if settings.molecule_network == "transformer":
        torch.manual_seed(seed)
        kind = GraphEnergy if net.energy else GraphScore
        return kind(torch.arange(N_BEADS), t0=net.t0, t1=net.t1)
    if settings.molecule_network != "invariants":
        raise ValueError(
            f"molecule_network is {settings.molecule_network!r}; choose invariants or transformer"
        )
    kind = MoleculeEnergy if net.energy else MoleculeScore
    return kind(
        spread,
        settings.molecule_hidden,
        generator=torch_generator(seed, "weights"),
        t0=net.t0,
        t1=net.t1,
        noise=net.noise,
    )


def parts_of(method: str, settings: MoleculeSettings) -> list[str]:
    """The networks of a method, from large t to small t."""
    if method in SINGLE:
        return [SINGLE[method]]
    return [*(name for name in nets(settings) if name.startswith("large")), SMALL[method]]


def molecule_budgets(settings: MoleculeSettings) -> dict[str, tuple[int, int]]:
    """Method -> (trained numbers, updates), its experts together."""
    spread, all_nets, found = Spread(*torch.ones(2, N_INVARIANTS)), nets(settings), {}
    with torch.random.fork_rng():  # the transformer draws its weights from torch's own generator
        for method in methods(settings):
            parts = [all_nets[name] for name in parts_of(method, settings)]
            numbers = sum(n_parameters(build(net, spread, settings, 0)) for net in parts)
            found[method] = numbers, sum(net.steps for net in parts)
    return found


@dataclass(frozen=True)
class Trained:
    """weights : name -> array; losses : per update; seconds : of training."""

    name: str
    weights: Mapping[str, np.ndarray]
    losses: Losses
    seconds: float


def train_net(name: str, molecule: Molecule, settings: MoleculeSettings, seed: int) -> Trained:
    """Train one network on one thread; the same seed gives the same weights.

    Raises
    ------
    companion.training.TrainingDiverged : with step and seed
    """
    net = nets(settings)[name]
    model = build(net, molecule.spread, settings, derive_seed(seed, "molecule", name))
    objective = Objective(
        t0=max(net.t0, T_MIN),
        t1=net.t1,
        midpoint=net.midpoint,
        alpha=net.alpha,
        dim=EFFECTIVE,
        share=settings.molecule_share,
    )
    fit = Fit(net.steps, settings.molecule_batch, settings.molecule_lr)
    began = time.perf_counter()
    with one_thread():
        losses = train(
            model,
            molecule.x,
            objective,
            fit,
            seed=derive_seed(seed, "molecule"),
            label=name,
            progress=False,
            project=centered,
            augment=turned if settings.molecule_network == "transformer" else None,
        )
    weights = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    return Trained(name, weights, losses, time.perf_counter() - began)


def model_of(
    method: str, trained: Mapping[str, Trained], molecule: Molecule, settings: MoleculeSettings
) -> nn.Module:
    """A method's model, one network or experts, from trained networks of one seed."""

    def load(name: str) -> nn.Module:
        model = build(nets(settings)[name], molecule.spread, settings, 0)
        weights = {k: torch.tensor(v) for k, v in trained[name].weights.items()}
        model.load_state_dict(weights)
        return model.eval()

    models = [load(name) for name in parts_of(method, settings)]
    return models[0] if len(models) == 1 else Experts(models, settings.molecule_borders)
