r"""One scan, three ways to run it: step by step, in chunks, one token at a time; and its cost.

Mamba-2 and Mamba-3 share it. With :math:`a_t=\log\alpha_t` and cumulated decay, the output is

.. math:: y_t = \sum_{s\le t} L_{ts}\,(C_t^\top B_s)\,x_s, \qquad
          L_{tt}=\gamma_t,\quad L_{ts}=\kappa_s\prod_{i=s+1}^{t}\alpha_i

Mamba-2 has :math:`\gamma=\kappa=\Delta`. Mamba-3 has :math:`\gamma_t=\lambda_t\Delta_t` and
:math:`\kappa_s=\lambda_s\Delta_s+(1-\lambda_{s+1})\Delta_{s+1}`: key ``s`` carries the part that
token ``s+1`` adds for the left end of its step.

One decode step is :math:`H \leftarrow \alpha H + X^\top B,\ Y = C H^\top` with H (P, N), B and C
(R, N), X and Y (R, P); its arithmetic and traffic are those of the paper's Table 2 (C8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Num


# ------------------------------------------------------------------------------------------- shapes
def check_scan(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> None:
    """Raise ``ValueError`` unless the arguments of a scan agree.

    q, k : (batch, seq, heads, rank, state); v : (batch, seq, heads, rank, head_dim);
    log_a : (batch, seq, heads)
    """
    if q.ndim != 5 or q.shape != k.shape or v.shape[:-1] != q.shape[:-1]:
        raise ValueError(
            "q and k must be (batch, seq, heads, rank, state) and v (batch, seq, heads, rank, "
            f"head_dim), got {tuple(q.shape)}, {tuple(k.shape)}, {tuple(v.shape)}"
        )
    if log_a.shape != q.shape[:3]:
        raise ValueError(f"log_a must be {tuple(q.shape[:3])}, got {tuple(log_a.shape)}")


# --------------------------------------------------------------------------------------------- scan
def recurrence(
    q: Float[Tensor, "batch seq heads rank state"],
    k: Float[Tensor, "batch seq heads rank state"],
    v: Float[Tensor, "batch seq heads rank head_dim"],
    log_a: Float[Tensor, "batch seq heads"],
    gamma: Float[Tensor, "batch seq heads"],
    beta: Float[Tensor, "batch seq heads"],
    *,
    flips: Num[Tensor, "batch seq heads"] | None = None,
) -> tuple[
    Float[Tensor, "batch seq heads rank head_dim"], Float[Tensor, "batch heads head_dim state"]
]:
    r"""The recurrence as it is printed: one token after the other.

    .. math:: h_t = \alpha_t h_{t-1} + \beta_t B_{t-1}x_{t-1}^\top + \gamma_t B_t x_t^\top,
              \qquad y_t = C_t^\top h_t

    q, k : (batch, seq, heads, rank, state), the rotated C and B
    v : (batch, seq, heads, rank, head_dim)
    log_a, gamma, beta : (batch, seq, heads)
    flips : (batch, seq, heads), 1 where alpha is negative; none by default
    Returns : y like ``v``, and the last state (batch, heads, head_dim, state)
    """
    check_scan(q, k, v, log_a)
    batch, _, heads, _, state = q.shape
    h = v.new_zeros(batch, heads, v.shape[-1], state)
    alpha = log_a.exp() if flips is None else log_a.exp() * (1 - 2 * flips)
    outputs, before = [], torch.zeros_like(h)
    weights = (part[..., None, None].unbind(1) for part in (alpha, beta, gamma))
    tokens = zip(*(part.unbind(1) for part in (q, k, v)), *weights, strict=True)
    for query, key, value, a, b, g in tokens:
        now = torch.einsum("bhrp,bhrn->bhpn", value, key)
        h = a * h + b * before + g * now
        outputs.append(torch.einsum("bhpn,bhrn->bhrp", h, query))
        before = now
    return (torch.stack(outputs, 1) if outputs else torch.zeros_like(v)), h


def chunked(
    q: Float[Tensor, "batch seq heads rank state"],
    k: Float[Tensor, "batch seq heads rank state"],
    v: Float[Tensor, "batch seq heads rank head_dim"],
    log_a: Float[Tensor, "batch seq heads"],
    gamma: Float[Tensor, "batch seq heads"],
    kappa: Float[Tensor, "batch seq heads"],
    *,
    chunk: int = 64,
    carry: Float[Tensor, "batch heads head_dim state"] | None = None,
    flips: Num[Tensor, "batch seq heads"] | None = None,
) -> tuple[
    Float[Tensor, "batch seq heads rank head_dim"], Float[Tensor, "batch heads head_dim state"]
]:
    """The same sum, a chunk of tokens at once; work and memory are linear in the length.

    Inside a chunk it is masked attention, from chunk to chunk a recurrence of matrices.
    The diagonal of the mask is ``gamma`` itself, not ``kappa`` minus a correction: then output
    ``t`` holds nothing of token ``t + 1``, to the last bit.

    kappa : (batch, seq, heads), 0 is put for what lies beyond the last token
    carry : (batch, heads, head_dim, state), what earlier tokens left; zeros by default
    Other arguments and returns as in :func:`recurrence`.
    """
    check_scan(q, k, v, log_a)
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    batch, seq, heads, rank, state = q.shape
    width = v.shape[-1]
    if seq == 0:
        nothing = v.new_zeros(batch, heads, width, state)
        return torch.zeros_like(v), nothing if carry is None else carry
    chunk = min(chunk, seq)
    extra = -seq % chunk  # padded tokens have alpha = 1 and weight 0
    n = (seq + extra) // chunk

    def rows(x: Tensor) -> Tensor:  # (batch, seq, heads, rank, d) -> (batch, n, heads, c * rank, d)
        x = pad(x, (0, 0, 0, 0, 0, 0, 0, extra)) if extra else x
        x = x.reshape(batch, n, chunk, heads, rank, x.shape[-1]).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(batch, n, heads, chunk * rank, x.shape[-1])

    def steps(x: Tensor) -> Tensor:  # (batch, seq, heads) -> (batch, n, heads, c)
        x = pad(x, (0, 0, 0, extra)) if extra else x
        return x.reshape(batch, n, chunk, heads).transpose(2, 3)

    def ranks(x: Tensor) -> Tensor:  # (batch, n, heads, c) -> (batch, n, heads, c * rank, 1)
        return x[..., None].expand(*x.shape, rank).reshape(*x.shape[:-1], chunk * rank, 1)

    q, k, v = rows(q), rows(k), rows(v)
    total = steps(log_a).cumsum(-1)
    mask, keep, leave = _decays(total, steps(gamma), steps(kappa))
    if flips is not None:
        sign = 1 - 2 * (steps(flips).cumsum(-1) % 2)
        mask = mask * sign[..., :, None] * sign[..., None, :]
        keep, leave = keep * sign, leave * sign * sign[..., -1:]

    scores = (q @ k.transpose(-1, -2)).reshape(batch, n, heads, chunk, rank, chunk, rank)
    scores = scores * mask[..., :, None, :, None]  # all ranks of a token are masked alike
    y = scores.reshape(batch, n, heads, chunk * rank, chunk * rank) @ v
    added = (v * ranks(leave)).transpose(-1, -2) @ k  # (batch, n, heads, head_dim, state)
    before, last = _between(carry, added, keep[..., -1])
    if before is not None:  # nothing came before the only chunk
        y = y + (q * ranks(keep)) @ before.transpose(-1, -2)
    y = y.reshape(batch, n, heads, chunk, rank, width).permute(0, 1, 3, 2, 4, 5)
    return y.reshape(batch, n * chunk, heads, rank, width)[:, :seq], last


def _decays(total: Tensor, gamma: Tensor, kappa: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mask L of a chunk, decay since its start, weight of each key at its end.

    Differences of sums are taken before the exponential and the upper half is set to minus
    infinity first: neither a large sum nor a future token can overflow.
    """
    chunk = total.shape[-1]
    future = torch.ones(chunk, chunk, dtype=torch.bool, device=total.device).triu()
    gap = (total[..., :, None] - total[..., None, :]).masked_fill(future, -torch.inf)
    mask = torch.diagonal_scatter(gap.exp() * kappa[..., None, :], gamma, dim1=-2, dim2=-1)
    return mask, total.exp(), (total[..., -1:] - total).exp() * kappa


