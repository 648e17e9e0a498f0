r"""How well do 37 checkpoints determine the five parameters of eq. 9?

A fit with R2 above 0.99 can leave its parameters free.  Two true curves are drawn again and
again with 2 % noise and refitted.  A layer that peaked and decayed pins its plateau K; a layer
that still rises does not, because as β goes to 0

.. math:: e^{-\beta t}[A_1 \log(t + \tau_0) + A_2] + K
   \;\approx\; A_1 \log(t + \tau_0) + (A_2 + K) - \beta t\,[A_1 \log(t + \tau_0) + A_2]

contains A2 and K only through their sum.  The profile likelihood shows the same on one series,
without any solver to blame.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution

from companion.massive_activations.lab.competitors import DAMPED_LOG
from companion.massive_activations.method.curve import CurveParams, damped_log, turning_point
from companion.massive_activations.method.fit import (
    Separable,
    check_series,
    fit_curve,
    fit_separable,
    project,
    search,
)
from companion.stats import Interval

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


class Refits(NamedTuple):
    """Refits of one true curve; axis 0 is the noise draw.

    truth : the curve behind the draws
    params : (n_draws, 5) eq. 9, not finite where only the reparametrized form can name the fit
    r2 : (n_draws,)
    converged : (n_draws,) bool; the others hold the last iterate and are counted, not dropped
    turning_step : (n_draws,) t_peak in steps
    fitted : (n_draws, n) fitted curves at `t`
    t : (n,) steps
    """

    truth: CurveParams
    params: np.ndarray
    r2: np.ndarray
    converged: np.ndarray
    turning_step: np.ndarray
    fitted: np.ndarray
    t: np.ndarray

    def values(self, name: str) -> np.ndarray:
        """(n_draws,) estimates of one parameter, e.g. ``"K"``."""
        return self.params[:, CurveParams._fields.index(name)]


def refit(
    truth: CurveParams,
    n_draws: int,
    *,
    rng: np.random.Generator,
    t: ArrayLike = CHECKPOINTS,
    noise: float = NOISE,
) -> Refits:
    """Draw `n_draws` noisy series around `truth` and fit each as the paper does.

    t : (n,) steps
    noise : standard deviation relative to the true value at each step
    """
    if n_draws < 1:
        raise ValueError(f"need at least one draw, got {n_draws}")
    t = np.asarray(t, dtype=float)
    clean = damped_log(t, *truth)
    fits = [
        fit_curve(t, clean * (1 + noise * row)) for row in rng.standard_normal((n_draws, t.size))
    ]
    return Refits(
        truth=truth,
        params=np.array([fit.params for fit in fits]),
        r2=np.array([fit.r2 for fit in fits]),
        converged=np.array([fit.converged for fit in fits]),
        turning_step=np.array([fit.turning_step for fit in fits]),
        fitted=np.array([fit.predict(t) for fit in fits]),
        t=t,
    )


def spread(refits: Refits) -> pd.DataFrame:
    """How far each parameter scatters: one row per parameter, and one for t_peak.

    Columns: truth, median, q10, q90, ``cv`` (standard deviation over absolute mean) and
    ``half_width`` (half of the 16 to 84 % range over the absolute median; unlike cv it does not
    hang on single wild fits).
    """
    rows = {name: (true, refits.values(name)) for name, true in refits.truth._asdict().items()}
    rows["t_peak"] = (turning_point(refits.truth), refits.turning_step)
    return pd.DataFrame({name: _summary(*row) for name, row in rows.items()}).T


def _summary(truth: float, values: np.ndarray) -> dict[str, float]:
    values = values[np.isfinite(values)]
    q10, q16, median, q84, q90 = np.quantile(values, [0.1, 0.16, 0.5, 0.84, 0.9])
    with np.errstate(over="ignore"):  # γ can lie beyond 1e150: its spread is then inf
        cv = values.std() / abs(values.mean())
    return {
        "truth": truth,
        "median": median,
        "q10": q10,
        "q90": q90,
        "cv": cv,
        "half_width": (q84 - q16) / 2 / abs(median),
    }


class Profile(NamedTuple):
    """Profile likelihood of the plateau K on one series.

    K : (m,) values at which K was held: the grid, and the best K where it lies inside
    rss : (m,) smallest residual sum of squares with K held, all else free
    best : smallest rss over all K
    threshold : rss at the limit of the interval
    interval : K with its interval; an infinite end means that no K on that side is excluded
    n : points of the series
    """

    K: np.ndarray
    rss: np.ndarray
    best: float
    threshold: float
    interval: Interval
    n: int


def profile_plateau(
    t: ArrayLike, y: ArrayLike, K: ArrayLike, *, confidence: float = 0.95
) -> Profile:
    r"""Hold K at each value of a grid and minimize over the other four parameters.

    With K held, eq. 9 is linear in A1 and A2, so only β and τ0 are searched, globally.  The
    limit is that of an F test (the one lmfit uses):
    :math:`RSS(K) \le RSS_{min}\,[1 + F_{1,n-5}^{-1}(0.95)/(n-5)]`.  An end of the interval is
    infinite only if :func:`limits_at_infinity` says so.

    t, y : arrays of shape (n,), n >= 7
    K : increasing grid of shape (m,), m >= 3, in the unit of y, wide enough to leave the interval
        on each side where it ends

    Raises ValueError if a finite end lies beyond the grid.
    """
    t, y = check_series(t, y, 7)
    K = np.asarray(K, dtype=float)
    if K.ndim != 1 or K.size < 3 or (np.diff(K) <= 0).any():
        raise ValueError("K must be an increasing grid of at least 3 values")
    u, size = t / t[-1], float(np.abs(y).max())
    below, above = limits_at_infinity(t, y)
    free = fit_separable(DAMPED_LOG, t, y)
    if K[0] < free.coefficients[-1] < K[-1]:  # so that a coarse grid cannot step over its minimum
        K = np.unique(np.append(K, free.coefficients[-1]))
    rss = np.array([_rss(_WITHOUT_OFFSET, u, (y - held) / size) for held in K]) * size**2
    best = min(free.rss, float(rss.min()), below, above)
    threshold = best * (1 + f_distribution.ppf(confidence, 1, t.size - 5) / (t.size - 5))
    unbounded = below <= threshold, above <= threshold
    return Profile(K, rss, best, threshold, _ends(K, rss, threshold, unbounded), t.size)


def limits_at_infinity(t: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    r"""What a series costs when K goes to minus and to plus infinity: two values of RSS.

    Let :math:`A_2 = c - K` and :math:`\beta = b/A_2`.  As K goes to minus infinity at fixed b >= 0
    the curve tends to :math:`A_1\log(t + \tau_0) + c - b t`, a logarithm with a falling line; for
    K to plus infinity the line rises.  Both are ordinary curves with a finite RSS.  If it is below
    the threshold of the profile, the data do not bound K on that side, on any grid.
    """
    t, y = check_series(t, y, 7)
    u, size = t / t[-1], float(np.abs(y).max())
    shape, _, free = search(_LOG_AND_LINE, u, y / size, n_starts=2)
    slope = project(_LOG_AND_LINE.basis(u, shape), y / size)[0][1]
    flat = _rss(_LOG, u, y / size)  # the better slope has the wrong sign: the line is best flat
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


def _rss(model: Separable, u: np.ndarray, z: np.ndarray) -> float:
    return search(model, u, z, n_starts=2)[2]


def _ends(
    K: np.ndarray, rss: np.ndarray, threshold: float, unbounded: tuple[bool, bool]
) -> Interval:
    inside = np.flatnonzero(rss <= threshold)
    if inside.size == 0:
        raise ValueError(
            f"no K of the grid [{K[0]:.4g}, {K[-1]:.4g}] lies in the interval; move it"
        )
    first, last = inside[[0, -1]]
    if (first == 0 and not unbounded[0]) or (last == K.size - 1 and not unbounded[1]):
        raise ValueError(
            f"the interval of K ends beyond the grid [{K[0]:.4g}, {K[-1]:.4g}]; widen the grid"
        )
    low = -np.inf if unbounded[0] else _crossing(K, rss, threshold, first - 1)
    high = np.inf if unbounded[1] else _crossing(K, rss, threshold, last)
    return Interval(float(K[np.argmin(rss)]), low, high)


def _crossing(K: np.ndarray, rss: np.ndarray, threshold: float, left: int) -> float:
    """Where the profile crosses the threshold between two grid points, by linear interpolation."""
    share = (threshold - rss[left]) / (rss[left + 1] - rss[left])
    return float(K[left] + share * (K[left + 1] - K[left]))


class Boundedness(NamedTuple):
    """In how many noisy series the data bound K at all (95 % profile likelihood).

    bounded : (n_draws,) bool, both ends finite
    bounded_below, bounded_above : (n_draws,) bool, one end each
    """

    bounded: np.ndarray
    bounded_below: np.ndarray
    bounded_above: np.ndarray


def plateau_bounded(
    truth: CurveParams,
    n_draws: int,
    *,
    rng: np.random.Generator,
    t: ArrayLike = CHECKPOINTS,
    noise: float = NOISE,
    confidence: float = 0.95,
) -> Boundedness:
    """Draw series as :func:`refit` does and ask for each whether its profile interval is finite.

    Only the two limits and the global best fit are needed, so this is exact and fast.
    """
    t = np.asarray(t, dtype=float)
    clean = damped_log(t, *truth)
    factor = 1 + f_distribution.ppf(confidence, 1, t.size - 5) / (t.size - 5)
    bounded = []
    for row in rng.standard_normal((n_draws, t.size)):
        y = clean * (1 + noise * row)
        size = float(np.abs(y).max())
        limits = np.array(limits_at_infinity(t, y))
        best = min(_rss(DAMPED_LOG, t / t[-1], y / size) * size**2, *limits)
        bounded.append(limits > factor * best)
    below, above = np.transpose(bounded)
    return Boundedness(below & above, below, above)
