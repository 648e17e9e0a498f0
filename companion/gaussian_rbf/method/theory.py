"""Ours: what can be said of P and of the gradients exactly, without any training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion import contracts
from companion.gaussian_rbf.method.model import Fit
from companion.gaussian_rbf.method.precision import gradients, importance, spectrum


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


def normal_agop(P: np.ndarray, centers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""AGOP of a regression network under x ~ N(0, I), exactly, shape (D, D).

    A product of two of its Gaussians and the normal density is a Gaussian again, with covariance
    :math:`A^{-1}`, :math:`A = I + 2P`, mean :math:`\mu = A^{-1} P (c_a + c_b)` and mass
    :math:`|A|^{-1/2} \exp(-\tfrac12 (c_a^\top P c_a + c_b^\top P c_b) + \tfrac12 \mu^\top A \mu)`, so

    .. math:: H = P \sum_{ab} w_a w_b\, m_{ab} \big(A^{-1} + (\mu - c_a)(\mu - c_b)^\top\big) P.

    P : (D, D), symmetric; centers : (M, D); weights : (M,)
    """  # noqa: E501
    A = np.eye(len(P)) + 2 * P
    inverse = np.linalg.inv(A)
    total = np.zeros_like(inverse)
    for a, w_a in zip(centers, weights, strict=True):
        for b, w_b in zip(centers, weights, strict=True):
            mean = inverse @ P @ (a + b)
            mass = np.exp(-0.5 * (a @ P @ a + b @ P @ b) + 0.5 * mean @ A @ mean)
            total += w_a * w_b * mass * (inverse + np.outer(mean - a, mean - b))
    return P @ total @ P / np.sqrt(np.linalg.det(A))


contracts.guard_public(__name__)
contracts.alike(__name__, dict.fromkeys(("network", "normal_agop"), ("centers", "weights")))
