"""Checks of the chapter's exercises: the answer is computed, and a wrong one is explained."""

from __future__ import annotations

import numpy as np
from scipy.special import lambertw

from companion.exercises import Answer, respond
from companion.massive_activations.lab.real_model import RealModel
from companion.massive_activations.lab.rivals import REGIMES
from companion.massive_activations.method.curve import CurveParams, turning_point
from companion.massive_activations.method.theory import hidden_state_ratio
from companion.massive_activations.page import live_curve


def check_noise_maximum(answer: object) -> Answer:
    """Exercise 1: largest magnitude of noise at width 1024 when the median is 0.5."""
    null = float(hidden_state_ratio(1024))
    return respond(
        answer,
        0.5 * null,
        tolerance=0.02,
        name="ma-noise",
        hints=[(null, "That is the ratio; the largest magnitude is the ratio times the median.")],
        otherwise="Take eq. 2 with N = 2048 · 1024, then multiply by the median.",
    )


def check_peak(answer: object) -> Answer:
    """Exercise 2: the step at which eq. 9 turns for λ = 0.1, γ = 1e-4, t0 = 1."""
    return respond(
        answer,
        turning_point(CurveParams(1.0, 0.1, 1e-4, 1.0, 0.0)),
        tolerance=0.01,
        name="ma-peak",
        hints=[(float(np.exp(lambertw(10).real)), "That is x at the peak; t = (x − t0) / γ.")],
        otherwise="Solve λ x log x = 1 first; W(10) is about 1.7455.",
    )


def overshoot() -> float:
    """Plateau of the best fit to the whole rising series of the live figure, over the true one."""
    series = live_curve.page_data()["series"]["rising"]
    return series["best"][str(len(series["t"]))][-1] / REGIMES["rising"].K


def check_overshoot(answer: object) -> Answer:
    """Exercise 3: by which factor the best fit overshoots the true plateau (live figure)."""
    right = overshoot()
    return respond(
        answer,
        right,
        tolerance=0.02,
        name="ma-overshoot",
        hints=[(right * REGIMES["rising"].K, "That is the plateau itself; divide it by 350.")],
        otherwise="Hide nothing, read K of the best fit in the headline, and divide it by 350.",
    )


def last_layer_factor(real: RealModel) -> float:
    """Hooked over reported largest value of the last layer, on the first text."""
    return float(real.measured.top1[0, -1] / real.reported)


def check_last_layer(real: RealModel, answer: object) -> Answer:
    """Exercise 4: hooked over reported largest value of the last layer, on the first text."""
    right = last_layer_factor(real)
    return respond(
        answer,
        right,
        tolerance=0.05,
        name="ma-last",
        hints=[(1 / right, "That is the inverse: divide the hooked value by the reported one.")],
        otherwise="Compare the last hidden state with what a hook on the last block sees.",
    )
