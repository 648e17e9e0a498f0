r"""The paper's training curve (eq. 9): an exponentially damped logarithm with five parameters.

What it does: evaluates eq. 9, its gradient and its turning point, and converts between the
paper's two parametrizations.  Context: the paper fits one such curve to the max/median ratio of
every layer of nine Pythia models.  Intuition: ``log`` lets the ratio rise, the exponential pulls
it back to the plateau K; a layer that peaks early and one that rises to the end are the same
curve with its peak at a different step.  :mod:`companion.massive_activations.method.fit` fits it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw


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


def _argument(t: ArrayLike, gamma: float, t0: float) -> np.ndarray:
    x = gamma * np.asarray(t, dtype=float) + t0
    if not (x > 0).all():
        raise ValueError(
            f"x = gamma * t + t0 must be positive, its smallest value is {np.min(x):.3g} "
            f"(gamma={gamma:.3g}, t0={t0:.3g}); use t >= 0 with gamma >= 0 and t0 > 0"
        )
    return x


def damped_log(t: ArrayLike, A: float, lam: float, gamma: float, t0: float, K: float) -> np.ndarray:
    r"""The damped logarithm, paper eq. 9.

    .. math:: f(t) = A\, e^{-\lambda x} \log x + K, \qquad x = \gamma t + t_0

    t : array of shape (n,), training steps.  Returns an array of the same shape, in the unit of
    the series.  Raises ValueError where x is not positive.
    """
    x = _argument(t, gamma, t0)
    return A * np.exp(-lam * x) * np.log(x) + K


def damped_log_jacobian(
    t: ArrayLike, A: float, lam: float, gamma: float, t0: float, K: float
) -> np.ndarray:
    r"""Gradient of eq. 9 in its five parameters.

    With :math:`E = e^{-\lambda x}`, :math:`D = A E (1/x - \lambda \log x)`: the columns are
    :math:`E \log x,\; -A x E \log x,\; D t,\; D,\; 1`.

    t : array of shape (n,).  Returns an array of shape (n, 5), columns in the order of
    :class:`CurveParams`.
    """
    t = np.asarray(t, dtype=float)
    x = _argument(t, gamma, t0)
    decay, log_x = np.exp(-lam * x), np.log(x)
    slope = A * decay * (1 / x - lam * log_x)  # df/dx
    return np.stack(
        [decay * log_x, -A * x * decay * log_x, slope * t, slope, np.ones_like(x)], axis=-1
    )


def reparametrized(
    t: ArrayLike, A1: float, A2: float, beta: float, tau0: float, K: float
) -> np.ndarray:
    """The curve of :class:`ReparamParams` at steps t of shape (n,)."""
    t = np.asarray(t, dtype=float)
    return np.exp(-beta * t) * (A1 * np.log(t + tau0) + A2) + K


def reparametrized_jacobian(
    t: ArrayLike, A1: float, A2: float, beta: float, tau0: float, K: float
) -> np.ndarray:
    """Gradient of :func:`reparametrized`, shape (n, 5), columns as in :class:`ReparamParams`."""
    t = np.asarray(t, dtype=float)
    decay, log_t = np.exp(-beta * t), np.log(t + tau0)
    inner = A1 * log_t + A2
    return np.stack(
        [decay * log_t, decay, -t * decay * inner, decay * A1 / (t + tau0), np.ones_like(t)],
        axis=-1,
    )


def to_reparametrized(params: CurveParams) -> ReparamParams:
    r"""Map eq. 9 to the reparametrized form, exactly.

    :math:`\beta = \lambda\gamma,\; \tau_0 = t_0/\gamma,\; A_1 = A e^{-\lambda t_0},\;
    A_2 = A_1 \log\gamma`.  (The paper prints this mapping, eq. 14, with a stray comma after A.)
    """
    A, lam, gamma, t0, K = params
    if not (gamma > 0 and t0 > 0):
        raise ValueError(f"gamma and t0 must be positive, got gamma={gamma}, t0={t0}")
    A1 = A * math.exp(-lam * t0)
    return ReparamParams(A1, A1 * math.log(gamma), lam * gamma, t0 / gamma, K)


def from_reparametrized(params: ReparamParams) -> CurveParams:
    r"""The way back: :math:`\gamma = e^{A_2/A_1},\; t_0 = \tau_0\gamma,\; \lambda = \beta/\gamma,
    \; A = A_1 e^{\lambda t_0}`.

    The curve family is the same, but eq. 9 cannot name all of its members in floating point: as
    A1 goes to 0, γ leaves the representable range and the fields come back as 0, inf or nan.
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


TURNS_INSIDE = "turns inside training"
ONLY_RELAXES = "relaxes from the start"
TURNS_LATER = "still on its way at the last step"


def turning_kind(params: CurveParams, last_step: float) -> str:
    """Where the turning point lies: one of the three constants above (decided by t_peak only)."""
    peak = turning_point(params)
    if peak <= 0:
        return ONLY_RELAXES
    return TURNS_INSIDE if peak < last_step else TURNS_LATER
