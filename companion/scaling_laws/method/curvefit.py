"""The paper's recipe: ``scipy.optimize.curve_fit`` on raw counts from one start.

It is kept as an independent check of :mod:`varpro` and to reproduce the printed tables.  The paper
says scikit-learn; its code calls SciPy.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from companion.scaling_laws.method.law import (
    Fit,
    Points,
    ScalingLaw,
    check_identified,
    residual_sum,
)

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
