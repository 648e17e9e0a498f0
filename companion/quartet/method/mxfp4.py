r"""The format MXFP4: a sign, two exponent bits, one mantissa bit, and one scale per 32 elements.

An element (E2M1) takes the magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6.  A group of 32 consecutive
elements along the contraction dimension shares a scale (E8M0), a power of two.  Everything here is
*emulation*: values of the format kept in float32, the numbers that the hardware holds (but for the
sign of a zero, which the rounding below loses).

Rounding is the whole cost, so it is done without a search: adding 1.5 * 2^23 * step to a float32
and taking it away again leaves the nearest multiple of `step`, and the step of an element comes
straight from its exponent bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Int32

MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Magnitudes of E2M1 by their code, 0 to 7; a fourth bit is the sign.  No infinity, no NaN."""

MAX = 6.0
GROUP = 32
LOWEST_EXPONENT = -126
"""Of a scale.  E8M0 also has 2^-127, which is a subnormal float32 and which fast kernels flush to
zero.  Smaller scales are raised to this one, so a group of tiny numbers keeps what the grid shows
of it, and zeros otherwise."""

_EXPONENT_BITS, _ONE = 0x7F800000, 0x3F800000


class NotFinite(ValueError):
    """The input holds NaN, infinity, or a number above 2^100."""


class NotWholeGroups(ValueError):
    """The contraction dimension is not a whole number of groups."""


def check_groups(size: int, group: int = GROUP, what: str = "last dimension") -> None:
    """Raise :class:`NotWholeGroups` unless `size` is a multiple of `group` (zero is one)."""
    if size % group:
        padded = -(-size // group) * group
        raise NotWholeGroups(
            f"{what} is {size}, which is not a multiple of {group}; every contraction dimension "
            f"(inputs, outputs, and tokens of a layer) must be: pad it to {padded}"
        )


def round_(
    z: Float[Tensor, "*shape"],
    uniform: Float[Tensor, "*shape"] | None = None,
    work: Int32[Tensor, "*shape"] | None = None,
    unit: Float[Tensor, " ..."] | None = None,
) -> Float[Tensor, "*shape"]:
    r"""Round to the E2M1 grid in place.  Chapter eq. 1.

    .. math:: \mathrm{step}(z) = \tfrac12 \max(2^{\lfloor \log_2 |z| \rfloor}, 1), \qquad
              q(z) = \mathrm{step} \cdot \mathrm{round}(z / \mathrm{step})

    z : float32, contiguous, magnitudes up to 6 units (clip first); overwritten and returned
    uniform : draws in (0, 1) of the shape of `z`, overwritten.  With them the rounding is
        stochastic, ``step * floor(z / step + u)``: its mean over u is z
    work : int32 of the shape of `z`, overwritten; made if missing
    unit : powers of two that broadcast to `z`, up to 2^100: the grid is that of 1 times these

    A number that goes to zero becomes +0, whatever its sign; all else is exact.
    Ties go to the even mantissa (0.75 to 1, 1.75 to 2, 3.5 to 4), as in ``ml_dtypes``.
    The authors' emulation sends them to the smaller magnitude.
    """
    work = torch.empty_like(z, dtype=torch.int32) if work is None else work
    torch.bitwise_and(z.view(torch.int32), _EXPONENT_BITS, out=work)
    if unit is None:
        work.clamp_(min=_ONE)
    else:
        torch.maximum(work, unit.view(torch.int32), out=work)
    work.add_(22 << 23)  # bits of 2^23 * step
    magic = work.view(torch.float32)
    if uniform is not None:
        z.addcmul_(uniform.sub_(0.5), magic, value=2.0**-23)
    work.bitwise_or_(1 << 22)  # 1.5 * 2^23 * step: the half keeps negative z in the same binade
    return z.add_(magic).sub_(magic)


def uniform_draws(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Draws of 16 bits, (k + 1/2) / 2^16 for k = 0 to 65,535: float32 of `shape`, in (0, 1).

    Never 0 or 1, symmetric about 1/2, so a number on the grid stays where it is and the mean of
    stochastic rounding is off by at most 2^-17 of a step.  Four draws come out of one 64-bit word,
    which makes them three times cheaper than ``uniform_``.
    """
    n = math.prod(shape)
    words = torch.empty(-(-n // 4), dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    bits = words.view(torch.int16)[:n].to(torch.float32)
    return bits.mul_(2.0**-16).add_(0.5 + 2.0**-17).view(shape)


def encode(values: Tensor) -> Tensor:
    """Codes 0 to 15 of numbers on the grid (before the scale): uint8 of the same shape.

    Raises ``ValueError`` if a number is not on the grid.  Bit 3 is the sign, as in E2M1.
    """
    grid = torch.tensor(MAGNITUDES, dtype=values.dtype, device=values.device)
    code = torch.searchsorted(grid, values.abs().contiguous())
    if bool((code > 7).any()) or not torch.equal(grid[code.clamp(max=7)], values.abs()):
        raise ValueError(f"not all values are on the E2M1 grid {MAGNITUDES} or its negative")
    return (code + 8 * torch.signbit(values)).to(torch.uint8)


def decode(codes: Tensor) -> Tensor:
    """The numbers of codes 0 to 15: float32 of the same shape."""
    if bool((codes > 15).any()):
        raise ValueError(f"a code has four bits, got {int(codes.max())}")
    grid = torch.tensor([*MAGNITUDES, *(-m for m in MAGNITUDES)], device=codes.device)
    return grid[codes.long()]


contracts.guard(__name__, {"decode": {"codes": contracts.WHOLE}})
