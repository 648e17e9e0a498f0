"""Systems whose density is known, on a grid or in closed form, and how far a sample is from it.

Every distance is an error: 0 is best.  One that looks at samples has a floor, because two samples
of the *same* law are not at distance 0; the stationary law of Langevin dynamics with a conservative
score, e^log q / Z, can be written down on a grid of the plane without that noise.

Muller-Brown: U(x, y) = sum_k A_k exp[a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2],
two basins and a curved path between them, with a barrier of 4.6 thermal energies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.distance import jensenshannon
from torch import Tensor

from companion.consistent_diffusion.method.diffusion import T_MIN, alpha, sigma
from companion.consistent_diffusion.method.networks import Local, automatic

# ------------------------------------------------------------------------------------------ metrics
Limits = Sequence[tuple[float, float]]


def js_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two arrays of masses, natural log: 0 to log 2."""
    p, q = (np.ravel(mass) / np.sum(mass) for mass in (p, q))
    # masses that are next to nothing would be divided by an underflow
    p, q = (np.where(mass > 1e-100, mass, 0.0) for mass in (p, q))
    return float(jensenshannon(p, q) ** 2)


def js_error(
    reference: np.ndarray, sample: np.ndarray, *, bins: int, limits: Limits | None = None
) -> float:
    """Divergence of two-dimensional histograms with equal bins.

    reference, sample : (n, 2)
    limits : ((low, high), (low, high)); what lies outside falls into the border bins.  None takes
        the joint range, the paper's definition, in which one outlier changes all bins.
    """
    if limits is None:
        both = np.concatenate([reference, sample])
        limits = list(zip(both.min(0), both.max(0), strict=True))
    counts = [_histogram(points, bins, limits) for points in (reference, sample)]
    return js_divergence(*counts)


def _histogram(points: np.ndarray, bins: int, limits: Limits) -> np.ndarray:
    low, high = np.array(limits, dtype=float).T
    clipped = np.clip(points, low, high)
    return np.histogram2d(clipped[:, 0], clipped[:, 1], bins=bins, range=list(limits))[0]


def pmf_error(
    reference: np.ndarray, sample: np.ndarray, *, limits: Limits, n_bins: int = 64
) -> float:
    """Weighted squared difference of the free energies -ln p, the paper's "PMF error".

    limits : ((low, high), (low, high)); 63 edges between them, and a bin beyond each end.
    Empty bins count as 1e-6, in the weights too, which are the mean of both.  No square root.
    """
    edges = [
        np.concatenate([[-np.inf], np.linspace(low, high, n_bins - 1), [np.inf]])
        for low, high in limits
    ]
    p, q = (
        np.histogram2d(points[:, 0], points[:, 1], bins=edges)[0] / len(points)
        for points in (reference, sample)
    )
    return pmf_distance(p, q)


def pmf_distance(p: np.ndarray, q: np.ndarray) -> float:
    """The same from two arrays of masses."""
    seen = (p > 0) | (q > 0)
    p, q = (np.where(mass > 0, mass, 1e-6)[seen] for mass in (p, q))
    weight = (p + q) / (p + q).sum()
    return float((weight * np.log(p / q) ** 2).sum())


