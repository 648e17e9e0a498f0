r"""Arithmetic and traffic of one decode step (C8).


.. math:: H \leftarrow \alpha H + X^\top B, \qquad Y = C H^\top

with H (P, N), B and C (R, N), X and Y (R, P).  Paper, Table 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

H100_BALANCE = 295.0
"""FLOP a byte at which an H100's bf16 matrix units and its memory are equally busy."""


def flops(N: int, P: int, R: int) -> int:
    """Additions and multiplications of one head and step: 4NPR + NP - PR. Paper, Table 2."""
    return 4 * N * P * R + N * P - P * R


def traffic(N: int, P: int, R: int, bytes_per_number: int = 2) -> int:
    """Bytes that must move: state, B and C, one x of width P a rank, one α. Paper, Table 2."""
    return bytes_per_number * (1 + 2 * N * R + P * R + N * P)


def intensity(N: int, P: int, R: int) -> float:
    """FLOP a byte at two bytes a number."""
    return flops(N, P, R) / traffic(N, P, R)


@dataclass
class Tally:
    """Counts what its numbers do."""

    n_operations: int = 0


@dataclass(frozen=True)
class Counted:
    """A number that adds one to its tally for each addition or multiplication."""

    value: float
    tally: Tally

    def __add__(self, other: Counted) -> Counted:
        self.tally.n_operations += 1
        return Counted(self.value + other.value, self.tally)

    def __mul__(self, other: Counted) -> Counted:
        self.tally.n_operations += 1
        return Counted(self.value * other.value, self.tally)


def counted_flops(N: int, P: int, R: int, rng: np.random.Generator) -> tuple[int, float]:
    """Run one step on numbers that count; operations, and largest error against numpy."""
    tally = Tally()
    draws = {
        name: rng.standard_normal(shape)
        for name, shape in {"H": (P, N), "B": (R, N), "C": (R, N), "X": (R, P)}.items()
    }
    H, B, C, X = ([[Counted(v, tally) for v in row] for row in draws[name]] for name in "HBCX")
    alpha = Counted(0.9, tally)
    for p in range(P):
        for n in range(N):
            H[p][n] = alpha * H[p][n]
            for r in range(R):
                H[p][n] = H[p][n] + X[r][p] * B[r][n]
    Y = [[_dot(C[r], H[p]) for p in range(P)] for r in range(R)]
    state = 0.9 * draws["H"] + draws["X"].T @ draws["B"]
    found = np.array([[y.value for y in row] for row in Y])
    return tally.n_operations, float(np.abs(found - draws["C"] @ state.T).max())


def _dot(a: list[Counted], b: list[Counted]) -> Counted:
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        total = total + x * y
    return total
