r"""Shape of the five beads: angles and bonds to look at, invariants to learn from.

The beads are C, N, CA, C, N.  Beads 0-3 span the dihedral angle :math:`\phi`, beads 1-4 span
:math:`\psi`.  Distances and signed volumes do not change when the molecule is moved or turned; a
distance cannot tell a molecule from its mirror image, a signed volume can.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

N_BEADS = 5
PAIRS = tuple(combinations(range(N_BEADS), 2))
QUADRUPLES = tuple(combinations(range(N_BEADS), 4))
N_INVARIANTS = len(PAIRS) + len(QUADRUPLES) + 1
"""Ten distances, five signed volumes, and the squared radius."""

BONDS = ((0, 1), (1, 2), (2, 3), (3, 4))
BOND_NAMES = ("C–N", "N–CA", "CA–C", "C–N")
C_N = (0, 3)
"""Which of :data:`BONDS` are peptide bonds; the paper looks at these."""


def dihedral(beads: np.ndarray, i: int) -> np.ndarray:
    """Angle in radian, -pi to pi, that beads i to i + 3 span; IUPAC's sign (trans is pi).

    beads : (..., 5, 3).  Returns : (...)
    """
    b1, b2, b3 = (beads[..., i + k + 1, :] - beads[..., i + k, :] for k in range(3))
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    length = np.linalg.norm(b2, axis=-1)
    return np.arctan2(length * (b1 * n2).sum(-1), (n1 * n2).sum(-1))


def phi_psi(beads: np.ndarray) -> np.ndarray:
    """Both angles in radian: (..., 2) from (..., 5, 3) or flattened (..., 15)."""
    beads = as_beads(beads)
    return np.stack([dihedral(beads, 0), dihedral(beads, 1)], -1)


def bond_lengths(beads: np.ndarray) -> np.ndarray:
    """Lengths of the four bonds, in the unit of `beads`: (..., 4)."""
    beads = as_beads(beads)
    return np.stack(
        [np.linalg.norm(beads[..., j, :] - beads[..., i, :], axis=-1) for i, j in BONDS], -1
    )


def as_beads(x: np.ndarray) -> np.ndarray:
    """(..., 5, 3) from (..., 15); float64, so that angles are as exact as the coordinates."""
    x = np.asarray(x, dtype=float)
    return x if x.shape[-2:] == (N_BEADS, 3) else x.reshape(*x.shape[:-1], N_BEADS, 3)


def centered(x: Tensor) -> Tensor:
    """Coordinates without their mean: the projection on 12 of 15 dimensions; (..., 15)."""
    beads = x.reshape(*x.shape[:-1], N_BEADS, 3)
    return (beads - beads.mean(-2, keepdim=True)).reshape(x.shape)


def _differences() -> Tensor:
    """Matrix that takes (batch, 15) to all difference vectors, component by component: (15, 75).

    One product of two matrices is many times faster than 25 small ones per molecule.
    """
    rows = torch.zeros(len(PAIRS) + 3 * len(QUADRUPLES), N_BEADS)
    for row, (i, j) in enumerate(PAIRS):
        rows[row, i], rows[row, j] = -1.0, 1.0
    for q, (origin, *others) in enumerate(QUADRUPLES):
        for k, other in enumerate(others):
            row = len(PAIRS) + k * len(QUADRUPLES) + q
            rows[row, origin], rows[row, other] = -1.0, 1.0
    return torch.einsum("rb,cd->bcdr", rows, torch.eye(3)).reshape(3 * N_BEADS, -1)


_MATRIX = _differences()
_TINY = 1e-12  # keeps the square root's slope finite where two beads meet


class Invariants:
    r"""Invariants of a batch, and the way back from slopes in them to slopes in x.

    x : (batch, 15), centered
    values : (batch, 16): distances, volumes :math:`(b-a)\cdot[(c-a)\times(d-a)]`, and
        :math:`\|x\|^2`
    """

    def __init__(self, x: Tensor) -> None:
        n, q = len(PAIRS), len(QUADRUPLES)
        self._x, self._matrix = x, _MATRIX.to(x)
        vectors = (x @ self._matrix).reshape(len(x), 3, n + 3 * q)
        self._pairs = vectors[..., :n]
        u, v, w = vectors[..., n:].split(q, -1)
        self._distances = (self._pairs.square().sum(1) + _TINY).sqrt()
        areas = torch.linalg.cross(v, w, dim=1)
        sides = (areas, torch.linalg.cross(w, u, dim=1), torch.linalg.cross(u, v, dim=1))
        self._sides = torch.cat(sides, -1)
        radius = x.square().sum(1, keepdim=True)
        self.values = torch.cat([self._distances, (u * areas).sum(1), radius], 1)

    def pull_back(self, slopes: Tensor) -> Tensor:
        """Sum over invariants k of ``slopes[:, k]`` times the gradient of k in x: (batch, 15)."""
        n, q = len(PAIRS), len(QUADRUPLES)
        along = (slopes[:, :n] / self._distances)[:, None] * self._pairs
        across = slopes[:, n : n + q].repeat(1, 3)[:, None] * self._sides
        forces = torch.cat([along, across], -1).flatten(1) @ self._matrix.T
        return forces + 2 * slopes[:, n + q :] * self._x
