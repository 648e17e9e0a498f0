r"""The paper's training curve (eq. 9): an exponentially damped logarithm with five parameters.

The paper fits one such curve to the max/median ratio of every layer of nine Pythia models.  The
logarithm lets the ratio rise, the exponential pulls it back to the plateau K; a layer that peaks
early and one that rises to the end are the same curve with its peak at a different step.

Every curve of this chapter has the form :math:`\sum_j c_j \phi_j(u; \theta)`: for a given shape
:math:`\theta` the coefficients c follow from linear least squares, so only one or two numbers are
searched (variable projection).  A grid over them makes the search global, which gives every rival
of eq. 9, and eq. 9 itself, the best fit that it can have.  The paper searches all five parameters
from one start and keeps the better of two forms; both forms are the family that is searched here,
so no fit of the paper's can be closer to the data.  Differences between curves are then not
differences between starting values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import lambertw

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float


class CurveParams(NamedTuple):
    """Parameters of eq. 9, for t in training steps.

    A : amplitude, in units of the series; A < 0 turns the peak into a dip
    lam : λ >= 0, decay per unit of x
    gamma : γ > 0, time scale, 1/step
    t0 : offset of x at step 0, above 0
    K : plateau, reached as t grows if λ > 0
    """

    A: float
    lam: float
    gamma: float
    t0: float
    K: float


class ReparamParams(NamedTuple):
    """The same curve as f = exp(-βt) [A1 log(t + τ0) + A2] + K (paper eq. 13).

    A1, A2, K : linear coefficients, in units of the series
    beta : β = λγ >= 0, decay per step
    tau0 : τ0 = t0/γ > 0, in steps
    """

    A1: float
    A2: float
    beta: float
    tau0: float
    K: float


def damped_log(
    t: ArrayLike, A: float, lam: float, gamma: float, t0: float, K: float
) -> Float[np.ndarray, "*shape"] | float:
    r"""The damped logarithm, paper eq. 9.

    .. math:: f(t) = A\, e^{-\lambda x} \log x + K, \qquad x = \gamma t + t_0

    t : array of shape (n,), training steps.  Returns an array of the same shape, in the unit of
    the series.  Raises ValueError where x is not positive.
    """
    x = gamma * np.asarray(t, dtype=float) + t0
    if not (x > 0).all():
        raise ValueError(
            f"x = gamma * t + t0 must be positive, its smallest value is {np.min(x):.3g} "
            f"(gamma={gamma:.3g}, t0={t0:.3g}); use t >= 0 with gamma >= 0 and t0 > 0"
        )
    return A * np.exp(-lam * x) * np.log(x) + K


def from_reparametrized(params: ReparamParams) -> CurveParams:
    r"""Eq. 9 from its reparametrized form: :math:`\gamma = e^{A_2/A_1},\; t_0 = \tau_0\gamma,\;
    \lambda = \beta/\gamma,\; A = A_1 e^{\lambda t_0}`.

    (The paper prints the mapping, eq. 14, with a stray comma after A.)  The curve family is the
    same, but eq. 9 cannot name all of its members in floating point: as A1 goes to 0, γ leaves the
    representable range and the fields come back as 0, inf or nan.
    """
    A1, A2, beta, tau0, K = (np.float64(value) for value in params)
    with np.errstate(all="ignore"):
        gamma = np.exp(A2 / A1)
        lam = beta / gamma
        A = A1 * np.exp(beta * tau0)  # λ t0 = β τ0, whatever γ is
        return CurveParams(*map(float, (A, lam, gamma, tau0 * gamma, K)))


def turning_point(params: CurveParams) -> float:
    r"""The step at which eq. 9 turns, from :math:`\lambda x \log x = 1`.

    .. math:: t_{peak} = \frac{e^{W(1/\lambda)} - t_0}{\gamma}

    with W the principal Lambert function.  It is a maximum for A > 0 and a minimum for A < 0.
    Negative: the curve only relaxes towards K.  Infinite for λ = 0: the logarithm never turns.
    """
    _, lam, gamma, t0, _ = params
    if lam <= 0:
        return math.inf
    with np.errstate(all="ignore"):
        peak = np.exp(lambertw(1 / np.float64(lam)).real)
        return float((peak - np.float64(t0)) / np.float64(gamma))


# ------------------------------------------------------------------------------------------ fitting
RANK_TOLERANCE = 1e-10
"""Relative singular value below which two basis functions count as one (ours, arbitrary)."""

STEP = 1e-6
"""Of finite differences in the shape parameters, which are logarithms or dampings."""


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


class Fit(NamedTuple):
    """A fitted curve and what is needed to draw and to judge it.

    model : the family
    shape : (q,) shape parameters, in scaled time
    coefficients : (p,) linear coefficients, in the unit of the series
    span : steps per unit of scaled time (the last step of the fitted series)
    rss : residual sum of squares, unit of the series squared
    r2 : share of variance explained; can be negative for a curve without offset
    aicc : corrected Akaike criterion, lower is better; the noise variance counts as a parameter
    """

    model: Separable
    shape: np.ndarray
    coefficients: np.ndarray
    span: float
    rss: float
    r2: float
    aicc: float

    def predict(self, t: ArrayLike) -> np.ndarray:
        """The curve at steps t, inside or beyond the fitted range."""
        scaled = np.asarray(t, dtype=float) / self.span
        return self.model.basis(scaled, self.shape) @ self.coefficients

    @property
    def params(self) -> CurveParams:
        """Eq. 9 of a fit of :data:`DAMPED_LOG`; not finite where eq. 9 cannot name the curve.

        In scaled time u = t / span, log(u + τ) = log(t + τ span) - log(span).
        """
        beta, tau = np.exp(self.shape)
        A1, A2, K = self.coefficients
        A2 = A2 - A1 * math.log(self.span)
        form = ReparamParams(A1, A2, beta / self.span, tau * self.span, K)
        return from_reparametrized(form)


def _damped_log(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    decay = np.exp(-np.exp(shape[..., 0:1]) * u)
    rising = decay * np.log(u + np.exp(shape[..., 1:2]))
    return np.stack([rising, decay, np.ones_like(rising)], axis=-1)


DAMPED_LOG = Separable(
    "damped logarithm, eq. 9",
    _damped_log,
    ((math.log(1e-3), math.log(1e4)), (math.log(1e-7), math.log(1e2))),
    (tuple(np.log(np.geomspace(1e-3, 1e3, 9))), tuple(np.log(np.geomspace(1e-5, 10.0, 7)))),
    3,
)
"""Eq. 9 as eq. 13 writes it, where A1, A2 and K are linear: shapes log β and log τ0.

