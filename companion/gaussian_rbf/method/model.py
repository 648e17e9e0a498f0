r"""The network, its gradients for many fits at a time, and what one is to be fitted to.

The network and its gradients, for many fits at a time.

Every array has a leading axis of fits, so that one call computes what a loop over fits would.
With N rows, D features, M centers and K outputs,

.. math::

    f(x) = \sum_m w_m \varphi_m(x), \qquad
    \varphi_m(x) = \exp\big(-\tfrac12 (x - c_m)^\top P (x - c_m)\big), \qquad P = U^\top U

(notebook eq. 1).  The gradients are written out and not left to autograd: they need no array of
shape (N, M, D), and their tests compare them with finite differences and with autograd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion import contracts
from companion.scale import generator

if TYPE_CHECKING:
    from jaxtyping import Float

# -------------------------------------------------------------------------------------------- model
REGRESSION, BINARY, MULTICLASS = "regression", "binary", "multiclass"
KINDS = (REGRESSION, BINARY, MULTICLASS)
"""What the outputs mean: values, one logit, or K logits."""

FULL, DIAGONAL, ISOTROPIC = "full", "diagonal", "isotropic"
STRUCTURES = (FULL, DIAGONAL, ISOTROPIC)
"""Which entries of U are learned: the upper triangle, its diagonal, or one number."""


class Parameters(NamedTuple):
    """Parameters of `fits` networks (or gradients with respect to them).

    U : (fits, D, D), upper triangular
    W : (fits, M, K)
    C : (fits, M, D)
    """

    U: Tensor
    W: Tensor
    C: Tensor


def gaussians(
    X: Float[Tensor, "fits N D"], U: Float[Tensor, "fits D D"], C: Float[Tensor, "fits M D"]
) -> Float[Tensor, "fits N M"]:
    r"""Values of all Gaussians, shape (fits, N, M).  Notebook eq. 1.

    The squared distance is :math:`\|Ux\|^2 + \|Uc\|^2 - 2 (Ux)\cdot(Uc)`, clipped at 0.

    X : (fits, N, D); U : (fits, D, D); C : (fits, M, D)
    """
    UX, UC = X @ U.mT, C @ U.mT
    rows = UX.square().sum(2, keepdim=True).mul_(-0.5)
    exponent = torch.baddbmm(rows, UX, UC.mT)
    exponent.sub_(UC.square().sum(2).mul_(0.5).unsqueeze(1))
    return exponent.clamp_(max=0).exp_()


def data_term(F: Tensor, y: Tensor, row_weight: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Weighted mean loss per fit, shape (fits,), and its gradient in F, shape (fits, N, K).

    F : (fits, N, K) outputs; y : (fits, N, K) values, 0/1, or one-hot rows
    row_weight : (fits, N, 1), sums to one in each fit; zero for padding
    """
    if kind == REGRESSION:
        error = F - y
        return (row_weight * error.square()).sum((1, 2)), 2 * row_weight * error
    if kind == BINARY:
        loss = torch.nn.functional.softplus(F) - y * F
        return (row_weight * loss).sum((1, 2)), row_weight * (torch.sigmoid(F) - y)
    if kind == MULTICLASS:
        logs = torch.log_softmax(F, dim=2)
        return -(row_weight * y * logs).sum((1, 2)), row_weight * (logs.exp() - y)
    raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")


class Evaluation(NamedTuple):
    """Data term per fit (fits,), its gradient, and the largest Gaussian per fit (fits,)."""

    loss: Tensor
    gradient: Parameters
    peak: Tensor


def evaluate(
    theta: Parameters,
    X: Float[Tensor, "fits N D"],
    y: Float[Tensor, "fits N K"],
    row_weight: Float[Tensor, "fits N 1"],
    center_mask: Float[Tensor, "fits M 1"],
    kind: str,
) -> Evaluation:
    r"""Data term and gradient of every fit.  Notebook eq. 3.

    With :math:`g = \partial L / \partial F`, :math:`G = (g W^\top) \odot \Phi` and the row and
    column sums a, b of G:

    :math:`\partial L/\partial W = \Phi^\top g`,
    :math:`\partial L/\partial U = -U S` with
    :math:`S = X^\top\!\mathrm{diag}(a) X - X^\top G C - (X^\top G C)^\top + C^\top\!\mathrm{diag}(b) C`
    on the upper triangle, and :math:`\partial L/\partial C = (G^\top X - \mathrm{diag}(b) C) P`.

    center_mask : (fits, M, 1), zero for padding; other shapes as above
    """  # noqa: E501
    U, W, C = theta
    phi = gaussians(X, U, C)
    F = phi @ (W * center_mask)
    loss, g = data_term(F, y, row_weight, kind)
    a = (g * F).sum(2, keepdim=True)  # row sums of G, without forming G
    if g.shape[2] == 1:
        both = phi.mT @ torch.cat([g * X, g], dim=2)
        grad_W = both[..., -1:] * center_mask
        GX = W * center_mask * both[..., :-1]
    else:
        grad_W = (phi.mT @ g) * center_mask
        GX = (g @ (W * center_mask).mT).mul_(phi).mT @ X
    b = (W * grad_W).sum(2, keepdim=True)  # column sums of G
    pull = GX - b * C
    S = X.mT @ (a * X) - GX.mT @ C - C.mT @ pull
    grad_U = -(U @ S).triu()
    grad_C = (pull @ U.mT) @ U
    return Evaluation(loss, Parameters(grad_U, grad_W, grad_C), phi.amax((1, 2)))


def predict(theta: Parameters, X: Tensor) -> Tensor:
    """Outputs F, shape (fits, N, K), of unpadded networks."""
    return gaussians(X, theta.U, theta.C) @ theta.W


# -------------------------------------------------------------------------------------------- tasks
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


contracts.guard(
    __name__,
    {
        "Task": {
            "X": contracts.FINITE,
            "y": contracts.FINITE,
            "centers": contracts.FINITE,
            "lam_u": contracts.NOT_NEGATIVE,
            "lam_w": contracts.NOT_NEGATIVE,
            "lam_c": contracts.NOT_NEGATIVE,
            "scale": contracts.NOT_NEGATIVE,
        },
        "Recipe": {
            "steps": contracts.COUNT,
            "lr": contracts.POSITIVE,
            "tol": contracts.NUMBER,
            "patience": contracts.WHOLE,
        },
    },
)
