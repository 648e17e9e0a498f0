"""Infinite data and a flexible student: what remains of the loop is arithmetic.

M_k(. | x) = (1 - s) p + s tau_T(M_{k-1}), M_0 = p, with tau_T the decoding temperature (eq. 2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.synthetic_data.method.calibration import calibration, fit_temperature, sharpen


def student(truth: np.ndarray, s: float, temperature: float, k: int) -> np.ndarray:
    """The student of generation k, (contexts, answers).  Eq. 2.

    truth : (contexts, answers), rows sum to one; s : share of synthetic data
    """
    if not 0 <= s <= 1:
        raise ValueError(f"s must lie in [0, 1], got {s}")
    law = truth
    for _ in range(k):
        law = (1 - s) * truth + s * sharpen(law, temperature)
    return law


class Damage(NamedTuple):
    """What a student of infinite data lost; divergences and entropy in nats.

    after_kl, after_over : once its temperature is scaled on the truth; scalar : that temperature
    """

    kl: float
    over: float
    ece: float
    entropy: float
    accuracy: float
    after_kl: float
    after_over: float
    scalar: float


def damage(truth: np.ndarray, weight: np.ndarray, s: float, temperature: float, k: int) -> Damage:
    """Calibration, divergence and repair of :func:`student`.

    weight : (contexts,), how much each context counts
    """
    weight = weight / weight.sum()
    law = student(truth, s, temperature, k)
    scalar = float(fit_temperature(law[None], (truth * weight[:, None])[None])[0])
    mended = sharpen(law, scalar)
    found, after = _measure(truth, weight, law), _measure(truth, weight, mended)
    return Damage(*found, after[0], after[1], scalar)


def _measure(truth, weight, law) -> tuple[float, float, float, float, float]:
    greedy = law.argmax(-1)
    true = np.take_along_axis(truth, greedy[:, None], 1)[:, 0]
    said = calibration(law.max(-1), true, weight)
    log = np.log(np.maximum(law, 1e-300))
    entropy = -(weight @ (law * log).sum(-1))
    kl = weight @ (truth * (np.log(np.maximum(truth, 1e-300)) - log)).sum(-1)
    return float(kl), said.over_confidence, said.error, float(entropy), float(weight @ true)


def predicted_over_confidence(truth: np.ndarray, weight: np.ndarray, s: float) -> float:
    """Greedy decoding (T = 0): over-confidence is s (1 - E max p), at every k.  Eq. 3."""
    return float(s * (1 - (weight / weight.sum()) @ truth.max(-1)))
