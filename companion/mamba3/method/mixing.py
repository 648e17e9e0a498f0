r"""The state space mixing of Mamba-3, its complex state as a rotation, and other ways to write it.

A complex state with transition :math:`e^{\Delta(A+i\theta)}` is a real state of twice the size
whose pairs of coordinates turn by :math:`\Delta\theta`. Rotations add up, so they move out of the
state and onto B and C, turned by the cumulative angle
:math:`\Theta_t=\sum_{s\le t}\Delta_s\theta_s`.

From projected tokens to outputs, in parallel or in steps:

.. math:: h_t = \alpha_t h_{t-1} + \beta_t \bar B_{t-1}x_{t-1}^\top + \gamma_t \bar B_t x_t^\top,
          \qquad y_t = \bar C_t^\top h_t

with :math:`\alpha_t=e^{\Delta_tA_t}`, :math:`\beta_t=(1-\lambda_t)\Delta_t\alpha_t`,
:math:`\gamma_t=\lambda_t\Delta_t`, and B and C turned by the cumulative angle.

The other ways are slow, and each shows something: a masked attention, a Mamba-2 behind a
convolution of width two, a complex state that turns, and R² single-input systems.  All take the
tokens that :func:`mix` takes, and return y.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from companion import contracts
from companion.mamba3.method.scan import chunked, recurrence

if TYPE_CHECKING:
    from jaxtyping import Float

# ----------------------------------------------------------------------------------------- rotation
Pairs = Literal["neighbors", "halves"]


def rotate(
    x: Float[Tensor, "*batch state"], angle: Float[Tensor, "... angles"], pairs: Pairs = "neighbors"
) -> Float[Tensor, "*batch state"]:
    r"""Turn the first pairs of coordinates of ``x``, leave the others alone.

    x : (..., state)
    angle : (..., angles) in radians, at most half of ``state``; positive turns (1, 0) to (0, 1)
    pairs : ``"neighbors"`` turns (0, 1), (2, 3), ... (the released SISO kernel), ``"halves"``
        turns (i, i + state/2) (the MIMO kernel)
    """
    n, size = angle.shape[-1], x.shape[-1]
    if 2 * n > size:
        raise ValueError(f"{n} angles turn {2 * n} coordinates, and x has {size}")
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    if pairs == "neighbors":
        real, imag, rest = x[..., 0 : 2 * n : 2], x[..., 1 : 2 * n : 2], x[..., 2 * n :]
        turned = torch.stack((real * cos - imag * sin, real * sin + imag * cos), -1).flatten(-2)
        return torch.cat((turned, rest), -1) if rest.shape[-1] else turned
    if pairs == "halves":
        half = size // 2
        real, imag = x[..., :n], x[..., half : half + n]
        parts = (real * cos - imag * sin, x[..., n:half], real * sin + imag * cos)
        return torch.cat((*parts, x[..., half + n :]), -1)
    raise ValueError(f"pairs must be 'neighbors' or 'halves', got {pairs!r}")


def cumulative_angle(
    increment: Float[Tensor, "batch seq heads angles"],
    start: Float[Tensor, "batch heads angles"] | None = None,
) -> Float[Tensor, "batch seq heads angles"]:
    r"""Θ_t, reduced to [0, 2π); step ``t`` included.

    increment : (batch, seq, heads, angles) in radians
    start : (batch, heads, angles), Θ before the first token; 0 by default
    The sum runs in float64: at 10⁵ tokens a float32 sum is off by degrees.
    """
    total = increment.double().cumsum(1)
    if start is not None:
        total = total + start.double()[:, None]
    return total.remainder(2 * math.pi).to(increment.dtype)


def standard_frequencies(n_angles: int) -> Tensor:
    """Angle per token of ordinary RoPE, 10000^(-i/angles): data-independent, for the ablation."""
    return 10000.0 ** (-torch.arange(n_angles) / max(1, n_angles))


# ------------------------------------------------------------------------------------------- mixing
class Tokens(NamedTuple):
    """What the projections make of a sequence of tokens.

    x : (batch, seq, heads, rank, head_dim)
    B, C : (batch, seq, heads, rank, state), normalized and biased, not yet rotated
    dt, log_alpha, lam : (batch, seq, heads), Δ > 0, log|α|, λ in [0, 1]
    turn : (batch, seq, heads, angles), angle of this step in radians
    flips : (batch, seq, heads), 1 where α is negative; None if it never is
    """

    x: Tensor
    B: Tensor
    C: Tensor
    dt: Tensor
    log_alpha: Tensor
    lam: Tensor
    turn: Tensor
    flips: Tensor | None = None


class State(NamedTuple):
    """All that a layer keeps of the past; its size does not depend on how long that was.

    angle : (batch, heads, angles), Θ in [0, 2π)
    h : (batch, heads, head_dim, state)
    key : (batch, heads, rank, state), the last rotated B
    x : (batch, heads, rank, head_dim), the last x
    window : (batch, width - 1, channels), last inputs of a short convolution; width 1 has none
    """

    angle: Tensor
    h: Tensor
    key: Tensor
    x: Tensor
    window: Tensor

    def n_bytes(self) -> int:
        """Bytes that a sequence must keep to be continued."""
        return sum(part.numel() * part.element_size() for part in self)


def mix(
    tokens: Tokens, state: State, *, chunk: int, pairs: Pairs, begins: bool = False
) -> tuple[Tensor, State]:
    """Outputs (batch, seq, heads, rank, head_dim) of a whole sequence, and the state behind it.

    begins : whether the state is that before any token; then no work is done on its zeros
    """
    x, dt, lam = tokens.x, tokens.dt, tokens.lam
    if x.shape[1] == 0:
        return torch.zeros_like(x), state
    angle = cumulative_angle(tokens.turn, None if begins else state.angle)
    B = rotate(tokens.B, angle[:, :, :, None], pairs)
    C = rotate(tokens.C, angle[:, :, :, None], pairs)
    gamma, left = lam * dt, (1 - lam) * dt
    # the left end of the next step belongs to this key; behind the last token there is none
    kappa = gamma + pad(left[:, 1:], (0, 0, 0, 1))
    carry = None
    if not begins:
        carry = state.h + left[:, 0, :, None, None] * _outer(state.x, state.key)
    y, h = chunked(
        C, B, x, tokens.log_alpha, gamma, kappa, chunk=chunk, carry=carry, flips=tokens.flips
    )
    return y, State(angle[:, -1], h, B[:, -1], x[:, -1], state.window)


def mix_step(
    token: Tokens, state: State, *, pairs: Pairs
) -> tuple[Float[Tensor, "batch 1 heads rank head_dim"], State]:
    """The same for one token (``seq`` is 1): the recurrence as it is printed."""
    x, dt, lam = token.x[:, 0], token.dt[:, 0], token.lam[:, 0]
    angle = cumulative_angle(token.turn, state.angle)[:, 0]
    B = rotate(token.B[:, 0], angle[:, :, None], pairs)
    C = rotate(token.C[:, 0], angle[:, :, None], pairs)
    alpha = token.log_alpha[:, 0].exp()
    if token.flips is not None:
        alpha = alpha * (1 - 2 * token.flips[:, 0])
    beta, gamma = (1 - lam) * dt * alpha, lam * dt
    h = (
        alpha[..., None, None] * state.h
        + beta[..., None, None] * _outer(state.x, state.key)
        + gamma[..., None, None] * _outer(x, B)
    )
    y = C @ h.transpose(-1, -2)
    return y[:, None], State(angle, h, B, x, state.window)


def _outer(x: Tensor, key: Tensor) -> Tensor:
    """Sum over ranks of x keyᵀ: (batch, heads, head_dim, state)."""
    return x.transpose(-1, -2) @ key


# -------------------------------------------------------------------------------------------- views
def masks(
    log_alpha: Float[Tensor, "*batch seq"],
    dt: Float[Tensor, "*batch seq"],
    lam: Float[Tensor, "*batch seq"],
) -> tuple[Float[Tensor, "*batch seq seq"], Float[Tensor, "*batch seq seq"]]:
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


contracts.guard(__name__, {"mix": {"chunk": contracts.COUNT}})
