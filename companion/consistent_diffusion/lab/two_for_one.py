"""Two For One: what even a perfect model loses when it is simulated at t > 0.

The force at diffusion time t belongs to the data *after* noise: wells are filled up, and whatever
is narrower than the noise is blurred.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.consistent_diffusion.lab import mueller_brown
from companion.consistent_diffusion.lab.grid import two_for_one_curve

REFERENCE = {0.01: 0.0023, 0.02: 0.0138, 0.03: 0.0347, 0.05: 0.088, 0.1: 0.206}
"""Divergence of p_t from p_0 on Muller-Brown, from an independent computation on a finer grid."""
TIMES = (1e-3, 3e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1)


class Curve(NamedTuple):
    """times, js : (n,); deviation : largest relative difference from REFERENCE"""

    times: np.ndarray
    js: np.ndarray
    deviation: float


def exact_curve() -> Curve:
    """Divergence of p_t from p_0, without any learning."""
    grid, exact = mueller_brown.fine_grid()
    times = np.array(TIMES)
    js = two_for_one_curve(grid, exact, times)
    known = dict(zip(TIMES, js, strict=True))
    deviation = max(abs(known[t] / value - 1) for t, value in REFERENCE.items())
    return Curve(times, js, float(deviation))
