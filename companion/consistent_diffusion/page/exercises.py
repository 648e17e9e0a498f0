"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

import torch

from companion.consistent_diffusion.lab.systems import TWO_MODES_2D, exact_curve
from companion.consistent_diffusion.method.diffusion import alpha, beta, exact_residual, sigma
from companion.exercises import Answer, respond


def check_forgotten_dimension(answer: object) -> Answer:
    """Exercise 1: the residual of an exact density in two dimensions at t = 0.5, without D."""
    t = torch.tensor([0.5], dtype=torch.float64)
    expected = float(exact_residual(TWO_MODES_2D, torch.zeros(1, 2, dtype=t.dtype), t, dim=0))

    def explain(value: float) -> str:
        if math.isclose(value, -expected, rel_tol=1e-3):
            return "The sign: what is left out was added."
        if math.isclose(value, expected / 2, rel_tol=1e-3):
            return "There are two dimensions."
        return f"div f = -D beta / 2, and beta(0.5) = {float(beta(t)):.4g}."

    return respond(answer, expected, tolerance=1e-3, explain=explain)


def check_separation(answer: object) -> Answer:
    """Exercise 2: distance of the modes at -5 and 5 over their width, at t = 0.5."""
    t = torch.tensor([0.5], dtype=torch.float64)
    width = float((alpha(t) ** 2 + sigma(t) ** 2).sqrt())
    expected = 10 * float(alpha(t)) / width

    def explain(value: float) -> str:
        if math.isclose(value, 5 * float(alpha(t)), rel_tol=0.02):
            return "The distance is that between the modes, not from the middle."
        return "The modes move to alpha times their place, and their width stays 1."

    return respond(answer, expected, tolerance=0.02, explain=explain)


def check_blur(answer: object) -> Answer:
    """Exercise 3: divergence of a perfect model simulated at t = 0.03."""
    curve = exact_curve()
    expected = float(curve.js[list(curve.times).index(0.03)])
    return respond(
        answer,
        expected,
        tolerance=0.05,
        explain=lambda _: "Diffuse the exact masses to t = 0.03 on the grid and compare.",
    )


def check_product_bias(answer: object) -> Answer:
    """Exercise 4: E[(h u^2)^2] - h^2 over h^2 for u ~ N(0, 1), what v1 = v2 adds."""

    def explain(value: float) -> str:
        if math.isclose(value, 3.0):
            return "The fourth moment is 3; subtract the square of the mean."
        return "E[u^4] = 3 and E[u^2] = 1."

    return respond(answer, 2.0, tolerance=1e-6, explain=explain)
