"""How much time a batch saves, measured in one process."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from companion.gaussian_rbf.lab.estimator import scaler
from companion.gaussian_rbf.lab.selection import targets
from companion.gaussian_rbf.method.tasks import Recipe, Task
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.sources import load
from companion.scale import generator


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
