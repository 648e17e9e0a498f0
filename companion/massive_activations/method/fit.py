r"""The paper's fit of eq. 9, and least squares for curves that are linear in most parameters.

Least squares for curves that are linear in most of their parameters (variable projection).

Every curve of this chapter has the form :math:`\sum_j c_j \phi_j(u; \theta)`: for a given shape
:math:`\theta` the coefficients c follow from linear least squares, so only one or two numbers are
searched.  A grid over them makes the search global, which gives every competitor of eq. 9, and
eq. 9 itself, the best fit it can have.  Differences between curves are then not differences
between starting values.

The paper's fit of eq. 9 (its section on curve fitting): two forms, the better R2 is kept.

The series is scaled to [0, 1] in time and value, both parametrizations are fitted by the trust
region reflective method with the analytic gradient and the paper's start, and the parameters are
scaled back.  A search that does not converge is reported with its last iterate: ``curve_fit``
would raise, and a caller who swallows the exception would drop exactly the layers where the
parameters are loose.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from companion.massive_activations.method.curve import (
    CurveParams,
    ReparamParams,
    damped_log_jacobian,
    from_reparametrized,
    reparametrized,
    reparametrized_jacobian,
    to_reparametrized,
    turning_point,
)

# ---------------------------------------------------------------------------------------- separable
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


# ---------------------------------------------------------------------------------------------- fit
DIRECT, REPARAMETRIZED = "direct", "reparametrized"
FORMS = (DIRECT, REPARAMETRIZED)
MAX_EVALUATIONS = 500
"""``curve_fit``'s own limit for five parameters (100 per parameter)."""


class Scaling(NamedTuple):
    """How a series was brought to [0, 1]: u = t / span, z = (y - low) / size.

    The paper says that the data are normalized and not how; this is our reading.
    """

    span: float
    low: float
    size: float


class Attempt(NamedTuple):
    """One form's search.

    form : ``"direct"`` (eq. 9) or ``"reparametrized"``
    theta : (5,) last iterate, in scaled units, in the order of that form's parameters
    converged : whether a tolerance was met within the evaluation limit
    n_evaluations : function evaluations used
    r2 : share of variance explained by the last iterate
    """

    form: str
    theta: np.ndarray
    converged: bool
    n_evaluations: int
    r2: float


class CurveFit(NamedTuple):
    """The better of the two forms, in training steps and in the unit of the series.

    params : eq. 9; not finite where only the reparametrized form can name the curve
    form : which form won
    r2, aicc : of the winner; aicc counts five parameters and the noise variance
    converged : whether the winner's search converged
    attempts : both searches, in the order of :data:`FORMS`
    covariance : (5, 5) of `params` under independent residuals; nan if params are not finite
    condition : condition number of the gradient with unit columns; above about 1e4 single
        parameters mean little
    n : number of points
    scaling : the scaling that was used
    """

    params: CurveParams
    form: str
    r2: float
    aicc: float
    converged: bool
    attempts: tuple[Attempt, ...]
    covariance: np.ndarray
    condition: float
    n: int
    scaling: Scaling

    def predict(self, t: ArrayLike) -> np.ndarray:
        """The fitted curve at steps t."""
        best = next(attempt for attempt in self.attempts if attempt.form == self.form)
        u = np.asarray(t, dtype=float) / self.scaling.span
        function = _direct if self.form == DIRECT else reparametrized
        return self.scaling.low + self.scaling.size * function(u, *best.theta)

    @property
    def turning_step(self) -> float:
        """t_peak in steps; nan where eq. 9 cannot name the curve."""
        return turning_point(self.params) if np.isfinite(self.params).all() else float("nan")

    @property
    def correlation(self) -> np.ndarray:
        """(5, 5) correlations of the parameter estimates."""
        return correlation(self.covariance)


