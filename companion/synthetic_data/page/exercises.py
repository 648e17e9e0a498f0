"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.synthetic_data.lab.evidence import one_knot
from companion.synthetic_data.method.mixing import (
    largest_share,
    mixing_law,
    predicted_over_confidence,
    student,
)

COIN = np.array([[0.6, 0.4]])
"""One question with two answers."""


def check_law(answer: object) -> Answer:
    """Exercise 1: V_1 at s = 1/2 with fixed real data."""
    hints = [
        (1.25, "That is eq. 4, with fresh real data."),
        (2.0, "That is eq. 6, the real part alone."),
        (1.5, "Three independent parts: of the kept, of the dropped, and of the new noise."),
    ]
    right = float(mixing_law(0.5, 1, "fixed"))
    said = "The coefficients are 3/4, 1/4 and 1/2, the variances 2, 2 and 2."
    return respond(answer, right, tolerance=0.005, name="law", hints=hints, otherwise=said)


def check_greedy(answer: object) -> Answer:
    """Exercise 2: over-confidence of a coin's student, half of its data written greedily."""
    right = predicted_over_confidence(COIN, np.ones(1), 0.5)
    said = float(student(COIN, 0.5, temperature=0, k=1).max())
    hints = [
        (said, "That is what the student says; how often is it right?"),
        (1 - COIN.max(), "That is eq. 3 where all data are written greedily."),
        (0.5 * COIN.max(), "Equation 3 has what is missing to certainty, 1 - E max p."),
    ]
    otherwise = "Equation 3 with s = 1/2 and max p = 0.6."
    return respond(answer, right, tolerance=0.005, name="greedy", hints=hints, otherwise=otherwise)


def check_budget(answer: object) -> Answer:
    """Exercise 3: the largest s whose error variance stays within 10 % after 3 generations."""
    hints = [
        (math.sqrt(0.1), "That solves s^2 = 0.1, one generation."),
        (largest_share(0.1, 3, "fixed"), "That is the budget with fixed real data."),
    ]
    said = "`mixing.largest_share(tolerance, k, protocol)` finds it."
    right = largest_share(0.1, 3)
    return respond(answer, right, tolerance=0.003, name="budget", hints=hints, otherwise=said)


def check_knot(answer: object) -> Answer:
    """Exercise 4: the knot fitted to s^2 on 0, 0.05, ..., 0.5."""
    s = np.linspace(0, 0.5, 11)
    hints = [(0.5, "That is the end of the grid; the knot lies inside of it.")]
    said = "Give `one_knot` the grid and its squares, and read `.knot`."
    right = one_knot(s, s**2).knot
    return respond(answer, right, tolerance=0.02, name="knot", hints=hints, otherwise=said)
