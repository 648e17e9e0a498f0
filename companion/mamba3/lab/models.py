"""The networks around the layers: a probe for state tracking, and a small language model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from companion.mamba3.method.layer import Mamba3Config, mamba3
from companion.mamba3.method.mamba2 import Mamba2, Mamba2Config

MixerConfig = Mamba3Config | Mamba2Config


def mixer(config: MixerConfig) -> nn.Module:
    """The layer that a configuration describes."""
    return Mamba2(config) if isinstance(config, Mamba2Config) else mamba3(config)


class Probe(nn.Module):
    """Embedding, one layer with its residual, and a reading at every position.

    tokens : int64 (batch, seq) to logits (batch, seq, n_classes)
    """

    def __init__(self, config: MixerConfig, vocab_size: int, n_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)
        self.mixer = mixer(config)
        self.norm_f = nn.RMSNorm(config.d_model, eps=1e-5)
        self.head = nn.Linear(config.d_model, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits at every position."""
        h = self.embedding(tokens)
        h = h + self.mixer(self.norm(h))
        return self.head(self.norm_f(h))


class SwiGLU(nn.Module):
    """fc2(y · SiLU(gate)) with [y, gate] = fc1(x), value first as released."""

    def __init__(self, d_model: int, d_hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, 2 * d_hidden, bias=False)
        self.fc2 = nn.Linear(d_hidden, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) to the same shape."""
        y, gate = self.fc1(x).chunk(2, -1)
        return self.fc2(y * silu(gate))


class Block(nn.Module):
    """norm, mixer, residual, norm2, SwiGLU, residual; the residual stream in float32 or better."""

    def __init__(self, config: MixerConfig, d_hidden: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)
        self.mixer = mixer(config)
        self.norm2 = nn.RMSNorm(config.d_model, eps=1e-5)
        self.mlp = SwiGLU(config.d_model, d_hidden)

    def forward(self, h: Tensor) -> Tensor:
        """(batch, seq, d_model) to the same shape."""
        kind = self.norm.weight.dtype
        h = h + self.mixer(self.norm(h.to(kind))).to(h.dtype)
        return h + self.mlp(self.norm2(h.to(kind))).to(h.dtype)

    def step(self, h: Tensor, state: object) -> tuple[Tensor, object]:
        """One token, (batch, d_model)."""
        kind = self.norm.weight.dtype
        y, state = self.mixer.step(self.norm(h.to(kind)), state)
        h = h + y.to(h.dtype)
        return h + self.mlp(self.norm2(h.to(kind))).to(h.dtype), state


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A language model: `n_layers` blocks of one mixer, SwiGLU of width `d_hidden`."""

    mixer: MixerConfig
    n_layers: int
    d_hidden: int
    vocab_size: int


class LanguageModel(nn.Module):
    """tokens (batch, seq) to logits (batch, seq, vocab); embedding and output are tied."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.mixer.d_model
        self.embedding = nn.Embedding(config.vocab_size, d_model)
        self.layers = nn.ModuleList(
            Block(config.mixer, config.d_hidden) for _ in range(config.n_layers)
        )
        self.norm_f = nn.RMSNorm(d_model, eps=1e-5)
        self.reset(config.n_layers)

    @torch.no_grad()
    def reset(self, n_layers: int) -> None:
        """Embedding N(0, 0.02); what writes to the residual stream shrinks with the depth."""
        self.embedding.weight.normal_(0, 0.02)
        for block in self.layers:
            for linear in (block.mixer.out_proj, block.mlp.fc2):
                nn.init.kaiming_uniform_(linear.weight, a=math.sqrt(5))
                linear.weight.div_(math.sqrt(2 * n_layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits at every position."""
        h = self.embedding(tokens).float() if self._is_half else self.embedding(tokens)
        for block in self.layers:
            h = block(h)
        return self._read(h)

    def step(self, tokens: Tensor, states: list | None = None) -> tuple[Tensor, list]:
        """Logits of one token a sequence, (batch,) to (batch, vocab), and the next states."""
        if states is None:
            states = [block.mixer.initial_state(len(tokens)) for block in self.layers]
        h = self.embedding(tokens).float() if self._is_half else self.embedding(tokens)
        following = []
        for block, state in zip(self.layers, states, strict=True):
            h, state = block.step(h, state)
            following.append(state)
        return self._read(h), following

    @property
    def _is_half(self) -> bool:
        return self.embedding.weight.dtype in (torch.bfloat16, torch.float16)

    def _read(self, h: Tensor) -> Tensor:
        weight = self.embedding.weight
        return self.norm_f(h.to(weight.dtype)) @ weight.T
