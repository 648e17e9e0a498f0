"""Checks that explain a wrong answer."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import lambertw

from companion.exercises import Answer, respond
from companion.massive_activations.lab.ratios import hidden_state_ratio
from companion.massive_activations.lab.real_model import RealModel
from companion.massive_activations.method.curve import CurveParams, turning_point
from companion.massive_activations.method.measure import measure

LAST_STEP = 143_000


def check_noise_maximum(answer: object) -> Answer:
    """Exercise 1: largest magnitude of noise at width 1024 when the median is 0.5."""
    null = float(hidden_state_ratio(1024))

    def explain(value: float) -> str:
        if np.isclose(value, null, rtol=0.02):
            return "That is the ratio; the largest magnitude is the ratio times the median."
        return "Take eq. 2 with N = 2048 · 1024, then multiply by the median."

    return respond(answer, 0.5 * null, tolerance=0.02, explain=explain)


def check_peak(answer: object) -> Answer:
    """Exercise 2: the step at which eq. 9 turns for λ = 0.1, γ = 1e-4, t0 = 1."""
    right = turning_point(CurveParams(1.0, 0.1, 1e-4, 1.0, 0.0))

    def explain(value: float) -> str:
        if np.isclose(value, np.exp(lambertw(10).real), rtol=0.02):
            return "That is x at the peak; t = (x − t0) / γ."
        return "Solve λ x log x = 1 first; W(10) is about 1.7455."

    text = respond(answer, right, tolerance=0.01, explain=explain)
    inside = "inside" if 0 < right < LAST_STEP else "outside"
    return Answer(f"{text} The curve turns {inside} training.") if text[:5] == "Right" else text


def check_last_layer(real: RealModel, answer: object) -> Answer:
    """Exercise 3: hooked over reported largest value of the last layer, on the first text."""
    model, input_ids = real.model, real.texts.input_ids[:1]
    if answer is ...:
        return respond(answer, 1.0, tolerance=0.05)
    with torch.no_grad():
        states = model.base_model(input_ids, output_hidden_states=True).hidden_states
    top = measure(model, input_ids).top1[0]
    right = float(top[-1] / states[-1].abs().max())

    def explain(value: float) -> str:
        if np.isclose(value, 1 / right, rtol=0.05):
            return "That is the inverse: divide the hooked value by the reported one."
        return "Compare the last hidden state with what a hook on the last block sees."

    return respond(answer, right, tolerance=0.05, explain=explain)
