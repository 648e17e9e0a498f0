r"""Reading a trained network: eigenvalues, active subspace, and three importance formulas.

:math:`P = V \Gamma V^\top` with :math:`\gamma_1 \ge \dots \ge \gamma_D \ge 0` (notebook eq. 4).
The gradient of the network is :math:`\nabla f(x) = -P\,s(x)`, so the classical active-subspace
matrix, the average gradient outer product (AGOP), is
:math:`H = E[\nabla f \nabla f^\top] = P\,E[s s^\top]\,P` (notebook eq. 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion import contracts
from companion.gaussian_rbf.method.model import Fit

if TYPE_CHECKING:
    from jaxtyping import Float


class Spectrum(NamedTuple):
    """Eigenvalues, largest first, shape (D,), and eigenvectors as columns, shape (D, D)."""

    values: np.ndarray
    vectors: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Eigenvalues over their sum; nan where all are zero."""
        total = self.values.sum()
        return self.values / total if total > 0 else np.full_like(self.values, np.nan)


def spectrum(matrix: np.ndarray) -> Spectrum:
    """Spectrum of a positive semi-definite matrix (``eigh`` ascends, so both are turned round).

    The sign of an eigenvector is free; here its entry of largest size is positive.
    """
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    top = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(vectors))]
    return Spectrum(values, vectors * np.where(top < 0, -1, 1))


def _shared(weights: np.ndarray) -> np.ndarray:
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))


def importance(P: Float[np.ndarray, "D D"]) -> Float[np.ndarray, " D"]:
    r"""The authors' formula, shape (D,), sums to one: :math:`I_j \propto \sum_k |v_{jk}| \gamma_k`.

    Notebook eq. 5.  Not unique where eigenvalues coincide.
    """
    values, vectors = spectrum(P)
    return _shared(np.abs(vectors) @ values)


def diagonal_importance(matrix: np.ndarray) -> np.ndarray:
    r"""Share of each feature in the trace, :math:`\sum_k v_{jk}^2 \gamma_k`; always unique.

    matrix : P, or the AGOP
    """
    return _shared(np.maximum(np.diag(matrix), 0))


def gradients(fit: Fit, X: np.ndarray) -> np.ndarray:
    r"""Gradients, shape (rows, K, D): :math:`-P \sum_m w_m \varphi_m(x)(x - c_m)`."""
    phi = fit.gaussians(X)
    total = phi @ fit.W  # (rows, K)
    pull = np.einsum("nm,mk,md->nkd", phi, fit.W, fit.C)
    return -(total[:, :, None] * X[:, None, :] - pull) @ fit.P


def agop(fit: Fit, X: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "D D"]:
    """Average gradient outer product, shape (D, D), mean over rows and outputs.  Eq. 6."""
    slopes = gradients(fit, X).reshape(-1, X.shape[1])
    return slopes.T @ slopes / len(slopes)


def principal_angle(A: np.ndarray, B: np.ndarray) -> float:
    """Largest principal angle between the column spaces of A and B, in degrees.

    A, B : (D, k), linearly independent columns
    """
    A, B = np.linalg.qr(A)[0], np.linalg.qr(B)[0]
    sine = np.linalg.norm(B - A @ (A.T @ B), 2)
    return float(np.degrees(np.arcsin(min(sine, 1.0))))


def ranking_auc(scores: np.ndarray, is_true: np.ndarray) -> float:
    """Chance that a true feature scores above a noise feature; ties count half."""
    above = scores[is_true][:, None] - scores[~is_true][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def top_hit(scores: np.ndarray, is_true: np.ndarray) -> bool:
    """Whether the k best features are the k true ones."""
    k = int(is_true.sum())
    return bool(is_true[np.argsort(-scores, kind="stable")[:k]].all())


contracts.guard_public(
    __name__,
    {
        "ranking_auc": {"scores": contracts.FINITE},
        "top_hit": {"scores": contracts.FINITE},
        "spectrum": {"matrix": contracts.matrix(contracts.FINITE)},
        "importance": {"P": contracts.matrix(contracts.DIAGONAL)},
        "diagonal_importance": {"matrix": contracts.matrix(contracts.FINITE)},
    },
)
contracts.alike(__name__, dict.fromkeys(("ranking_auc", "top_hit"), ("scores", "is_true")))
