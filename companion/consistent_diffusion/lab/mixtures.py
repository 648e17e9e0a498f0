r"""Gaussian mixtures, whose density at every diffusion time is known.

A mixture of :math:`N(\mu_k, w_k^2 I)` becomes one of
:math:`N(\alpha\mu_k, (\alpha^2w_k^2+\sigma^2) I)`: the oracle of everything else, and the paper's
first example.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from companion.consistent_diffusion.method.networks import Local, automatic
from companion.consistent_diffusion.method.vp import alpha, sigma


class Mixture:
    """A model that is right: log p_t and its score.

    shares : (k,), adding to one; means : (k, D); widths : (k,)
    """

    def __init__(
        self, shares: Sequence[float], means: Sequence[Sequence[float]], widths: Sequence[float]
    ) -> None:
        self.shares = torch.tensor(shares, dtype=torch.float64)
        self.means = torch.tensor(means, dtype=torch.float64)
        self.widths = torch.tensor(widths, dtype=torch.float64)
        if not math.isclose(float(self.shares.sum()), 1.0, rel_tol=1e-9):
            raise ValueError(f"shares must add to 1, got {list(shares)}")
        if len(self.means) != len(self.shares) or len(self.widths) != len(self.shares):
            raise ValueError("shares, means, and widths need the same length")

    @property
    def dim(self) -> int:
        """D."""
        return self.means.shape[1]

    def _parts(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of share times density (batch, k), displacement (batch, k, D), variance (batch, k)"""
        a = alpha(t)[:, None]
        variance = a.square() * self.widths.to(x).square() + sigma(t)[:, None].square()
        away = x[:, None, :] - a[:, :, None] * self.means.to(x)
        log_parts = (
            self.shares.to(x).log()
            - 0.5 * away.square().sum(2) / variance
            - 0.5 * self.dim * (2 * math.pi * variance).log()
        )
        return log_parts, away, variance

    def log_q(self, x: Tensor, t: Tensor) -> Tensor:
        """Normalized log p_t(x): (batch,)."""
        return self._parts(x, t)[0].logsumexp(1)

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """Gradient of log p_t: (batch, D)."""
        log_parts, away, variance = self._parts(x, t)
        return -(log_parts.softmax(1)[:, :, None] * away / variance[:, :, None]).sum(1)

    def local(self, x: Tensor, t: Tensor) -> Local:
        """log p_t, score, and rate."""
        return automatic(self, x, t)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points of p_0: (n, D)."""
        which = rng.choice(len(self.shares), size=n, p=self.shares.numpy())
        noise = rng.standard_normal((n, self.dim))
        return self.means.numpy()[which] + self.widths.numpy()[which, None] * noise


TWO_MODES = Mixture([0.2, 0.8], [[-5.0], [5.0]], [1.0, 1.0])
"""One-dimensional: 0.2 N(-5, 1) + 0.8 N(5, 1)."""
TWO_MODES_2D = Mixture([0.2, 0.8], [[-5.0, -5.0], [5.0, 5.0]], [1.0, 1.0])
"""The same along the diagonal of the plane."""
