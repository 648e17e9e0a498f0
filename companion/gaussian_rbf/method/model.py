r"""The network and its gradients, for many fits at a time.

Every array has a leading axis of fits, so that one call computes what a loop over fits would.
With N rows, D features, M centers and K outputs,

.. math::

    f(x) = \sum_m w_m \varphi_m(x), \qquad
    \varphi_m(x) = \exp\big(-\tfrac12 (x - c_m)^\top P (x - c_m)\big), \qquad P = U^\top U

(notebook eq. 1).  The gradients are written out and not left to autograd: they need no array of
shape (N, M, D), and their tests compare them with finite differences and with autograd.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

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


def gaussians(X: Tensor, U: Tensor, C: Tensor) -> Tensor:
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
    theta: Parameters, X: Tensor, y: Tensor, row_weight: Tensor, center_mask: Tensor, kind: str
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
