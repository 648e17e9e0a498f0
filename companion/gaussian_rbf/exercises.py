"""Checks of the exercises: a wrong answer gets a hint."""

from __future__ import annotations

import math

import numpy as np

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


def entries(weights: tuple[float, float]) -> np.ndarray:
    """Diagonal of the AGOP, shape (2,), of the counter-example of C8 with other weights."""
    centers = np.array([[0.0, 3.0], [0.0, -3.0]])
    return np.diag(quadrature_agop(network(np.diag([1.0, 0.2]), centers, np.array(weights))))


def check_same_sign(answer: object) -> Answer:
    """Exercise 3: first over second entry of the AGOP if both weights are 1."""
    first, second = entries((1.0, 1.0))

    def explain(value: float) -> str:
        if math.isclose(value, second / first, rel_tol=0.02):
            return "The other way round: first over second."
        if math.isclose(value, np.divide(*entries((1.0, -1.0))), rel_tol=0.02):
            return "This is the ratio with opposite signs."
        return "`entries((1, 1))` gives both; divide the first by the second."

    return respond(answer, float(first / second), tolerance=0.01, explain=explain)
