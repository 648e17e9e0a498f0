"""Our layer against outputs that were recorded from the authors' GPU kernels (C2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import silu

from companion.data import fetch
from companion.mamba3.lab.agreement import empty_state
from companion.mamba3.method.mixing import Tokens, mix
from companion.mamba3.method.rotation import Pairs

FILES = {
    "SISO": "mamba3/official_kernel_siso_T63.npz",
    "MIMO": "mamba3/official_kernel_mimo_R4_T128.npz",
}
PAIRS: dict[str, Pairs] = {"SISO": "neighbors", "MIMO": "halves"}


@dataclass(frozen=True)
class Recorded:
    """Inputs of a kernel in our names, and the output that it gave.

    z : (batch, seq, heads, head_dim), gate before SiLU
    D : (heads,)
    mimo : (heads, rank, head_dim) for x, z and the output; ones for SISO
    out : (batch, seq, heads, head_dim), before the output projection
    raw_angle : (batch, seq, heads, angles), before π tanh
    """

    kind: str
    tokens: Tokens
    z: Tensor
    D: Tensor
    mimo: tuple[Tensor, Tensor, Tensor]
    out: Tensor
    raw_angle: Tensor


def load_recorded(kind: str) -> Recorded:
    """Read one of :data:`FILES`; everything in float64.

    Raises ``DataUnavailable`` where the file is not to be had.
    """
    if kind not in FILES:
        raise ValueError(f"unknown kernel {kind!r}; choose one of {', '.join(FILES)}")
    return read_recorded(fetch(FILES[kind]), kind)


def read_recorded(path: Path, kind: str) -> Recorded:
    """The arrays of a file of :data:`FILES`, renamed: Q is C, K is B, V is x."""
    with np.load(path, allow_pickle=False) as arrays:
        raw = {name: torch.from_numpy(arrays[name]).double() for name in arrays.files}
    heads = raw["kw_D"].shape[0]

    def biased(name: str) -> Tensor:  # (batch, seq, rank, 1, state) or (batch, seq, 1, state)
        x, bias = raw[f"kw_{name}"], raw[f"kw_{name}_bias"]
        x = x.squeeze(-2) if x.ndim == 5 else x
        bias = bias if bias.ndim == 3 else bias[:, None]
        return x[:, :, None] + bias

    dt = raw["kw_DT"].transpose(1, 2)
    C, B = biased("Q"), biased("K")
    shape = (heads, C.shape[3], raw["kw_V"].shape[-1])
    names = ("kw_MIMO_V", "kw_MIMO_Z", "kw_MIMO_Out")
    mimo = tuple(raw.get(name, torch.ones(shape, dtype=torch.float64)) for name in names)
    tokens = Tokens(
        x=raw["kw_V"][:, :, :, None] * mimo[0],
        B=B,
        C=C,
        dt=dt,
        log_alpha=raw["kw_ADT"].transpose(1, 2),
        lam=torch.sigmoid(raw["kw_Trap"].transpose(1, 2)),
        turn=math.pi * torch.tanh(raw["kw_Angles"]) * dt[..., None],
    )
    return Recorded(kind, tokens, raw["kw_Z"], raw["kw_D"], mimo, raw["out"], raw["kw_Angles"])


def output(recorded: Recorded, tokens: Tokens | None = None, pairs: Pairs | None = None) -> Tensor:
    """What our code makes of the kernel's inputs, in the shape of ``recorded.out``.

    tokens, pairs : replace the right ones, to see what a mistake would cost
    """
    tokens = recorded.tokens if tokens is None else tokens
    y, _ = mix(tokens, empty_state(tokens), chunk=16, pairs=pairs or PAIRS[recorded.kind])
    y = y + recorded.D[:, None, None] * tokens.x
    return (y * silu(recorded.z[:, :, :, None] * recorded.mimo[1]) * recorded.mimo[2]).sum(3)


def relative_rms(found: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference over that of the expected."""
    return float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt())


def _without_alpha_in_beta(one: Recorded) -> Tokens:
    """β = (1-λ)Δ instead of (1-λ)Δα, as another λ and Δ with the same γ."""
    t = one.tokens
    gamma, left = t.lam * t.dt, (1 - t.lam) * t.dt * (-t.log_alpha).exp()
    return t._replace(dt=gamma + left, lam=gamma / (gamma + left))


MISTAKES: Mapping[str, Callable[[Recorded], tuple[Tokens, Pairs]]] = {
    "none": lambda r: (r.tokens, PAIRS[r.kind]),
    "angle without π tanh": lambda r: (
        r.tokens._replace(turn=r.raw_angle * r.tokens.dt[..., None]),
        PAIRS[r.kind],
    ),
    "no rotation": lambda r: (r.tokens._replace(turn=0 * r.tokens.turn), PAIRS[r.kind]),
    "the other pairs": lambda r: (
        r.tokens,
        "halves" if PAIRS[r.kind] == "neighbors" else "neighbors",
    ),
    "β without α": lambda r: (_without_alpha_in_beta(r), PAIRS[r.kind]),
    "λ = 1": lambda r: (r.tokens._replace(lam=torch.ones_like(r.tokens.lam)), PAIRS[r.kind]),
}
"""What implementations get wrong, and the tokens and pairs that each mistake amounts to."""


def mistake_errors() -> dict[str, dict[str, float]]:
    """Relative RMS error of each of :data:`MISTAKES`, by kernel."""
    errors = {}
    for kind in FILES:
        one = load_recorded(kind)
        errors[kind] = {
            name: relative_rms(output(one, *make(one)), one.out) for name, make in MISTAKES.items()
        }
    return errors
