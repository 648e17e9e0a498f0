"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.synthetic_data.lab.bilinear import make_world
from companion.synthetic_data.lab.threshold import one_knot
from companion.synthetic_data.method.infinite import predicted_over_confidence
from companion.synthetic_data.method.mixing import largest_share, mixing_law


def check_law(answer: object) -> Answer:
    """Exercise 1: V_2 at s = 1/2 with fresh real data."""

    def explain(value: float) -> str:
        if math.isclose(value, 1.25, rel_tol=0.01):
            return "That is one generation; the second adds s^4."
        if math.isclose(value, 4 / 3, rel_tol=0.01):
            return "That is the limit of many generations, 1 / (1 - s^2)."
        return "Add 1, s^2 and s^4."

    return respond(answer, float(mixing_law(np.array(0.5), 2)), tolerance=0.005, explain=explain)


def check_budget(answer: object) -> Answer:
    """Exercise 2: the largest s whose error variance stays within 10 % after 3 generations."""

    def explain(value: float) -> str:
        if math.isclose(value, math.sqrt(0.1), rel_tol=0.003):
            return "That solves s^2 = 0.1, one generation; use `largest_share(0.1, 3)`."
        return "`sd.largest_share(tolerance, k)` finds it."

    return respond(answer, largest_share(0.1, 3), tolerance=0.003, explain=explain)


def check_greedy(answer: object, seed: int = 0) -> Answer:
    """Exercise 3: over-confidence of greedy decoding at s = 0.3 in ``make_world(seed)``."""
    world = make_world(seed)
    right = predicted_over_confidence(world.truth, world.weight, 0.3)

    def explain(value: float) -> str:
        if math.isclose(value, 0.3 * (1 - world.truth.max(-1).mean()), rel_tol=1e-4):
            return "Contexts count by how often they are asked for: weigh them."
        return "It is s (1 - E max p), with the expectation over contexts by weight."

    return respond(answer, right, tolerance=1e-4, explain=explain)


def check_knot(answer: object) -> Answer:
    """Exercise 4: the knot fitted to s^2 on 0, 0.05, ..., 0.5."""
    s = np.linspace(0, 0.5, 11)

    def explain(value: float) -> str:
        if value > 0.4:
            return "The grid ends at 0.5: a parabola's knot lies near its middle."
        return "Give `one_knot` the grid and its squares, and read `.knot`."

    return respond(answer, one_knot(s, s**2).knot, tolerance=0.02, explain=explain)
