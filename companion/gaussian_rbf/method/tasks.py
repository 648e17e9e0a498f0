"""What is to be fitted, how, and what comes out: one network each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from companion.gaussian_rbf.method.model import (
    DIAGONAL,
    FULL,
    ISOTROPIC,
    KINDS,
    REGRESSION,
    STRUCTURES,
)
from companion.scale import generator

ALIVE = 1e-3
"""A network whose largest Gaussian is below this is asleep: its data gradient is negligible."""


@dataclass(frozen=True)
class Task:
    """One fit to be done.

    X : (N, D); y : (N, K), centered values, 0/1, or one-hot; centers : (M, D), the start
    kind : what the outputs mean (``model.KINDS``)
    structure : of the precision (``model.STRUCTURES``)
    lam_u, lam_w, lam_c : weights of the norms of U, W and C
    scale : standard deviation of the start of U; the authors' is 1
    train_centers : whether the centers move; squared : square the norms
    seed : of the start of U and W
    """

    X: np.ndarray
    y: np.ndarray
    centers: np.ndarray
    kind: str = REGRESSION
    structure: str = FULL
    lam_u: float = 1e-2
    lam_w: float = 1e-4
    lam_c: float = 0.0
    scale: float = 1.0
    train_centers: bool = True
    squared: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; choose one of {', '.join(KINDS)}")
        if self.structure not in STRUCTURES:
            raise ValueError(
                f"unknown structure {self.structure!r}; choose one of {', '.join(STRUCTURES)}"
            )
        if self.X.ndim != 2 or self.y.ndim != 2 or len(self.X) != len(self.y):
            raise ValueError(f"need X (N, D) and y (N, K), got {self.X.shape} and {self.y.shape}")


@dataclass(frozen=True)
class Fit:
    """A trained network, as numpy arrays.

    U : (D, D); W : (M, K); C : (M, D)
    loss : best objective; data_loss : its data term there
    steps : steps taken; stopped : whether early stopping ended it
    awake : whether any Gaussian reached ``ALIVE``; diverged : whether the loss became infinite
    history : (steps // log_every,), data term along the way, and objective
    """

    U: np.ndarray
    W: np.ndarray
    C: np.ndarray
    kind: str
    loss: float
    data_loss: float
    steps: int
    stopped: bool
    awake: bool
    diverged: bool
    history: np.ndarray
    objective: np.ndarray

    @property
    def P(self) -> np.ndarray:
        """Precision, shape (D, D)."""
        return self.U.T @ self.U

    def gaussians(self, X: np.ndarray) -> np.ndarray:
        """Values of the Gaussians, shape (rows, M)."""
        UX, UC = X @ self.U.T, self.C @ self.U.T
        square = (UX**2).sum(1)[:, None] + (UC**2).sum(1) - 2 * UX @ UC.T
        return np.exp(-0.5 * np.maximum(square, 0))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Outputs, shape (rows, K): values or logits."""
        return self.gaussians(X) @ self.W


@dataclass(frozen=True)
class Recipe:
    """How to train; the values of the authors' example but for `steps`.

    steps : at most; lr : of Adam
    tol, patience : stop a fit that gains less than `tol` in `patience` steps; 0 never stops.
        The count waits while the network is asleep
    double : 64-bit floats; device : where torch computes
    log_every : steps between the recorded losses
    """

    steps: int = 600
    lr: float = 0.01
    tol: float = 1e-6
    patience: int = 60
    double: bool = False
    log_every: int = 10
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_every < 1 or self.lr <= 0:
            raise ValueError(f"steps, log_every and lr must be positive, got {self}")


def start(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Start of U (upper triangular) and W, normal draws that depend on the task's seed only."""
    d, k, m = task.X.shape[1], task.y.shape[1], len(task.centers)
    U = np.triu(generator(task.seed, "start of U", d).standard_normal((d, d))) * task.scale
    if task.structure == DIAGONAL:
        U = np.diag(np.diag(U))
    if task.structure == ISOTROPIC:
        U = np.eye(d) * U[0, 0]
    return U, generator(task.seed, "start of W", m, k).standard_normal((m, k))


def restarts(task: Task, n: int) -> list[Task]:
    """The task with `n` starts of U and W; the centers are the same."""
    return [replace(task, seed=task.seed + 7919 * i) for i in range(n)]


def best_of(fits: Sequence[Fit]) -> Fit:
    """The fit with the lowest objective; one that diverged only if all did."""
    return min(fits, key=lambda fit: (fit.diverged, fit.loss))
