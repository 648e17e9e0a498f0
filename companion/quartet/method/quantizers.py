r"""The shared scale of a group, and the quantizers that the paper compares.

A :class:`Scheme` says how the scale of 32 numbers is found and how they are rounded;
``quantize`` applies it along the last dimension and returns values of the format in float32.

Which power of two a scale becomes is the one thing that the paper's tables do not say.  `floor` is
what its released code and kernels do; four rules are here because they give four answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from companion.quartet.method.mxfp4 import (
    GROUP,
    LOWEST_EXPONENT,
    MAX,
    NotFinite,
    check_groups,
    round_,
    uniform_draws,
)

if TYPE_CHECKING:
    from jaxtyping import Float

RULES = ("floor", "nearest", "ceil", "none")
"""How log2 of the wanted scale becomes an integer; ``none`` keeps the float32 scale."""

QUEST_CLIP = 2.92247856
"""MSE-optimal clipping point of the E2M1 grid, in standard deviations (the authors' constant)."""

QUEST_SCALE = QUEST_CLIP / MAX  # 0.4870798

_CARRY = {"floor": 0, "nearest": 0x800000 - 0x3504F4, "ceil": 0x7FFFFF}
"""Added to the bits of a float32; 0x3504F3 is the mantissa of the square root of two."""

_LARGEST = 2.0**100
"""Largest statistic of a group; the rounding adds 2^23 steps, which must not overflow."""

_BLOCK = 1 << 17
"""Elements that are quantized at a time: with their work half a megabyte each, which stays in the
cache."""

_MAGNITUDE_BITS = 0x7FFFFFFF


# --------------------------------------------------------------------------- scales
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


def absmax_scale(
    amax: Float[Tensor, "*groups"], headroom: float = 0.75
) -> Float[Tensor, "*groups"]:
    r"""Scale from the largest magnitude of a group.  Chapter eq. 2.

    :math:`2^{\lfloor\log_2 \mathrm{amax}\rfloor - 2} / \mathrm{headroom}`, the OCP rule with the
    authors' 4/3.  The OCP rule alone leaves amax / scale in [4, 8), so that numbers above 6 are
    clipped; with headroom 3/4 it lies in [3, 6) and nothing is.

    amax : any shape, not negative; an all-zero group gets a tiny scale and stays zero
    """
    return power_of_two(amax * 0.25, "floor").mul_(1 / headroom)


def group_deviation(groups: Tensor) -> Tensor:
    """Standard deviation of each group around its own mean: (..., size) to (..., 1).

    NaN or infinite if an element is, or if its square overflows (magnitudes above about 2^60).
    """
    size = groups.shape[-1]
    average = torch.full((size, 1), 1 / size, device=groups.device)
    centered = groups - groups @ average
    # a product with a column of 1/32 is twenty times faster than torch.std over 32 elements
    return (centered.square_() @ average).sqrt_()


def quest_scale(
    deviation: Float[Tensor, "*groups"], rule: str = "floor"
) -> Float[Tensor, "*groups"]:
    """Scale from the standard deviation of a group: QuEST.  Chapter eq. 3.

    deviation : any shape, finite.  1e-8 is added, as the authors do, so zeros stay zeros.
    """
    return power_of_two(deviation * QUEST_SCALE + 1e-8, rule)


# --------------------------------------------------------------------------- schemes
@dataclass(frozen=True)
class Scheme:
    """How a tensor becomes four-bit numbers.

    statistic : what the scale follows: ``"absmax"`` or ``"std"`` (QuEST)
    rule : how QuEST's scale becomes a power of two, see :data:`RULES`
    headroom : factor on the input before the OCP rule of absmax; 3/4 is the authors', 1 the
        standard's
    stochastic : stochastic rounding instead of rounding to nearest
    """

    statistic: str = "absmax"
    rule: str = "floor"
    headroom: float = 0.75
    stochastic: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("statistic", ("absmax", "std")), ("rule", RULES)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        if not 0 < self.headroom <= 1:
            raise ValueError(f"need 0 < headroom <= 1, got {self}")

    @property
    def clips(self) -> bool:
        """Whether an element can lie outside the range."""
        return self.statistic == "std" or self.headroom == 1


RTN = Scheme()
SR = replace(RTN, stochastic=True)
QUEST = Scheme(statistic="std")

SCHEMES = {
    "RTN": RTN,
    "SR": SR,
    "QuEST": QUEST,
    "QuEST nearest": replace(QUEST, rule="nearest"),
    "QuEST ceil": replace(QUEST, rule="ceil"),
    "QuEST fp32 scale": replace(QUEST, rule="none"),
    "RTN OCP": replace(RTN, headroom=1.0),
    "SR OCP": replace(SR, headroom=1.0),
}
"""Name in the chapter to scheme; RTN and SR are the paper's "AbsMax" recipes, the OCP ones the
standard's, without the factor 3/4."""


class Quantized(NamedTuple):
    """values : float32, numbers of the format times their scale, shape of the input

    mask : bool of the same shape, True where the element was inside the representable range
    (|z| < 6), or None unless asked for
    scale : one number per group, (..., groups)
    """

    values: Tensor
    mask: Tensor | None
    scale: Tensor


def scheme(name: str | Scheme) -> Scheme:
    """The scheme of that name; a :class:`Scheme` passes through."""
    if isinstance(name, Scheme):
        return name
    if name not in SCHEMES:
        raise ValueError(f"unknown scheme {name!r}; known are {', '.join(SCHEMES)}")
    return SCHEMES[name]


def quantize(
    x: Tensor,
    name: str | Scheme,
    *,
    generator: torch.Generator | None = None,
    uniform: Tensor | None = None,
    with_mask: bool = False,
    out: Tensor | None = None,
) -> Quantized:
    """Quantize groups of 32 along the last dimension and return what the format can hold.

    Parameters
    ----------
    x : float tensor (..., K); K a multiple of 32.  Empty tensors are allowed.
    name : a scheme or its name
    generator : source of the rounding draws of stochastic schemes; required for those
    uniform : the draws themselves, in [0, 1), shape of x (for tests); overrides `generator`
    with_mask : whether to return the mask of elements inside the range
    out : float32, contiguous, where to put the values (may be x itself)

    Raises
    ------
    NotFinite, NotWholeGroups : see there
    ValueError : a stochastic scheme without draws
    """
    chosen = scheme(name)
    check_groups(x.shape[-1])
    x = x.float().contiguous()
    if chosen.stochastic and uniform is None and generator is None:
        raise ValueError("stochastic rounding needs fresh draws: pass generator= (or uniform=)")
    values = torch.empty_like(x) if out is None else out
    mask = torch.empty_like(x, dtype=torch.bool) if with_mask else None
    if x.numel() == 0:
        return Quantized(values, mask, x.new_empty((*x.shape[:-1], 0)))
    rows, target = x.view(-1, GROUP), values.view(-1, GROUP)
    given = None if uniform is None else uniform.float().reshape(-1, GROUP)
    marks = None if mask is None else mask.view(-1, GROUP)
    per_block = max(1, _BLOCK // GROUP)
    work = torch.empty(min(per_block, len(rows)), GROUP, dtype=torch.int32, device=x.device)
    scales = []
    for at in range(0, len(rows), per_block):
        part = slice(at, at + per_block)
        draws = None if given is None else given[part].clone()
        if chosen.stochastic and draws is None:
            draws = uniform_draws(rows[part].shape, generator)
        scales.append(
            _quantize_rows(
                rows[part],
                target[part],
                chosen,
                draws=draws if chosen.stochastic else None,
                mask=None if marks is None else marks[part],
                work=work[: len(rows[part])],
            )
        )
    shape = (*x.shape[:-1], x.shape[-1] // GROUP)
    return Quantized(values, mask, torch.cat(scales).view(shape))


def _quantize_rows(rows, target, chosen, *, draws, mask, work) -> Tensor:
    """One block of groups, (n, 32) each; fills target and mask, returns the scales (n, 1).

    Numbers are rounded on a grid of their own size, units of a power of two, so that nothing but
    the factor 3/4 has to be multiplied before and after.
    """
    after: float | Tensor = 1.0
    if chosen.statistic == "absmax":
        torch.bitwise_and(rows.view(torch.int32), _MAGNITUDE_BITS, out=work)
        amax = work.amax(1, keepdim=True).view(torch.float32)  # bits compare as magnitudes do
        _check_finite(amax)
        unit, after = absmax_scale(amax, 1.0), 1 / chosen.headroom
        torch.mul(rows, chosen.headroom, out=target)
    else:
        deviation = group_deviation(rows)
        _check_finite(deviation)
        unit = quest_scale(deviation, chosen.rule)
        if chosen.rule == "none":  # no power of two: the grid of 1, and all is multiplied
            torch.mul(rows, 1 / unit, out=target)
            rows, unit, after = target, torch.ones_like(unit), unit
    if chosen.clips:  # first, so that stochastic rounding sees the clipped value
        limit = unit * MAX
        torch.clamp(target if chosen.statistic == "absmax" else rows, -limit, limit, out=target)
        if mask is not None:
            torch.lt(target.abs(), limit, out=mask)
    elif mask is not None:
        mask.fill_(True)
    round_(target, draws, work, unit)
    if isinstance(after, Tensor) or after != 1:
        target.mul_(after)
    return unit * after


def _check_finite(statistic: Tensor) -> None:
    """Every statistic of a group with NaN or infinity is NaN or infinite itself."""
    if not bool((statistic <= _LARGEST).all()):
        bad = int((~(statistic <= _LARGEST)).sum())
        raise NotFinite(
            f"{bad} of {statistic.numel()} groups hold NaN, infinity, or a magnitude above 2^100 "
            "(2^60 for QuEST, which squares); four-bit numbers cannot represent them: find the "
            "operation before that made them"
        )
