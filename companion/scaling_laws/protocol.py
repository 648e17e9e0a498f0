"""Which checkpoints train the law, which test it, and how the error is counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.scaling_laws.law import Points, ScalingLaw
from companion.scaling_laws.sources import Family, Run, stack

CUT = 1e10
"""Tokens at the start of each run that the paper throws away."""

TARGET_FROM = 0.7
"""The target is the last 30 % of the largest run."""


def training_points(runs: Sequence[Run], *, q: float = 1.0, cut: float = 0.0) -> Points:
    """Checkpoints with ``cut < tokens < q T``, T the largest token count of all `runs`.

    Both inequalities are strict, as in the paper's code: at q = 1 the last checkpoint of the
    longest run stays out.  ValueError if no checkpoint is left.
    """
    end = q * longest(runs)
    return stack([run.select((tokens > cut) & (tokens < end)) for run, tokens in _tokens(runs)])


def family_points(family: Family) -> Points:
    """:func:`training_points` of a family's training models without their first 10B tokens."""
    return training_points(family.runs[:-1], cut=CUT)


def tail_points(runs: Sequence[Run], *, q: float, cut: float = CUT) -> Points:
    """The end of a window: ``0.7 q T <= tokens < 0.7 T`` and ``tokens > cut``. Paper Fig. 4.

    q near 0 takes the whole window, q near 1 only its end.
    """
    end = TARGET_FROM * longest(runs)
    return stack(
        [
            run.select((tokens > cut) & (tokens >= q * end) & (tokens < end))
            for run, tokens in _tokens(runs)
        ]
    )


def target_points(run: Run) -> Points:
    """Checkpoints of the target's last 30 %, ``tokens >= 0.7 T``."""
    tokens = run.D
    return stack([run.select(tokens >= TARGET_FROM * tokens[-1])])


def longest(runs: Sequence[Run]) -> float:
    """T, the largest token count of any of `runs`."""
    return max(float(run.D[-1]) for run in runs)


def _tokens(runs: Sequence[Run]) -> list[tuple[Run, np.ndarray]]:
    return [(run, run.D) for run in runs]


def signed_errors(law: ScalingLaw, target: Points) -> np.ndarray:
    """(prediction - loss) / loss per checkpoint, shape (n,); positive where the law is too high."""
    return (law.predict(target.N, target.D) - target.loss) / target.loss


def are(law: ScalingLaw, target: Points) -> float:
    """Absolute relative error on the target, mean over its checkpoints, in percent."""
    return 100 * float(np.abs(signed_errors(law, target)).mean())


def bias(law: ScalingLaw, target: Points) -> float:
    """Mean signed relative error in percent; what the absolute error hides."""
    return 100 * float(signed_errors(law, target).mean())
