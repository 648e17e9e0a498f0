"""Samples by denoising: the reverse process from noise to data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.consistent_diffusion.method.vp import T_MIN, beta


class Denoised(NamedTuple):
    """samples : (n, D), finite ones only; n_lost : how many were not."""

    samples: np.ndarray
    n_lost: int


@torch.no_grad()
def denoise(
    score: Callable[[Tensor, Tensor], Tensor],
    n: int,
    dim: int,
    generator: torch.Generator,
    *,
    steps: int = 1000,
    chunk: int = 4096,
    project: Callable[[Tensor], Tensor] | None = None,
) -> Denoised:
    r"""Euler-Maruyama from t = 1 to 0 in uniform steps, noise in the last step too.

    :math:`x\leftarrow x+(\tfrac12\beta x+\beta s)\Delta t+\sqrt{\beta\Delta t}\,z`, start N(0, I).
    The score is asked at the beginning of each step, from t = 1 down to `1 / steps`.
    chunk : samples that go through the network together
    project : noise to the subspace of centered molecules
    """
    parts = []
    sizes = [min(chunk, n - start) for start in range(0, n, chunk)]
    dt = 1 / steps
    for size in sizes:

        def noise(size: int = size) -> Tensor:
            draw = torch.randn(size, dim, generator=generator)
            return draw if project is None else project(draw)

        x = noise()
        for step in range(steps):
            t = torch.full((size,), max(1 - step * dt, T_MIN))
            rate = beta(t)[:, None]
            x = x + (0.5 * rate * x + rate * score(x, t)) * dt + (rate * dt).sqrt() * noise()
        parts.append(x)
    samples = torch.cat(parts)
    finite = torch.isfinite(samples).all(1)
    return Denoised(samples[finite].numpy(), int((~finite).sum()))
