"""Published training curves, as families of runs.

Everything is read through :func:`companion.data.fetch`, which raises ``DataUnavailable`` where a
file cannot be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from companion.data import fetch
from companion.scaling_laws.law import Points, points

UNITS = ("paper", "nats")
"""``paper``: the number that the authors' code fits; ``nats``: a natural logarithm throughout."""

LEAST_MODELS = 3
"""A family needs two training sizes and a target; the paper's own rule."""


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

    def reversed(self) -> Family:
        """The family with the smallest model as target (scaling down)."""
        return Family(self.name, self.runs[::-1], self.unit)


def stack(runs: Sequence[Run]) -> Points:
    """All checkpoints of `runs` as points; ValueError for bad values or if none is left."""
    return points(
        np.concatenate([np.full(run.D.shape, run.N) for run in runs]),
        np.concatenate([run.D for run in runs]),
        np.concatenate([run.loss for run in runs]),
    )


def family(name: str, rows: pd.DataFrame, unit: str = "") -> Family:
    """A family from a table with columns model, num_params, tokens and loss.

    Raises
    ------
    ValueError
        Fewer than three models, or a row that is not finite and positive (named).
    """
    if (n := rows["model"].nunique()) < LEAST_MODELS:
        raise ValueError(
            f"family {name!r} has {n} models; at least {LEAST_MODELS} are needed, two sizes to "
            "train on and a larger one to predict"
        )
    points(rows["num_params"], rows["tokens"], rows["loss"])
    runs = []
    for model, part in rows.groupby("model", sort=False):
        part = part.sort_values("tokens", kind="stable")
        runs.append(Run(str(model), float(part["num_params"].iloc[0]),
                        part["tokens"].to_numpy(), part["loss"].to_numpy()))  # fmt: skip
    return Family(name, tuple(sorted(runs, key=lambda run: run.N)), unit)


@cache
def released() -> pd.DataFrame:
    """The released checkpoints, one row per model, checkpoint and metric."""
    return pd.read_parquet(fetch("scaling-laws/losses.parquet"))
