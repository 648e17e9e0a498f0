r"""The complex state, as a rotation of B and C.

A complex state with transition :math:`e^{\Delta(A+i\theta)}` is a real state of twice the size
whose pairs of coordinates turn by :math:`\Delta\theta`. Rotations add up, so they move out of the
state and onto B and C, turned by the cumulative angle
:math:`\Theta_t=\sum_{s\le t}\Delta_s\theta_s`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Pairs = Literal["neighbors", "halves"]


def rotate(x: Tensor, angle: Tensor, pairs: Pairs = "neighbors") -> Tensor:
    r"""Turn the first pairs of coordinates of ``x``, leave the others alone.

    x : (..., state)
    angle : (..., angles) in radians, at most half of ``state``; positive turns (1, 0) to (0, 1)
    pairs : ``"neighbors"`` turns (0, 1), (2, 3), ... (the released SISO kernel), ``"halves"``
        turns (i, i + state/2) (the MIMO kernel)
    """
    n, size = angle.shape[-1], x.shape[-1]
    if 2 * n > size:
        raise ValueError(f"{n} angles turn {2 * n} coordinates, and x has {size}")
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    if pairs == "neighbors":
        real, imag, rest = x[..., 0 : 2 * n : 2], x[..., 1 : 2 * n : 2], x[..., 2 * n :]
        turned = torch.stack((real * cos - imag * sin, real * sin + imag * cos), -1).flatten(-2)
        return torch.cat((turned, rest), -1) if rest.shape[-1] else turned
    if pairs == "halves":
        half = size // 2
        real, imag = x[..., :n], x[..., half : half + n]
        parts = (real * cos - imag * sin, x[..., n:half], real * sin + imag * cos)
        return torch.cat((*parts, x[..., half + n :]), -1)
    raise ValueError(f"pairs must be 'neighbors' or 'halves', got {pairs!r}")


def cumulative_angle(increment: Tensor, start: Tensor | None = None) -> Tensor:
    r"""Θ_t, reduced to [0, 2π); step ``t`` included.

    increment : (batch, seq, heads, angles) in radians
    start : (batch, heads, angles), Θ before the first token; 0 by default
    The sum runs in float64: at 10⁵ tokens a float32 sum is off by degrees.
    """
    total = increment.double().cumsum(1)
    if start is not None:
        total = total + start.double()[:, None]
    return total.remainder(2 * math.pi).to(increment.dtype)


def standard_frequencies(n_angles: int) -> Tensor:
    """Angle per token of ordinary RoPE, 10000^(-i/angles): data-independent, for the ablation."""
    return 10000.0 ** (-torch.arange(n_angles) / max(1, n_angles))