# --------------------------------------------------------------------------------------------- grid
@dataclass(frozen=True)
class Grid:
    """Centers of n x n cells on a rectangle.

    x, y : (low, high) of each axis; n : cells per axis
    """

    x: tuple[float, float]
    y: tuple[float, float]
    n: int

    @cached_property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the centers, (n,) each."""
        return tuple(
            low + (high - low) * (np.arange(self.n) + 0.5) / self.n
            for low, high in (self.x, self.y)
        )

    @cached_property
    def points(self) -> np.ndarray:
        """(n * n, 2), y fastest."""
        x, y = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([x.ravel(), y.ravel()], 1)

    @property
    def cell(self) -> float:
        """Area of a cell."""
        (x0, x1), (y0, y1) = self.x, self.y
        return (x1 - x0) * (y1 - y0) / self.n**2

    def masses(self, log_density: np.ndarray) -> np.ndarray:
        """Normalized masses (n, n) from an unnormalized log density (n * n,) or (n, n)."""
        log_density = np.reshape(log_density, (self.n, self.n)).astype(float)
        masses = np.exp(log_density - log_density.max())
        return masses / masses.sum()

    def log_q(self, model, t: float = T_MIN, chunk: int = 30_000) -> np.ndarray:
        """log q of a model in every cell: (n, n), of a stack (seeds, n, n)."""
        points = torch.tensor(self.points, dtype=torch.float32)
        lanes = getattr(model, "lanes", ())
        with torch.no_grad():
            parts = [
                model.log_q(x.expand(*lanes, -1, -1), torch.full((*lanes, len(x)), t))
                for x in points.split(chunk)
            ]
        return torch.cat(parts, -1).double().numpy().reshape(*lanes, self.n, self.n)

    def log_z(self, log_q: np.ndarray) -> np.ndarray:
        """Logarithm of the integral of q over the rectangle, from log q (..., n, n): (...)."""
        top = log_q.max((-2, -1), keepdims=True)
        inside = np.exp(log_q - top).sum((-2, -1)) * self.cell
        return top[..., 0, 0] + np.log(inside)

    def divergences(self, log_q: np.ndarray, exact: np.ndarray) -> list[float]:
        """Of the laws of a stack, log q (seeds, n, n), from exact masses (n, n): one a seed."""
        return [js_divergence(self.masses(one), exact) for one in log_q]

    def draw(self, masses: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points, uniform within their cells: (n, 2)."""
        cells = rng.choice(masses.size, size=n, p=masses.ravel())
        sides = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]]) / self.n
        return self.points[cells] + (rng.random((n, 2)) - 0.5) * sides

    def diffused(self, masses: np.ndarray, t: float) -> np.ndarray:
        """Masses (n, n) of p_t from those of p_0: shrink by alpha, blur by sigma."""
        at = torch.tensor([t], dtype=torch.float64)
        shrink, blur = float(alpha(at)), float(sigma(at))
        sides = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]]) / self.n
        # blur before shrinking: the deviation is sigma / alpha there
        wide = gaussian_filter(masses, blur / shrink / sides, mode="constant", truncate=8)
        source = [
            (axis / shrink - low) / side - 0.5
            for axis, (low, _), side in zip(self.axes, (self.x, self.y), sides, strict=True)
        ]
        at_source = np.meshgrid(*source, indexing="ij")
        moved = np.clip(map_coordinates(wide, at_source, order=3, mode="constant"), 0, None)
        return moved / moved.sum()


def two_for_one_curve(grid: Grid, masses: np.ndarray, times: np.ndarray) -> np.ndarray:
    """What a perfect model loses by simulating at t > 0: divergence of p_t from p_0, (times,)."""
    return np.array([js_divergence(masses, grid.diffused(masses, t)) for t in times])


