"""Checks of the exercises: a wrong answer gets a hint."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.gaussian_rbf.method.model import Fit
from companion.gaussian_rbf.method.theory import inactive_change, network, quadrature_agop


def check_gaussian(answer: object) -> Answer:
    """Exercise 1: value of a Gaussian at x - c = (1, 1) with U = ((1, 1), (0, 2))."""

    def explain(value: float) -> str:
        if math.isclose(value, math.exp(-8), rel_tol=0.02):
            return "The exponent has a factor of one half."
        if math.isclose(value, math.exp(-2), rel_tol=0.02):
            return "The form is that of P and not that of U: first move x - c with U."
        return "U (x - c) is a vector of two entries; its squared length goes into eq. 1."

    return respond(answer, math.exp(-4), tolerance=0.01, explain=explain)


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


QUIET = 0.1
"""Change of an output that exercise 4 still counts as none."""


def check_directions(answer: object, fit: Fit, X: np.ndarray) -> Answer:
    """Exercise 4: fewest leading directions beyond which noise changes no output of `fit` by 0.1.

    X : (n, D) rows that are moved
    """
    dims = X.shape[1]
    changes = [inactive_change(fit, X, np.random.default_rng(0), k) for k in range(dims + 1)]
    right = next(k for k, change in enumerate(changes) if change < QUIET)

    def explain(value: float) -> str:
        k = round(value)
        if not 0 <= k <= dims:
            return f"There are {dims} directions in all."
        if k < right:
            return f"With {k} left as they are, an output still changes by {changes[k]:.3g}."
        return f"{k - 1} are enough: then no output changes by more than {changes[k - 1]:.3g}."

    return respond(answer, right, tolerance=1e-9, explain=explain)
