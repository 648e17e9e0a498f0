"""Which penalty matters: variance of the cross-validated score over a grid of both."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds
from companion.gaussian_rbf.lab.selection import score, targets
from companion.gaussian_rbf.method.tasks import Recipe, Task
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.gaussian_rbf.sources import load
from companion.scale import derive_seed

SMALL = 0.1
"""Largest penalty of the smaller of the two grids."""


class Penalties(NamedTuple):
    """Scores of the grid.

    lams : (L,); scores : (table, start) to array of shape (folds, L of u, L of w)
    """

    lams: np.ndarray
    scores: dict[tuple[str, str], np.ndarray]

    def upto(self, largest: float) -> Penalties:
        """The grid without the penalties above `largest`."""
        kept = self.lams <= largest
        return Penalties(
            self.lams[kept], {k: v[:, kept][:, :, kept] for k, v in self.scores.items()}
        )


def run_penalties(settings: Settings, seed: int) -> Penalties:
    """Every table, both starts (spread 1 and one over the root of D), M = 8, trained centers."""
    lams, found = settings.penalty_lams, {}
    recipe = Recipe(steps=settings.penalty_steps)
    for name in settings.penalty_tables:
        data = load(name)
        state = derive_seed(seed, "penalties", name) % 2**32
        tasks, tests = [], []
        for train, test in folds(
            data.y, settings.penalty_folds, regression=data.is_regression, seed=state
        ):
            mean, spread = scaler(data.X[train])
            X, X_test = (data.X[train] - mean) / spread, (data.X[test] - mean) / spread
            y, centers = targets(data.y[train], data.kind), place_centers(X, 8, state, n_init=1)
            for scale in (1.0, X.shape[1] ** -0.5):
                for lam_u, lam_w in itertools.product(lams, lams):
                    tasks.append(
                        Task(
                            X,
                            y,
                            centers,
                            data.kind,
                            lam_u=lam_u,
                            lam_w=lam_w,
                            scale=scale,
                            seed=state,
                        )
                    )
                    tests.append((X_test, data.y[test], data.y[train]))
        fits = fit_many(tasks, recipe)
        values = [score(fit, *test) for fit, test in zip(fits, tests, strict=True)]
        table = np.reshape(values, (settings.penalty_folds, 2, len(lams), len(lams)))
        # a useless fit has R2 near 0; a wildly bad one must not rule the variance
        table = np.clip(np.nan_to_num(table, nan=-1.0), -1.0, 1.0)
        found[name, "scale 1"], found[name, "scale 1/√D"] = table[:, 0], table[:, 1]
    return Penalties(np.array(lams), found)


def eta_squared(surface: np.ndarray) -> tuple[float, float]:
    r"""Shares of the variance of a table that its rows and its columns explain.

    surface : (L, L), mean score by lambda_u (rows) and lambda_w (columns).
    :math:`\eta^2 = SS_{factor} / SS_{total}`; nan where nothing varies
    """
    total = surface.var()
    if total <= 1e-24:
        return np.nan, np.nan
    return float(surface.mean(axis=1).var() / total), float(surface.mean(axis=0).var() / total)


def effect_table(result: Penalties) -> pd.DataFrame:
    """Columns table, start, grid, eta_u, eta_w: for the small and the full grid."""
    rows = []
    for grid, part in (
        (f"up to {SMALL:g}", result.upto(SMALL)),
        (f"up to {result.lams.max():g}", result),
    ):
        for (name, start), scores in part.scores.items():
            u, w = eta_squared(scores.mean(axis=0))
            rows.append((name, start, grid, u, w))
    return pd.DataFrame(rows, columns=["table", "start", "grid", "eta_u", "eta_w"])


def lead_of_u(result: Penalties, rng: np.random.Generator, n: int = 500) -> np.ndarray:
    """Mean over tables and starts of eta_u - eta_w: estimate, then `n` resamples of the folds."""

    def lead(pick: np.ndarray | slice) -> float:
        effects = [eta_squared(scores[pick].mean(axis=0)) for scores in result.scores.values()]
        return float(np.mean([u - w for u, w in effects]))

    size = len(next(iter(result.scores.values())))
    draws = [lead(rng.integers(0, size, size)) for _ in range(n)]
    return np.array([lead(slice(None)), *draws])
