r"""Sparse autoencoders on cached activations: top-k, batch top-k, p-annealing, structured.

z is the code and :math:`\hat f` the reconstruction.  The structured one splits the code,
z = S + R with S sparse and R of low rank (notebook eq. 8):

.. math:: \lVert f - \hat f\rVert^2 + \lambda_t \lVert S\rVert_{p_t}^{p_t} + \gamma \lVert R\rVert_*

How S and R are made is not stated where we could read it; here two encoders read the same input,
S = ReLU(W_S x + a_S) and R = W_R x + a_R, and one decoder reads their sum.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from companion import contracts

KINDS = ("top-k", "batch top-k", "p-annealing", "structured")


class Autoencoder(nn.Module):
    """Encoder(s) and decoder; inputs are centered, with entries of the order of one.

    level : k of the two top-k kinds, else the first weight of the penalty
    """

    def __init__(self, kind: str, level: float, d: int, n_features: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown autoencoder {kind!r}; choose one of {', '.join(KINDS)}")
        self.kind, self.level = kind, level
        self.encoder = nn.Linear(d, n_features)
        self.decoder = nn.Linear(n_features, d)
        with torch.no_grad():
            self.decoder.weight.copy_(nn.functional.normalize(self.encoder.weight, dim=1).T)
        self.dense = nn.Linear(d, n_features) if kind == "structured" else None
        if self.dense is not None:
            nn.init.normal_(self.dense.weight, std=0.01)

    def sparse(self, x: Tensor) -> Tensor:
        """The sparse code, (batch, features)."""
        raw = self.encoder(x).relu()
        if self.kind == "top-k":
            return keep_largest(raw, int(self.level))
        if self.kind == "batch top-k":
            kept = keep_largest(raw.view(1, -1), int(self.level) * len(x))
            return kept.view_as(raw)
        return raw

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(code z, reconstruction)."""
        z = self.sparse(x)
        if self.dense is not None:
            z = z + self.dense(x)
        return z, self.decoder(z)


def keep_largest(values: Tensor, k: int) -> Tensor:
    """Zeros but for the k largest of each row."""
    k = min(k, values.shape[1])
    top, where = values.topk(k, dim=1)
    return torch.zeros_like(values).scatter(1, where, top)


def norm_p(sparse: Tensor, p: float) -> Tensor:
    """Mean over the batch of sum |s|^p; the offset keeps the slope at zero finite."""
    return (sparse.abs() + 1e-8).pow(p).sum(1).mean()


def nuclear_norm(rows: Tensor) -> Tensor:
    """Sum of singular values of a matrix (rows, features)."""
    return torch.linalg.svdvals(rows).sum()


class Annealing:
    """p falls from 1 to 0.1 in ten steps over the last half, the weight keeps the penalty level.

    When p changes, the weight is multiplied by the mean norm under the old p over that under the
    new p, as in the library that introduced it.
    """

    def __init__(self, weight: float, steps: int) -> None:
        self.weight, self.steps, self.p = weight, steps, 1.0

    def at(self, step: int, sparse: Tensor) -> float:
        """Move to the p of `step`; returns it."""
        done = max(0.0, step / self.steps - 0.5) * 2
        p = max(0.1, 1.0 - 0.1 * int(10 * done))
        if p != self.p:
            with torch.no_grad():
                self.weight *= float(norm_p(sparse, self.p) / norm_p(sparse, p))
            self.p = p
        return p


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlations of the columns of a (N, p) with those of b (N, q): (p, q)."""

    def standard(x: np.ndarray) -> np.ndarray:
        x = x - x.mean(0)
        size = np.linalg.norm(x, axis=0)
        return x / np.where(size > 1e-12, size, np.inf)

    return standard(a).T @ standard(b)


def best_feature(code: np.ndarray, target: np.ndarray) -> np.ndarray:
    """|corr| of the best feature per target column, (q,): chosen on even rows, scored on odd."""
    chosen = np.abs(correlations(code[::2], target[::2])).argmax(0)
    scored = correlations(code[1::2], target[1::2])
    return np.abs(scored[chosen, np.arange(target.shape[1])])


contracts.guard_public(__name__)
