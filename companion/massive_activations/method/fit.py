"""The paper's fit of eq. 9 (its section on curve fitting): two forms, the better R2 is kept.

The series is scaled to [0, 1] in time and value, both parametrizations are fitted by the trust
region reflective method with the analytic gradient and the paper's start, and the parameters are
scaled back.  A search that does not converge is reported with its last iterate: ``curve_fit``
would raise, and a caller who swallows the exception would drop exactly the layers where the
parameters are loose.
"""

from __future__ import annotations

from collections.abc import Callable
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
from companion.massive_activations.method.separable import aicc, check_series, r2_score

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
