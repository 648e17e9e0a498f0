r"""Least squares for curves that are linear in most of their parameters (variable projection).

Every curve of this chapter has the form :math:`\sum_j c_j \phi_j(u; \theta)`: for a given shape
:math:`\theta` the coefficients c follow from linear least squares, so only one or two numbers are
searched.  A grid over them makes the search global, which gives every competitor of eq. 9, and
eq. 9 itself, the best fit it can have.  Differences between curves are then not differences
between starting values.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

RANK_TOLERANCE = 1e-10
"""Relative singular value below which two basis functions count as one (ours, arbitrary)."""


class Separable(NamedTuple):
    """A family of curves, for time scaled to [0, 1].

    name : how tables and legends call it
    basis : maps u of shape (n,) and shapes θ of shape (..., q) to basis functions (..., n, p)
    bounds : (low, high) for each of the q shape parameters
    grid : values per shape parameter at which the search starts
    n_linear : p
    """

    name: str
    basis: Callable[[np.ndarray, np.ndarray], np.ndarray]
    bounds: tuple[tuple[float, float], ...]
    grid: tuple[tuple[float, ...], ...]
    n_linear: int

    @property
    def n_parameters(self) -> int:
        """Free numbers of the curve, without the noise variance."""
        return self.n_linear + len(self.bounds)


class SeparableFit(NamedTuple):
    """A fitted curve and what is needed to draw and to judge it.

    model : the family
    shape : (q,) shape parameters, in scaled time
    coefficients : (p,) linear coefficients, in the unit of the series
    span : steps per unit of scaled time (the last step of the fitted series)
    rss : residual sum of squares, unit of the series squared
    r2 : share of variance explained; can be negative for a curve without offset
    aicc : corrected Akaike criterion, lower is better; the noise variance counts as a parameter
    n : number of points
    converged : whether the final local search met its tolerance
    """

    model: Separable
    shape: np.ndarray
    coefficients: np.ndarray
    span: float
    rss: float
    r2: float
    aicc: float
    n: int
    converged: bool

    def predict(self, t: ArrayLike) -> np.ndarray:
        """The curve at steps t, inside or beyond the fitted range."""
        scaled = np.asarray(t, dtype=float) / self.span
        return self.model.basis(scaled, self.shape) @ self.coefficients


def check_series(t: ArrayLike, y: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return t and y as float arrays, or raise ValueError naming what is wrong.

    t : training steps of shape (n,), increasing, from 0 or later
    y : values of shape (n,), finite, not all equal
    least : smallest n that makes sense for the caller
    """
    t, y = np.asarray(t, dtype=float), np.asarray(y, dtype=float)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"t and y must be 1-D and equally long, got {t.shape} and {y.shape}")
    if t.size < least:
        raise ValueError(f"the curve needs at least {least} checkpoints, got {t.size}")
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise ValueError("t and y must be finite")
    if t[0] < 0 or (np.diff(t) <= 0).any():
        raise ValueError("t must start at 0 or later and increase strictly")
    if np.ptp(y) == 0:
        raise ValueError("the series is constant, R2 is not defined")
    return t, y


def aicc(rss: float, n: int, n_parameters: int) -> float:
    r"""Corrected Akaike criterion of a least-squares fit; lower is better.

    :math:`n \log(RSS/n) + 2k + 2k(k+1)/(n-k-1)` with k = n_parameters + 1 (the noise variance).
    Infinite where n <= k + 1: so few points cannot support the curve.
    """
    k = n_parameters + 1
    if n <= k + 1:
        return float("inf")
    with np.errstate(divide="ignore"):
        return float(n * np.log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def r2_score(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 - RSS/TSS, around the mean of y."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def project(basis: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (..., p) and residuals (..., n) of y (n,) on basis functions (..., n, p)."""
    coefficients = np.linalg.pinv(basis, rcond=RANK_TOLERANCE) @ y
    return coefficients, y - (basis @ coefficients[..., None])[..., 0]


def fit_separable(
    model: Separable, t: ArrayLike, y: ArrayLike, *, n_starts: int = 3
) -> SeparableFit:
    """The best curve of `model`: grid search over its shape, then a local search from the best.

    t, y : arrays of shape (n,), steps and series
    n_starts : how many of the best grid points are polished
    """
    t, y = check_series(t, y, model.n_parameters)
    span = float(t[-1])
    size = float(np.abs(y).max())
    shape, converged, rss = search(model, t / span, y / size, n_starts)
    coefficients, _ = project(model.basis(t / span, shape), y)
    rss *= size**2
    return SeparableFit(
        model=model,
        shape=shape,
        coefficients=coefficients,
        span=span,
        rss=rss,
        r2=1 - rss / float(np.sum((y - y.mean()) ** 2)),
        aicc=aicc(rss, t.size, model.n_parameters),
        n=t.size,
        converged=converged,
    )


def search(
    model: Separable, u: np.ndarray, z: np.ndarray, n_starts: int
) -> tuple[np.ndarray, bool, float]:
    """Shape (q,) with the smallest projected residual, whether it converged, and its RSS."""
    low, high = np.transpose(model.bounds)
    grid = np.array(list(product(*model.grid)))  # (m, q)
    _, residuals = project(model.basis(u, grid), z)
    order = np.argsort((residuals**2).sum(axis=-1))[:n_starts]
    fits = [
        least_squares(
            lambda shape: project(model.basis(u, shape), z)[1],
            np.clip(start, low + 1e-9, high - 1e-9),
            bounds=(low, high),
            max_nfev=100,
        )
        for start in grid[order]
    ]
    best = min(fits, key=lambda fit: fit.cost)
    return best.x, bool(best.status > 0), 2 * float(best.cost)
