"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import numpy as np

from companion.exercises import Answer, respond
from companion.synthetic_data.lab.threshold import one_knot
from companion.synthetic_data.lab.world import make_world
from companion.synthetic_data.method.infinite import predicted_over_confidence
from companion.synthetic_data.method.mixing import largest_share, mixing_law, synthetic_share


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


def check_share(answer: object) -> Answer:
    """Exercise 2: share of the damage that is the synthetic text's, s = 0.5 and three rounds."""
    mixed, alone = (float(mixing_law(0.5, 3, kept)) for kept in ("fixed", "real only"))
    hints = [
        (alone / mixed, "That is one variance over the other; subtract the 1 of all real data."),
        ((alone - 1) / (mixed - 1), "That is the share of the missing real data."),
        ((mixed - alone) / mixed, "Divide by what was added, V - 1, and not by V."),
    ]
    said = "Equation 8: the mixture less its real part, over the mixture less 1."
    right = synthetic_share(0.5, 3)
    return respond(answer, right, tolerance=0.01, name="share", hints=hints, otherwise=said)


def check_budget(answer: object) -> Answer:
    """Exercise 3: the largest s whose error variance stays within 10 % after 3 generations."""
    hints = [
        (math.sqrt(0.1), "That solves s^2 = 0.1, one generation."),
        (largest_share(0.1, 3, "fixed"), "That is the budget with fixed real data."),
    ]
    said = "`mixing.largest_share(tolerance, k, protocol)` finds it."
    right = largest_share(0.1, 3)
    return respond(answer, right, tolerance=0.003, name="budget", hints=hints, otherwise=said)


def check_greedy(answer: object, seed: int = 0) -> Answer:
    """Exercise 4: over-confidence of greedy decoding at s = 0.3 in ``make_world(seed)``."""
    world = make_world(seed)
    right = predicted_over_confidence(world.truth, world.weight, 0.3)
    plain = 0.3 * (1 - float(world.truth.max(-1).mean()))
    hints = [(plain, "Contexts count by how often they are asked for: weigh them.")]
    said = "It is s (1 - E max p), with the expectation over contexts by weight."
    return respond(answer, right, tolerance=0.002, name="greedy", hints=hints, otherwise=said)


def check_knot(answer: object) -> Answer:
    """Exercise 5: the knot fitted to s^2 on 0, 0.05, ..., 0.5."""
    s = np.linspace(0, 0.5, 11)
    hints = [(0.5, "That is the end of the grid; the knot lies inside of it.")]
    said = "Give `one_knot` the grid and its squares, and read `.knot`."
    right = one_knot(s, s**2).knot
    return respond(answer, right, tolerance=0.02, name="knot", hints=hints, otherwise=said)
