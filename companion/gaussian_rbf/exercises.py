"""Checks of the exercises: a wrong answer gets a hint."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from companion.exercises import Answer, respond
from companion.gaussian_rbf.theory import network, quadrature_agop


def check_gaussian(answer: object) -> Answer:
    """Exercise 1: value of a Gaussian at x - c = (1, 1) with P = diag(4, 1)."""

    def explain(value: float) -> str:
        if math.isclose(value, math.exp(-5), rel_tol=0.02):
            return "The exponent has a factor of one half."
        if math.isclose(value, math.exp(-1.5), rel_tol=0.02):
            return "P is squared lengths already: 4 counts as 4, not as 2."
        return "Put x - c into eq. 1: minus one half of 4 + 1."

    return respond(answer, math.exp(-2.5), tolerance=0.01, explain=explain)


def check_start_scale(answer: object) -> Answer:
    """Exercise 2: spread of U for which the expected exponent is -1, at D = 64."""
    right = math.sqrt(2 / 2080)

    def explain(value: float) -> str:
        if math.isclose(value, math.sqrt(1 / 2080), rel_tol=0.02):
            return "The exponent is half of the expected squared distance."
        if math.isclose(value, 2 / 2080, rel_tol=0.02):
            return "This is the square of the spread."
        return "U has D(D+1)/2 = 2,080 entries; each adds the square of the spread."

    return respond(answer, right, tolerance=0.02, explain=explain)


def leading_entries(second: float) -> np.ndarray:
    """Diagonal of the AGOP, shape (2,), if P = diag(1, second) in the counter-example of C8."""
    fit = network(
        np.diag([1.0, second]), np.array([[0.0, 3.0], [0.0, -3.0]]), np.array([1.0, -1.0])
    )
    return np.diag(quadrature_agop(fit))


def check_turning_point(answer: object) -> Answer:
    """Exercise 3: second entry of P below which its order agrees with that of the AGOP."""
    right = brentq(lambda second: np.subtract(*leading_entries(second)), 0.005, 0.2)
    return respond(
        answer,
        float(right),
        tolerance=0.03,
        explain=lambda value: (
            f"At {value:.3g} the diagonal of H is "
            + " and ".join(f"{entry:.4f}" for entry in leading_entries(value))
            if 0 < value < 10
            else "The entry lies between 0 and 0.2."
        ),
    )
