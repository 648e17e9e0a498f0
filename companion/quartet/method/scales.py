r"""The shared scale of a group: which power of two, and by which rule.

`floor` is what the paper's released code and kernels do; its tables say nothing about it.  Four
rules are here because they give four different answers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from companion.quartet.method.mxfp4 import LOWEST_EXPONENT, MAX

RULES = ("floor", "nearest", "ceil", "none")
"""How log2 of the wanted scale becomes an integer; ``none`` keeps the float32 scale."""

QUEST_CLIP = 2.92247856
"""MSE-optimal clipping point of the E2M1 grid, in standard deviations (the authors' constant)."""

QUEST_SCALE = QUEST_CLIP / MAX  # 0.4870798

_CARRY = {"floor": 0, "nearest": 0x800000 - 0x3504F4, "ceil": 0x7FFFFF}
"""Added to the bits of a float32; 0x3504F3 is the mantissa of the square root of two."""


def power_of_two(wanted: Tensor, rule: str) -> Tensor:
    """`wanted` > 0 rounded to a power of two by `rule`, no smaller than 2^-126; float32.

    ``nearest`` is nearest in the exponent: the threshold is the square root of two.  All of it is
    integer arithmetic on the bits, because floor(log2(x)) in float32 is off by one next to powers
    of two: what is added before the mantissa is cut off carries into the exponent, or does not.
    """
    if rule not in RULES:
        raise ValueError(f"unknown scale rule {rule!r}; choose one of {', '.join(RULES)}")
    if rule == "none":
        return wanted.clamp(min=2.0**LOWEST_EXPONENT)
    bits = wanted.view(torch.int32) + _CARRY[rule]
    bits.bitwise_and_(0x7F800000).clamp_(min=(LOWEST_EXPONENT + 127) << 23)
    return bits.view(torch.float32)


def absmax_scale(amax: Tensor, rule: str = "floor", headroom: float = 0.75) -> Tensor:
    r"""Scale from the largest magnitude of a group.  Chapter eq. 2.

    floor : :math:`2^{\lfloor\log_2 \mathrm{amax}\rfloor - 2} / \mathrm{headroom}`, the OCP
        rule with the authors' 4/3.  The OCP rule leaves amax / scale in [4, 8), so that numbers
        above 6 are clipped; with headroom 3/4 it lies in [3, 6) and nothing is.
    other rules : the smallest scale without clipping, amax / 6, rounded by `rule` (headroom is
        not used: rounding up needs none, rounding to nearest clips)

    amax : any shape, not negative; an all-zero group gets a tiny scale and stays zero
    """
    if rule == "floor":
        return power_of_two(amax * 0.25, rule).mul_(1 / headroom)
    return power_of_two(amax / MAX, rule)


def group_deviation(groups: Tensor) -> Tensor:
    """Standard deviation of each group around its own mean: (..., size) to (..., 1).

    NaN or infinite if an element is, or if its square overflows (magnitudes above about 2^60).
    """
    size = groups.shape[-1]
    average = torch.full((size, 1), 1 / size, device=groups.device)
    centered = groups - groups @ average
    # a product with a column of 1/32 is twenty times faster than torch.std over 32 elements
    return (centered.square_() @ average).sqrt_()


def quest_scale(deviation: Tensor, rule: str = "floor") -> Tensor:
    """Scale from the standard deviation of a group: QuEST.  Chapter eq. 3.

    deviation : any shape, finite.  1e-8 is added, as the authors do, so zeros stay zeros.
    """
    return power_of_two(deviation * QUEST_SCALE + 1e-8, rule)


def e4m3_scale(amax: Tensor, tensor_amax: Tensor) -> Tensor:
    """NVFP4's scale: amax / 6 in float8 E4M3, relative to one float32 scale of the whole tensor.

    amax : of groups of 16; tensor_amax : of the tensor, broadcastable.
    """
    whole = (tensor_amax / (MAX * 448.0)).clamp(min=2.0**LOWEST_EXPONENT)
    fine = (amax / MAX / whole).to(torch.float8_e4m3fn).float()
    fine = fine.clamp(min=2.0**-9)  # the smallest positive E4M3 number
    return (fine * whole).clamp(min=2.0**LOWEST_EXPONENT)
