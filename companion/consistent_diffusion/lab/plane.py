"""The four methods on Muller-Brown: training, and what the trained models do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

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
from companion.consistent_diffusion.method.diffusion import (
    T_MIN,
    Dynamics,
    denoise,
    exact_residual,
    noised,
    simulate,
)
from companion.consistent_diffusion.method.losses import Objective
from companion.consistent_diffusion.method.networks import EnergyMLP, Experts
from companion.scale import generator, one_thread, torch_generator
from companion.sweep import sweep
from companion.training import n_parameters


@dataclass(frozen=True)
class Sizes:
    """How much of everything; each as the setting of the same name."""

    plane_seeds: int
    data_chains: int
    data_steps: int
    steps: int
    hidden: tuple[int, ...]
    expert_hidden: tuple[tuple[int, ...], ...]
    batch: int
    lr: float
    alpha: float
    strong: float
    iid: int
    iid_steps: int
    chains: int
    sim_steps: int
    jobs: int


METHODS = ("Diffusion", "Fokker-Planck", "Mixture", "Both")
"""One network or three experts; without or with the penalty."""
STRONG = ("Fokker-Planck, strong", "Both, strong")
"""The same with a penalty that is a hundred times as heavy."""
EDGES = (0.6, 0.1)
"""Borders between the three experts."""


class Part(NamedTuple):
    """A network of its own: its range, training range, midpoint of the weight, and share of the
    updates; expert : which widths of the experts it has, None for those of the one network;
    penalty : setting that holds its weight, "" for none
    """

    t0: float
    t1: float
    trained: tuple[float, float]
    midpoint: float
    share: float
    expert: int | None
    penalty: str = ""


_ONE = Part(0.0, 1.0, (T_MIN, 1.0), 0.5, 1.0, None)
_SMALL = Part(0.0, 0.1, (T_MIN, 0.099), 0.05, 2 / 3, 2)
PARTS = {
    "one, penalized": _ONE._replace(penalty="alpha"),
    "one, strong": _ONE._replace(penalty="strong"),
    "small t, penalized": _SMALL._replace(penalty="alpha"),
    "small t, strong": _SMALL._replace(penalty="strong"),
    "one": _ONE,
    "small t": _SMALL,
    "large t": Part(0.6, 1.0, (0.6, 1.0), 0.8, 1 / 6, 0),
    "middle t": Part(0.1, 0.6, (0.099, 0.6), 0.35, 1 / 6, 1),
}
"""What there is to train, dearest first; Mixture and Both share two of their experts."""

NEEDS = {
    "Diffusion": ("one",),
    "Fokker-Planck": ("one, penalized",),
    "Mixture": ("large t", "middle t", "small t"),
    "Both": ("large t", "middle t", "small t, penalized"),
    "Fokker-Planck, strong": ("one, strong",),
    "Both, strong": ("large t", "middle t", "small t, strong"),
}
Weights = Mapping[str, np.ndarray]


def training_set(seed: int, chains: int, steps: int) -> np.ndarray:
    """Frames of a Langevin run with the true force: (n, 2)."""
    frames = reference_run(generator(seed, "mueller-brown"), n_chains=chains, steps=steps)
    return frames.reshape(-1, 2).astype(np.float32)


def build_part(name: str, seed: int, sizes: Sizes) -> EnergyMLP:
    """The untrained stack of one network a seed; `seed` draws the weights."""
    part = PARTS[name]
    return EnergyMLP(
        2,
        sizes.hidden if part.expert is None else sizes.expert_hidden[part.expert],
        generator=torch_generator(seed, "weights", part.t0, part.t1),
        t0=part.t0,
        t1=part.t1,
        seeds=sizes.plane_seeds,
    )


def updates_of(name: str, sizes: Sizes) -> int:
    """Training steps of one network."""
    return max(1, round(PARTS[name].share * sizes.steps))


def budget(method: str, sizes: Sizes) -> tuple[int, int]:
    """(trained numbers, updates) of one model of a method, its experts together."""
    parts = NEEDS[method]
    return (
        sum(n_parameters(build_part(name, 0, sizes)) for name in parts) // sizes.plane_seeds,
        sum(updates_of(name, sizes) for name in parts),
    )


@one_thread()
def train_part(name: str, data: np.ndarray, sizes: Sizes, seed: int) -> Weights:
    """Train one network of every seed, in one stack; see :data:`PARTS`.  Name -> weights.

    Raises ``TrainingDiverged`` with step and seed.
    """
    part = PARTS[name]
    model = build_part(name, seed, sizes)
    alpha = getattr(sizes, part.penalty) if part.penalty else 0.0
    objective = Objective(*part.trained, midpoint=part.midpoint, alpha=alpha)
    fit = Fit(updates_of(name, sizes), sizes.batch, sizes.lr)
    points, label = torch.as_tensor(data), f"Muller-Brown, {part.t0:g} to {part.t1:g}"
    train(model, points, objective, fit, seed=seed, label=label, progress=False)
    return {key: value.numpy().copy() for key, value in model.state_dict().items()}


def assemble(method: str, trained: Mapping[str, Weights], sizes: Sizes) -> nn.Module:
    """The stack of models of a method from its trained parts."""
    parts = []
    for name in NEEDS[method]:
        model = build_part(name, 0, sizes)
        model.load_state_dict({k: torch.tensor(v) for k, v in trained[name].items()})
        parts.append(model.eval())
    return parts[0] if len(parts) == 1 else Experts(parts, EDGES)


def force_model(model: nn.Module) -> EnergyMLP:
    """The networks that answer at small t: the whole of a single model, the last expert."""
    return model.last if isinstance(model, Experts) else model


# ------------------------------------------------------------------------------------------- scores
BINS = 100
"""Bins per axis of the divergence, the paper's."""
LIMITS = ((-2.2, 1.5), (-1.0, 2.5))
"""Fixed here: the paper's joint range of the data lets one outlier move all bins."""
T_EVAL = (T_MIN, 3e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.09)
RESIDUAL_TIMES = np.geomspace(1e-3, 0.95, 22)
SMALL, MIDDLE = 0.05, (0.1, 0.5)
"""Times below the one, and between the two, at which residuals are compared."""
MAP = 60
"""Cells per axis of the maps that are kept."""


