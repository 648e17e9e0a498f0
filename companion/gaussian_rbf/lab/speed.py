"""What a stack of fits saves, in processor time, beside the method written as published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from companion.gaussian_rbf.lab.estimator import scaler
from companion.gaussian_rbf.lab.synthetic import targets
from companion.gaussian_rbf.method.model import Recipe, Task, start
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.sources import load
from companion.scale import generator, one_thread

N_FITS = 20
"""Fits of the stack."""


@dataclass(frozen=True)
class Speed:
    """Processor seconds of the fastest call.

    published, one : one fit as published, and ours; in_turn, stack : ``N_FITS`` fits as published
    one after another, and ours in one stack
    difference : largest difference of an objective between ours and the published, in 64 bits
    """

    published: float
    one: float
    in_turn: float
    stack: float
    steps: int
    difference: float


def as_published(task: Task, steps: int, dtype: torch.dtype = torch.float32) -> list[float]:
    """The authors' network written as they write it: one fit, autograd, torch's Adam, no stack.

    The squared distances are formed over (rows, centers, features) as in their classes.

    Returns : the objective of every step
    """
    X, y = (torch.as_tensor(part, dtype=dtype) for part in (task.X, task.y))
    D, M = X.shape[1], len(task.centers)
    first_U, first_W = start(task)
    rows, columns = torch.triu_indices(D, D)
    u = torch.nn.Parameter(torch.as_tensor(first_U, dtype=dtype)[rows, columns])
    W = torch.nn.Parameter(torch.as_tensor(first_W, dtype=dtype))
    C = torch.nn.Parameter(torch.as_tensor(task.centers, dtype=dtype))
    trained = [u, W, C] if task.train_centers else [u, W]
    optimizer = torch.optim.Adam(trained, lr=0.01)
    loss = torch.nn.MSELoss()
    if task.kind == "binary":
        loss = torch.nn.BCEWithLogitsLoss()
    elif task.kind == "multiclass":
        loss = torch.nn.CrossEntropyLoss()
    goal = y.argmax(1) if task.kind == "multiclass" else y
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        U = torch.zeros(D, D, dtype=dtype)
        U[rows, columns] = u
        shift = X.unsqueeze(1).expand(-1, M, -1) - C.unsqueeze(0)
        phi = torch.exp(-0.5 * ((shift @ (U.T @ U)) * shift).sum(-1))
        objective = loss(phi @ W, goal) + task.lam_u * u.norm() + task.lam_w * W.norm()
        objective.backward()
        optimizer.step()
        losses.append(float(objective.detach()))
    return losses


def bench_tasks(n: int, seed: int, table: str = "digits 3v8") -> list[Task]:
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


def best_times(calls: Mapping[str, Callable[[], object]], n: int) -> dict[str, float]:
    """Processor seconds of the fastest of `n` calls of each, in turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(n):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - begun)
    return best


@one_thread()
def run_speed(steps: int, seed: int, repeats: int = 2) -> Speed:
    """All four, on one thread, and how far ours is from the published."""
    tasks, recipe = bench_tasks(N_FITS, seed), Recipe(steps=steps, patience=0)
    calls = {
        "published": partial(as_published, tasks[0], steps),
        "one": partial(fit_many, tasks[:1], recipe),
        "in_turn": lambda: [as_published(task, steps) for task in tasks],
        "stack": partial(fit_many, tasks, recipe),
    }
    calls["one"]()  # warm
    times = best_times(calls, repeats)
    few = Recipe(steps=20, patience=0, double=True, log_every=1)
    ours = fit_many(tasks[:1], few)[0].objective[:20]
    difference = np.abs(ours - as_published(tasks[0], 20, torch.float64)).max()
    return Speed(**times, steps=steps, difference=float(difference))
