"""The random-feature experiments: the mixture on a line, and Muller-Brown in the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from companion.consistent_diffusion.lab import mueller_brown
from companion.consistent_diffusion.lab.grid import Grid
from companion.consistent_diffusion.lab.metrics import js_divergence
from companion.consistent_diffusion.lab.mixtures import TWO_MODES
from companion.consistent_diffusion.lab.random_features import (
    Fitted,
    Noised,
    Problem,
    RandomEnergy,
    draw_features,
)
from companion.consistent_diffusion.method.vp import T_MIN, beta
from companion.scale import generator
from companion.sweep import sweep

LINE = np.linspace(-12, 12, 1201)
"""Grid of the one-dimensional example."""
REPAIRING = 1e-3
"""Penalty that the toy claims compare with none."""
SMALL_TIMES = np.linspace(0.005, 0.095, 10)
N_FEATURES = 300
CONTROLS = ("wrong sign of the time derivative", "one v for both factors")


@dataclass(frozen=True)
class LineFit:
    """One model of the mixture.

    js : divergence of its law at t = 1e-5 from the truth; mass : of the right mode; dsm : loss;
    raw, fixed : mean residual at t < 0.1 in size, without and with the mean over x taken out;
    model : itself
    """

    js: float
    mass: float
    dsm: float
    raw: float
    fixed: float
    model: RandomEnergy


@dataclass(frozen=True)
class LineRuns:
    """fits : penalty -> one fit per seed; controls : name -> one fit per seed at penalty 1e-3."""

    fits: Mapping[float, list[LineFit]]
    controls: Mapping[str, list[LineFit]]

    def of(self, alpha: float, what: str) -> np.ndarray:
        """One number of every seed, e.g. ``of(0.0, "js")``: (seeds,)."""
        return np.array([getattr(fit, what) for fit in self.fits[alpha]])


@cache
def line_truth() -> np.ndarray:
    """Masses of the mixture on LINE."""
    x = torch.tensor(LINE)[:, None]
    return _normal(TWO_MODES.log_q(x, torch.full((len(LINE),), T_MIN, dtype=x.dtype)).numpy())


def line_law(model: RandomEnergy, t: float = T_MIN) -> np.ndarray:
    """Masses of a model's law on LINE."""
    return _normal(model.log_q(LINE[:, None], t))


def line_residual(model: RandomEnergy, t: float) -> np.ndarray:
    """Residual of a model on LINE at t, its mean over the model's law taken out."""
    found = Problem(model.features, Noised.at(LINE[:, None], t)).residual(model.theta, False)
    return found - found @ line_law(model, t)


def line_iid(model: RandomEnergy, seed: int, n: int = 4000, steps: int = 150) -> np.ndarray:
    """Denoised samples (n,), by the reverse process with the score read from LINE."""
    rng = generator(seed, "line iid")
    x, dt = rng.standard_normal(n), 1 / steps
    line = LINE[::3]
    for step in range(steps):
        t = max(1 - step * dt, T_MIN)
        score = np.gradient(model.log_q(line[:, None], t), line)
        rate = float(beta(torch.tensor(t)))
        x = x + (0.5 * rate * x + rate * np.interp(x, line, score)) * dt
        x = x + np.sqrt(rate * dt) * rng.standard_normal(n)
    return x


def _normal(log_density: np.ndarray) -> np.ndarray:
    masses = np.exp(log_density - log_density.max())
    return masses / masses.sum()


def small_time_residual(problem: Problem, fitted: Fitted, data: Noised) -> tuple[float, float]:
    """(raw, gauge-fixed) mean size of the residual on `data`, ordered by SMALL_TIMES.

    Score matching leaves a constant c(t) free in log q, and no sample can see it; the residual
    contains its slope.  The mean over x at each t takes it out.
    """
    there = Problem(problem.features, data)
    residual = there.residual(fitted.model.theta, jacobian=False).reshape(len(SMALL_TIMES), -1)
    fixed = residual - residual.mean(1, keepdims=True)
    return float(np.abs(residual).mean()), float(np.abs(fixed).mean())


