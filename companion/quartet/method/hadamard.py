r"""Rotations of groups of 32: the Hadamard matrix, and where the random signs go.

The matrix is orthogonal and symmetric, so rotating both operands of a product along the
contraction dimension changes nothing before quantization.
"""

from __future__ import annotations

from functools import cache

import torch
from scipy.linalg import hadamard as sylvester
from torch import Tensor

from companion.quartet.method.mxfp4 import GROUP, check_groups

SIDES = ("before", "after", "none")
"""Where random signs multiply: before the Hadamard matrix (right), after it (the released bug)."""


@cache
def hadamard(size: int = GROUP, device: str = "cpu") -> Tensor:
    """The Sylvester-Hadamard matrix over the square root of its size: (size, size), float32."""
    return torch.tensor(sylvester(size) / size**0.5, dtype=torch.float32, device=device)


def random_signs(generator: torch.Generator, size: int = GROUP) -> Tensor:
    """A vector of independent signs, +1 or -1: (size,), float32, on the generator's device."""
    bits = torch.randint(2, (size,), generator=generator, device=generator.device)
    return bits.float().mul_(2).sub_(1)


def rotate(x: Tensor, signs: Tensor | None = None, side: str = "before") -> Tensor:
    r"""Rotate each group of 32 along the last dimension; a new contiguous tensor.  Chapter eq. 4.

    before : :math:`(x \odot s) H`, signs first: every draw is another rotation
    after : :math:`(x H) \odot s`, the signs on the wrong side: see the chapter
    none : :math:`x H`

    x : (..., K), K a multiple of 32; signs : (32,), not needed for ``none``
    """
    if side not in SIDES:
        raise ValueError(f"unknown side {side!r}; choose one of {', '.join(SIDES)}")
    check_groups(x.shape[-1])
    groups = x.reshape(-1, GROUP)
    matrix = hadamard(GROUP, str(x.device))
    if signs is None or side == "none":
        rotation = matrix
    elif side == "before":
        rotation = signs[:, None] * matrix  # diag(s) H
    else:
        rotation = matrix * signs  # H diag(s)
    return torch.mm(groups, rotation).view(x.shape)


def rotate_back(y: Tensor) -> Tensor:
    """Undo ``rotate(x)`` without signs; the matrix is its own inverse."""
    return rotate(y)
