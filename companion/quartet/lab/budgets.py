"""Which precision is best where: the map of the budgets."""

from __future__ import annotations

import numpy as np

from companion.quartet.method.law import Law
from companion.quartet.method.optimal import (
    PRECISIONS,
    RATIO_LIMITS,
    SIZE_LIMITS,
    Map,
    Quality,
    Speed,
    loss_at_budget,
)
from companion.quartet.sources import measured_speed


def optimality_map(law: Law, speed: Speed | None, quality: Quality, n: int = 200) -> Map:
    """The best precision over tokens per parameter and size, both on log axes.

    speed : None takes the speed-ups measured on an RTX 5090, which depend on the size
    """
    ratio, size = np.geomspace(*RATIO_LIMITS, n), np.geomspace(*SIZE_LIMITS, n)
    losses = np.empty((len(PRECISIONS), n, n))
    measured = None if speed is not None else measured_speed()
    for y, N in enumerate(size):
        here = speed if measured is None else measured(N)
        for i, precision in enumerate(PRECISIONS):
            losses[i, y] = loss_at_budget(law, N, ratio, precision, here, quality)
    return Map(ratio, size, losses.argmin(0), losses[0] - losses.min(0))
