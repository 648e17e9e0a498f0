r"""The paper's recipe, and two laws with three parameters for points that cannot support five.

**Five parameters**: ``scipy.optimize.curve_fit`` on raw counts from one start.  It is kept as an
independent check of :mod:`varpro` and to reproduce the printed tables.  The paper says
scikit-learn; its code calls SciPy.

**Three parameters**:

- One training run: the size term is borrowed from another family and
  :math:`\hat L = E + A_0 N^{-\alpha_0} + B D^{-\beta}` is fitted in (E, B, beta). Paper Fig. 6.
- Final losses at equal D: :math:`\hat L = E' + A N^{-\alpha}`, where E' holds the data term too.

Both are linear in two parameters, so variable projection searches one exponent.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit, minimize_scalar

from companion import contracts
from companion.scaling_laws.method.law import (
    LEAST_DISTINCT,
    Fit,
    Points,
    ScalingLaw,
    check_identified,
    residual_sum,
)
from companion.scaling_laws.method.varpro import HIGH, LOW

PAPER_START = np.array([6.255414, 7.3049974, 0.6254804, 0.3526596, 0.3526596])
"""(a, b, e, alpha, beta) of Muennighoff et al. 2023, where the paper starts every fit."""

_BOUNDS = ([-np.inf, -np.inf, -np.inf, 0, 0], np.inf)


def _model(x: np.ndarray, a: float, b: float, e: float, alpha: float, beta: float) -> np.ndarray:
    """Eq. 1 as the paper codes it; x has shape (2, n), rows N and D."""
    return np.exp(e) + np.exp(a) / x[0] ** alpha + np.exp(b) / x[1] ** beta


def fit_curve_fit(
    data: Points, *, start: np.ndarray = PAPER_START, need_identified: bool = True
) -> Fit | None:
    """One local search from `start`; None where SciPy gives up.

    A RuntimeError of the default solver is followed by one try with ``dogbox``, as in the paper's
    code.  None is the paper's white cell; callers count it.
    """
    if need_identified:
        check_identified(data)
    x = np.stack([data.N, data.D])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", OptimizeWarning)  # no covariance: we do not use it
        for extra in ({}, {"method": "dogbox", "x_scale": start}):
            try:
                theta, _ = curve_fit(_model, x, data.loss, p0=start, bounds=_BOUNDS, **extra)
            except RuntimeError:  # SciPy: "Optimal parameters not found"
                continue
            except (ValueError, np.linalg.LinAlgError):  # overflow on the way
                return None
            law = ScalingLaw.from_log(theta)
            return Fit(law, residual_sum(law, data), data.N.size, data.n_sizes, converged=True)
    return None


def fit_multi_start(
    data: Points, rng: np.random.Generator, *, n_starts: int = 20, need_identified: bool = True
) -> tuple[Fit | None, int]:
    """The best of `n_starts` searches, the first from the paper's start, and how many failed.

    The others draw alpha and beta from [0.05, 1.5], E below the least loss, and A and B so that
    the terms are of the size of the losses' range at the points' geometric means.
    """
    fits = [fit_curve_fit(data, need_identified=need_identified)]
    for _ in range(n_starts - 1):
        start = _random_start(data, rng)
        fits.append(fit_curve_fit(data, start=start, need_identified=need_identified))
    found = [fit for fit in fits if fit is not None and np.isfinite(fit.sse)]
    best = min(found, key=lambda fit: fit.sse) if found else None
    return best, len(fits) - len(found)


def _random_start(data: Points, rng: np.random.Generator) -> np.ndarray:
    alpha, beta = rng.uniform(0.05, 1.5, size=2)
    E = data.loss.min() * rng.uniform(0.1, 1.0)
    terms = np.ptp(data.loss) * rng.uniform(0.1, 1.0, size=2)
    a = np.log(terms[0]) + alpha * np.log(data.N).mean()
    b = np.log(terms[1]) + beta * np.log(data.D).mean()
    return np.array([a, b, np.log(E), alpha, beta])


BORROWED_LOG_A, BORROWED_ALPHA = float(PAPER_START[0]), float(PAPER_START[3])
"""The size term that the paper lends to every family (Muennighoff et al. 2023)."""

_GRID = np.geomspace(LOW, HIGH, 97)


def fit_one_model(
    data: Points, *, log_A: float = BORROWED_LOG_A, alpha: float = BORROWED_ALPHA
) -> Fit:
    """(E, B, beta) by least squares with a borrowed size term. Paper Fig. 6.

    data : checkpoints, usually of a single run; at least three token counts
    log_A, alpha : the borrowed size term A N^-alpha; the default is the paper's

    Raises
    ------
    ValueError
        Fewer than three token counts.
    """
    _check(np.unique(data.D).size, "token counts")
    fixed = np.exp(log_A - alpha * np.log(data.N))
    E, log_B, beta, converged, at_bound = _power_law(np.log(data.D), data.loss - fixed)
    law = ScalingLaw(E, log_A, log_B, alpha, beta)
    return _fit(law, data, converged, at_bound)


def fit_size_only(data: Points) -> Fit:
    """E' + A N^-alpha by least squares; for final losses at one D, which it does not use.

    Raises
    ------
    ValueError
        Fewer than three sizes.
    """
    _check(np.unique(data.N).size, "sizes")
    E, log_A, alpha, converged, at_bound = _power_law(np.log(data.N), data.loss)
    law = ScalingLaw(E, log_A, -math.inf, alpha, 0.0)
    return _fit(law, data, converged, at_bound)


def _check(n: int, what: str) -> None:
    if n < LEAST_DISTINCT:
        raise ValueError(
            f"a three-parameter law needs points at {LEAST_DISTINCT} or more {what}, got {n}"
        )


def _fit(law: ScalingLaw, data: Points, converged: bool, at_bound: bool) -> Fit:
    return Fit(law, residual_sum(law, data), data.N.size, data.n_sizes, converged, at_bound)


def _power_law(log_x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, bool, bool]:
    """(c, log k, exponent, converged, at_bound) of the least-squares c + k x^-exponent, c, k >= 0.

    y : (n,), may be negative, when a borrowed size term is larger than the loss itself
    """
    least = float(log_x.min())
    x = log_x - least
    sse = np.array([_linear(x, y, exponent)[2] for exponent in _GRID])
    i = int(np.argmin(sse))
    low, high = _GRID[max(i - 1, 0)], _GRID[min(i + 1, len(_GRID) - 1)]
    found = minimize_scalar(
        lambda exponent: _linear(x, y, exponent)[2],
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-10 * high},
    )
    exponent = found.x if found.fun <= sse[i] else _GRID[i]
    c, k, _ = _linear(x, y, exponent)
    log_k = math.log(k) + exponent * least if k > 0 else -math.inf
    at_bound = k > 0 and not LOW * (1 + 1e-4) < exponent < HIGH * (1 - 1e-4)
    return float(c), log_k, float(exponent), bool(found.success), at_bound


def _linear(x: np.ndarray, y: np.ndarray, exponent: float) -> tuple[float, float, float]:
    """(c, k, sse) of the non-negative least squares of y on 1 and exp(-exponent x)."""
    u = np.expm1(-exponent * x)
    mean_u, mean_y = u.mean(), y.mean()
    uu, uy = ((u - mean_u) ** 2).sum(), ((u - mean_u) * (y - mean_y)).sum()
    k = uy / uu if uu > 0 else 0.0
    c = mean_y - k * (mean_u + 1)
    if k < 0:
        c, k = max(mean_y, 0.0), 0.0
    elif c < 0:
        v = u + 1
        c, k = 0.0, max((v @ y) / (v @ v), 0.0)
    residual = c + k * (u + 1) - y
    return float(c), float(k), float(residual @ residual)


contracts.guard_public(
    __name__,
    {
        name: {"data": contracts.FINITE.of_parts(), **more}
        for name, more in {
            "fit_curve_fit": {},
            "fit_multi_start": {},
            "fit_one_model": {"log_A": contracts.BELOW_INFINITY},  # A = 0: without a size term
            "fit_size_only": {},
        }.items()
    },
)
