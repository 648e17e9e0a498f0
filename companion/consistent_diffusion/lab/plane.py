"""The four methods on Muller-Brown: training, and what the trained models do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from companion.consistent_diffusion.lab.systems import (
    DT,
    FRICTION,
    KT,
    MASS,
    WINDOW,
    fine_grid,
    js_error,
    pmf_error,
    reference_run,
)
from companion.consistent_diffusion.lab.train import Fit, train
from companion.consistent_diffusion.method.diffusion import T_MIN, exact_residual, noised
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import EnergyMLP, Experts
from companion.consistent_diffusion.method.sampling import Dynamics, denoise, simulate
from companion.consistent_diffusion.settings import Settings
from companion.scale import generator, one_thread, torch_generator
from companion.sweep import sweep
from companion.training import n_parameters

# --------------------------------------------------------------------------------------------- arms
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
    frames = reference_run(rng, n_chains=chains, steps=steps)
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


# ------------------------------------------------------------------------------------- plane models
BINS = 100
"""Bins per axis of the divergence, the paper's."""
LIMITS = ((-2.2, 1.5), (-1.0, 2.5))
"""Fixed here: the paper's joint range of the data lets one outlier move all bins."""
T_EVAL = (T_MIN, 3e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1)
RESIDUAL_TIMES = np.geomspace(1e-3, 0.95, 22)


@dataclass(frozen=True)
class Scored:
    """One trained model.

    grid_js : divergence of its stationary law at t = 1e-5 from the truth, no sampling
    iid_js, sim_js, iid_pmf, sim_pmf : of denoised and of simulated samples, equally many, from an
        independent reference run
    t_eval_js : of the stationary law at each of T_EVAL
    raw, fixed : mean |R| at each of RESIDUAL_TIMES, without and with the mean over x taken out
    law : masses (n, n) at t = 1e-5, on the grid
    iid, sim : samples (n, 2) for the figure, a part of them
    n_lost, n_diverged : denoised samples and chains that were not finite or left
    """

    grid_js: float
    iid_js: float
    sim_js: float
    iid_pmf: float
    sim_pmf: float
    t_eval_js: np.ndarray
    raw: np.ndarray
    fixed: np.ndarray
    law: np.ndarray
    iid: np.ndarray
    sim: np.ndarray
    n_lost: int
    n_diverged: int


@dataclass(frozen=True)
class PlaneModels:
    """scored : method -> one per seed; floor : (JS, PMF error) of two independent reference runs
    of the same size; n : samples scored; seeds : of the training
    """

    scored: Mapping[str, list[Scored]]
    floor: tuple[float, float]
    n: int
    seeds: tuple[int, ...]

    def of(self, method: str, what: str) -> np.ndarray:
        """One number of every seed: (seeds,), or (seeds, ...)."""
        return np.array([getattr(one, what) for one in self.scored[method]])


def residual_curve(
    model: nn.Module, data: np.ndarray, seed: int, n: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """(raw, gauge-fixed) mean |R| at RESIDUAL_TIMES, on the same noised points at every time."""
    draws = torch_generator(seed, "residual")
    x0 = torch.as_tensor(data[:n])
    noise = torch.randn(x0.shape, generator=draws)
    times = torch.tensor(RESIDUAL_TIMES, dtype=torch.float32).repeat_interleave(len(x0))
    x = noised(x0.repeat(len(RESIDUAL_TIMES), 1), times, noise.repeat(len(RESIDUAL_TIMES), 1))
    found = exact_residual(model, x, times).reshape(len(RESIDUAL_TIMES), -1).numpy()
    fixed = found - found.mean(1, keepdims=True)
    return np.abs(found).mean(1), np.abs(fixed).mean(1)


def cut(samples: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n samples in random order."""
    return samples[rng.permutation(len(samples))[:n]]


def errors(reference: np.ndarray, sample: np.ndarray) -> tuple[float, float]:
    """(JS, PMF error)."""
    return (
        js_error(reference, sample, bins=BINS, limits=LIMITS),
        pmf_error(reference, sample, limits=WINDOW),
    )


@one_thread()
def score_model(
    model: nn.Module, seed: int, data: np.ndarray, reference: np.ndarray, settings: Settings
) -> Scored:
    """Denoise, simulate, and read the law of one model."""
    rng, draws = generator(seed, "score"), torch_generator(seed, "score")
    grid, exact = fine_grid()
    force = force_model(model)
    iid = denoise(score_of(model), settings.iid, 2, draws, steps=settings.iid_steps)
    dynamics = Dynamics(KT, FRICTION, DT, MASS, settings.sim_steps, 50, limit=6.0)
    start = torch.as_tensor(data[rng.integers(0, len(data), settings.chains)])
    chains = simulate(score_of(force), start, dynamics, draws)
    sim = chains.pooled()
    n = min(len(iid.samples), len(sim), settings.iid)
    samples = [cut(iid.samples, n, rng), cut(sim, n, rng)]
    (iid_js, iid_pmf), (sim_js, sim_pmf) = (errors(reference[:n], part) for part in samples)
    law = grid.masses(grid.log_q(force))
    at_times = np.array([grid.js_error(force, exact, t) for t in T_EVAL])
    raw, fixed = residual_curve(model, data, seed)
    return Scored(
        grid_js=float(at_times[0]),
        iid_js=iid_js,
        sim_js=sim_js,
        iid_pmf=iid_pmf,
        sim_pmf=sim_pmf,
        t_eval_js=at_times,
        raw=raw,
        fixed=fixed,
        law=law,
        iid=samples[0][:5000],
        sim=samples[1][:5000],
        n_lost=iid.n_lost,
        n_diverged=chains.n_diverged,
    )


def run_models(settings: Settings, seed: int, *, progress: bool = True) -> PlaneModels:
    """Train and score all methods for all seeds, side by side."""
    seeds = tuple(range(seed, seed + settings.seeds))
    data = training_set(seed, settings.chains, settings.sim_steps)
    held_out = [
        cut(
            training_set(seed + 10_000 + i, settings.chains, settings.sim_steps),
            settings.iid,
            generator(seed, "cut", i),
        )
        for i in range(2)
    ]
    wanted = [(name, s) for name in parts_of(settings.methods) for s in seeds]
    # what a training gives is a model, and what is scored is one, so neither can be kept
    trained = sweep(
        partial(train_part, data=data, settings=settings),
        [{"name": name, "seed": s} for name, s in wanted],
        n_jobs=settings.jobs,
        label="training" if progress else "",
        unpack=True,
        keep=False,
    )
    models = dict(zip(wanted, trained, strict=True))
    calls = []
    for method in settings.methods:
        for s in seeds:
            parts = {name: model for (name, at), model in models.items() if at == s}
            calls.append({"model": assemble(method, parts), "seed": s})
    found = sweep(
        partial(score_model, data=data, reference=held_out[0], settings=settings),
        calls,
        n_jobs=settings.jobs,
        label="denoising, simulating" if progress else "",
        unpack=True,
        keep=False,
    )
    scored = {
        method: found[i * len(seeds) : (i + 1) * len(seeds)]
        for i, method in enumerate(settings.methods)
    }
    n = min(map(len, held_out))
    return PlaneModels(scored, errors(*held_out), n, seeds)
