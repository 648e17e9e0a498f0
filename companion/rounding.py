"""How far a result of another processor may be from ours, by what its code does.

Processors round sums in another order, and libraries choose their kernels by processor.  What is
computed in one pass moves by a few units in the last place; a solver stops by its tolerance, a
little elsewhere; and a training run multiplies the difference at each step until nothing is left of
it but the statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from companion import fingerprint

ONE_PASS = 1e-6
"""Of tables, closed forms, resamples in double precision."""

LOOSE = 1e-3
"""Of a solver, which stops where a tolerance is met, and of networks in single precision."""

_LOOSE = frozenset({"brentq", "curve_fit", "least_squares", "minimize", "minimize_scalar", "torch"})
_TRAINING = frozenset({"autograd", "backward", "fit", "fit_transform", "optim"})
"""Attributes that only what learns by steps has; estimators of other packages among them."""


def bound(function: Callable) -> float:
    """Relative difference that another processor may make in what `function` returns.

    :data:`ONE_PASS`, :data:`LOOSE`, or infinity for what trains: the definitions of the package
    that it reaches decide.
    """
    names = fingerprint.names_used(function)
    if names & _TRAINING:
        return math.inf
    return LOOSE if names & _LOOSE else ONE_PASS
