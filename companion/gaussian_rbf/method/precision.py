r"""Reading a trained network: eigenvalues, importance, and what can be said of them exactly.

Reading a trained network: eigenvalues, active subspace, and three importance formulas.

:math:`P = V \Gamma V^\top` with :math:`\gamma_1 \ge \dots \ge \gamma_D \ge 0` (notebook eq. 4).
The gradient of the network is :math:`\nabla f(x) = -P\,s(x)`, so the classical active-subspace
matrix, the average gradient outer product (AGOP), is
:math:`H = E[\nabla f \nabla f^\top] = P\,E[s s^\top]\,P` (notebook eq. 6).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.gaussian_rbf.method.model import Fit


# ---------------------------------------------------------------------------------------- precision
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


def importance(P: np.ndarray) -> np.ndarray:
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


def agop(fit: Fit, X: np.ndarray) -> np.ndarray:
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


# ------------------------------------------------------------------------------------------- theory
def network(P: np.ndarray, centers: np.ndarray, weights: np.ndarray) -> Fit:
    """A regression network with a given precision (symmetric, positive definite).

    P : (D, D); centers : (M, D); weights : (M,)
    """
    U = np.linalg.cholesky(P).T
    empty = np.zeros(0)
    return Fit(
        U, weights[:, None], centers, "regression", 0.0, 0.0, 0, False, True, False, empty, empty
    )


class Counterexample(NamedTuple):
    """H : (2, 2) by quadrature; fit : the network; cosine : of the first eigenvectors."""

    H: np.ndarray
    fit: Fit
    cosine: float


def counterexample(nodes: int = 60) -> Counterexample:
    """P = diag(1, 0.2), centers (0, 3) and (0, -3), weights 1 and -1, x normal.

    The first eigenvector of P is the first axis; most of the output varies along the second.
    The expectation is Gauss-Hermite quadrature, exact to rounding.
    """
    fit = network(np.diag([1.0, 0.2]), np.array([[0.0, 3.0], [0.0, -3.0]]), np.array([1.0, -1.0]))
    H = quadrature_agop(fit, nodes)
    first = [spectrum(matrix).vectors[:, 0] for matrix in (fit.P, H)]
    return Counterexample(H, fit, float(abs(first[0] @ first[1])))


def quadrature_agop(fit: Fit, nodes: int = 60) -> np.ndarray:
    """AGOP of a network of two features under x ~ N(0, I), shape (2, 2), by Gauss and Hermite."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    X = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    return weighted_agop(fit, X, np.outer(w, w).ravel() / w.sum() ** 2)


def weighted_agop(fit: Fit, X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gradient outer product averaged with `weights`, which sum to one."""
    slopes = gradients(fit, X)[:, 0]
    return (slopes * weights[:, None]).T @ slopes


def single_center_agop(P: np.ndarray, weight: float) -> np.ndarray:
    r"""AGOP of one Gaussian at 0 under x ~ N(0, I), shape (D, D).

    :math:`H = w^2 |I + 2P|^{-1/2}\, P (I + 2P)^{-1} P`: the eigenvectors of P, in its order.
    """
    widened = np.eye(len(P)) + 2 * P
    return weight**2 / np.sqrt(np.linalg.det(widened)) * P @ np.linalg.inv(widened) @ P


class Ambiguity(NamedTuple):
    """Importance of equal features under rounding noise: ranges over the draws, and of diag P."""

    low: float
    high: float
    diagonal_low: float
    diagonal_high: float


def ambiguity(rng: np.random.Generator, n: int = 200, size: float = 1e-9) -> Ambiguity:
    """Perturb the identity by `size`: the formula of the paper moves, diag P stays."""
    every, diagonal = [], []
    for _ in range(n):
        noise = rng.standard_normal((4, 4)) * size
        P = np.eye(4) + (noise + noise.T) / 2
        every.append(importance(P))
        diagonal.append(np.diag(P) / np.trace(P))
    return Ambiguity(
        float(np.min(every)),
        float(np.max(every)),
        float(np.min(diagonal)),
        float(np.max(diagonal)),
    )


def inactive_change(fit: Fit, X: np.ndarray, rng: np.random.Generator, k: int) -> float:
    """Largest change of the outputs when noise moves the rows along the last D - k directions."""
    idle = spectrum(fit.P).vectors[:, k:]
    moved = X + rng.standard_normal((len(X), idle.shape[1])) @ idle.T
    return float(np.abs(fit.predict(moved) - fit.predict(X)).max())


def sampled_agop(fit: Fit, rng: np.random.Generator, n: int = 2000) -> np.ndarray:
    """AGOP under normal rows, by sampling."""
    return agop(fit, rng.standard_normal((n, len(fit.U))))
