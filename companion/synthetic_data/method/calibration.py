"""Calibration: how far stated confidence is from the truth, and one scalar that repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float

N_BINS = 15


def sharpen(
    law: Float[np.ndarray, "*contexts answers"], temperature: float
) -> Float[np.ndarray, "*contexts answers"]:
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
    """error : expected calibration error; over_confidence : signed, mean confidence - accuracy."""

    error: float
    over_confidence: float


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
    excess = np.bincount(place, weight * (confidence - correct), n_bins)
    return Calibration(float(np.abs(excess).sum()), float(excess.sum()))


def fit_temperature(laws: np.ndarray, held_out: np.ndarray, n_steps: int = 30) -> np.ndarray:
    """One temperature per model that minimizes the log loss (Guo et al. 2017; convex in 1/T).

    laws : (models, contexts, answers), positive
    held_out : the same shape, counts or probabilities of real answers
    Returns : (models,), found by bisection in log T between 1/20 and 20

    Raises
    ------
    ValueError : shapes that do not agree
    """
    if laws.shape != held_out.shape or laws.ndim != 3:
        raise ValueError(
            f"need equal shapes (models, contexts, answers), got {laws.shape} and {held_out.shape}"
        )
    log = np.log(np.maximum(laws, 1e-300))
    log -= log.max(-1, keepdims=True)
    asked = held_out.sum(-1)
    target = (held_out * log).sum((-2, -1))
    low, high = np.full(len(laws), np.log(0.05)), np.full(len(laws), np.log(20.0))
    for _ in range(n_steps):
        middle = (low + high) / 2
        made = np.exp(log * np.exp(-middle)[:, None, None])
        mean = (made * log).sum(-1) / made.sum(-1)
        too_cold = (asked * mean).sum(-1) > target
        low, high = np.where(too_cold, middle, low), np.where(too_cold, high, middle)
    return np.exp((low + high) / 2)


contracts.guard_public(
    __name__,
    {
        "sharpen": {"law": contracts.FINITE, "temperature": contracts.FINITE},
        "fit_temperature": {"laws": contracts.FINITE, "held_out": contracts.FINITE},
    },
)