def fit_curve(
    t: ArrayLike,
    y: ArrayLike,
    *,
    forms: tuple[str, ...] = FORMS,
    max_evaluations: int = MAX_EVALUATIONS,
) -> CurveFit:
    """Fit eq. 9 as the paper does and keep the form with the better R2.

    t, y : arrays of shape (n,), n >= 6; steps from 0 or later, increasing, and the series
    forms : which parametrizations to try
    max_evaluations : limit of each search

    Raises ValueError for a constant or non-finite series, too few points or an unknown form.
    """
    t, y = check_series(t, y, 6)
    if not forms or not set(forms) <= set(FORMS):
        raise ValueError(f"forms must be one or more of {FORMS}, got {forms}")
    scaling = Scaling(float(t[-1]), float(y.min()), float(np.ptp(y)))
    u, z = t / scaling.span, (y - scaling.low) / scaling.size
    start = starting_point(u, z)
    attempts = tuple(_attempt(form, u, z, start, max_evaluations) for form in forms)
    best = max(attempts, key=lambda attempt: attempt.r2)
    scaled = (
        CurveParams(*best.theta)
        if best.form == DIRECT
        else from_reparametrized(ReparamParams(*best.theta))
    )
    params = _unscale(scaled, scaling)
    rss = (1 - best.r2) * float(np.sum((y - y.mean()) ** 2))
    covariance, condition = _covariance(t, params, rss)
    return CurveFit(
        params=params,
        form=best.form,
        r2=best.r2,
        aicc=aicc(rss, t.size, 5),
        converged=best.converged,
        attempts=attempts,
        covariance=covariance,
        condition=condition,
        n=t.size,
        scaling=scaling,
    )


def starting_point(u: np.ndarray, z: np.ndarray) -> CurveParams:
    """The paper's start: A = range, λ = 1/std of time, γ = 1/range of time, t0 = 1, K = mid."""
    size = float(np.ptp(z))
    return CurveParams(size, 1 / float(u.std()), 1 / float(np.ptp(u)), 1.0, z.min() + size / 2)


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Correlation matrix of a covariance matrix (k, k)."""
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


def _direct(u: np.ndarray, A: float, lam: float, gamma: float, t0: float, K: float) -> np.ndarray:
    # eq. 9 without the check of x > 0: the bounds keep gamma and t0 positive, and this is the
    # innermost loop
    x = gamma * u + t0
    return A * np.exp(-lam * x) * np.log(x) + K


class _Form(NamedTuple):
    function: Callable[..., np.ndarray]
    jacobian: Callable[..., np.ndarray]
    lower: tuple[float, ...]


_INF = float("inf")
_FORMS = {
    DIRECT: _Form(_direct, damped_log_jacobian, (-_INF, 0.0, 0.0, 0.0, -_INF)),
    REPARAMETRIZED: _Form(reparametrized, reparametrized_jacobian, (-_INF, -_INF, 0.0, 0.0, -_INF)),
}


def _attempt(
    name: str, u: np.ndarray, z: np.ndarray, start: CurveParams, max_evaluations: int
) -> Attempt:
    form = _FORMS[name]
    # the solver behind scipy's curve_fit with bounds, called directly to keep the last iterate
    result = least_squares(
        lambda theta: form.function(u, *theta) - z,
        start if name == DIRECT else to_reparametrized(start),
        jac=lambda theta: form.jacobian(u, *theta),
        bounds=(form.lower, _INF),
        method="trf",
        max_nfev=max_evaluations,
    )
    r2 = r2_score(z, form.function(u, *result.x))
    return Attempt(name, result.x, bool(result.status > 0), int(result.nfev), r2)


def _unscale(scaled: CurveParams, scaling: Scaling) -> CurveParams:
    return scaled._replace(
        A=scaled.A * scaling.size,
        gamma=scaled.gamma / scaling.span,
        K=scaling.low + scaling.size * scaled.K,
    )


def _covariance(t: np.ndarray, params: CurveParams, rss: float) -> tuple[np.ndarray, float]:
    """Covariance s²(J'J)^-1 in the unit of the series, and the condition number of J."""
    nothing = np.full((5, 5), np.nan), float("inf")
    if not np.isfinite(params).all() or params.gamma <= 0 or params.t0 <= 0:
        return nothing
    with np.errstate(all="ignore"):  # γ may be 1e150 on a flat ridge; then the answer is nothing
        jacobian = damped_log_jacobian(t, *params)
        unit = jacobian / (length := np.linalg.norm(jacobian, axis=0))
        if not np.isfinite(unit).all():
            return nothing
        _, singular, rows = np.linalg.svd(unit, full_matrices=False)
        half = rows.T / singular / length[:, None]
        covariance = rss / (t.size - 5) * half @ half.T
        condition = float(singular[0] / singular[-1])
    return (covariance, condition) if np.isfinite(covariance).all() else nothing