def _between(carry: Tensor | None, added: Tensor, kept: Tensor) -> tuple[Tensor | None, Tensor]:
    """The state before each chunk, and behind the last: the recurrence of matrices.

    carry : (batch, heads, head_dim, state), None where nothing came before
    added : (batch, n, heads, head_dim, state)
    kept : (batch, n, heads), the factor by which a chunk shrinks what it finds
    Returns None for the states where a single chunk finds nothing.
    """
    # taken apart at once: the gradient of an index is a whole tensor of zeros, one for each chunk
    each, shrinks = added.unbind(1), kept[..., None, None].unbind(1)
    if carry is None and len(each) == 1:
        return None, each[0]
    states = []
    for part, shrink in zip(each, shrinks, strict=True):
        states.append(torch.zeros_like(part) if carry is None else carry)
        carry = part if carry is None else torch.addcmul(part, shrink, carry)
    return torch.stack(states, 1), carry


# --------------------------------------------------------------------------------------------- cost
H100_BALANCE = 295.0
"""FLOP a byte at which an H100's bf16 matrix units and its memory are equally busy."""


def flops(N: int, P: int, R: int) -> int:
    """Additions and multiplications of one head and step: 4NPR + NP - PR. Paper, Table 2."""
    return 4 * N * P * R + N * P - P * R


def traffic(N: int, P: int, R: int, bytes_per_number: int = 2) -> int:
    """Bytes that must move: state, B and C, one x of width P a rank, one α. Paper, Table 2."""
    return bytes_per_number * (1 + 2 * N * R + P * R + N * P)


def intensity(N: int, P: int, R: int) -> float:
    """FLOP a byte at two bytes a number."""
    return flops(N, P, R) / traffic(N, P, R)


contracts.guard_public(
    __name__,
    {
        **{
            name: dict.fromkeys(("N", "P", "R"), contracts.COUNT)
            for name in ("flops", "traffic", "intensity")
        },
        "chunked": {"chunk": contracts.COUNT},
    },
)
