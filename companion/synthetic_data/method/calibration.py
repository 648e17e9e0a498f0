"""Calibration: how far stated confidence is from the truth, and one scalar that repairs it.

With a known truth the expected calibration error is a number.  With labels only it is estimated by
kernel smoothing, which has no bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import dct, idct

N_BINS = 15


def sharpen(law: np.ndarray, temperature: float) -> np.ndarray:
    """The distribution after decoding at a temperature: proportional to law^(1/T).  Eq. 1.

    law : (..., answers); temperature : 1 changes nothing, 0 is the arg max (first of ties)

    Raises
    ------
    ValueError : negative temperature
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    law = np.asarray(law, float)
    if temperature == 1:
        return law / law.sum(-1, keepdims=True)
    if temperature == 0:
        sharp = np.zeros_like(law)
        np.put_along_axis(sharp, law.argmax(-1)[..., None], 1.0, -1)
        return sharp
    with np.errstate(divide="ignore"):
        log = np.log(law) / temperature
    log -= log.max(-1, keepdims=True)
    made = np.exp(log)
    return made / made.sum(-1, keepdims=True)


class Calibration(NamedTuple):
    """error : expected calibration error; over_confidence : signed, mean confidence - accuracy.

    bins : (3, n_bins), weight, mean confidence and accuracy of each bin; empty bins are nan
    """

    error: float
    over_confidence: float
    bins: np.ndarray


def calibration(
    confidence: np.ndarray, correct: np.ndarray, weight: np.ndarray, n_bins: int = N_BINS
) -> Calibration:
    """Expected calibration error with equal-width bins.

    confidence : (n,), the largest probability; correct : (n,), the probability that this answer
        is right (its truth where that is known, else 0 or 1)
    weight : (n,), how much each context counts
    """
    weight = np.asarray(weight, float) / np.sum(weight)
    place = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    mass = np.bincount(place, weight, n_bins)
    said = np.bincount(place, weight * confidence, n_bins)
    true = np.bincount(place, weight * correct, n_bins)
    with np.errstate(invalid="ignore"):
        bins = np.stack([mass, said / mass, true / mass])
    return Calibration(float(np.abs(said - true).sum()), float((said - true).sum()), bins)


def smooth_error(confidence: np.ndarray, correct: np.ndarray, n_grid: int = 512) -> float:
    """Smooth calibration error (Błasiok and Nakkiran 2023): kernel smoothing instead of bins.

    The residuals, smoothed with a Gaussian of width sigma that is reflected at 0 and 1, integrated
    in absolute value; sigma is the width at which the result equals sigma itself.

    confidence, correct : (n,), in [0, 1]
    """
    place = np.minimum((confidence * n_grid).astype(int), n_grid - 1)
    residual = np.bincount(place, correct - confidence, n_grid) / len(confidence)
    low, high = 1e-4, 1.0
    for _ in range(25):
        width = (low * high) ** 0.5
        if smoothed_error(residual, width) > width:
            low = width
        else:
            high = width
    return smoothed_error(residual, width)


def smoothed_error(residual: np.ndarray, width: float) -> float:
    """Sum of the absolute residuals after smoothing with one kernel width.

    residual : (n_grid,), mean residual in each cell of an even grid on [0, 1].  A Gaussian that is
    reflected at both ends is diagonal in the cosine transform.
    """
    waves = np.exp(-((np.pi * np.arange(len(residual)) * width) ** 2) / 2)
    return float(np.abs(idct(dct(residual, norm="ortho") * waves, norm="ortho")).sum())


RULES = ("loss", "confidence")
"""What a fitted temperature minimizes: the log loss, or the gap of confidence and accuracy."""


def fit_temperature(
    laws: np.ndarray, held_out: np.ndarray, rule: str = "loss", n_steps: int = 30
) -> np.ndarray:
    """One temperature per model, from held-out data: temperature scaling.

    laws : (models, contexts, answers), positive
    held_out : the same shape, counts or probabilities of real answers
    rule : ``"loss"`` minimizes the log loss (Guo et al. 2017; the loss is convex in 1/T);
        ``"confidence"`` makes the mean confidence equal to the accuracy
    Returns : (models,), found by bisection in log T between 1/20 and 20

    Raises
    ------
    ValueError : an unknown rule, or shapes that do not agree
    """
    if rule not in RULES or laws.shape != held_out.shape or laws.ndim != 3:
        raise ValueError(
            f"need a rule of {RULES} and equal shapes (models, contexts, answers), "
            f"got {rule!r}, {laws.shape} and {held_out.shape}"
        )
    log = np.log(np.maximum(laws, 1e-300))
    log -= log.max(-1, keepdims=True)
    asked = held_out.sum(-1)
    if rule == "loss":
        target = (held_out * log).sum((-2, -1))
    else:
        target = np.take_along_axis(held_out, laws.argmax(-1)[..., None], -1).sum((-2, -1))
    low, high = np.full(len(laws), np.log(0.05)), np.full(len(laws), np.log(20.0))
    for _ in range(n_steps):
        middle = (low + high) / 2
        made = np.exp(log * np.exp(-middle)[:, None, None])
        total = made.sum(-1)
        # the largest term is exp(0), so confidence is 1 / total
        each = (made * log).sum(-1) / total if rule == "loss" else 1 / total
        too_cold = (asked * each).sum(-1) > target
        low, high = np.where(too_cold, middle, low), np.where(too_cold, high, middle)
    return np.exp((low + high) / 2)
