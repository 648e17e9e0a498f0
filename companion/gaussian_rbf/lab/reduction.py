"""Two coordinates for a table: the network's, PCA's, NCA's; and how the spectrum decays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds
from companion.gaussian_rbf.lab.selection import formulas, targets
from companion.gaussian_rbf.method.precision import agop, spectrum
from companion.gaussian_rbf.method.tasks import Fit, Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.gaussian_rbf.sources import Table, load
from companion.scale import derive_seed

RECIPE = Recipe(steps=1500, patience=0)

OPTIONS = {
    "digits 3v8": {"n_centers": 4, "lam_u": 1e-2, "lam_w": 1e-5, "train_centers": False},
    "wine": {"n_centers": 3, "lam_u": 1e-4, "lam_w": 1e-6, "lam_c": 1e-6, "train_centers": True},
}
"""The authors' example settings (but for the start, which is alive here)."""

OTHERS = {"n_centers": 8, "lam_u": 1e-2, "lam_w": 1e-4, "train_centers": True}


class Reduction(NamedTuple):
    """accuracy : columns table, fold, method, accuracy of 5 neighbors

    shares : columns table, fold, first, first_two (of the eigenvalues of P)
    """

    accuracy: pd.DataFrame
    shares: pd.DataFrame


class Reading(NamedTuple):
    """A network fitted to a whole table and what can be read from it."""

    table: Table
    X: np.ndarray
    fit: Fit
    cosine: float
    importances: dict[str, np.ndarray]


def table_task(data: Table, rows: np.ndarray, seed: int) -> tuple[Task, tuple]:
    """The task of a table's training rows, and the scaler's (mean, spread)."""
    options = dict(OPTIONS.get(data.name, OTHERS))
    mean, spread = scaler(data.X[rows])
    X = (data.X[rows] - mean) / spread
    centers = place_centers(X, min(options.pop("n_centers"), len(X)), seed, n_init=10)
    y = targets(data.y[rows], data.kind)
    task = Task(X, y, centers, data.kind, scale=X.shape[1] ** -0.5, seed=seed, **options)
    return task, (mean, spread)


def run_reduction(settings: Settings, seed: int) -> Reduction:
    """5 nearest neighbors on two coordinates, per fold; coordinates from the training part."""
    accuracy, shares = [], []
    for name in settings.reduction_tables:
        data = load(name)
        state = derive_seed(seed, "reduction", name) % 2**32
        splits = folds(data.y, settings.reduction_folds, regression=False, seed=state)
        made = [table_task(data, train, state) for train, _ in splits]
        tries = [task for task, _ in made for task in restarts(task, settings.restarts)]
        fits, n = fit_many(tries, RECIPE), settings.restarts
        for fold, ((train, test), (task, (mean, spread))) in enumerate(
            zip(splits, made, strict=True)
        ):
            found = spectrum(best_of(fits[fold * n : (fold + 1) * n]).P)
            shares.append((name, fold, found.shares[0], found.shares[:2].sum()))
            X, new = task.X, (data.X[test] - mean) / spread
            pca = PCA(2, random_state=state).fit(X)
            nca = NeighborhoodComponentsAnalysis(
                2, init="pca", max_iter=100, random_state=state
            ).fit(X, data.y[train])
            basis = found.vectors[:, :2]  # z = V'x, unweighted
            for method, map_ in (
                ("GRBFNN", lambda rows, basis=basis: rows @ basis),
                ("PCA", pca.transform),
                ("NCA", nca.transform),
                ("all features", lambda rows: rows),
            ):
                near = KNeighborsClassifier(5).fit(map_(X), data.y[train])
                accuracy.append((name, fold, method, near.score(map_(new), data.y[test])))
    return Reduction(
        pd.DataFrame(accuracy, columns=["table", "fold", "method", "accuracy"]),
        pd.DataFrame(shares, columns=["table", "fold", "first", "first_two"]),
    )


def read_tables(names: tuple[str, ...], settings: Settings, seed: int) -> list[Reading]:
    """One network per whole table: its spectrum, importances, and how P and AGOP agree."""
    readings = []
    for name in names:
        data = load(name)
        task, _ = table_task(data, np.arange(len(data.y)), derive_seed(seed, "read") % 2**32)
        fit = best_of(fit_many(restarts(task, settings.restarts), RECIPE))
        first = [spectrum(matrix).vectors[:, 0] for matrix in (fit.P, agop(fit, task.X))]
        cosine = float(abs(first[0] @ first[1]))
        readings.append(Reading(data, task.X, fit, cosine, formulas(fit, task.X)))
    return readings
