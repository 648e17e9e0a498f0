r"""Chinchilla's third approach: Huber loss on the logarithm (Hoffmann et al. 2022, sec. 3.3).

.. math:: \min_{a, b, e, \alpha, \beta} \sum_i \mathrm{Huber}_\delta\big(
    \mathrm{LSE}(a - \alpha \ln N_i,\; b - \beta \ln D_i,\; e) - \ln L_i\big),
    \qquad \delta = 10^{-3}

It answers the same question as least squares with another idea of noise: relative errors, and
few of them large.  The sum matters: divided by the number of points, the objective is so small
that the default tolerance of the usual solver stops far from the minimum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

from companion.scaling_laws.method.law import Points, ScalingLaw, check_identified, points

DELTA = 1e-3

STARTS = tuple(
    (a, b, e, alpha, beta)
    for (alpha, beta) in ((0.35, 0.35), (0.5, 0.5))
    for (a, b, e) in ((6.0, 7.0, 0.5), (10.0, 10.0, 0.0))
)
"""Four starts (ours) instead of the paper's grid of 4,500; all reach the same valley."""


class HuberFit(NamedTuple):
    """law : the best found; objective : sum of Huber terms; converged : BFGS met its tolerance."""

    law: ScalingLaw
    objective: float
    converged: bool


def huber_objective(
    theta: np.ndarray, data: Points, delta: float = DELTA
) -> tuple[float, np.ndarray]:
    """Sum of Huber terms and its gradient, shape (5,), at theta = (a, b, e, alpha, beta)."""
    a, b, e, alpha, beta = theta
    log_n, log_d = np.log(data.N), np.log(data.D)
    terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full(log_n.shape, e)])  # (3, n)
    prediction = logsumexp(terms, axis=0)
    residual = prediction - np.log(data.loss)
    share = np.exp(terms - prediction)  # (3, n), columns sum to one
    slope = np.clip(residual, -delta, delta)  # derivative of the Huber function
    gradient = np.array(
        [
            slope @ share[0],
            slope @ share[1],
            slope @ share[2],
            -slope @ (share[0] * log_n),
            -slope @ (share[1] * log_d),
        ]
    )
    return float(huber(delta, residual).sum()), gradient


def fit_huber_log(
    data: Points, *, delta: float = DELTA, starts: tuple[tuple[float, ...], ...] = STARTS
) -> HuberFit:
    """The law with the least sum of Huber terms over all `starts`.

    The search runs in scaled coordinates (logs of N and D about their means), where the five
    parameters are of one size, and on the objective divided by delta squared.
    """
    check_identified(data)
    center = np.array([np.log(data.N).mean(), np.log(data.D).mean()])
    scaled = Points(data.N / np.exp(center[0]), data.D / np.exp(center[1]), data.loss)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = huber_objective(theta, scaled, delta)
        return value / delta**2, gradient / delta**2

    best = None
    for start in starts:
        moved = np.array(start, dtype=float)
        moved[:2] -= moved[3:] * center
        found = minimize(objective, moved, jac=True, method="BFGS", options={"gtol": 1e-3})
        if best is None or found.fun < best.fun:
            best = found
    theta = best.x.copy()
    theta[:2] += theta[3:] * center
    # status 2: no step improves at the precision of floats, which is as good as converged
    converged = bool(best.success or best.status == 2)
    return HuberFit(ScalingLaw.from_log(theta), best.fun * delta**2, converged)


def bootstrap_huber(
    data: Points, rng: np.random.Generator, *, n_resamples: int, start: ScalingLaw
) -> tuple[np.ndarray, int]:
    """Refits on resampled points: theta of shape (n_resamples, 5), and how many did not converge.

    Each point is a separate run here, so rows may be resampled; checkpoints of one run may not.
    """
    thetas, n_failed = [], 0
    for _ in range(n_resamples):
        pick = rng.integers(0, data.N.size, data.N.size)
        sample = points(data.N[pick], data.D[pick], data.loss[pick])
        fit = fit_huber_log(sample, starts=(tuple(start.log_parameters),))
        thetas.append(fit.law.log_parameters)
        n_failed += not fit.converged
    return np.array(thetas), n_failed
