"""The reasoning module: a GPT-2 that reads vectors, and learns in context to classify.

    x_1, y_1, x_2, y_2, ..., x_n, y_n     (each a vector of d numbers)

A label y is the vector (y, 0, ..., 0), so label 0 is the zero vector: only its position marks it.
The prediction for x_i is read off at the position of x_i, which has seen the pairs before it.
Blocks are those of GPT-2: normalization first, learned absolute positions, causal, no dropout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

Cache = list[tuple[Tensor, Tensor]]
"""Per block, keys and values (batch, heads, seq, d_head) of what was read before."""


@dataclass(frozen=True)
class HeadConfig:
    """Shape of a reasoning module.

    d : dimensions of a point; n_pairs : longest sequence of pairs, the query included
    n_embd, n_layers, n_heads : of the backbone (paper: 256, 12, 8; tiny: 64, 3, 2)
    repeats : label tokens are (x_i, y_i, 1) and points (x_i, 0, 0), so that the module need not
        learn first which point a label belongs to.  The paper: False; see :func:`interleave`
    """

    d: int
    n_pairs: int
    n_embd: int = 64
    n_layers: int = 3
    n_heads: int = 2
    repeats: bool = False

    def __post_init__(self) -> None:
        if min(self.d, self.n_pairs, self.n_embd, self.n_layers, self.n_heads) < 1:
            raise ValueError(f"all sizes must be positive, got {self}")
        if self.n_embd % self.n_heads:
            raise ValueError(f"n_heads must divide n_embd, got {self.n_heads} and {self.n_embd}")

    @property
    def d_token(self) -> int:
        """Numbers in a token."""
        return self.d + 2 if self.repeats else self.d

    @property
    def max_context(self) -> int:
        """Most labeled examples that leave room for a query."""
        return self.n_pairs - 1

    @property
    def n_block_parameters(self) -> int:
        """Parameters in the blocks: 12 n^2 + 13 n each."""
        return self.n_layers * (12 * self.n_embd**2 + 13 * self.n_embd)


STANDARD = HeadConfig(d=16, n_pairs=258, n_embd=256, n_layers=12, n_heads=8)
"""The paper's module: up to 257 examples and a query."""


class TooLong(ValueError):
    """More pairs than the module has positions for."""


def interleave(
    x: Float[Tensor, "b n d"], y: Shaped[Tensor, "b n"], repeats: bool = False
) -> Float[Tensor, "b 2*n width"]:
    """Points (b, n, d) and labels (b, n) as one sequence x_1, y_1, ..., x_n, y_n: (b, 2n, d).

    Notebook eq. 3.

    repeats : the label token repeats its point, (x_i, y_i, 1): (b, 2n, d + 2)
    """
    y = y.to(x.dtype)[..., None]
    if repeats:
        points = torch.cat([x, torch.zeros_like(y), torch.zeros_like(y)], dim=-1)
        labels = torch.cat([x, y, torch.ones_like(y)], dim=-1)
    else:
        points, labels = x, F.pad(y, (0, x.shape[-1] - 1))
    return torch.stack([points, labels], dim=2).flatten(1, 2)


class Block(nn.Module):
    """One GPT-2 block."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        n = config.n_embd
        self.n_heads = config.n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(n), nn.LayerNorm(n)
        self.qkv, self.proj = nn.Linear(n, 3 * n), nn.Linear(n, n)
        self.up, self.down = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)

    def forward(
        self, h: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """States (b, s, n) to states, and the keys and values of all that was read."""
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (b, heads, s, d_head)
            for part in self.qkv(self.norm_1(h)).chunk(3, dim=-1)
        )
        if past is not None:
            k, v = (
                torch.cat([old.expand(new.shape[0], -1, -1, -1), new], dim=2)
                for old, new in zip(past, (k, v), strict=True)
            )
        # a single new position may look at everything before it
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=past is None and q.shape[2] > 1)
        h = h + self.proj(seen.transpose(1, 2).flatten(2))
        return h + self.down(F.gelu(self.up(self.norm_2(h)), approximate="tanh")), (k, v)


class ReasoningModule(nn.Module):
    """Vectors and labels in, one logit per point out."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.read_in = nn.Linear(config.d_token, config.n_embd)
        self.positions = nn.Parameter(torch.zeros(2 * config.n_pairs, config.n_embd))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.n_embd)
        self.read_out = nn.Linear(config.n_embd, 1)

    def read(self, tokens: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        """Final states (b, s, n_embd) of tokens (b, s, d), and the cache to go on from.

        past : of an earlier call with batch 1 or b; then exactly one token is read

        Raises
        ------
        TooLong : more tokens than positions
        ValueError : several tokens after a cache
        """
        start = 0 if past is None else past[0][0].shape[2]
        stop = start + tokens.shape[1]
        if stop > len(self.positions):
            raise TooLong(
                f"{(stop + 1) // 2} pairs, the module was made for {self.config.n_pairs} with the "
                "query: use fewer examples, or a module that was trained on more"
            )
        if past is not None and tokens.shape[1] != 1:
            raise ValueError(f"after a cache one token is read, got {tokens.shape[1]}")
        h = self.read_in(tokens) + self.positions[start:stop]
        cache: Cache = []
        for i, block in enumerate(self.blocks):
            h, kept = block(h, None if past is None else past[i])
            cache.append(kept)
        return self.norm(h), cache

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (b, n) of points (b, n, d), labels (b, n): number i has seen those before i."""
        states, _ = self.read(interleave(x, y, self.config.repeats))
        return self.read_out(states[:, ::2]).squeeze(-1)

    @torch.no_grad()
    def scores(self, x: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """Logits (q,) of queries (q, d) after the context x (k, d), y (k,); k may be 0.

        The context is read once and kept; the queries do not see each other.
        """
        queries = F.pad(queries, (0, self.config.d_token - self.d))
        if len(x) == 0:
            return self.read_out(self.read(queries[:, None])[0]).flatten()
        _, cache = self.read(interleave(x[None], y[None], self.config.repeats))
        parts = [
            self.read_out(self.read(part[:, None], cache)[0]).flatten()
            for part in queries.split(1024)
        ]
        return torch.cat(parts) if parts else queries.new_zeros(0)

    @property
    def d(self) -> int:
        """Dimensions of a point."""
        return self.config.d

    @property
    def max_context(self) -> int:
        """Most examples that leave room for a query."""
        return self.config.max_context


def init_(module: ReasoningModule, generator: torch.Generator) -> ReasoningModule:
    """GPT-2's initialization in place: deviation 0.02, in the two writers 0.02 / sqrt(2 layers).

    Biases 0, gains 1; the linear maps around the backbone keep torch's uniform rule.
    """
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.startswith("read_"):
                n_in = module.config.d_token if name.startswith("read_in") else module.config.n_embd
                bound = n_in**-0.5
                weight.uniform_(-bound, bound, generator=generator)
            elif weight.ndim == 1:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                writer = name.endswith(("proj.weight", "down.weight"))
                std = 0.02 / (2 * module.config.n_layers) ** 0.5 if writer else 0.02
                weight.normal_(0.0, std, generator=generator)
    return module


def fresh_head(config: HeadConfig, generator: torch.Generator) -> ReasoningModule:
    """An untrained module."""
    return init_(ReasoningModule(config), generator)
