"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import numpy as np
import torch

from companion.exercises import Answer, respond
from companion.quartet.method.law import Speed
from companion.quartet.method.mxfp4 import GROUP
from companion.quartet.method.quantizers import quantize
from companion.quartet.page import live_rounding


def example_group() -> torch.Tensor:
    """A group whose largest magnitude is 7: (32,), the rest ones."""
    group = torch.ones(GROUP)
    group[0] = 7.0
    return group


def check_clipping(answer: object) -> Answer:
    """Exercise 1: what the element 7 becomes under the OCP rule without headroom."""
    return respond(
        answer,
        float(quantize(example_group(), "RTN OCP").values[0]),
        tolerance=1e-6,
        name="qt-clipping",
        hints=[
            (7.0, "7 / scale must lie on the grid; which magnitude is the largest?"),
            (
                float(quantize(example_group(), "RTN").values[0]),
                "This is what the factor 3/4 gives: scale 4/3, and 7 x 3/4 = 5.25 goes to 6.",
            ),
        ],
        otherwise="Take floor(log2 7) - 2 as the exponent, divide, and look at the grid.",
    )


def first_better(row: str = "plain") -> int:
    """Draws after which the mean of SR is closer than RTN, in the live figure as it opens."""
    figure = live_rounding.figure()
    panel = figure.scene(figure.start | {"row": row}, figure.data)["panels"][1]
    rtn, _, sr, _ = panel["marks"]
    return int(np.argmax(np.array(sr["y"]) < rtn["y"])) + 1


def check_first_better(answer: object) -> Answer:
    """Exercise 2: the same number, read off the live figure."""
    return respond(
        answer,
        first_better(),
        tolerance=1e-6,
        name="qt-first-better",
        hints=[(1, "With one draw the headline says that RTN is closest.")],
        otherwise="Leave all but the second slider at the start, and move it until the headline "
        "names SR.",
    )


def check_averaging(answer: object, v: float = 0.0267, shrinkage: float = 0.0188) -> Answer:
    """Exercise 3: draws K at which noise and bias of RTN are equal, v / K = b^2."""
    return respond(
        answer,
        v / shrinkage**2,
        tolerance=0.02,
        name="qt-averaging",
        hints=[(v / shrinkage, "The bias enters squared.")],
        otherwise="Set v / K = b^2 and solve for K.",
    )


def check_training_speed(answer: object) -> Answer:
    """Exercise 4: training speed-up if only the backward products run in four bits at 2x."""
    return respond(
        answer,
        Speed().of("FP8:FP4")[1],
        tolerance=0.01,
        name="qt-speed",
        hints=[
            (1 / 3 + 2 / 3 * 2, "Times add, speeds do not: average the times."),
            (
                Speed().of("FP4:FP8")[1],
                "This is the forward pass, one product of three; the backward pass has two.",
            ),
        ],
        otherwise="Two thirds of the time are halved.",
    )
