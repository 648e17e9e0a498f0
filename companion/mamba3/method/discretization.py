r"""From a differential equation to a recurrence, and what the step costs in accuracy (C3).

.. math:: h'(t)=A(t)h(t)+u(t), \qquad h_t=\alpha_t h_{t-1}+\beta_t u_{t-1}+\gamma_t u_t
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp

from companion import contracts
from companion.scale import generator

if TYPE_CHECKING:
    from jaxtyping import Float

Signal = Callable[[np.ndarray], np.ndarray]
T_END = 2.0
H_START = 0.7


def coefficients(
    rule: str,
    step: float,
    A: Float[np.ndarray, "*steps"] | float,
    A_before: Float[np.ndarray, "*steps"] | float,
    lam: float | None = None,
) -> tuple[Float[np.ndarray, "*steps"] | float, ...]:
    """α, β, γ of one step of a rule; the classical rows are the paper's Table 1.

    A, A_before : A at the right and the left end of the step
    lam : λ of ``"exponential-trapezoidal"`` and ``"mean A"``
    """
    zero = np.zeros_like(A)
    if rule == "forward Euler":
        return 1 + step * A, zero, zero + step
    if rule == "backward Euler":
        alpha = 1 / (1 - step * A)
        return alpha, zero, alpha * step
    if rule == "bilinear":
        scale = 1 / (1 - step * A / 2)
        return scale * (1 + step * A / 2), zero, scale * step
    if rule == "zero-order hold":
        alpha = np.exp(step * A)
        return alpha, zero, (alpha - 1) / A
    if rule == "exponential-Euler":
        return np.exp(step * A), zero, zero + step
    if rule in ("exponential-trapezoidal", "mean A"):
        if lam is None:
            raise ValueError(f"rule {rule!r} needs lam")
        rate = A if rule == "exponential-trapezoidal" else (A + A_before) / 2
        alpha = np.exp(step * rate)
        return alpha, (1 - lam) * step * alpha, zero + lam * step
    raise ValueError(f"unknown rule {rule!r}; known are {', '.join(RULES)}")


RULES = (
    "forward Euler",
    "backward Euler",
    "bilinear",
    "zero-order hold",
    "exponential-Euler",
    "exponential-trapezoidal",
    "mean A",
)


@dataclass(frozen=True)
class Equation:
    """h' = A(t) h + u(t) with h(0) = 0.7 on [0, 2]; A is negative."""

    A: Signal
    u: Signal

    def exact(self) -> float:
        """h at the end, by an integrator of order 8 at tolerance 1e-13."""
        solved = solve_ivp(
            lambda t, h: self.A(t) * h + self.u(t),
            (0, T_END),
            [H_START],
            method="DOP853",
            rtol=1e-13,
            atol=1e-14,
        )
        return float(solved.y[0, -1])

    def solve(
        self, rule: str, n_steps: int, lam: float | None = None
    ) -> Float[np.ndarray, " points"]:
        """h after every step, shape (n_steps + 1,)."""
        t = np.linspace(0, T_END, n_steps + 1)
        A, u = self.A(t), self.u(t)
        alpha, beta, gamma = coefficients(rule, T_END / n_steps, A[1:], A[:-1], lam)
        h = np.empty(n_steps + 1)
        h[0] = H_START
        for i in range(n_steps):
            h[i + 1] = alpha[i] * h[i] + beta[i] * u[i] + gamma[i] * u[i + 1]
        return h


def _input(t: np.ndarray) -> np.ndarray:
    return (1 + 0.5 * np.sin(3 * t)) * np.cos(2 * t + 0.3)


EQUATIONS = {
    "constant A": Equation(lambda t: -1.5 + 0 * np.asarray(t), _input),
    "A(t)": Equation(lambda t: -1.5 - 0.8 * np.sin(2 * np.asarray(t)), _input),
}


def random_equation(seed: int, number: int) -> Equation:
    """Smooth A in [-2.6, -0.4] and a smooth input, three random frequencies each."""
    rng = generator(seed, "equation", number)
    rates, phases = rng.uniform(0.5, 4, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
    weights = rng.uniform(0.3, 1, (2, 3))

    def wave(i: int, t: np.ndarray) -> np.ndarray:
        parts = np.sin(rates[i] * np.asarray(t)[..., None] + phases[i])
        return (weights[i] * parts).sum(-1) / weights[i].sum()

    return Equation(lambda t: -1.5 + 1.1 * wave(0, t), lambda t: 2 * wave(1, t))


contracts.guard_public(__name__)
