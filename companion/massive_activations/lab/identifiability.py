r"""How well do 37 checkpoints determine the five parameters of eq. 9?

A fit with R2 above 0.99 can leave its parameters free.  Two true curves are drawn again and
again with 2 % noise and refitted.  A layer that peaked and decayed pins its plateau K; a layer
that still rises does not, because as β goes to 0

.. math:: e^{-\beta t}[A_1 \log(t + \tau_0) + A_2] + K
   \;\approx\; A_1 \log(t + \tau_0) + (A_2 + K) - \beta t\,[A_1 \log(t + \tau_0) + A_2]

contains A2 and K only through their sum.  The profile likelihood shows the same on one series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from companion.massive_activations.method.curve import CurveParams, damped_log, turning_point
from companion.massive_activations.method.fit import DAMPED_LOG, Separable, fit, project, search

LAST_STEP = 143_000
CHECKPOINTS = np.array(
    [
        0,
        *(2**k for k in range(10)),
        *(1000 * k for k in (1, 2, 3, 4, 6, 8)),
        *range(10_000, LAST_STEP + 1, 7_000),
    ],
    dtype=float,
)
"""37 steps.  The paper says "at least 37" and lists none; these are our reading."""
NOISE = 0.02
"""Relative noise of a mean over ten sequences (the paper's Table 2 has SEM 1.3 to 2.2 %)."""

REGIMES = {
    "early peak": CurveParams(A=300.0, lam=0.9, gamma=1.2e-4, t0=0.9, K=60.0),
    "rising": CurveParams(A=500.0, lam=1e-3, gamma=2e-3, t0=0.5, K=350.0),
}
"""True curves: one that peaks near step 8,000 and decays, one that still rises at step 90,000."""


def draw_series(truth: CurveParams, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Noisy series around `truth` at :data:`CHECKPOINTS`: shape (n_draws, 37)."""
    clean = damped_log(CHECKPOINTS, *truth)
    return clean * (1 + NOISE * rng.standard_normal((n_draws, CHECKPOINTS.size)))


@dataclass(frozen=True)
class Refits:
    """Refits of one true curve; axis 0 is the noise draw.

    truth : the curve behind the draws
    params : (n_draws, 5) eq. 9, not finite where only the reparametrized form can name the fit
    r2 : (n_draws,)
    turning : (n_draws,) t_peak in steps
    fitted : (n_draws, 37) fitted curves at :data:`CHECKPOINTS`
    bounded : (n_draws,) whether a 95 % profile interval bounds K on both sides
    """

    truth: CurveParams
    params: np.ndarray
    r2: np.ndarray
    turning: np.ndarray
    fitted: np.ndarray
    bounded: np.ndarray

    def values(self, name: str) -> np.ndarray:
        """Finite estimates of one parameter, e.g. ``"K"``."""
        column = self.params[:, CurveParams._fields.index(name)]
        return column[np.isfinite(column)]


def refit(truth: CurveParams, n_draws: int, rng: np.random.Generator) -> Refits:
    """Draw `n_draws` noisy series around `truth` and fit each."""
    if n_draws < 1:
        raise ValueError(f"need at least one draw, got {n_draws}")
    series = draw_series(truth, n_draws, rng)
    fits = [fit(DAMPED_LOG, CHECKPOINTS, y) for y in series]
    limits = np.array([limits_at_infinity(CHECKPOINTS, y) for y in series])
    best = np.minimum([one.rss for one in fits], limits.min(axis=1))
    return Refits(
        truth=truth,
        params=np.array([one.params for one in fits]),
        r2=np.array([one.r2 for one in fits]),
        turning=np.array([turning_point(one.params) for one in fits]),
        fitted=np.array([one.predict(CHECKPOINTS) for one in fits]),
        bounded=(limits > _excluded(CHECKPOINTS.size) * best[:, None]).all(axis=1),
    )


@dataclass(frozen=True)
class Profile:
    """Profile likelihood of the plateau K on one series.

    truth : K of the curve behind it
    K : (m,) values at which K was held
    rss : (m,) smallest residual sum of squares with K held, all else free, over its least value
    limit : the same number at the limit of the 95 % interval
    open_below, open_above : whether no K on that side is excluded, however far
    """

    truth: float
    K: np.ndarray
    rss: np.ndarray
    limit: float
    open_below: bool
    open_above: bool


def profile_plateau(y: np.ndarray, K: np.ndarray, truth: float) -> Profile:
    r"""Hold K at each value of a grid and minimize over the other four parameters.

    With K held, eq. 9 is linear in A1 and A2, so only β and τ0 are searched, globally.  The limit
    is that of an F test: :math:`RSS(K) \le RSS_{min}\,[1 + F_{1,n-5}^{-1}(0.95)/(n-5)]`.

    y : (37,) series at :data:`CHECKPOINTS`; K : increasing grid of shape (m,), in the unit of y
    """
    u, size = CHECKPOINTS / CHECKPOINTS[-1], float(np.abs(y).max())
    below, above = limits_at_infinity(CHECKPOINTS, y)
    free = fit(DAMPED_LOG, CHECKPOINTS, y)
    if K[0] < free.coefficients[-1] < K[-1]:  # so that a coarse grid cannot step over its minimum
        K = np.unique(np.append(K, free.coefficients[-1]))
    rss = np.array([search(_WITHOUT_OFFSET, u, (y - held) / size)[1] for held in K]) * size**2
    best = min(free.rss, float(rss.min()), below, above)
    limit = _excluded(y.size)
    return Profile(truth, K, rss / best, limit, below <= limit * best, above <= limit * best)


def _excluded(n: int) -> float:
    """RSS over its least value from which a K is excluded at 95 %."""
    return float(1 + f_distribution.ppf(0.95, 1, n - 5) / (n - 5))


def limits_at_infinity(t: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    r"""What a series costs when K goes to minus and to plus infinity: two values of RSS.

    Let :math:`A_2 = c - K` and :math:`\beta = b/A_2`.  As K goes to minus infinity at fixed b >= 0
    the curve tends to :math:`A_1\log(t + \tau_0) + c - b t`, a logarithm with a falling line; for
    K to plus infinity the line rises.  Both are ordinary curves with a finite RSS.  If it is below
    the limit of the profile, the data do not bound K on that side, on any grid.
    """
    u, size = t / t[-1], float(np.abs(y).max())
    shape, free = search(_LOG_AND_LINE, u, y / size)
    slope = project(_LOG_AND_LINE.basis(u, shape), y / size)[0][1]
    flat = search(_LOG, u, y / size)[1]  # the better slope has the wrong sign: the line is flat
    below, above = (free, flat) if slope <= 0 else (flat, free)
    return below * size**2, above * size**2


def _without_offset(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return DAMPED_LOG.basis(u, shape)[..., :-1]


def _log(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    rising = np.log(u + np.exp(shape[..., 0:1]))
    return np.stack([rising, np.ones_like(rising)], axis=-1)


def _log_and_line(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    rising, one = np.moveaxis(_log(u, shape), -1, 0)
    return np.stack([rising, np.broadcast_to(u, rising.shape), one], axis=-1)


_WITHOUT_OFFSET = DAMPED_LOG._replace(basis=_without_offset, n_linear=2)
_LOG = Separable("logarithm", _log, DAMPED_LOG.bounds[1:], DAMPED_LOG.grid[1:], 2)
_LOG_AND_LINE = _LOG._replace(name="logarithm and line", basis=_log_and_line, n_linear=3)
