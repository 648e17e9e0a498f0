"""Infinite data and a flexible student: what remains of the loop is arithmetic.

M_k(. | x) = (1 - s) p + s tau_T(M_{k-1}), M_0 = p, with tau_T the decoding temperature (eq. 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion import contracts
from companion.synthetic_data.method.calibration import sharpen

if TYPE_CHECKING:
    from jaxtyping import Float, Num


def student(
    truth: Float[np.ndarray, "contexts answers"], s: float, temperature: float, k: int
) -> Float[np.ndarray, "contexts answers"]:
    """The student of generation k, (contexts, answers).  Eq. 2.

    truth : (contexts, answers), rows sum to one; s : share of synthetic data
    """
    if not 0 <= s <= 1:
        raise ValueError(f"s must lie in [0, 1], got {s}")
    law = truth
    for _ in range(k):
        law = (1 - s) * truth + s * sharpen(law, temperature)
    return law


def predicted_over_confidence(
    truth: Float[np.ndarray, "contexts answers"], weight: Num[np.ndarray, " contexts"], s: float
) -> float:
    """Greedy decoding (T = 0): over-confidence is s (1 - E max p), at every k.  Eq. 3."""
    return float(s * (1 - (weight / weight.sum()) @ truth.max(-1)))


contracts.guard(
    __name__,
    {
        "student": {"s": contracts.SHARE, "temperature": contracts.FINITE},
        "predicted_over_confidence": {
            "truth": contracts.SHARE,
            "weight": contracts.NOT_NEGATIVE,
            "s": contracts.SHARE,
        },
    },
)
