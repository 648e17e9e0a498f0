r"""Arithmetic and traffic of one decode step (C8).

.. math:: H \leftarrow \alpha H + X^\top B, \qquad Y = C H^\top

with H (P, N), B and C (R, N), X and Y (R, P).  Paper, Table 2.
"""

from __future__ import annotations

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