β is at least a thousandth over the series: with less the curve is a logarithm and a straight line,
and K its slope over β."""


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


def project(basis: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (..., p) and residuals (..., n) of y (n,) on basis functions (..., n, p)."""
    coefficients = np.linalg.pinv(basis, rcond=RANK_TOLERANCE) @ y
    return coefficients, y - (basis @ coefficients[..., None])[..., 0]


def fit(model: Separable, t: ArrayLike, y: ArrayLike, *, n_starts: int = 2) -> Fit:
    """The best curve of `model`: grid search over its shape, then a local search from the best.

    t, y : arrays of shape (n,), steps and series; n at least the number of parameters
    n_starts : how many of the best grid points are polished
    """
    t, y = check_series(t, y, model.n_parameters)
    span, size = float(t[-1]), float(np.abs(y).max())
    shape, rss = search(model, t / span, y / size, n_starts)
    coefficients, _ = project(model.basis(t / span, shape), y)
    rss *= size**2
    return Fit(
        model=model,
        shape=shape,
        coefficients=coefficients,
        span=span,
        rss=rss,
        r2=1 - rss / float(np.sum((y - y.mean()) ** 2)),
        aicc=aicc(rss, t.size, model.n_parameters),
    )


def search(
    model: Separable, u: np.ndarray, z: np.ndarray, n_starts: int = 2
) -> tuple[np.ndarray, float]:
    """Shape (q,) with the smallest projected residual, and its RSS.

    u : (n,) scaled time; z : (n,) scaled series
    """
    low, high = np.transpose(model.bounds)
    grid = np.array(list(product(*model.grid)))  # (m, q)
    _, residuals = project(model.basis(u, grid), z)
    order = np.argsort((residuals**2).sum(axis=-1))[:n_starts]
    found = [
        least_squares(
            (around := _Around(model, u, z)).residuals,
            np.clip(start, low + 1e-9, high - 1e-9),
            jac=around.jacobian,
            bounds=(low, high),
            max_nfev=100,
        )
        for start in grid[order]
    ]
    best = min(found, key=lambda one: one.cost)
    return best.x, 2 * float(best.cost)


class _Around:
    """Residuals of a series at a shape, and their slopes by finite differences, in one sweep.

    The solver asks for both at each step; a single call for all shapes takes a third of the time.
    """

    def __init__(self, model: Separable, u: np.ndarray, z: np.ndarray) -> None:
        self._model, self._u, self._z = model, u, z
        self._shape: np.ndarray | None = None

    def _look(self, shape: np.ndarray) -> None:
        if self._shape is None or not np.array_equal(shape, self._shape):
            steps = STEP * np.maximum(np.abs(shape), 1.0)
            shapes = np.vstack([shape, shape + np.diag(steps)])  # (q + 1, q)
            rows = project(self._model.basis(self._u, shapes), self._z)[1]
            self._shape, self._residuals = shape.copy(), rows[0]
            self._slopes = ((rows[1:] - rows[0]) / steps[:, None]).T

    def residuals(self, shape: np.ndarray) -> np.ndarray:
        """(n,) at a shape (q,)."""
        self._look(shape)
        return self._residuals

    def jacobian(self, shape: np.ndarray) -> np.ndarray:
        """(n, q) at a shape (q,)."""
        self._look(shape)
        return self._slopes


contracts.guard_public(
    __name__,
    {
        "damped_log": dict.fromkeys(("A", "lam", "gamma", "t0", "K"), contracts.FINITE),
        # asked at every step of a search: nothing is looked at twice
        "project": {"basis": None, "y": None},
    },
)
