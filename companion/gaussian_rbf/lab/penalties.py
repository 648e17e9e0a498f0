"""Which of the two penalties matters: both varied over a grid, judged by the log-loss."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds
from companion.gaussian_rbf.lab.synthetic import targets
from companion.gaussian_rbf.method.model import BINARY, Fit, Recipe, Task
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.sources import load
from companion.scale import derive_seed

SMALL = 0.1
"""Largest penalty of the smaller of the two grids."""

LEAST = 1e-3
"""Smallest probability that counts: one row that is surely wrong must not rule a mean."""

FLAT = 0.01
"""A surface is flat if its F test against the noise of the folds has a p above this."""

STARTS = ("scale 1", "scale 1/√D")


@dataclass(frozen=True)
class Surface:
    """Log-loss of one table and start.

    loss : (folds, L of u, L of w), mean over test rows, in nats
    """

    table: str
    start: str
    lams: np.ndarray
    loss: np.ndarray

    def upto(self, largest: float) -> Surface:
        """The grid without the penalties above `largest`."""
        kept = self.lams <= largest
        return Surface(self.table, self.start, self.lams[kept], self.loss[:, kept][:, :, kept])

    @property
    def p_flat(self) -> float:
        """p of no differences between grid points, against what grid points do fold by fold.

        Two-way analysis of variance without repetition: folds are blocks.
        """
        cells = self.loss.reshape(len(self.loss), -1)
        n, k = cells.shape
        between = n * cells.mean(axis=0).var(ddof=1)
        rest = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
        noise = (rest**2).sum() / ((n - 1) * (k - 1))
        if noise == 0:
            return 1.0 if between == 0 else 0.0
        return float(f_distribution.sf(between / noise, k - 1, (n - 1) * (k - 1)))

    @property
    def shares(self) -> tuple[float, float]:
        """``eta_squared`` of the mean over folds."""
        return eta_squared(self.loss.mean(axis=0))


def log_loss(fit: Fit, X: np.ndarray, y: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class's probability, at least ``LEAST``.

    y : class numbers
    """
    outputs = fit.predict(X)
    if fit.kind == BINARY:
        outputs = np.hstack([np.zeros_like(outputs), outputs])
    outputs = outputs - outputs.max(axis=1, keepdims=True)
    chances = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    true = np.nan_to_num(chances[np.arange(len(y)), y], nan=0.0)
    return float(-np.log(np.maximum(true, LEAST)).mean())


def run_penalties(
    tables: Sequence[str], lams: Sequence[float], n_folds: int, steps: int, seed: int
) -> list[Surface]:
    """Every table of classes, both starts of U, M = 8, trained centers."""
    found = []
    for name in tables:
        data = load(name)
        state = derive_seed(seed, "penalties", name) % 2**32
        tasks, tests = [], []
        for train, test in folds(data.y, n_folds, regression=False, seed=state):
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
                    tests.append((X_test, data.y[test]))
        fits = fit_many(tasks, Recipe(steps=steps))
        values = [log_loss(fit, *test) for fit, test in zip(fits, tests, strict=True)]
        losses = np.reshape(values, (n_folds, 2, len(lams), len(lams)))
        found += [
            Surface(name, start, np.array(lams), losses[:, i]) for i, start in enumerate(STARTS)
        ]
    return found


def eta_squared(surface: np.ndarray) -> tuple[float, float]:
    r"""Shares of the variance of a table that its rows and its columns explain.

    surface : (L, L), mean loss by lambda_u (rows) and lambda_w (columns).
    :math:`\eta^2 = SS_{factor} / SS_{total}`; nan where nothing varies
    """
    total = surface.var()
    if total <= 1e-24:
        return np.nan, np.nan
    return float(surface.mean(axis=1).var() / total), float(surface.mean(axis=0).var() / total)


def effects(surfaces: Sequence[Surface]) -> pd.DataFrame:
    """Columns table, start, grid, eta_u, eta_w, p_flat, flat: for the small and the full grid."""
    rows = []
    for one in surfaces:
        for part in (one.upto(SMALL), one):
            row = (one.table, one.start, f"up to {part.lams.max():g}", *part.shares, part.p_flat)
            rows.append((*row, not part.p_flat < FLAT))
    names = ["table", "start", "grid", "eta_u", "eta_w", "p_flat", "flat"]
    return pd.DataFrame(rows, columns=names)
