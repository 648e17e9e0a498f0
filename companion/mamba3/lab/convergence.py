"""How fast the error of each rule falls with the step, on equations with a known solution (C3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm

from companion.mamba3.method.discretization import EQUATIONS, T_END, Equation, random_equation
from companion.stats import Interval, t_interval

VARIANTS: Mapping[str, tuple[str, str, Callable[[float], float] | None]] = {
    "Euler, constant A": ("constant A", "exponential-Euler", None),
    "λ = 1/2, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.5),
    "λ = 1/2 + Δ, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.5 + step),
    "λ = 0.7, constant A": ("constant A", "exponential-trapezoidal", lambda step: 0.7),
    "Euler, A(t)": ("A(t)", "exponential-Euler", None),
    "λ = 1/2, A(t)": ("A(t)", "exponential-trapezoidal", lambda step: 0.5),
    "λ = 1/2, A(t) averaged": ("A(t)", "mean A", lambda step: 0.5),
}
"""Name to equation, rule, and λ as a function of the step."""


@dataclass(frozen=True)
class Order:
    """Errors of one rule on one equation, and the slope of log error on log step."""

    steps: np.ndarray
    errors: np.ndarray
    slope: Interval


def order(
    equation: Equation,
    rule: str,
    lam: Callable[[float], float] | None,
    counts: Sequence[int],
) -> Order:
    """Errors at the end for each number of steps; slope by least squares with its 95 % interval."""
    exact = equation.exact()
    steps = T_END / np.asarray(counts)
    errors = np.array(
        [abs(equation.solve(rule, n, lam(T_END / n) if lam else None)[-1] - exact) for n in counts]
    )
    fit = sm.OLS(np.log(errors), sm.add_constant(np.log(steps))).fit()
    low, high = fit.conf_int()[1]
    slope = Interval(float(fit.params[1]), float(low), float(high), None, len(counts))
    return Order(steps, errors, slope)


def orders(counts: Sequence[int]) -> dict[str, Order]:
    """Every one of :data:`VARIANTS`."""
    return {
        name: order(EQUATIONS[equation], rule, lam, counts)
        for name, (equation, rule, lam) in VARIANTS.items()
    }


def random_orders(counts: Sequence[int], n_equations: int, seed: int) -> dict[str, Interval]:
    """Slopes of λ = 1/2 with A frozen and with A averaged, over random smooth equations."""
    slopes: dict[str, list[float]] = {"exponential-trapezoidal": [], "mean A": []}
    for number in range(n_equations):
        equation = random_equation(seed, number)
        for rule, found in slopes.items():
            found.append(order(equation, rule, lambda step: 0.5, counts).slope.estimate)
    return {rule: t_interval(found) for rule, found in slopes.items()}
