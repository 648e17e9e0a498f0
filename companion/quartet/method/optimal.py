r"""Which precision is best at a budget: the law and the speed of the hardware together.

A budget is what FP8 could do: a model of N parameters on D tokens.  Faster arithmetic buys a larger
model at the same cost of inference, and more tokens at the same cost of training:

.. math:: \mathrm{loss} = L\big(N\,sp_{fw},\; D\,sp_{tr} / sp_{fw};\;\mathrm{eff}_N,
          \mathrm{eff}_D\big), \qquad
          \frac1{sp_{tr}} = \frac{1/3}{sp_{fw}} + \frac{2/3}{sp_{bw}}
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from companion.quartet.method.law import Law

PRECISIONS = ("FP8:FP8", "FP4:FP8", "FP8:FP4", "FP4:FP4")
"""Forward and backward precision.  The paper's FP8 is idealized: BF16 quality at FP8 speed."""

MODELS = {
    "Llama 3 70B": (70e9, 15e12),
    "Qwen 2.5 72B": (72e9, 18e12),
    "Gemma 3 27B": (27e9, 14e12),
    "Gemma 3 12B": (12e9, 12e12),
    "Gemma 3 4B": (4e9, 4e12),
    "Gemma 3 1B": (1e9, 2e12),
}
"""Parameters and training tokens of models that the paper marks."""

RATIO_LIMITS, SIZE_LIMITS = (25.0, 2200.0), (1e8, 1e11)


class Speed(NamedTuple):
    """Speed-up of four-bit products over FP8 ones, forward and backward."""

    forward: float = 2.0
    backward: float = 2.0

    def of(self, precision: str) -> tuple[float, float]:
        """(sp_fw, sp_tr) of a precision.  Chapter eq. 12."""
        fw = self.forward if precision.startswith("FP4") else 1.0
        bw = self.backward if precision.endswith("FP4") else 1.0
        return fw, 1 / ((1 / 3) / fw + (2 / 3) / bw)


class Quality(NamedTuple):
    """eff_N of four-bit forward, eff_D of four-bit backward."""

    eff_n: float
    eff_d: float


def loss_at_budget(
    law: Law, N: np.ndarray, ratio: np.ndarray, precision: str, speed: Speed, quality: Quality
) -> np.ndarray:
    """Loss of `precision` at the budget of an FP8 run of N parameters and ratio * N tokens.

    Chapter eq. 13.  Arrays broadcast.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; choose one of {PRECISIONS}")
    fw, tr = speed.of(precision)
    N, D = np.asarray(N, float), np.asarray(ratio, float) * N
    eff_n = quality.eff_n if precision.startswith("FP4") else 1.0
    eff_d = quality.eff_d if precision.endswith("FP4") else 1.0
    return law.loss(N * fw, D * tr / fw, eff_n, eff_d)


class Map(NamedTuple):
    """ratio : (x,) tokens per parameter; size : (y,) parameters

    best : (y, x) index into PRECISIONS; margin : (y, x) how far the best is below FP8:FP8, nats
    """

    ratio: np.ndarray
    size: np.ndarray
    best: np.ndarray
    margin: np.ndarray

    def share(self, precision: str) -> float:
        """Share of the map where it is best."""
        return float((self.best == PRECISIONS.index(precision)).mean())


def crossover(law: Law, N: float, speed: Speed, quality: Quality) -> float:
    """Tokens per parameter above which FP4:FP4 beats FP8:FP4; nan if it does not change sides."""

    def gap(log_ratio: float) -> float:
        both, backward = (
            loss_at_budget(law, N, np.exp(log_ratio), precision, speed, quality)
            for precision in ("FP4:FP4", "FP8:FP4")
        )
        return float(both - backward)

    low, high = np.log(0.5), np.log(1e5)
    if gap(low) * gap(high) >= 0:
        return float("nan")
    return float(np.exp(brentq(gap, low, high)))
