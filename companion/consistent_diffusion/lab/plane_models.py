"""The four methods on Muller-Brown: what the trained models do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from companion.consistent_diffusion.lab import mueller_brown as mb
from companion.consistent_diffusion.lab.arms import (
    assemble,
    force_model,
    parts_of,
    score_of,
    train_part,
    training_set,
)
from companion.consistent_diffusion.lab.metrics import js_error, pmf_error
from companion.consistent_diffusion.method.langevin import Dynamics, simulate
from companion.consistent_diffusion.method.residual import exact_residual
from companion.consistent_diffusion.method.reverse_sde import denoise
from companion.consistent_diffusion.method.vp import T_MIN, noised
from companion.consistent_diffusion.settings import Settings
from companion.scale import generator, one_thread, torch_generator
from companion.sweep import sweep

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
        pmf_error(reference, sample, limits=mb.WINDOW),
    )


@one_thread()
def score_model(
    model: nn.Module, seed: int, data: np.ndarray, reference: np.ndarray, settings: Settings
) -> Scored:
    """Denoise, simulate, and read the law of one model."""
    rng, draws = generator(seed, "score"), torch_generator(seed, "score")
    grid, exact = mb.fine_grid()
    force = force_model(model)
    iid = denoise(score_of(model), settings.iid, 2, draws, steps=settings.iid_steps)
    dynamics = Dynamics(mb.KT, mb.FRICTION, mb.DT, mb.MASS, settings.sim_steps, 50, limit=6.0)
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