# ----------------------------------------------------------------------------------------- mixtures
class Mixture:
    """A model that is right: log p_t and its score.

    shares : (k,), adding to one; means : (k, D); widths : (k,)
    """

    def __init__(
        self, shares: Sequence[float], means: Sequence[Sequence[float]], widths: Sequence[float]
    ) -> None:
        self.shares = torch.tensor(shares, dtype=torch.float64)
        self.means = torch.tensor(means, dtype=torch.float64)
        self.widths = torch.tensor(widths, dtype=torch.float64)
        if not math.isclose(float(self.shares.sum()), 1.0, rel_tol=1e-9):
            raise ValueError(f"shares must add to 1, got {list(shares)}")
        if len(self.means) != len(self.shares) or len(self.widths) != len(self.shares):
            raise ValueError("shares, means, and widths need the same length")

    @property
    def dim(self) -> int:
        """D."""
        return self.means.shape[1]

    def _parts(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of share times density (batch, k), displacement (batch, k, D), variance (batch, k)"""
        a = alpha(t)[:, None]
        variance = a.square() * self.widths.to(x).square() + sigma(t)[:, None].square()
        away = x[:, None, :] - a[:, :, None] * self.means.to(x)
        log_parts = (
            self.shares.to(x).log()
            - 0.5 * away.square().sum(2) / variance
            - 0.5 * self.dim * (2 * math.pi * variance).log()
        )
        return log_parts, away, variance

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Normalized log p_t(x): (batch,)."""
        return self._parts(x, t)[0].logsumexp(1)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """Gradient of log p_t: (batch, D)."""
        log_parts, away, variance = self._parts(x, t)
        return -(log_parts.softmax(1)[:, :, None] * away / variance[:, :, None]).sum(1)

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log p_t, score, and rate."""
        return automatic(self, x, t)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points of p_0: (n, D)."""
        which = rng.choice(len(self.shares), size=n, p=self.shares.numpy())
        noise = rng.standard_normal((n, self.dim))
        return self.means.numpy()[which] + self.widths.numpy()[which, None] * noise


TWO_MODES = Mixture([0.2, 0.8], [[-5.0], [5.0]], [1.0, 1.0])
"""One-dimensional: 0.2 N(-5, 1) + 0.8 N(5, 1)."""
TWO_MODES_2D = Mixture([0.2, 0.8], [[-5.0, -5.0], [5.0, 5.0]], [1.0, 1.0])
"""The same along the diagonal of the plane."""


# ------------------------------------------------------------------------------------ mueller brown
KT, MASS, FRICTION, DT = 23.0, 0.5, 1.0, 5e-3
"""The paper's thermal energy, mass, collision rate, and time step."""
WINDOW = ((-1.8, 1.1), (-0.5, 2.0))
"""Limits of the paper's histograms."""

_A = (-200.0, -100.0, -170.0, 15.0)
_XX = (-1.0, -1.0, -6.5, 0.7)
_XY = (0.0, 0.0, 11.0, 0.6)
_YY = (-10.0, -10.0, -6.5, 0.7)
_X0 = (1.0, 0.0, -0.5, -1.0)
_Y0 = (0.0, 0.5, 1.5, 1.0)


def potential(points: np.ndarray) -> np.ndarray:
    """U: (n, 2) to (n,)."""
    return _terms(points)[0]


def force(points: np.ndarray) -> np.ndarray:
    """Minus the gradient of U: (n, 2)."""
    return _terms(points)[1]


def _terms(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = points[:, 0], points[:, 1]
    energy, pull = np.zeros(len(points)), np.zeros_like(points)
    for size, a, b, c, x0, y0 in zip(_A, _XX, _XY, _YY, _X0, _Y0, strict=True):
        dx, dy = x - x0, y - y0
        term = size * np.exp(a * dx * dx + b * dx * dy + c * dy * dy)
        energy += term
        pull[:, 0] -= term * (2 * a * dx + b * dy)
        pull[:, 1] -= term * (b * dx + 2 * c * dy)
    return energy, pull


def boltzmann(grid: Grid) -> np.ndarray:
    """Exact masses of exp(-U / kT) on a grid: (n, n)."""
    return grid.masses(-potential(grid.points) / KT)


@cache
def fine_grid(n: int = 300) -> tuple[Grid, np.ndarray]:
    """The grid that models are judged on, and the exact masses there."""
    grid = Grid((-3.0, 2.0), (-1.5, 3.0), n)
    return grid, boltzmann(grid)


def reference_run(
    rng: np.random.Generator, *, n_chains: int = 500, steps: int = 10_000, every: int = 50
) -> np.ndarray:
    """Langevin dynamics with the true force, all chains at once: (n_frames, n_chains, 2).

    The chains start from the exact law, so there is nothing to wait for.  The paper runs one chain
    of five million steps; five hundred of ten thousand cost the same steps, in array operations.
    """
    grid, exact = fine_grid()
    x = grid.draw(exact, n_chains, rng)
    keep = math.exp(-FRICTION * DT)
    kick = math.sqrt(KT * (1 - keep**2) / MASS)
    push = (1 - keep) / FRICTION / MASS
    v = math.sqrt(KT / MASS) * rng.standard_normal(x.shape)
    frames = np.empty((steps // every, n_chains, 2))
    for frame in range(len(frames)):
        for _ in range(every):
            v = keep * v + push * force(x) + kick * rng.standard_normal(x.shape)
            x = x + DT * v
        frames[frame] = x
    return frames


# -------------------------------------------------------------------------------------- two for one
REFERENCE = {0.01: 0.0023, 0.02: 0.0138, 0.03: 0.0347, 0.05: 0.088, 0.1: 0.206}
"""Divergence of p_t from p_0 on Muller-Brown, from an independent computation on a finer grid."""
TIMES = (1e-3, 3e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1)


class Curve(NamedTuple):
    """times, js : (n,); deviation : largest relative difference from REFERENCE"""

    times: np.ndarray
    js: np.ndarray
    deviation: float


def exact_curve() -> Curve:
    """Divergence of p_t from p_0, without any learning."""
    grid, exact = fine_grid()
    times = np.array(TIMES)
    js = two_for_one_curve(grid, exact, times)
    known = dict(zip(TIMES, js, strict=True))
    deviation = max(abs(known[t] / value - 1) for t, value in REFERENCE.items())
    return Curve(times, js, float(deviation))
