"""The quantizers that the paper compares, as one function and a handful of named schemes.

A :class:`Scheme` says how the scale is found and how elements are rounded.  ``quantize`` applies it
to groups along the last dimension and returns values of the format in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from companion.quartet.method.mxfp4 import (
    GROUP,
    MAX,
    NotFinite,
    check_groups,
    round_,
    uniform_draws,
)
from companion.quartet.method.scales import (
    RULES,
    absmax_scale,
    e4m3_scale,
    group_deviation,
    quest_scale,
)

PMA_FACTOR = 1.009276
"""Constant that the first versions multiplied RTN AbsMax by, against its average shrinkage."""

_LARGEST = 2.0**127
_BLOCK = 1 << 18
"""Elements that are quantized at a time: a megabyte, which stays in the cache."""


@dataclass(frozen=True)
class Scheme:
    """How a tensor becomes four-bit numbers.

    statistic : what the scale follows: ``"absmax"`` or ``"std"`` (QuEST)
    rule : how the scale becomes a power of two, see ``scales.RULES``
    headroom : factor on the input before the OCP floor rule; 3/4 is the authors', 1 the standard's
    stochastic : stochastic rounding instead of rounding to nearest
    correction : ``"none"``; ``"pma"``, a constant; ``"eden"``, the factor <x, x> / <x, q> of each
        group, which makes a group's projection on itself exact
    group : elements per scale; 0 means one scale for the whole matrix (the last two dimensions)
    scale_format : ``"e8m0"``, or ``"e4m3"`` for NVFP4
    """

    statistic: str = "absmax"
    rule: str = "floor"
    headroom: float = 0.75
    stochastic: bool = False
    correction: str = "none"
    group: int = GROUP
    scale_format: str = "e8m0"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("statistic", ("absmax", "std")),
            ("rule", RULES),
            ("correction", ("none", "pma", "eden")),
            ("scale_format", ("e8m0", "e4m3")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        if not 0 < self.headroom <= 1 or self.group < 0:
            raise ValueError(f"need 0 < headroom <= 1 and group >= 0, got {self}")


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
    "RTN PMA": replace(RTN, correction="pma"),
    "RTN EDEN": replace(RTN, correction="eden"),
    "RTN OCP": replace(RTN, headroom=1.0),
    "SR OCP": replace(SR, headroom=1.0),
    "RTN ceil": replace(RTN, rule="ceil"),
    "RTN fp32 scale": replace(RTN, rule="none"),
    "NVFP4 RTN": replace(RTN, group=16, scale_format="e4m3"),
    "FP4 per tensor": replace(RTN, rule="none", group=0),
}
"""Name in the chapter to scheme; RTN and SR are the paper's "AbsMax" recipes."""


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
    """Quantize groups along the last dimension and return what the format can hold.

    Parameters
    ----------
    x : float tensor (..., K); K a multiple of the scheme's group.  Empty tensors are allowed.
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
    check_groups(x.shape[-1], chosen.group or 1)
    x = x.float().contiguous()
    if chosen.stochastic and uniform is None and generator is None:
        raise ValueError("stochastic rounding needs fresh draws: pass generator= (or uniform=)")
    values = torch.empty_like(x) if out is None else out
    mask = torch.empty_like(x, dtype=torch.bool) if with_mask else None
    if x.numel() == 0:
        return Quantized(values, mask, x.new_empty((*x.shape[:-1], 0)))
    if chosen.group == 0 or chosen.scale_format == "e4m3":
        scale = _scales_of_matrix(x, chosen)
    else:
        scale = None
    size = chosen.group or x.shape[-1]
    rows, target = x.view(-1, size), values.view(-1, size)
    given = None if uniform is None else uniform.float().reshape(-1, size)
    marks = None if mask is None else mask.view(-1, size)
    known = None if scale is None else scale.reshape(-1, 1)
    per_block = max(1, _BLOCK // size)
    work = torch.empty(min(per_block, len(rows)), size, dtype=torch.int32, device=x.device)
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
                scale=None if known is None else known[part],
                draws=draws if chosen.stochastic else None,
                mask=None if marks is None else marks[part],
                work=work[: len(rows[part])],
            )
        )
    shape = (*x.shape[:-1], x.shape[-1] // size)
    return Quantized(values, mask, torch.cat(scales).view(shape))


def _quantize_rows(rows, target, chosen, *, scale, draws, mask, work) -> Tensor:
    """One block of groups, (n, size) each; fills target and mask, returns the scales (n, 1)."""
    original = rows.clone() if chosen.correction == "eden" else None
    if scale is None:
        if chosen.statistic == "absmax":
            aliased = target.data_ptr() == rows.data_ptr()
            magnitudes = rows.abs() if aliased else torch.abs(rows, out=target)
            amax = magnitudes.amax(1, keepdim=True)
            _check_finite(amax)
            scale = absmax_scale(amax, chosen.rule, chosen.headroom)
        else:
            deviation = group_deviation(rows)
            _check_finite(deviation)
            scale = quest_scale(deviation, chosen.rule)
    torch.mul(rows, 1 / scale, out=target)
    if mask is not None:
        torch.lt(target.abs(), MAX, out=mask)
    if chosen.statistic == "std" or chosen.headroom == 1 or chosen.rule == "nearest":
        target.clamp_(-MAX, MAX)  # clip first, so that stochastic rounding sees the clipped value
    round_(target, draws, work).mul_(scale)
    if chosen.correction == "pma":
        target.mul_(PMA_FACTOR)
    elif chosen.correction == "eden":
        inner = (original * target).sum(1, keepdim=True)
        target.mul_(torch.where(inner > 0, original.square().sum(1, keepdim=True) / inner, 1.0))
    return scale


def _scales_of_matrix(x: Tensor, chosen: Scheme) -> Tensor:
    """Scales that look at the whole matrix (the last two dimensions): per tensor, and NVFP4."""
    dims = (-2, -1) if x.ndim > 1 else (-1,)
    whole = x.abs().amax(dims, keepdim=True)
    _check_finite(whole)
    if chosen.group == 0:
        return absmax_scale(whole, chosen.rule, chosen.headroom).expand(*x.shape[:-1], 1)
    amax = x.abs().unflatten(-1, (-1, chosen.group)).amax(-1)
    return e4m3_scale(amax, whole)


def _check_finite(statistic: Tensor) -> None:
    """Every statistic of a group with NaN or infinity is NaN or infinite itself."""
    if not bool((statistic <= _LARGEST).all()):
        bad = int((~(statistic <= _LARGEST)).sum())
        raise NotFinite(
            f"{bad} of {statistic.numel()} groups hold NaN, infinity, or a magnitude above 2^127 "
            "(2^60 for QuEST, which squares); four-bit numbers cannot represent them: find the "
            "operation before that made them"
        )
