r"""The layers: Mamba-3, SISO and MIMO, and the baseline; a whole sequence, or a token at a time.

Mamba-2 has the same scan, a decay that does not depend on the token, and no second end of a step:

.. math:: h_t = e^{\Delta_tA}h_{t-1} + \Delta_t B_t x_t^\top, \qquad y_t = C_t^\top h_t + D x_t
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from companion import contracts
from companion.mamba3.method.mixing import State, Tokens, mix, mix_step, standard_frequencies
from companion.mamba3.method.scan import chunked

if TYPE_CHECKING:
    from jaxtyping import Float


# -------------------------------------------------------------------------------------- convolution
class ShortConv(nn.Module):
    """Depthwise causal convolution on [x, B, C] followed by SiLU; width 1 does nothing at all.

    channels : of x, B and C together; width : taps
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        if width > 1:  # PyTorch's start values of a depthwise conv1d
            bound = width**-0.5
            self.weight = nn.Parameter(bound * (2 * torch.rand(channels, 1, width) - 1))
            self.bias = nn.Parameter(bound * (2 * torch.rand(channels) - 1))

    def forward(
        self, x: Tensor, B: Tensor, C: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, B, C after the convolution, and the last ``width - 1`` inputs.

        x, B, C : (batch, seq, ...); window : (batch, width - 1, channels)
        """
        if self.width == 1:
            return x, B, C, window
        seq, sizes = x.shape[1], (x.shape[-1], B.shape[-1], C.shape[-1])
        inputs = torch.cat((x, B, C), -1)
        past = torch.cat((window.to(inputs.dtype), inputs), 1)
        taps = self.weight[:, 0]
        mixed = self.bias + sum(taps[:, i] * past[:, i : i + seq] for i in range(self.width))
        return *silu(mixed).split(sizes, -1), past[:, seq:]


# -------------------------------------------------------------------------------------------- layer
BC_EPS = 1e-5


@dataclass(frozen=True, kw_only=True)
class Mamba3Config:
    """Sizes and switches of the layer; the defaults are those of the released models.

    d_model, d_state, head_dim, expand : D, N, P, and d_inner over D; heads = expand D / P
    rank : R of the MIMO layer; 1 for SISO
    rope_fraction : share of the state's coordinates that rotate
    rotation : ``"data"`` (the paper), ``"standard"`` RoPE, or ``"none"``
    trapezoid : λ ``"learned"``, fixed at ``"half"``, or ``"off"`` (λ = 1, exponential-Euler)
    bias_init : start value of the biases on B and C; None leaves them out
    bias_spread : half-width of a uniform spread around it
    tail : f in A = -f(.), ``"heavy"`` (since June 2026) or ``"softplus"`` (March 2026)
    negative : α = 2 exp(ΔA) - 1 in (-1, 1), an extension of ours: real eigenvalues of both signs
    conv : width of a short causal convolution on x, B, C as in Mamba-2; 1 is none
    dt_range : Δ at the start is log-uniform in this range
    a_floor : smallest |A|
    chunk : tokens of a chunk; changes speed, not results
    """

    d_model: int
    d_state: int = 128
    head_dim: int = 64
    expand: int = 2
    rank: int = 1
    rope_fraction: float = 0.5
    rotation: Literal["data", "standard", "none"] = "data"
    trapezoid: Literal["learned", "half", "off"] = "learned"
    bias_init: float | None = 1.0
    bias_spread: float = 0.0
    tail: Literal["heavy", "softplus"] = "heavy"
    negative: bool = False
    conv: int = 1
    dt_range: tuple[float, float] = (1e-3, 1e-1)
    a_floor: float = 1e-4
    chunk: int = 64

    def __post_init__(self) -> None:
        if self.d_inner % self.head_dim:
            raise ValueError(
                f"expand * d_model = {self.d_inner} is not a multiple of head_dim {self.head_dim}"
            )
        if min(self.d_state, self.head_dim, self.rank, self.conv, self.chunk) < 1:
            raise ValueError(f"d_state, head_dim, rank, conv and chunk must be positive: {self}")
        for name, allowed in _SWITCHES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )

    @property
    def d_inner(self) -> int:
        """Channels inside the layer."""
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        """Heads, each with its own state and Δ."""
        return self.d_inner // self.head_dim

    @property
    def n_angles(self) -> int:
        """Pairs of coordinates that turn."""
        return int(self.d_state * self.rope_fraction) // 2


_SWITCHES = {
    "rotation": ("data", "standard", "none"),
    "trapezoid": ("learned", "half", "off"),
    "tail": ("heavy", "softplus"),
}


def heavy_tail(x: Tensor) -> Tensor:
    """1 + x for x ≥ 0 and 1 / (1 - x) below: positive, and slow to vanish on the left."""
    return torch.where(x >= 0, 1 + x, 1 / (1 - x.clamp(max=0)))


def initial_dt_bias(n_heads: int, dt_range: tuple[float, float]) -> Tensor:
    """Bias that makes softplus return a Δ that is log-uniform in the range."""
    low, high = (math.log(dt) for dt in dt_range)
    dt = torch.exp(low + (high - low) * torch.rand(n_heads)).clamp_min(1e-4)
    return dt + torch.log(-torch.expm1(-dt))


class Mamba3(nn.Module):
    """The SISO layer: (batch, seq, d_model) to the same shape, causal."""

    pairs = "neighbors"

    def __init__(self, config: Mamba3Config) -> None:
        super().__init__()
        if (config.rank == 1) != (type(self) is Mamba3):
            raise ValueError(f"Mamba3 has rank 1, Mamba3MIMO more; got rank {config.rank}")
        self.config = c = config
        bc = c.rank * c.d_state
        #             z          x          B   C   Δ          A          λ          u
        self.sizes = (c.d_inner, c.d_inner, bc, bc, c.n_heads, c.n_heads, c.n_heads, c.n_angles)
        self.in_proj = nn.Linear(c.d_model, sum(self.sizes), bias=False)
        self.conv = ShortConv(c.d_inner + 2 * bc, c.conv)
        self.dt_bias = nn.Parameter(initial_dt_bias(c.n_heads, c.dt_range))
        self.B_norm = nn.RMSNorm(c.d_state, eps=BC_EPS)
        self.C_norm = nn.RMSNorm(c.d_state, eps=BC_EPS)
        for name in ("B_bias", "C_bias"):
            shape = (c.n_heads, c.rank, c.d_state)
            spread = c.bias_spread * (2 * torch.rand(shape) - 1)
            bias = None if c.bias_init is None else nn.Parameter(c.bias_init + spread)
            self.register_parameter(name, bias)
        self.D = nn.Parameter(torch.ones(c.n_heads))
        self.out_proj = nn.Linear(c.d_inner, c.d_model, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        """Outputs of sequences that continue nothing."""
        return self.prefill(u)[0]

    def prefill(self, u: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs of a sequence that may continue an earlier one, and the state behind it."""
        begins = state is None
        state = self.initial_state(len(u), u.dtype, u.device) if begins else state
        tokens, z, window = self.project(u, state.window)
        y, state = mix(tokens, state, chunk=self.config.chunk, pairs=self.pairs, begins=begins)
        return self.gate(y, tokens.x, z), state._replace(window=window)

    def step(self, u: Tensor, state: State) -> tuple[Tensor, State]:
        """Output (batch, d_model) of one token (batch, d_model), and the next state."""
        tokens, z, window = self.project(u[:, None], state.window)
        y, state = mix_step(tokens, state, pairs=self.pairs)
        return self.gate(y, tokens.x, z)[:, 0], state._replace(window=window)

    def initial_state(
        self, batch: int, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> State:
        """The state before any token: zeros, in float32 or better."""
        c = self.config
        dtype = torch.promote_types(dtype or self.D.dtype, torch.float32)
        shapes = {
            "angle": (c.n_heads, c.n_angles),
            "h": (c.n_heads, c.head_dim, c.d_state),
            "key": (c.n_heads, c.rank, c.d_state),
            "x": (c.n_heads, c.rank, c.head_dim),
            "window": (c.conv - 1, self.conv.channels),
        }
        device = device or self.D.device
        return State(*(torch.zeros(batch, *s, dtype=dtype, device=device) for s in shapes.values()))

    def project(self, u: Tensor, window: Tensor) -> tuple[Tokens, Tensor, Tensor]:
        """Tokens, gate z, and the convolution's next window; numbers of the state in float32."""
        c = self.config
        batch, seq, _ = u.shape
        z, x, B, C, dt, a, trap, angle = self.in_proj(u).split(self.sizes, -1)
        x, B, C, window = self.conv(x, B, C, window)
        acc = torch.promote_types(u.dtype, torch.float32)
        x, dt, a, trap, angle = (part.to(acc) for part in (x, dt, a, trap, angle))
        dt = softplus(dt + self.dt_bias)
        f = heavy_tail(a) if c.tail == "heavy" else softplus(a)
        log_alpha = (-f).clamp(max=-c.a_floor) * dt  # negate first: A must not become +floor
        log_alpha, flips = both_signs(log_alpha) if c.negative else (log_alpha, None)
        return (
            Tokens(
                x=self.expand(x.reshape(batch, seq, c.n_heads, c.head_dim)),
                B=self.normalize(B.to(acc), self.B_norm, self.B_bias),
                C=self.normalize(C.to(acc), self.C_norm, self.C_bias),
                dt=dt,
                log_alpha=log_alpha,
                lam=self.blend(trap),
                turn=self.turn(angle, dt),
                flips=flips,
            ),
            z,
            window,
        )

    def normalize(self, x: Tensor, norm: nn.RMSNorm, bias: Tensor | None) -> Tensor:
        """BCNorm over the state, then one bias a head, rank, and coordinate."""
        c = self.config
        x = norm(x.reshape(*x.shape[:2], 1, c.rank, c.d_state))
        return x.expand(-1, -1, c.n_heads, -1, -1) if bias is None else x + bias

    def blend(self, trap: Tensor) -> Tensor:
        """λ, the weight of the right end of a step."""
        if self.config.trapezoid == "learned":
            return torch.sigmoid(trap)
        return torch.full_like(trap, 0.5 if self.config.trapezoid == "half" else 1.0)

    def turn(self, angle: Tensor, dt: Tensor) -> Tensor:
        """Angle of each step: shared projection, each head times its own Δ."""
        if self.config.rotation == "data":
            return math.pi * torch.tanh(angle)[:, :, None] * dt[..., None]
        shape = (*dt.shape, self.config.n_angles)
        if self.config.rotation == "standard":
            return standard_frequencies(self.config.n_angles).to(dt).expand(shape)
        return dt.new_zeros(shape)

    def expand(
        self, x: Float[Tensor, "batch seq heads head_dim"]
    ) -> Float[Tensor, "batch seq heads rank head_dim"]:
        """x of every rank: (..., heads, head_dim) to (..., heads, rank, head_dim)."""
        return x.unsqueeze(-2)

    def gate(self, y: Tensor, x: Tensor, z: Tensor) -> Tensor:
        """Skip, gate, and projection back to (batch, seq, d_model)."""
        y = (y + self.D[:, None, None] * x).flatten(-3)
        return self.out_proj(y.to(z.dtype) * silu(z))


class Mamba3MIMO(Mamba3):
    """The MIMO layer: R keys, queries, and values a token that share one state."""

    pairs = "halves"

    def __init__(self, config: Mamba3Config) -> None:
        super().__init__(config)
        shape = (config.n_heads, config.rank, config.head_dim)
        self.mimo_x = nn.Parameter(torch.full(shape, 1 / config.rank))
        self.mimo_z = nn.Parameter(torch.ones(shape))
        self.mimo_o = nn.Parameter(torch.full(shape, 1 / config.rank))

    def expand(
        self, x: Float[Tensor, "batch seq heads head_dim"]
    ) -> Float[Tensor, "batch seq heads rank head_dim"]:
        """x of every rank, by a learned vector each."""
        return x.unsqueeze(-2) * self.mimo_x

    def gate(
        self,
        y: Float[Tensor, "batch seq heads rank head_dim"],
        x: Float[Tensor, "batch seq heads rank head_dim"],
        z: Float[Tensor, "batch seq d_inner"],
    ) -> Float[Tensor, "batch seq d_model"]:
        """Skip and gate of every rank, their weighted sum, and projection."""
        z = z.reshape(*y.shape[:3], 1, self.config.head_dim).to(y.dtype) * self.mimo_z
        y = (y + self.D[:, None, None] * x) * silu(z) * self.mimo_o
        return self.out_proj(y.sum(-2).flatten(-2).to(self.out_proj.weight.dtype))


def both_signs(log_alpha: Tensor) -> tuple[Tensor, Tensor]:
    """α = 2 exp(ΔA) - 1 as log|α| and its sign (1 for negative); |α| is at least 1e-6."""
    alpha = 2 * log_alpha.exp() - 1
    return alpha.abs().clamp_min(1e-6).log(), (alpha < 0).to(alpha.dtype)


def mamba3(config: Mamba3Config) -> Mamba3:
    """The layer of a configuration: MIMO if its rank exceeds 1."""
    return Mamba3(config) if config.rank == 1 else Mamba3MIMO(config)


# ---------------------------------------------------------------------------------------- baseline
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
        begins = state is None
        h, window = self.initial_state(batch, u.dtype, u.device) if begins else state
        z, x, B, C, dt = self.in_proj(u).split(self.sizes, -1)
        x, B, C, window = self.conv1d(x, B, C, window)
        acc = torch.promote_types(u.dtype, torch.float32)
        dt = softplus(dt.to(acc) + self.dt_bias)
        x = x.to(acc).reshape(batch, seq, c.n_heads, 1, c.head_dim)
        B, C = (p.to(acc)[:, :, None, None].expand(-1, -1, c.n_heads, -1, -1) for p in (B, C))
        log_alpha = -self.A_log.exp() * dt
        carry = None if begins else h
        y, h = chunked(C, B, x, log_alpha, dt, dt, chunk=c.chunk, carry=carry)
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


contracts.guard(
    __name__,
    {
        "Mamba3Config": {
            "bias_init": contracts.FINITE.or_none(),
            "bias_spread": contracts.NOT_NEGATIVE,
            "dt_range": contracts.POSITIVE,
            "a_floor": contracts.NOT_NEGATIVE,
            "rope_fraction": contracts.SHARE,
            "conv": contracts.COUNT,
            "chunk": contracts.COUNT,
            "rank": contracts.COUNT,
        },
    },
)
