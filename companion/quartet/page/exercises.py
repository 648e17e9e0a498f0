"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import torch

from companion.exercises import Answer, respond
from companion.quartet.method.mxfp4 import GROUP
from companion.quartet.method.optimal import Speed
from companion.quartet.method.quantizers import quantize


def example_group() -> torch.Tensor:
    """A group whose largest magnitude is 7: (32,), the rest ones."""
    group = torch.ones(GROUP)
    group[0] = 7.0
    return group


def check_clipping(answer: object) -> Answer:
    """Exercise 1: what the element 7 becomes under the OCP rule without headroom."""

    def explain(value: float) -> str:
        if math.isclose(value, 7.0):
            return "7 / scale must lie on the grid; which magnitude is the largest?"
        if math.isclose(value, 8.0):
            return "This is what the factor 3/4 gives: scale 4/3, and 7 x 3/4 = 5.25 goes to 6."
        return "Take floor(log2 7) - 2 as the exponent, divide, and look at the grid."

    expected = float(quantize(example_group(), "RTN OCP").values[0])
    return respond(answer, expected, tolerance=1e-6, explain=explain)


def check_averaging(answer: object, v: float = 0.0267, shrinkage: float = 0.0188) -> Answer:
    """Exercise 2: draws K at which noise and bias of RTN are equal, v / K = b^2."""

    def explain(value: float) -> str:
        if math.isclose(value, v / shrinkage, rel_tol=0.02):
            return "The bias enters squared."
        return "Set v / K = b^2 and solve for K."

    return respond(answer, v / shrinkage**2, tolerance=0.02, explain=explain)


def check_training_speed(answer: object) -> Answer:
    """Exercise 3: training speed-up if only the backward products run in four bits at 2x."""
    expected = Speed().of("FP8:FP4")[1]

    def explain(value: float) -> str:
        if math.isclose(value, 1 / 3 + 2 / 3 * 2, rel_tol=0.01):
            return "Times add, speeds do not: average the times."
        if math.isclose(value, Speed().of("FP4:FP8")[1], rel_tol=0.01):
            return "This is the forward pass, one product of three; the backward pass has two."
        return "Two thirds of the time are halved."

    return respond(answer, expected, tolerance=0.01, explain=explain)


def check_lost_direction(answer: object) -> Answer:
    """Exercise 4: RTN of an output-signed rotation over RTN of the rotation, largest difference."""

    def explain(value: float) -> str:
        return "RTN is odd: rounding s * y gives s times the rounding of y, whatever s is."

    return respond(answer, 0.0, tolerance=1e-6, explain=explain)
