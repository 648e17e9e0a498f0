r"""The Muller-Brown potential: two basins and a curved path between them.

:math:`U(x,y)=\sum_k A_k\exp[a_k(x-x_k)^2+b_k(x-x_k)(y-y_k)+c_k(y-y_k)^2]`, at a thermal energy of
23, with a barrier of 4.6 thermal energies.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from companion.consistent_diffusion.lab.grid import Grid

KT, MASS, FRICTION, DT = 23.0, 0.5, 1.0, 5e-3
"""The paper's thermal energy, mass, collision rate, and time step."""
START = (-0.55828, 1.44169)
"""The deeper minimum, where the paper's run begins."""
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
