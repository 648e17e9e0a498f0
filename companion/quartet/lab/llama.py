"""A tiny Llama that trains several seeds at once.

Every weight has a leading seed axis, and products over it are batched.  Models of a hundred
thousand parameters spend their time in Python, not in arithmetic; side by side, four seeds cost
little more than one.  The seeds never mix: each has its own weights, data, and gradient norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.quartet.method.linear import QuartetLinear, Recipe


@dataclass(frozen=True)
class Shape:
    """Size of the model; widths that enter a quantized product must be multiples of 32."""

    n_layers: int = 2
    d_model: int = 64
    n_heads: int = 2
    hidden: int = 192
    vocab: int = 128
    seq: int = 64

    def __post_init__(self) -> None:
        if self.d_model % (2 * self.n_heads):
            raise ValueError(
                f"heads need an even width: d_model={self.d_model}, n_heads={self.n_heads}"
            )

    @property
    def n_body(self) -> int:
        """Parameters without embedding and head, gains included: the law's N."""
        d, h = self.d_model, self.hidden
        return self.n_layers * (4 * d * d + 3 * d * h + 2 * d) + d


class TinyLlama(nn.Module):
    """Pre-norm blocks with rotary attention and SwiGLU; head untied; no biases.

    As in the paper, only the four linear layers of a block are quantized (fused q, k, v; attention
    output; fused gate and up; down): embedding, head, norms and attention stay in float32.

    seeds : one initialization each (weights depend on the seed alone, not on the recipe)
    noise : generator of signs and rounding draws, the only thing that recipes draw from
    """

    def __init__(
        self, shape: Shape, recipe: Recipe, seeds: list[int], noise: torch.Generator
    ) -> None:
        super().__init__()
        self.shape, self.n_seeds = shape, len(seeds)
        d, h = shape.d_model, shape.hidden
        copies = (len(seeds),)

        def linear(n_in: int, n_out: int) -> QuartetLinear:
            return QuartetLinear(n_in, n_out, recipe=recipe, generator=noise, copies=copies)

        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "qkv": linear(d, 3 * d),
                    "out": linear(d, d),
                    "up": linear(d, 2 * h),
                    "down": linear(h, d),
                }
            )
            for _ in range(shape.n_layers)
        )
        self.gains = nn.Parameter(torch.ones(2 * shape.n_layers + 1, len(seeds), 1, d))
        self.embedding = nn.Parameter(torch.empty(len(seeds), shape.vocab, d))
        self.head = nn.Parameter(torch.empty(len(seeds), shape.vocab, d))
        self._initialize(seeds)
        position = torch.arange(shape.seq).float()
        frequency = 10000.0 ** (-torch.arange(0, d // shape.n_heads, 2) / (d // shape.n_heads))
        angle = position[:, None] * frequency
        self.register_buffer("cos", angle.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", angle.sin().repeat(1, 2), persistent=False)

    @torch.no_grad()
    def _initialize(self, seeds: list[int]) -> None:
        """Normal with deviation 0.02, and 0.02 / sqrt(2 layers) for what writes to the stream."""
        for i, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(seed)
            for name, weight in self.named_parameters():
                if name == "gains":
                    continue
                writes = name.endswith(("out.weight", "down.weight"))
                std = 0.02 / (2 * self.shape.n_layers) ** 0.5 if writes else 0.02
                weight[i].normal_(0, std, generator=generator)

    def set_recipe(self, recipe: Recipe) -> None:
        """Use other arithmetic with the same weights."""
        for block in self.blocks:
            for layer in block.values():
                layer.recipe = recipe

    def _norm(self, x: Tensor, i: int) -> Tensor:
        return functional.rms_norm(x, x.shape[-1:], eps=1e-5) * self.gains[i]

    def _attend(self, qkv: Tensor, n_windows: int) -> Tensor:
        """(seeds, windows * seq, 3d) -> (seeds, windows * seq, d), causal, rotary positions."""
        heads, seq = self.shape.n_heads, qkv.shape[1] // n_windows
        q, k, v = qkv.view(-1, seq, 3, heads, self.shape.d_model // heads).permute(2, 0, 3, 1, 4)
        q, k = self._turn(q, seq), self._turn(k, seq)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.transpose(1, 2).reshape(self.n_seeds, -1, self.shape.d_model)

    def _turn(self, x: Tensor, seq: int) -> Tensor:
        left, right = x.chunk(2, -1)
        return x * self.cos[:seq] + torch.cat((-right, left), -1) * self.sin[:seq]

    def hidden_states(self, tokens: Tensor) -> list[Tensor]:
        """Residual stream before each block and after the last: (seeds, windows * seq, d) each.

        tokens : int64 (seeds, windows, seq); each kept tensor requires a gradient in training
        """
        offset = torch.arange(self.n_seeds, device=tokens.device)[:, None, None] * self.shape.vocab
        x = functional.embedding(tokens + offset, self.embedding.flatten(0, 1)).flatten(1, 2)
        states = [x]
        for i, block in enumerate(self.blocks):
            mixed = self._attend(block["qkv"](self._norm(x, 2 * i)), tokens.shape[1])
            x = x + block["out"](mixed)
            gate, up = block["up"](self._norm(x, 2 * i + 1)).chunk(2, -1)
            x = x + block["down"](functional.silu(gate) * up)
            states.append(x)
        return states

    def losses_of(self, last: Tensor, tokens: Tensor) -> Tensor:
        """Mean next-token loss per seed, in nats: (seeds,); last : final residual stream."""
        logits = self._norm(last, 2 * self.shape.n_layers) @ self.head.mT
        logits = logits.unflatten(1, tokens.shape[1:])[:, :, :-1]  # (seeds, windows, seq - 1, V)
        nats = functional.cross_entropy(
            logits.flatten(0, 2), tokens[:, :, 1:].flatten(), reduction="none"
        )
        return nats.view(self.n_seeds, -1).mean(1)

    def losses(self, tokens: Tensor) -> Tensor:
        """Mean next-token loss per seed on tokens (seeds, windows, seq)."""
        return self.losses_of(self.hidden_states(tokens)[-1], tokens)