def one_line(seed: int, n: int, alphas: Sequence[float], controls: bool) -> tuple[dict, dict]:
    """All fits of one seed: (by penalty, by control)."""
    rng = generator(seed, "line")
    features = draw_features(N_FEATURES, rng)
    data = Noised(TWO_MODES.draw(n, rng), rng)
    points = TWO_MODES.draw(400 * len(SMALL_TIMES), rng)
    small = Noised(points, rng, times=np.repeat(SMALL_TIMES, 400))

    def fit(problem: Problem, alpha: float) -> LineFit:
        fitted = problem.solve(alpha)
        law = line_law(fitted.model)
        return LineFit(
            js_divergence(law, line_truth()),
            float(law[LINE > 0].sum()),
            fitted.dsm,
            *small_time_residual(problem, fitted, small),
            fitted.model,
        )

    plain = Problem(features, data)
    fits = {alpha: fit(plain, alpha) for alpha in alphas}
    broken = {}
    if controls:
        probe = rng.standard_normal(data.x.shape)
        problems = (Problem(features, data, rate_sign=-1.0), Problem(features, data, probe=probe))
        broken = {
            name: fit(problem, REPAIRING) for name, problem in zip(CONTROLS, problems, strict=True)
        }
    return fits, broken


def run_line(
    n_seeds: int, n_points: int, alphas: Sequence[float], n_controls: int, seed: int, jobs: int = 2
) -> LineRuns:
    """The mixture for `n_seeds` seeds; the first `n_controls` also with the negative controls."""
    calls = [(seed + i, n_points, tuple(alphas), i < n_controls) for i in range(n_seeds)]
    # threads: matrix products and tanh leave the interpreter alone
    found = sweep(
        one_line, calls, n_jobs=jobs, label="random features, mixture", unpack=True, threads=True
    )
    return LineRuns(
        {alpha: [fits[alpha] for fits, _ in found] for alpha in alphas},
        {name: [broken[name] for _, broken in found[:n_controls]] for name in CONTROLS},
    )


@dataclass(frozen=True)
class PlaneRuns:
    """Muller-Brown with random features.

    expert, whole : penalty -> divergence per seed, (seeds,), of the expert on [0, 0.1] and of a
        model of the whole range; laws : penalty -> masses (n, n) of the first seed's expert
    grid, exact : where they were read, and the truth there
    """

    expert: Mapping[float, np.ndarray]
    whole: Mapping[float, np.ndarray]
    laws: Mapping[float, np.ndarray]
    grid: Grid
    exact: np.ndarray


PLANE_GRID = Grid((-2.2, 1.5), (-1.0, 2.5), 120)


def one_plane(
    seed: int, n: int, n_features: int, expert: Sequence[float], whole: Sequence[float]
) -> tuple[dict, dict, dict]:
    """One seed: divergences by penalty for both ranges of t, and the laws of the expert."""
    rng = generator(seed, "plane")
    grid, exact = mueller_brown.fine_grid()
    points = grid.draw(exact, n, rng)
    truth = mueller_brown.boltzmann(PLANE_GRID)
    errors, laws = [], {}
    for t1, alphas in ((0.1, expert), (1.0, whole)):
        data = Noised(points, rng, t1=t1)
        features = draw_features(n_features, rng, dim=2, w_scale=3.0, through=(data.x, data.t))
        fitted = Problem(features, data, ridge=1e-7).path(alphas)
        found = {
            alpha: PLANE_GRID.masses(fit.model.log_q(PLANE_GRID.points, T_MIN))
            for alpha, fit in fitted.items()
        }
        errors.append({alpha: js_divergence(law, truth) for alpha, law in found.items()})
        laws = laws or found
    return *errors, laws


def run_plane(
    n_seeds: int,
    n_points: int,
    n_features: int,
    expert: Sequence[float],
    whole: Sequence[float],
    seed: int,
    jobs: int = 2,
) -> PlaneRuns:
    """Muller-Brown for `n_seeds` seeds."""
    calls = [(seed + i, n_points, n_features, expert, whole) for i in range(n_seeds)]
    found = sweep(
        one_plane,
        calls,
        n_jobs=jobs,
        label="random features, Muller-Brown",
        unpack=True,
        threads=True,
    )
    return PlaneRuns(
        {alpha: np.array([run[0][alpha] for run in found]) for alpha in sorted(expert)},
        {alpha: np.array([run[1][alpha] for run in found]) for alpha in sorted(whole)},
        found[0][2],
        PLANE_GRID,
        mueller_brown.boltzmann(PLANE_GRID),
    )
