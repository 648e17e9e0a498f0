r"""An energy model that is linear in its weights: the paper's effect without training noise.

:math:`\log q(x,t) = -\tfrac12\|x\|^2+\sum_j\theta_j\tanh(w_j\cdot x+u_j\cdot\tau(t)+b_j)` with
fixed random features, on two modes of a line.  Denoising score matching is a least-squares problem,
one linear solve.  The Fokker-Planck penalty is a sum of squares of something quadratic in the
weights: Gauss-Newton.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from companion.consistent_diffusion.lab.systems import (
    TWO_MODES,
    js_divergence,
)
from companion.consistent_diffusion.method.diffusion import T_MIN, alpha, beta, sigma
from companion.consistent_diffusion.method.networks import time_features
from companion.scale import generator
from companion.sweep import sweep


# ---------------------------------------------------------------------------------- random features
@dataclass(frozen=True)
class Features:
    """w : (J, D), u : (J, 4), b : (J,)."""

    w: np.ndarray
    u: np.ndarray
    b: np.ndarray

    def at(self, x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """tanh of every feature (n, J), and the rate of its argument in t (n, J)."""
        values, slopes = time_features(torch.as_tensor(t))
        inner = x @ self.w.T + values.numpy() @ self.u.T + self.b
        return np.tanh(inner), slopes().numpy() @ self.u.T


def draw_features(n: int, rng: np.random.Generator) -> Features:
    """Random features of a line: w standard normal, u twice that, b uniform on [-5, 5]."""
    w, u = rng.standard_normal((n, 1)), 2 * rng.standard_normal((n, 4))
    return Features(w, u, rng.uniform(-5, 5, n))


class Noised:
    """The training set: data, times, and noise, drawn once; and what the equations need there."""

    def __init__(
        self,
        data: np.ndarray,
        rng: np.random.Generator,
        t0: float = T_MIN,
        t1: float = 1.0,
        *,
        times: np.ndarray | None = None,
    ) -> None:
        self.t = rng.uniform(t0, t1, len(data)) if times is None else times
        at = torch.as_tensor(self.t)
        self.beta, self.sigma = beta(at).numpy(), sigma(at).numpy()
        self.noise = rng.standard_normal(data.shape)
        self.x = alpha(at).numpy()[:, None] * data + self.sigma[:, None] * self.noise

    @classmethod
    def at(cls, x: np.ndarray, t: float) -> Noised:
        """Given points (n, D) at one time, to look at and not to train on."""
        points = cls(x, np.random.default_rng(0), times=np.full(len(x), float(t)))
        points.x, points.noise = x, np.zeros_like(x)
        return points


@dataclass(frozen=True)
class RandomEnergy:
    """The model; see the module.  theta : (J,)."""

    features: Features
    theta: np.ndarray

    def log_q(self, x: np.ndarray, t: np.ndarray | float) -> np.ndarray:
        """(n, D) to (n,)."""
        values, _ = self.features.at(x, np.broadcast_to(t, len(x)).astype(float))
        return values @ self.theta - 0.5 * (x * x).sum(1)


@dataclass(frozen=True)
class Fitted:
    """model; dsm : its score-matching loss; residual : (n,), R at the training points."""

    model: RandomEnergy
    dsm: float
    residual: np.ndarray


class Problem:
    """The penalized least-squares problem on one training set.

    ridge : added to the diagonal
    rate_sign : -1 turns the time derivative of the residual round (negative control)
    probe : (n, D), standard normal; uses the single-sample divergence v.Hv in the *square* of the
        residual, which is what v1 = v2 amounts to for small displacements (negative control)
    """

    def __init__(
        self,
        features: Features,
        data: Noised,
        *,
        ridge: float = 1e-6,
        rate_sign: float = 1.0,
        probe: np.ndarray | None = None,
    ) -> None:
        self.features, self.data, self.ridge = features, data, ridge
        self.rate_sign, self.probe = rate_sign, probe
        self._phi, self._rate = features.at(data.x, data.t)
        self._bend = 1 - self._phi**2  # tanh'
        self._prepare_matching()

    def _prepare_matching(self) -> None:
        """Normal equations of mean |noise + sigma s|^2 / D."""
        d, w = self.data, self.features.w
        n, dim = d.x.shape
        target = d.noise - d.sigma[:, None] * d.x  # the part without weights
        self._gram, self._right = np.zeros((len(w), len(w))), np.zeros(len(w))
        self._constant = float((target**2).mean())
        for i in range(dim):
            design = d.sigma[:, None] * self._bend * w[:, i]
            self._gram += design.T @ design / (n * dim)
            self._right -= design.T @ target[:, i] / (n * dim)

    def dsm(self, theta: np.ndarray) -> float:
        """The score-matching loss."""
        return float(theta @ self._gram @ theta - 2 * theta @ self._right + self._constant)

    def residual(self, theta: np.ndarray, jacobian: bool = True):
        """R at the training points (n,), and its derivative in theta (n, J)."""
        d, w = self.data, self.features.w
        dim = d.x.shape[1]
        if self.probe is None:
            curvature, base = (w**2).sum(1), -float(dim)
        else:  # v.Hv for v of unit variance
            curvature, base = (self.probe @ w.T) ** 2, -(self.probe**2).sum(1)
        second = -2 * self._phi * self._bend * curvature
        score = -d.x + (self._bend * theta) @ w
        half = 0.5 * d.beta
        rate = self.rate_sign * self._bend * self._rate
        along = (score * (score + d.x)).sum(1)
        value = half * (base + second @ theta + along + dim) - rate @ theta
        if not jacobian:
            return value
        slope = half[:, None] * (second + self._bend * ((2 * score + d.x) @ w.T)) - rate
        return value, slope

    def solve(self, alpha: float, *, start: np.ndarray | None = None, steps: int = 8) -> Fitted:
        """Weights for one alpha; Gauss-Newton from `start`, by default from those of alpha = 0."""
        dim, n = self.data.x.shape[1], len(self.data.x)
        gram = self._gram + self.ridge * np.eye(len(self._gram))
        theta = np.linalg.solve(gram, self._right) if start is None else start
        scale = alpha / (n * dim**2)
        for _ in range(steps if alpha > 0 else 0):
            value, slope = self.residual(theta)
            right = self._right - scale * slope.T @ (value - slope @ theta)
            theta = np.linalg.solve(gram + scale * slope.T @ slope, right)
        model = RandomEnergy(self.features, theta)
        return Fitted(model, self.dsm(theta), self.residual(theta, jacobian=False))


# -------------------------------------------------------------------------------------- random runs
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
