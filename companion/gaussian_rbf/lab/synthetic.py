"""Data whose answer is known: a rotated ridge, and the three problems of feature selection.

The three follow the definitions in the code of Chen et al. 2017 (conditional covariance
minimization), which the literature on embedded feature selection uses.  That the paper's own
three are these is a guess.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEATURES = 10


class Labeled(NamedTuple):
    """X : (N, D); y : (N,), values or class numbers; is_true : (D,), the features that matter."""

    X: np.ndarray
    y: np.ndarray
    is_true: np.ndarray


class Ridge(NamedTuple):
    """X : (N, D); y : (N,); plane : (D, 2), orthonormal, the directions on which y depends."""

    X: np.ndarray
    y: np.ndarray
    plane: np.ndarray


def ridge(
    rng: np.random.Generator,
    n: int,
    n_features: int,
    *,
    rotated: bool,
    noise: float = 0.1,
    plane: np.ndarray | None = None,
) -> Ridge:
    r"""Normal rows and :math:`y = \sin(1.5 z_1) + \tfrac12 z_2^2 + 0.1\,\epsilon`, :math:`z = Q^\top x`.

    rotated : a random plane Q; else the first two axes.  plane : use this one
    """  # noqa: E501
    if n_features < 2:
        raise ValueError(f"a ridge needs at least two features, got {n_features}")
    if plane is None:
        plane = np.eye(n_features)[:, :2]
        if rotated:
            plane = np.linalg.qr(rng.standard_normal((n_features, 2)))[0]
    X = rng.standard_normal((n, n_features))
    z = X @ plane
    y = np.sin(1.5 * z[:, 0]) + 0.5 * z[:, 1] ** 2 + noise * rng.standard_normal(n)
    return Ridge(X, y, plane)


def _first(k: int) -> np.ndarray:
    return np.arange(FEATURES) < k


def orange_skin(rng: np.random.Generator, n: int) -> Labeled:
    """Class 1 is a shell, 9 < x1^2 + ... + x4^2 < 16, around class 0; x5 to x10 are noise."""
    X = rng.standard_normal((n, FEATURES))
    y = (np.arange(n) % 2).astype(int)
    # the radius of a normal vector does not depend on its direction: draw it from the shell
    shell = y == 1
    radius = np.sqrt(_chi_square_between(rng, int(shell.sum()), 4, 9.0, 16.0))
    direction = X[shell, :4] / np.linalg.norm(X[shell, :4], axis=1, keepdims=True)
    X[shell, :4] = direction * radius[:, None]
    return Labeled(X, y, _first(4))


def _chi_square_between(
    rng: np.random.Generator, n: int, freedom: int, low: float, high: float
) -> np.ndarray:
    """Draws of a chi-square variable given that it lies between `low` and `high`."""
    from scipy.stats import chi2

    ends = chi2.sf([high, low], freedom)
    return chi2.isf(rng.uniform(*ends, size=n), freedom)


def xor(rng: np.random.Generator, n: int) -> Labeled:
    """Corners of a cube with unit noise; a corner and its opposite share one of 4 classes."""
    corner = rng.choice([-1.0, 1.0], size=(n, 3))
    sign = corner[:, :1]
    y = ((corner[:, 1:] * sign > 0) @ [2, 1]).astype(int)
    X = rng.standard_normal((n, FEATURES))
    X[:, :3] += corner
    return Labeled(X, y, _first(3))


def additive(rng: np.random.Generator, n: int) -> Labeled:
    """Regression, y = -2 sin(2 x1) + max(x2, 0) + x3 + exp(-x4) + noise of unit variance."""
    X = rng.standard_normal((n, FEATURES))
    y = -2 * np.sin(2 * X[:, 0]) + np.maximum(X[:, 1], 0) + X[:, 2] + np.exp(-X[:, 3])
    return Labeled(X, y + rng.standard_normal(n), _first(4))


PROBLEMS = {"orange skin": orange_skin, "XOR": xor, "additive regression": additive}
"""Name to generator."""
