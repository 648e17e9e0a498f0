r"""What can be said exactly: P is not the gradient subspace, and importance need not be unique."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.gaussian_rbf.method.precision import agop, gradients, importance, spectrum
from companion.gaussian_rbf.method.tasks import Fit


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
