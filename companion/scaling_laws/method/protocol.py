"""Which checkpoints train the law, which test it, and how the error is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion import contracts
from companion.scaling_laws.method.law import Points, ScalingLaw, points

CUT = 1e10
"""Tokens at the start of each run that the paper throws away."""

TARGET_FROM = 0.7
"""The target is the last 30 % of the largest run."""


@dataclass(frozen=True)
class Run:
    """One training run: a model of N parameters and its checkpoints in order of tokens.

    D, loss : float arrays of shape (n_checkpoints,)
    """

    model: str
    N: float
    D: np.ndarray
    loss: np.ndarray

    def select(self, keep: np.ndarray) -> Run:
        """The run with only the checkpoints of the boolean mask `keep`, shape (n_checkpoints,)."""
        return Run(self.model, self.N, self.D[keep], self.loss[keep])


@dataclass(frozen=True)
class Family:
    """Runs that differ in size and tokens only, smallest first. The last one is the target."""

    name: str
    runs: tuple[Run, ...]
    unit: str

    @property
    def target(self) -> Run:
        """The largest model, which the law must predict."""
        return self.runs[-1]


def stack(runs: Sequence[Run]) -> Points:
    """All checkpoints of `runs` as points; ValueError for bad values or if none is left."""
    return points(
        np.concatenate([np.full(run.D.shape, run.N) for run in runs]),
        np.concatenate([run.D for run in runs]),
        np.concatenate([run.loss for run in runs]),
    )


def training_points(runs: Sequence[Run], *, q: float = 1.0, cut: float = 0.0) -> Points:
    """Checkpoints with ``cut < tokens < q T``, T the largest token count of all `runs`.

    Both inequalities are strict, as in the paper's code: at q = 1 the last checkpoint of the
    longest run stays out.  ValueError if no checkpoint is left.
    """
    end = q * longest(runs)
    return stack([run.select((cut < run.D) & (end > run.D)) for run in runs])


def family_points(family: Family) -> Points:
    """:func:`training_points` of a family's training models without their first 10B tokens."""
    return training_points(family.runs[:-1], cut=CUT)


def target_points(run: Run) -> Points:
    """Checkpoints of the target's last 30 %, ``tokens >= 0.7 T``."""
    tokens = run.D
    return stack([run.select(tokens >= TARGET_FROM * tokens[-1])])


def longest(runs: Sequence[Run]) -> float:
    """T, the largest token count of any of `runs`."""
    return max(float(run.D[-1]) for run in runs)


def signed_errors(law: ScalingLaw, target: Points) -> np.ndarray:
    """(prediction - loss) / loss per checkpoint, shape (n,); positive where the law is too high."""
    return (law.predict(target.N, target.D) - target.loss) / target.loss


def are(law: ScalingLaw, target: Points) -> float:
    """Absolute relative error on the target, mean over checkpoints, in percent.  Notebook eq. 4."""
    return 100 * float(np.abs(signed_errors(law, target)).mean())


def bias(law: ScalingLaw, target: Points) -> float:
    """Mean signed relative error in percent; what the absolute error hides."""
    return 100 * float(signed_errors(law, target).mean())


contracts.guard_public(
    __name__,
    {
        "Run": dict.fromkeys(("N", "D", "loss"), contracts.FINITE),
        **{
            name: {"target": contracts.FINITE.of_parts()}
            for name in ("signed_errors", "are", "bias")
        },
    },
)
