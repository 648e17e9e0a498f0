"""Checks that explain a wrong answer."""

from __future__ import annotations

import math

from companion.exercises import Answer, respond
from companion.mamba3.lab.tracking import horizon
from companion.mamba3.method.scan import flops


def check_kappa(answer: object) -> Answer:
    """Exercise 1: κ of a key with Δ = 0.4, λ = 0.75 whose successor has Δ = 0.8, λ = 0.5."""

    return respond(
        answer,
        0.75 * 0.4 + (1 - 0.5) * 0.8,
        tolerance=1e-6,
        name="mamba3-kappa",
        hints=[
            (0.3, "That is γ, the right end alone; the next step adds (1 - λ)Δ of its own."),
            (0.4, "The second part has the Δ and λ of the next token."),
        ],
        otherwise="Take λΔ of this token plus (1 - λ)Δ of the next.",
    )


def check_flop_ratio(answer: object) -> Answer:
    """Exercise 2: FLOP of R = 4 over R = 1 at N = 64, P = 64."""
    return respond(
        answer,
        flops(64, 64, 4) / flops(64, 64, 1),
        tolerance=0.01,
        name="mamba3-flops",
        hints=[(4, "The decay of the state, NP, does not grow with R.")],
        otherwise="Use 4NPR + NP - PR for both.",
    )


def check_horizon(answer: object) -> Answer:
    """Exercise 3: largest angle error in radians that survives 1,000 one-bits."""
    return respond(
        # horizon(ε) ε is the angle at which the answer flips
        answer,
        horizon(1.0) / 1000,
        tolerance=0.02,
        unit="rad",
        name="mamba3-horizon",
        hints=[
            (
                math.pi / 1000,
                "At that error the reading is upside down; it flips at a quarter turn.",
            ),
        ],
        otherwise="The answer flips as soon as 1,000 errors add up to a quarter turn.",
    )
