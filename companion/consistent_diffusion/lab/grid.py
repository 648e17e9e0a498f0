r"""Densities on a grid of the plane, without the noise of sampling.

The stationary law of Langevin dynamics with a conservative score is :math:`e^{\log q}/Z`.  In the
plane we can write it down on a grid, and need not simulate to know where a simulation ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from companion.consistent_diffusion.lab.metrics import js_divergence
from companion.consistent_diffusion.method.vp import T_MIN, alpha, sigma


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
        """log q of a model in every cell: (n, n)."""
        points = torch.tensor(self.points, dtype=torch.float32)
        with torch.no_grad():
            parts = [model.log_q(x, torch.full((len(x),), t)) for x in points.split(chunk)]
        return torch.cat(parts).double().numpy().reshape(self.n, self.n)

    def log_z(self, model, t: float) -> float:
        """Logarithm of the integral of q over the rectangle."""
        log_q = self.log_q(model, t)
        return float(log_q.max() + np.log(np.exp(log_q - log_q.max()).sum() * self.cell))

    def js_error(self, model, exact: np.ndarray, t: float = T_MIN) -> float:
        """Divergence of the model's law at t from exact masses (n, n)."""
        return js_divergence(self.masses(self.log_q(model, t)), exact)

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


def two_for_one_curve(
    grid: Grid, masses: np.ndarray, times: np.ndarray, error: Callable | None = None
) -> np.ndarray:
    """What a perfect model loses by simulating at t > 0: divergence of p_t from p_0, (times,)."""
    error = error or js_divergence
    return np.array([error(masses, grid.diffused(masses, t)) for t in times])
