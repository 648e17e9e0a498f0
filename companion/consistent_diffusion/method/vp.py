r"""The forward process: how data turn into noise.

:math:`dx = -\tfrac12\beta(t)\,x\,dt + \sqrt{\beta(t)}\,dW` on t in [0, 1], the variance-preserving
process with the paper's constants (section 3.1 of the released code).
"""

from __future__ import annotations

import torch
from torch import Tensor

BETA_MIN, BETA_MAX = 0.1, 20.0
T_MIN = 1e-5
"""The smallest diffusion time of training and, unless said otherwise, of evaluation."""


def beta(t: Tensor) -> Tensor:
    r"""Noise rate :math:`\beta(t) = \beta_{min} + t(\beta_{max} - \beta_{min})`, the shape of t."""
    return BETA_MIN + t * (BETA_MAX - BETA_MIN)


def log_alpha(t: Tensor) -> Tensor:
    r"""Logarithm of what is left of the data, :math:`-\tfrac12\int_0^t\beta`."""
    return -0.5 * BETA_MIN * t - 0.25 * (BETA_MAX - BETA_MIN) * t.square()


def alpha(t: Tensor) -> Tensor:
    """Factor of the data in x_t, from 1 at t = 0 to 0.007 at t = 1."""
    return log_alpha(t).exp()


def sigma(t: Tensor) -> Tensor:
    r"""Deviation of the noise in x_t, :math:`\sqrt{1-\alpha^2}`; exact for tiny t as well."""
    return (-torch.expm1(2 * log_alpha(t))).sqrt()


def noised(x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = alpha x_0 + sigma noise.

    x0, noise : (batch, dim); t : (batch,)
    """
    return alpha(t)[:, None] * x0 + sigma(t)[:, None] * noise
