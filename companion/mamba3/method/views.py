r"""The same layer, written in other ways.  Each is slow, and each shows something.

A masked attention, a Mamba-2 behind a convolution of width two, a complex state that turns, and R²
single-input systems.  All take what :func:`companion.mamba3.method.mixing.mix` takes and return y.
"""

from __future__ import annotations

import torch
from torch import Tensor

from companion.mamba3.method.mixing import Tokens
from companion.mamba3.method.rotation import Pairs, cumulative_angle, rotate
from companion.mamba3.method.scan import recurrence


def masks(log_alpha: Tensor, dt: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    r"""The factors of the mask L = L₁ L₂: decay, and the two ends of a step.

    log_alpha, dt, lam : (..., seq)
    Returns : L₁ with entries α_{s+1} ... α_t for s ≤ t, and L₂ with γ_t on the diagonal and β_t
        below it; both (..., seq, seq). Paper sec. 3.1.
    """
    seq = log_alpha.shape[-1]
    lower = torch.ones(seq, seq, dtype=torch.bool).tril()
    total = log_alpha.cumsum(-1)
    gap = total[..., :, None] - total[..., None, :]
    decay = gap.masked_fill(~lower, -torch.inf).exp()
    beta = (1 - lam) * dt * log_alpha.exp()
    ends = torch.diag_embed(lam * dt)
    if seq > 1:
        ends = ends + torch.diag_embed(beta[..., 1:], offset=-1)
    return decay, ends


def rotated(tokens: Tokens, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """C and B turned by the cumulative angle."""
    angle = cumulative_angle(tokens.turn)[:, :, :, None]
    return rotate(tokens.C, angle, pairs), rotate(tokens.B, angle, pairs)


def as_recurrence(tokens: Tokens, pairs: Pairs = "neighbors") -> Tensor:
    """One token after the other, with three terms."""
    C, B = rotated(tokens, pairs)
    gamma = tokens.lam * tokens.dt
    beta = (1 - tokens.lam) * tokens.dt * tokens.log_alpha.exp()
    return recurrence(C, B, tokens.x, tokens.log_alpha, gamma, beta)[0]


def as_masked_attention(tokens: Tokens, pairs: Pairs = "neighbors") -> Tensor:
    """Y = (L ∘ C Bᵀ) X; ranks see each other through the one mask."""
    C, B = rotated(tokens, pairs)
    parts = (tokens.log_alpha, tokens.dt, tokens.lam)
    decay, ends = masks(*(part.transpose(1, 2) for part in parts))
    scores = torch.einsum("bthin,bshjn->bhtisj", C, B)
    weighted = scores * (decay @ ends)[:, :, :, None, :, None]
    return torch.einsum("bhtisj,bshjp->bthip", weighted, tokens.x)


def as_convolution(tokens: Tokens, pairs: Pairs = "neighbors") -> Tensor:
    """First v_t = β_t B_{t-1} x_{t-1} + γ_t B_t x_t, then the two-term recurrence on v."""
    C, B = rotated(tokens, pairs)
    outer = torch.einsum("bthrp,bthrn->bthpn", tokens.x, B)
    gamma = tokens.lam * tokens.dt
    beta = (1 - tokens.lam) * tokens.dt * tokens.log_alpha.exp()
    before = torch.zeros_like(outer)
    before[:, 1:] = outer[:, :-1]
    v = gamma[..., None, None] * outer + beta[..., None, None] * before
    h, outputs = torch.zeros_like(v[:, 0]), []
    for t in range(v.shape[1]):
        h = tokens.log_alpha[:, t, :, None, None].exp() * h + v[:, t]
        outputs.append(C[:, t] @ h.transpose(-1, -2))
    return torch.stack(outputs, 1)


def as_complex_state(tokens: Tokens) -> Tensor:
    r"""A complex state of half the size: :math:`h_t=e^{\Delta(A-i\theta)}h_{t-1}+\dots`.

    Nothing is rotated and no angle is accumulated; pairs are neighbors. Coordinates beyond the
    angles turn by zero.
    """
    n = tokens.B.shape[-1] // 2
    theta = torch.nn.functional.pad(tokens.turn, (0, n - tokens.turn.shape[-1]))
    B = torch.complex(tokens.B[..., 0::2], tokens.B[..., 1::2])
    C = torch.complex(tokens.C[..., 0::2], tokens.C[..., 1::2])
    alpha = torch.exp(tokens.log_alpha[..., None] - 1j * theta)  # (batch, seq, heads, n)
    x = tokens.x.to(B.dtype)
    h = before = x.new_zeros(*x.shape[:1], x.shape[2], x.shape[-1], n)
    outputs = []
    for t in range(x.shape[1]):
        now = torch.einsum("bhrp,bhrn->bhpn", x[:, t], B[:, t])
        turn = alpha[:, t, :, None, :]
        left = ((1 - tokens.lam) * tokens.dt)[:, t, :, None, None]
        right = (tokens.lam * tokens.dt)[:, t, :, None, None]
        h = turn * h + left * turn * before + right * now
        outputs.append(torch.einsum("bhpn,bhrn->bhrp", h, C[:, t].conj()).real)
        before = now
    return torch.stack(outputs, 1)


def as_single_systems(tokens: Tokens, pairs: Pairs = "neighbors") -> Tensor:
    """MIMO as the sum of R² systems with one input: output i sums over inputs j."""
    rank = tokens.x.shape[3]
    outputs = []
    for i in range(rank):
        parts = [
            as_recurrence(
                tokens._replace(
                    x=tokens.x[..., j : j + 1, :],
                    B=tokens.B[..., j : j + 1, :],
                    C=tokens.C[..., i : i + 1, :],
                ),
                pairs,
            )
            for j in range(rank)
        ]
        outputs.append(sum(parts))
    return torch.cat(outputs, 3)
