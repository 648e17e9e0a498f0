"""Checks of shapes, with errors that say what was received."""

from __future__ import annotations

from torch import Tensor


def check_scan(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> None:
    """Raise ``ValueError`` unless the arguments of a scan agree.

    q, k : (batch, seq, heads, rank, state); v : (batch, seq, heads, rank, head_dim);
    log_a : (batch, seq, heads)
    """
    if q.ndim != 5 or q.shape != k.shape or v.shape[:-1] != q.shape[:-1]:
        raise ValueError(
            "q and k must be (batch, seq, heads, rank, state) and v (batch, seq, heads, rank, "
            f"head_dim), got {tuple(q.shape)}, {tuple(k.shape)}, {tuple(v.shape)}"
        )
    if log_a.shape != q.shape[:3]:
        raise ValueError(f"log_a must be {tuple(q.shape[:3])}, got {tuple(log_a.shape)}")
