"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import torch

from companion.consistent_diffusion.lab.systems import TWO_MODES_2D
from companion.consistent_diffusion.method.diffusion import alpha, beta, exact_residual, sigma
from companion.consistent_diffusion.page import live_line
from companion.exercises import Answer, respond


def check_forgotten_dimension(answer: object) -> Answer:
    """Exercise 1: the residual of an exact density in two dimensions at t = 0.5, without D."""
    t = torch.tensor([0.5], dtype=torch.float64)
    expected = float(exact_residual(TWO_MODES_2D, torch.zeros(1, 2, dtype=t.dtype), t, dim=0))
    return respond(
        answer,
        expected,
        tolerance=1e-3,
        name="cd-dimension",
        hints=[
            (-expected, "The sign: what is left out was added."),
            (expected / 2, "There are two dimensions."),
        ],
        otherwise=f"div f = -D beta / 2, and beta(0.5) = {float(beta(t)):.4g}.",
    )


def check_separation(answer: object) -> Answer:
    """Exercise 2: distance of the modes at -5 and 5 over their width, at t = 0.5."""
    t = torch.tensor([0.5], dtype=torch.float64)
    width = float((alpha(t) ** 2 + sigma(t) ** 2).sqrt())
    expected = 10 * float(alpha(t)) / width
    return respond(
        answer,
        expected,
        tolerance=0.02,
        name="cd-separation",
        hints=[(expected / 2, "The distance is that between the modes, not from the middle.")],
        otherwise="The modes move to alpha times their place, and their width stays 1.",
    )


def right_of_zero() -> float:
    """Percent of the law of simulation right of 0 in the live figure, with the penalty."""
    data = live_line.table()
    return 100 * live_line.right_share(data["models"]["penalty"][0]["log"])


def check_right(answer: object) -> Answer:
    """Exercise 3: what the live figure's headline says with the penalty and the first draw."""
    return respond(
        answer,
        right_of_zero(),
        tolerance=0.02,
        name="cd-right",
        unit="%",
        hints=[(80, "That is the share of the data.")],
        otherwise="Switch the penalty on, leave the draw, and read the headline.",
    )


def check_product_bias(answer: object) -> Answer:
    """Exercise 4: E[(h u^2)^2] - h^2 over h^2 for u ~ N(0, 1), what v1 = v2 adds."""
    return respond(
        answer,
        3.0 - 1.0,
        tolerance=1e-6,
        name="cd-product",
        hints=[(3, "The fourth moment is 3; subtract the square of the mean.")],
        otherwise="E[u^4] = 3 and E[u^2] = 1.",
    )