@dataclass(frozen=True)
class PlaneModels:
    """What the trained models of every method do; the first axis of each array is the seed.

    grid_js : divergence of the stationary law at t = 1e-5 from the truth, no sampling
    iid_js, sim_js, iid_pmf, sim_pmf : of denoised and of simulated samples, `n` each, from an
        independent reference run
    t_eval_js : divergence of the law of simulation at each of T_EVAL; log_z : ln Z there
    raw, fixed : mean |R| at each of RESIDUAL_TIMES, without and with the mean over x taken out
    law, denoised : first seed's masses (MAP, MAP)
    lost, left : denoised samples and chains that were not finite or left, per seed
    floor : (JS, PMF error) of two independent reference runs of `n` samples
    """

    grid_js: Mapping[str, np.ndarray]
    iid_js: Mapping[str, np.ndarray]
    sim_js: Mapping[str, np.ndarray]
    iid_pmf: Mapping[str, np.ndarray]
    sim_pmf: Mapping[str, np.ndarray]
    t_eval_js: Mapping[str, np.ndarray]
    log_z: Mapping[str, np.ndarray]
    raw: Mapping[str, np.ndarray]
    fixed: Mapping[str, np.ndarray]
    law: Mapping[str, np.ndarray]
    denoised: Mapping[str, np.ndarray]
    lost: Mapping[str, np.ndarray]
    left: Mapping[str, np.ndarray]
    floor: tuple[float, float]
    n: int
    seeds: int

    def above(self, method: str, what: str) -> np.ndarray:
        """Divergence of samples, ``"iid"`` or ``"sim"``, above the floor: (seeds,)."""
        return getattr(self, f"{what}_js")[method] - self.floor[0]

    def small_residual(self, method: str) -> np.ndarray:
        """Gauge-fixed mean |R| below SMALL: (seeds,)."""
        return self.fixed[method][:, RESIDUAL_TIMES < SMALL].mean(1)

    def middle_residual(self, method: str) -> np.ndarray:
        """The same between the times of MIDDLE."""
        low, high = MIDDLE
        inside = (low < RESIDUAL_TIMES) & (high > RESIDUAL_TIMES)
        return self.fixed[method][:, inside].mean(1)


