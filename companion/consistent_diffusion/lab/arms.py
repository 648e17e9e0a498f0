"""The four methods on Muller-Brown: training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.consistent_diffusion.lab import mueller_brown
from companion.consistent_diffusion.lab.train import Fit, train
from companion.consistent_diffusion.method.experts import Experts
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import EnergyMLP
from companion.consistent_diffusion.method.vp import T_MIN
from companion.consistent_diffusion.settings import Settings
from companion.scale import generator, one_thread, torch_generator
from companion.training import n_parameters

EDGES = (0.6, 0.1)
"""Borders between the three experts."""


class Part(NamedTuple):
    """A network of its own: its range, training range, midpoint of the weight, and share of the
    updates; expert : which widths of the experts it has, None for those of the one network;
    penalized : alpha > 0
    """

    t0: float
    t1: float
    trained: tuple[float, float]
    midpoint: float
    share: float
    expert: int | None
    penalized: bool


PARTS = {
    "one": Part(0.0, 1.0, (T_MIN, 1.0), 0.5, 1.0, None, False),
    "one, penalized": Part(0.0, 1.0, (T_MIN, 1.0), 0.5, 1.0, None, True),
    "large t": Part(0.6, 1.0, (0.6, 1.0), 0.8, 1 / 6, 0, False),
    "middle t": Part(0.1, 0.6, (0.099, 0.6), 0.35, 1 / 6, 1, False),
    "small t": Part(0.0, 0.1, (T_MIN, 0.099), 0.05, 2 / 3, 2, False),
    "small t, penalized": Part(0.0, 0.1, (T_MIN, 0.099), 0.05, 2 / 3, 2, True),
}
"""What there is to train.  The first two experts are the same in Mixture and in Both."""

NEEDS = {
    "Diffusion": ("one",),
    "Fokker-Planck": ("one, penalized",),
    "Mixture": ("large t", "middle t", "small t"),
    "Both": ("large t", "middle t", "small t, penalized"),
}


def parts_of(methods: Sequence[str]) -> list[str]:
    """The parts that these methods need, dearest first."""
    needed = {part for method in methods for part in NEEDS[method]}
    return sorted(
        needed, key=lambda name: PARTS[name].share * (1 + 2 * PARTS[name].penalized), reverse=True
    )


def training_set(seed: int, chains: int, steps: int) -> np.ndarray:
    """Frames of a Langevin run with the true force: (n, 2)."""
    rng = generator(seed, "mueller-brown")
    frames = mueller_brown.reference_run(rng, n_chains=chains, steps=steps)
    return frames.reshape(-1, 2).astype(np.float32)


def build_part(name: str, seed: int, settings: Settings) -> EnergyMLP:
    """The untrained network; `seed` draws its weights."""
    part = PARTS[name]
    return EnergyMLP(
        2,
        settings.hidden if part.expert is None else settings.expert_hidden[part.expert],
        generator=torch_generator(seed, "weights", part.t0, part.t1),
        t0=part.t0,
        t1=part.t1,
    )


def updates_of(name: str, settings: Settings) -> int:
    """Training steps of one network."""
    return max(1, round(PARTS[name].share * settings.steps))


def budget(method: str, settings: Settings) -> tuple[int, int]:
    """(trained numbers, updates) of a method, its experts together."""
    parts = NEEDS[method]
    return (
        sum(n_parameters(build_part(name, 0, settings)) for name in parts),
        sum(updates_of(name, settings) for name in parts),
    )


@one_thread()
def train_part(
    name: str, seed: int, data: np.ndarray, settings: Settings, progress: bool = False
) -> EnergyMLP:
    """Train one network from its seed; see :data:`PARTS`.

    Raises ``TrainingDiverged`` with step and seed.
    """
    part = PARTS[name]
    model = build_part(name, seed, settings)
    objective = Objective(
        *part.trained, midpoint=part.midpoint, alpha=settings.alpha * part.penalized
    )
    fit = Fit(updates_of(name, settings), settings.batch, settings.lr)
    train(
        model,
        torch.as_tensor(data),
        objective,
        fit,
        seed=seed,
        label=f"Muller-Brown, {name}",
        progress=progress,
    )
    return model


def assemble(method: str, parts: dict[str, EnergyMLP]) -> nn.Module:
    """The model of a method from its trained parts."""
    needed = [parts[name] for name in NEEDS[method]]
    return needed[0] if len(needed) == 1 else Experts(needed, EDGES)


def force_model(model: nn.Module) -> EnergyMLP:
    """The network that answers at small t: the whole of a single model, the last expert."""
    return model.last if isinstance(model, Experts) else model


def score_of(model: nn.Module):
    """A function (x, t) -> score without graph, for samplers."""

    def score(x: Tensor, t: Tensor) -> Tensor:
        with torch.no_grad():
            return model.score(x, t)

    return score
