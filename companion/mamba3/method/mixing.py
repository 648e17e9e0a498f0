r"""The state space mixing of Mamba-3: from projected tokens to outputs, in parallel or in steps.

.. math:: h_t = \alpha_t h_{t-1} + \beta_t \bar B_{t-1}x_{t-1}^\top + \gamma_t \bar B_t x_t^\top,
          \qquad y_t = \bar C_t^\top h_t

with :math:`\alpha_t=e^{\Delta_tA_t}`, :math:`\beta_t=(1-\lambda_t)\Delta_t\alpha_t`,
:math:`\gamma_t=\lambda_t\Delta_t`, and B and C turned by the cumulative angle.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from companion.mamba3.method.rotation import Pairs, cumulative_angle, rotate
from companion.mamba3.method.scan import chunked


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


def mix(tokens: Tokens, state: State, *, chunk: int, pairs: Pairs) -> tuple[Tensor, State]:
    """Outputs (batch, seq, heads, rank, head_dim) of a whole sequence, and the state behind it."""
    x, dt, lam = tokens.x, tokens.dt, tokens.lam
    if x.shape[1] == 0:
        return torch.zeros_like(x), state
    angle = cumulative_angle(tokens.turn, state.angle)
    B = rotate(tokens.B, angle[:, :, :, None], pairs)
    C = rotate(tokens.C, angle[:, :, :, None], pairs)
    gamma, left = lam * dt, (1 - lam) * dt
    # the left end of the next step belongs to this key; behind the last token there is none
    kappa = gamma + pad(left[:, 1:], (0, 0, 0, 1))
    carry = state.h + left[:, 0, :, None, None] * _outer(state.x, state.key)
    y, h = chunked(
        C, B, x, tokens.log_alpha, gamma, kappa, chunk=chunk, carry=carry, flips=tokens.flips
    )
    return y, State(angle[:, -1], h, B[:, -1], x[:, -1], state.window)


def mix_step(token: Tokens, state: State, *, pairs: Pairs) -> tuple[Tensor, State]:
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