def residual_curve(
    model: nn.Module, data: np.ndarray, seed: int, n: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """(raw, gauge-fixed) mean |R| at RESIDUAL_TIMES, (seeds, times), on the same noised points.

    Score matching leaves a constant c(t) free in log q, and no sample can see it; the residual
    contains its slope.  The mean over x at each t takes it out.
    """
    x0 = torch.as_tensor(data[:n])
    noise = torch.randn(x0.shape, generator=torch_generator(seed, "residual"))
    raw, fixed = [], []
    for time in RESIDUAL_TIMES:
        t = torch.full((len(x0),), float(time))
        x = noised(x0, t, noise).expand(*model.lanes, -1, -1)
        found = exact_residual(model, x, t.expand(*model.lanes, -1)).numpy()
        raw.append(np.abs(found).mean(-1))
        fixed.append(np.abs(found - found.mean(-1, keepdims=True)).mean(-1))
    return np.stack(raw, -1), np.stack(fixed, -1)


def cut(samples: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n finite samples in random order."""
    samples = samples[np.isfinite(samples).all(-1)]
    return samples[rng.permutation(len(samples))[:n]]


def errors(reference: np.ndarray, sample: np.ndarray) -> tuple[float, float]:
    """(JS, PMF error); a sample that is smaller than the reference is compared with a part of it.

    NaN where there is next to no sample.
    """
    n = min(len(reference), len(sample))
    if n < 2:
        return np.nan, np.nan
    return (
        js_error(reference[:n], sample[:n], bins=BINS, limits=LIMITS),
        pmf_error(reference[:n], sample[:n], limits=WINDOW),
    )


@dataclass(frozen=True)
class Scored:
    """One method; fields as in :class:`PlaneModels`."""

    grid_js: np.ndarray
    iid_js: np.ndarray
    sim_js: np.ndarray
    iid_pmf: np.ndarray
    sim_pmf: np.ndarray
    t_eval_js: np.ndarray
    log_z: np.ndarray
    raw: np.ndarray
    fixed: np.ndarray
    law: np.ndarray
    denoised: np.ndarray
    lost: np.ndarray
    left: np.ndarray


@one_thread()
def score_method(
    method: str,
    trained: Mapping[str, Weights],
    data: np.ndarray,
    reference: np.ndarray,
    sizes: Sizes,
    seed: int,
) -> Scored:
    """Denoise, simulate, and read the laws of all models of a method.

    Of those with the strong penalty the laws alone are judged: few samples do.
    """
    if method in STRONG:
        sizes = replace(sizes, iid=min(sizes.iid, 1000), sim_steps=500)
    rng, draws = generator(seed, "score"), torch_generator(seed, "score")
    model = assemble(method, trained, sizes)
    force, lanes = force_model(model), model.lanes
    iid = denoise(model.score, (*lanes, sizes.iid, 2), draws, steps=sizes.iid_steps)
    dynamics = Dynamics(KT, FRICTION, DT, MASS, sizes.sim_steps, 50, limit=6.0)
    start = torch.as_tensor(data[rng.integers(0, len(data), (*lanes, sizes.chains))])
    chains = simulate(force.score, start, dynamics, draws)
    kept = [
        (cut(a, sizes.iid, rng), cut(b, sizes.iid, rng))
        for a, b in zip(iid.samples, chains.pooled(), strict=True)
    ]
    found = np.array([[errors(reference, part) for part in pair] for pair in kept])
    grid, exact = fine_grid()
    at = [grid.log_q(force, t) for t in T_EVAL]
    js = np.array([grid.divergences(log_q, exact) for log_q in at]).T
    coarse = np.array(grid.masses(at[0][0])).reshape(MAP, grid.n // MAP, MAP, -1).sum((1, 3))
    edges = [np.linspace(low, high, MAP + 1) for low, high in (grid.x, grid.y)]
    raw, fixed = residual_curve(model, data, seed)
    return Scored(
        grid_js=js[:, 0],
        iid_js=found[:, 0, 0],
        sim_js=found[:, 1, 0],
        iid_pmf=found[:, 0, 1],
        sim_pmf=found[:, 1, 1],
        t_eval_js=js,
        log_z=np.array([grid.log_z(log_q) for log_q in at]).T,
        raw=raw,
        fixed=fixed,
        law=coarse,
        denoised=np.histogram2d(*kept[0][0].T, bins=edges)[0] / max(1, len(kept[0][0])),
        lost=iid.lost.sum(-1),
        left=(chains.stopped >= 0).sum(-1),
    )


def held_out(seed: int, sizes: Sizes) -> list[np.ndarray]:
    """Two reference runs that no model saw, cut to the samples that count: (n, 2) each."""
    return [
        cut(
            training_set(seed + 10_000 + i, sizes.chains, sizes.sim_steps),
            sizes.iid,
            generator(seed, "cut", i),
        )
        for i in range(2)
    ]


def run_models(
    sizes: Sizes, seed: int, *, methods: Sequence[str] = (*METHODS, *STRONG)
) -> PlaneModels:
    """Train and score all methods, every seed of a network in one stack."""
    data = training_set(seed, sizes.data_chains, sizes.data_steps)
    names = [name for name in PARTS if any(name in NEEDS[method] for method in methods)]
    done = sweep(
        partial(train_part, data=data, sizes=sizes, seed=seed),
        [{"name": name} for name in names],
        n_jobs=sizes.jobs,
        label="training",
        unpack=True,
    )
    trained = dict(zip(names, done, strict=True))
    runs = held_out(seed, sizes)
    jobs = [
        {"method": method, "trained": {name: trained[name] for name in NEEDS[method]}}
        for method in methods
    ]
    scored = sweep(
        partial(score_method, data=data, reference=runs[0], sizes=sizes, seed=seed),
        jobs,
        n_jobs=sizes.jobs,
        label="denoising, simulating",
        unpack=True,
    )
    by = {
        field: {m: getattr(one, field) for m, one in zip(methods, scored, strict=True)}
        for field in Scored.__dataclass_fields__
    }
    n = min(map(len, runs))
    return PlaneModels(**by, floor=errors(*runs), n=n, seeds=sizes.plane_seeds)
