r"""Curves to compare eq. 9 with: the paper's two, with and without offset, and two fair ones.

The paper compares eq. 9 with step responses that start at 0, although every series starts near
7, the ratio of Gaussian noise.  A comparison is fair only when the competitor may have the
offset that eq. 9 has in K, so each is here in both forms, beside two smooth curves with an
offset: a cubic in log(1 + t/τ) and a log-logistic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from companion.massive_activations.method.separable import Separable

_TIMES = tuple(np.log(np.geomspace(1e-3, 10.0, 13)))
_TIME_BOUNDS = (math.log(1e-5), math.log(1e3))


def first_order_step(t: ArrayLike, tau: ArrayLike) -> np.ndarray:
    """Step 1 of the paper without its gain: 1 - exp(-t/τ); t and τ broadcast."""
    return -np.expm1(-np.asarray(t, dtype=float) / tau)


def second_order_step(t: ArrayLike, zeta: ArrayLike, omega: ArrayLike) -> np.ndarray:
    r"""Step 2 of the paper without its gain, for every damping.

    The response of :math:`\ddot y + 2\zeta\omega\dot y + \omega^2 y = \omega^2` from rest:

    .. math:: y = 1 - e^{-\zeta\omega t}\big[\cos\omega_d t
        + \tfrac{\zeta}{\sqrt{1-\zeta^2}}\sin\omega_d t\big],
        \qquad \omega_d = \omega\sqrt{1-\zeta^2}

    for ζ < 1 (the paper writes the bracket as one sine with phase arccos ζ),
    :math:`1 - e^{-\omega t}(1+\omega t)` at ζ = 1, and two real exponentials above.  All start
    with y = 0 and zero slope, which the printed over-damped form leaves to the reader's signs.

    t, zeta, omega : broadcastable arrays, t >= 0, ζ >= 0, ω > 0
    """
    t, zeta, omega = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (t, zeta, omega)))
    # one formula per sign of s = 1 - ζ²; near s = 0 both divide by almost nothing, so the
    # critical form, their limit, takes over there with error of order s (ωt)³ e^{-ωt}
    root = np.sqrt(np.abs(1 - zeta**2))
    near, under = root < 1e-5, zeta < 1
    safe = np.where(near, 1.0, root)
    angle = safe * omega * t
    decay = np.exp(-zeta * omega * t)
    oscillating = 1 - decay * (np.cos(angle) + zeta / safe * np.sin(angle))
    # (ζ - root) loses digits for large ζ; its equal 1 / (ζ + root) does not
    slow, fast = 1 / (zeta + safe), zeta + safe
    real = 1 - (fast * np.exp(-slow * omega * t) - slow * np.exp(-fast * omega * t)) / (2 * safe)
    critical = 1 - np.exp(-omega * t) * (1 + omega * t)
    return np.where(near, critical, np.where(under, oscillating, real))


def log_logistic(t: ArrayLike, tau: ArrayLike, slope: ArrayLike) -> np.ndarray:
    """(t/τ)^slope / (1 + (t/τ)^slope): a sigmoid in log t; 0 at t = 0, 1/2 at t = τ."""
    with np.errstate(divide="ignore", over="ignore"):
        return 1 / (1 + (np.asarray(t, dtype=float) / tau) ** -np.asarray(slope, dtype=float))


def _columns(*functions: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*functions), axis=-1)


def _step1(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return _columns(first_order_step(u, np.exp(shape[..., 0:1])))


def _step2(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    zeta, omega = shape[..., 0:1], np.exp(-shape[..., 1:2])
    return _columns(second_order_step(u, zeta, omega))


def _loglogistic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return _columns(log_logistic(u, np.exp(shape[..., 0:1]), np.exp(shape[..., 1:2])))


def _cubic(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    log_time = np.log1p(u / np.exp(shape[..., 0:1]))
    return _columns(log_time, log_time**2, log_time**3)


def _damped_log(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
    decay = np.exp(-np.exp(shape[..., 0:1]) * u)
    return _columns(decay * np.log(u + np.exp(shape[..., 1:2])), decay)


def _with_offset(model: Separable, name: str) -> Separable:
    def basis(u: np.ndarray, shape: np.ndarray) -> np.ndarray:
        columns = model.basis(u, shape)
        return np.concatenate([columns, np.ones_like(columns[..., :1])], axis=-1)

    return model._replace(name=name, basis=basis, n_linear=model.n_linear + 1)


STEP_1 = Separable("step 1", _step1, (_TIME_BOUNDS,), (_TIMES,), 1)
STEP_2 = Separable(
    "step 2",
    _step2,
    ((0.0, 50.0), _TIME_BOUNDS),
    ((0.05, 0.2, 0.5, 0.9, 1.5, 4.0), _TIMES[::2]),
    1,
)
STEP_1_OFFSET = _with_offset(STEP_1, "step 1 + offset")
STEP_2_OFFSET = _with_offset(STEP_2, "step 2 + offset")
LOG_LOGISTIC = _with_offset(
    Separable(
        "log-logistic",
        _loglogistic,
        (_TIME_BOUNDS, (math.log(0.2), math.log(20.0))),
        (_TIMES[::2], tuple(np.log([0.5, 1.0, 2.0, 5.0]))),
        1,
    ),
    "log-logistic + offset",
)
CUBIC = _with_offset(
    Separable("cubic", _cubic, ((math.log(1e-5), math.log(10.0)),), (_TIMES[:-3],), 3),
    "cubic in log(1 + t/τ)",
)
DAMPED_LOG = _with_offset(
    Separable(
        "damped logarithm",
        _damped_log,
        ((math.log(1e-4), math.log(1e4)), (math.log(1e-7), math.log(1e2))),
        (tuple(np.log(np.geomspace(1e-3, 1e3, 9))), tuple(np.log(np.geomspace(1e-5, 10.0, 7)))),
        2,
    ),
    "damped logarithm, eq. 9",
)
"""Eq. 9 in the reparametrized form, where A1, A2 and K are linear: its global best fit."""

PAPER_BASELINES = (STEP_1, STEP_2)
FAIR_BASELINES = (STEP_1_OFFSET, STEP_2_OFFSET, LOG_LOGISTIC, CUBIC)
CURVES = (DAMPED_LOG, *PAPER_BASELINES, *FAIR_BASELINES)
