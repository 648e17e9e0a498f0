"""Two coordinates for a table, the decay of its spectrum, and how much time a batch saves."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds
from companion.gaussian_rbf.lab.synthetic import formulas, targets
from companion.gaussian_rbf.method.model import Fit, Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.precision import agop, spectrum
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.gaussian_rbf.sources import Table, load
from companion.scale import derive_seed, generator

# ---------------------------------------------------------------------------------------- reduction
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


# -------------------------------------------------------------------------------------------- bench
class Bench(NamedTuple):
    """fits : in the batch; one, many : seconds of one fit and of all; difference : largest
    difference of an output between a fit in the batch and the same fit alone, in 64 bits
    """

    fits: int
    steps: int
    one: float
    many: float
    difference: float

    @property
    def ratio(self) -> float:
        """Time of the batch over the time of one."""
        return self.many / self.one


def bench_tasks(n: int, seed: int, table: str = "wine") -> list[Task]:
    """Fits as the nested cross-validation has them: random halves of a table, M = 8."""
    data = load(table)
    tasks = []
    for i in range(n):
        rng = generator(seed, "bench", i)
        rows = rng.permutation(len(data.y))[: len(data.y) // 2]
        mean, spread = scaler(data.X[rows])
        X = (data.X[rows] - mean) / spread
        centers = X[rng.permutation(len(X))[:8]]
        y = targets(data.y[rows], data.kind)
        tasks.append(Task(X, y, centers, data.kind, scale=X.shape[1] ** -0.5, seed=i))
    return tasks


def run_bench(n: int, steps: int, seed: int, *, repeats: int = 3, alone: int = 5) -> Bench:
    """Best of `repeats` for both; `alone` of the fits are compared with themselves alone."""
    tasks, recipe = bench_tasks(n, seed), Recipe(steps=steps, patience=0)

    def seconds(part: list[Task]) -> float:
        started = time.perf_counter()
        fit_many(part, recipe)
        return time.perf_counter() - started

    seconds(tasks[:1])  # warm
    one = min(seconds(tasks[:1]) for _ in range(repeats))
    many = min(seconds(tasks) for _ in range(repeats))
    exact = Recipe(steps=steps, patience=0, double=True)
    together = fit_many(tasks, exact)
    difference = max(
        np.abs(fit.predict(task.X) - fit_many([task], exact)[0].predict(task.X)).max()
        for fit, task in list(zip(together, tasks, strict=True))[:alone]
    )
    return Bench(n, steps, one, many, float(difference))
