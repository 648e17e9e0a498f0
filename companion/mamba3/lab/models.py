"""The networks around the layers, and several seeds of one trained side by side.

A tiny model waits for the overhead of each operation, so five of them in one ``vmap`` cost little
more than one.  Nothing is shared: each seed has its own start, batches, gradient norm, and fate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy, silu

from companion.mamba3.method.layer import Mamba2, Mamba2Config, Mamba3Config, mamba3
from companion.scale import derive_seed
from companion.sweep import sweep

# ------------------------------------------------------------------------------------------- models
MixerConfig = Mamba3Config | Mamba2Config


def mixer(config: MixerConfig) -> nn.Module:
    """The layer that a configuration describes."""
    return Mamba2(config) if isinstance(config, Mamba2Config) else mamba3(config)


class Probe(nn.Module):
    """Embedding, one layer or a few with their residuals, and a reading at every position.

    tokens : int64 (batch, seq) to logits (batch, seq, n_classes)
    """

    def __init__(
        self, config: MixerConfig, vocab_size: int, n_classes: int, n_layers: int = 1
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.norms = nn.ModuleList(nn.RMSNorm(config.d_model, eps=1e-5) for _ in range(n_layers))
        self.mixers = nn.ModuleList(mixer(config) for _ in range(n_layers))
        self.norm_f = nn.RMSNorm(config.d_model, eps=1e-5)
        self.head = nn.Linear(config.d_model, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits at every position."""
        h = self.embedding(tokens)
        for norm, layer in zip(self.norms, self.mixers, strict=True):
            h = h + layer(norm(h))
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


# -------------------------------------------------------------------------------------------- seeds
Batches = Callable[[int], tuple[Tensor, Tensor]]
"""Step to tokens and labels, each (n_seeds, batch, seq)."""

UNASKED = -100
"""Label of a position at which nothing is asked."""


@dataclass(frozen=True)
class Recipe:
    """How to train: AdamW, linear warm-up then cosine to zero, gradients clipped to 1 per seed."""

    steps: int
    lr: float
    warmup: int = 50
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    def rate(self, step: int) -> float:
        """Learning rate of update `step`, from 0."""
        rising = min(1.0, (step + 1) / max(1, self.warmup))
        done = max(0, step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Stack:
    """Models of one architecture, one per seed, with stacked parameters.

    parameters : name to tensor of shape (n_seeds, ...)
    """

    def __init__(self, make: Callable[[], nn.Module], seeds: Sequence[int]) -> None:
        if not seeds:
            raise ValueError("a stack needs at least one seed")
        models = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, "start"))
                models.append(make())
        self.seeds, self.model = tuple(seeds), models[0]
        stacked, self.buffers = stack_module_state(models)
        self.parameters = {n: p.detach().requires_grad_(True) for n, p in stacked.items()}
        self._forward = vmap(lambda p, b, x: functional_call(self.model, (p, b), (x,)))

    def __call__(self, tokens: Tensor) -> Tensor:
        """Logits (n_seeds, batch, seq, classes) of tokens (n_seeds, batch, seq)."""
        return self._forward(self.parameters, self.buffers, tokens)

    def one(self, index: int) -> nn.Module:
        """The model of one seed, with its own copy of the parameters."""
        values = {name: p[index].detach().clone() for name, p in self.parameters.items()}
        self.model.load_state_dict(values, strict=False)
        return self.model

    def losses(self, tokens: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats, one per seed, over the positions that are asked."""
        logits = self(tokens)
        flat = cross_entropy(
            logits.flatten(0, 2), labels.flatten(), reduction="none", ignore_index=UNASKED
        )
        asked = (labels != UNASKED).flatten(1).sum(1)
        return flat.reshape(len(self.seeds), -1).sum(1) / asked

    def train(
        self,
        batch_at: Batches,
        recipe: Recipe,
        reads: Mapping[int, Callable[[], object]] | None = None,
    ) -> np.ndarray:
        """Train in place; losses of every step, (steps, n_seeds).

        reads : after how many updates to call what, for a look at the models on their way

        A seed whose loss is no longer finite keeps running as NaN and does not touch the others.
        """
        values = list(self.parameters.values())
        names = dict(self.model.named_parameters())  # unstacked, so that a matrix has two axes
        groups = [
            {
                "params": [
                    p for n, p in self.parameters.items() if is_decayed(n, names[n]) is flag
                ],
                "weight_decay": recipe.weight_decay if flag else 0.0,
            }
            for flag in (True, False)
        ]
        optimizer = torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, fused=True)
        history = np.empty((recipe.steps, len(self.seeds)))
        for step in range(recipe.steps):
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(step)
            losses = self.losses(*batch_at(step))
            optimizer.zero_grad()
            losses.sum().backward()
            clip_each(values)
            optimizer.step()
            history[step] = losses.detach().numpy()
            if reads and step + 1 in reads:
                reads[step + 1]()
        return history


def is_decayed(name: str, parameter: Tensor) -> bool:
    """Weight decay acts on matrices; not on D, Δ's bias, norms, and the biases of B and C."""
    return parameter.ndim == 2 and "bias" not in name


def clip_each(parameters: Sequence[Tensor], largest: float = 1.0) -> None:
    """Scale the gradient of each seed, not of the stack, to a norm of at most `largest`."""
    squares = sum(p.grad.flatten(1).pow(2).sum(1) for p in parameters)
    scale = (largest / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for p in parameters:
        p.grad.mul_(scale.reshape(-1, *[1] * (p.ndim - 1)))


# ------------------------------------------------------------------------------------- side by side
def stacks(seeds: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """The seeds in groups of at most `size`, each to be trained in a stack of its own."""
    return [tuple(seeds[i : i + size]) for i in range(0, len(seeds), size)]


def cost(config: MixerConfig) -> float:
    """About how long a layer takes next to Mamba-3's; only the order of jobs depends on it."""
    return config.rank if isinstance(config, Mamba3Config) else 1.0


def longest_first(
    function: Callable[..., object],
    jobs: Sequence[Mapping[str, object]],
    costs: Sequence[float],
    *,
    n_jobs: int | None,
    label: str,
) -> list[object]:
    """Results in the order of the jobs, begun with the longest: none runs alone at the end."""
    order = sorted(range(len(jobs)), key=lambda i: -costs[i])
    found = sweep(function, [jobs[i] for i in order], n_jobs=n_jobs, label=label, unpack=True)
    return [value for _, value in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]
