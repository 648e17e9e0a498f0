r"""The paper's training curve (eq. 9): an exponentially damped logarithm with five parameters.

The paper fits one such curve to the max/median ratio of every layer of nine Pythia models.  The
logarithm lets the ratio rise, the exponential pulls it back to the plateau K; a layer that peaks
early and one that rises to the end are the same curve with its peak at a different step.
:mod:`companion.massive_activations.method.fit` fits it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
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


contracts.guard(
    __name__,
    {"damped_log": dict.fromkeys(("A", "lam", "gamma", "t0", "K"), contracts.FINITE)},
)
