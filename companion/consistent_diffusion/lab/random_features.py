r"""An energy model that is linear in its weights: the paper's effect without training noise.

:math:`\log q(x,t) = -\tfrac12\|x\|^2+\sum_j\theta_j\tanh(w_j\cdot x+u_j\cdot\tau(t)+b_j)` with
fixed random features.  Denoising score matching is a least-squares problem, one linear solve.  The
Fokker-Planck penalty is a sum of squares of something quadratic in the weights: Gauss-Newton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from companion.consistent_diffusion.method.networks import time_features
from companion.consistent_diffusion.method.vp import T_MIN, alpha, beta, sigma


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


def draw_features(
    n: int,
    rng: np.random.Generator,
    *,
    dim: int = 1,
    w_scale: float = 1.0,
    u_scale: float = 2.0,
    spread: float = 5.0,
    through: tuple[np.ndarray, np.ndarray] | None = None,
) -> Features:
    """Random features.

    through : points (m, D) and times (m,); each feature changes sign at one of them, drawn at
        random.  Without, b is uniform on [-spread, spread].
    """
    w, u = w_scale * rng.standard_normal((n, dim)), u_scale * rng.standard_normal((n, 4))
    if through is None:
        return Features(w, u, rng.uniform(-spread, spread, n))
    pick = rng.integers(0, len(through[0]), n)
    values = time_features(torch.as_tensor(through[1][pick]))[0].numpy()
    return Features(w, u, -(through[0][pick] * w).sum(1) - (values * u).sum(1))


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


class RandomEnergy:
    """The model; see the module.  theta : (J,)."""

    def __init__(self, features: Features, theta: np.ndarray) -> None:
        self.features, self.theta = features, theta

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

    def path(self, weights: Sequence[float], *, steps: int = 4) -> dict[float, Fitted]:
        """Continuation: the largest alpha first, each solution the start of the next smaller one.

        A small alpha alone may leave Gauss-Newton in a local optimum; alpha = 0 needs no start.
        """
        found, theta = {}, None
        for weight in sorted(weights, reverse=True):
            fresh = theta is None or weight == 0
            found[weight] = self.solve(
                weight, start=None if fresh else theta, steps=2 * steps if fresh else steps
            )
            theta = found[weight].model.theta
        return found
