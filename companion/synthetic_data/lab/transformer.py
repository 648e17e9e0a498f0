"""Laboratory D's model: a tiny causal transformer, its training and its sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from companion.scale import torch_generator
from companion.synthetic_data.lab.tasks import LENGTH, VOCABULARY, Batch

BATCH = 128
RATE = 3e-3


class Block(nn.Module):
    """Pre-norm attention and MLP of width 4 d."""

    def __init__(self, d: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        """x : (batch, seq, d)."""
        n, seq, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(n, seq, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, seq, d_head)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, seq, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """Token and position embeddings, blocks, a tied head.

    d : width; n_layers : blocks; generator : of the starting weights
    """

    def __init__(self, d: int, n_layers: int, generator: torch.Generator) -> None:
        super().__init__()
        if d % 16:
            raise ValueError(f"the width must be a multiple of 16, got {d}")
        self.embed = nn.Embedding(VOCABULARY, d)
        self.place = nn.Parameter(torch.zeros(LENGTH, d))
        self.blocks = nn.ModuleList(Block(d, d // 16) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if p.ndim == 2:
                    deep = name.endswith(("out.weight", "down.weight"))
                    spread = 0.5 / math.sqrt(d) if "blocks" not in name else 1 / math.sqrt(d)
                    p.normal_(0, spread / (2 * n_layers if deep else 1), generator=generator)
                elif name.endswith("bias"):
                    p.zero_()

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch, seq, vocabulary) of tokens (batch, seq)."""
        x = self.embed(tokens) + self.place[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.embed.weight.T * 2


def train(size: tuple[int, int], batches: Sequence[Batch], steps: int, seed: int) -> Transformer:
    """Train on the answer tokens of all sequences with AdamW and a cosine rate.

    size : (d, n_layers); the starting weights and the order of the data depend on the seed alone
    steps : updates of 128 sequences; the data are shuffled anew whenever they are used up
    """
    model = Transformer(*size, torch_generator(seed, "transformer", *size))
    tokens = torch.as_tensor(np.concatenate([b.tokens for b in batches]))
    spans = np.repeat([(b.start, b.end) for b in batches], [len(b.tokens) for b in batches], axis=0)
    place = torch.arange(LENGTH)
    spans = torch.as_tensor(spans)
    counted = (place >= spans[:, :1]) & (place < spans[:, 1:])
    groups = [
        {
            "params": [p for p in model.parameters() if (p.ndim > 1) == decays],
            "weight_decay": 0.01 * decays,
        }
        for decays in (False, True)
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    shuffle = torch_generator(seed, "order")
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        warm = min(1.0, (step + 1) / 30)
        for group in optimizer.param_groups:
            group["lr"] = RATE * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(tokens), generator=shuffle)])
        rows, order = order[:BATCH], order[BATCH:]
        logits = model(tokens[rows, :-1])[counted[rows, 1:]]
        loss = F.cross_entropy(logits, tokens[rows, 1:][counted[rows, 1:]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def next_law(model: Transformer, tokens: np.ndarray) -> np.ndarray:
    """P(next token) after each prefix: tokens (n, length) -> (n, length, vocabulary)."""
    return torch.softmax(model(torch.as_tensor(tokens)).double(), -1).numpy()


@torch.no_grad()
def rewrite(
    model: Transformer, batch: Batch, temperature: float, generator: torch.Generator | None
) -> Batch:
    """The same prompts with answers written by the model at a temperature (0: greedy)."""
    tokens = torch.as_tensor(batch.tokens.copy())
    for at in range(batch.start, batch.end):
        logits = model(tokens[:, :at])[:, -1]
        if temperature == 0:
            tokens[:, at] = logits.argmax(-1)
        else:
            law = torch.softmax(logits / temperature, -1)
            tokens[:, at] = torch.multinomial(law, 1, generator=generator)[:, 0]
    return batch._replace(tokens=tokens.numpy())
