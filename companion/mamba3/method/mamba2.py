r"""The baseline: the Mamba-2 layer, with the same scan.

.. math:: h_t = e^{\Delta_tA}h_{t-1} + \Delta_t B_t x_t^\top, \qquad y_t = C_t^\top h_t + D x_t
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from companion.mamba3.method.layer import ShortConv, initial_dt_bias
from companion.mamba3.method.scan import chunked


@dataclass(frozen=True, kw_only=True)
class Mamba2Config:
    """Sizes as in :class:`Mamba3Config`; ``conv`` is 4 as released."""

    d_model: int
    d_state: int = 128
    head_dim: int = 64
    expand: int = 2
    conv: int = 4
    dt_range: tuple[float, float] = (1e-3, 1e-1)
    chunk: int = 64

    def __post_init__(self) -> None:
        if self.d_inner % self.head_dim:
            raise ValueError(
                f"expand * d_model = {self.d_inner} is not a multiple of head_dim {self.head_dim}"
            )

    @property
    def d_inner(self) -> int:
        """Channels inside the layer."""
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        """Heads, each with its own state and Δ."""
        return self.d_inner // self.head_dim


class Mamba2State(NamedTuple):
    """h : (batch, heads, head_dim, state); window : (batch, width - 1, channels)."""

    h: Tensor
    window: Tensor


class Mamba2(nn.Module):
    """(batch, seq, d_model) to the same shape, causal."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.config = c = config
        #             z          x          B          C          Δ
        self.sizes = (c.d_inner, c.d_inner, c.d_state, c.d_state, c.n_heads)
        self.in_proj = nn.Linear(c.d_model, sum(self.sizes), bias=False)
        self.conv1d = ShortConv(c.d_inner + 2 * c.d_state, c.conv)
        self.dt_bias = nn.Parameter(initial_dt_bias(c.n_heads, c.dt_range))
        self.A_log = nn.Parameter(torch.log(1 + 15 * torch.rand(c.n_heads)))
        self.D = nn.Parameter(torch.ones(c.n_heads))
        self.norm = nn.RMSNorm(c.d_inner, eps=1e-5)
        self.out_proj = nn.Linear(c.d_inner, c.d_model, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        """Outputs of sequences that continue nothing."""
        return self.prefill(u)[0]

    def prefill(self, u: Tensor, state: Mamba2State | None = None) -> tuple[Tensor, Mamba2State]:
        """Outputs of a sequence that may continue an earlier one, and the state behind it."""
        c = self.config
        batch, seq, _ = u.shape
        h, window = self.initial_state(batch, u.dtype, u.device) if state is None else state
        z, x, B, C, dt = self.in_proj(u).split(self.sizes, -1)
        x, B, C, window = self.conv1d(x, B, C, window)
        acc = torch.promote_types(u.dtype, torch.float32)
        dt = softplus(dt.to(acc) + self.dt_bias)
        x = x.to(acc).reshape(batch, seq, c.n_heads, 1, c.head_dim)
        B, C = (p.to(acc)[:, :, None, None].expand(-1, -1, c.n_heads, -1, -1) for p in (B, C))
        log_alpha = -self.A_log.exp() * dt
        y, h = chunked(C, B, x, log_alpha, dt, dt, chunk=c.chunk, carry=h)
        y = (y + self.D[:, None, None] * x).flatten(-3).to(u.dtype)
        return self.out_proj(self.norm(y * silu(z))), Mamba2State(h, window)

    def step(self, u: Tensor, state: Mamba2State) -> tuple[Tensor, Mamba2State]:
        """Output (batch, d_model) of one token (batch, d_model), and the next state."""
        y, state = self.prefill(u[:, None], state)
        return y[:, 0], state

    def initial_state(
        self, batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Mamba2State:
        """Zeros, in float32 or better."""
        c = self.config
        dtype = torch.promote_types(dtype or self.D.dtype, torch.float32)
        kind = {"dtype": dtype, "device": device or self.D.device}
        return Mamba2State(
            torch.zeros(batch, c.n_heads, c.head_dim, c.d_state, **kind),
            torch.zeros(batch, c.conv - 1, self.conv1d.channels, **kind),
        )
