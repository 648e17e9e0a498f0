"""Several seeds of one small model trained side by side, as one stack of parameters.

A tiny model waits for the overhead of each operation, so five of them in one ``vmap`` cost little
more than one.  Nothing is shared: each seed has its own start, batches, gradient norm, and fate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from companion.scale import derive_seed

Batches = Callable[[int], tuple[Tensor, Tensor]]
"""Step to tokens and labels, each (n_seeds, batch, seq)."""


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
        """Mean cross-entropy in nats, one per seed."""
        logits = self(tokens)
        flat = cross_entropy(logits.flatten(0, 2), labels.flatten(), reduction="none")
        return flat.reshape(len(self.seeds), -1).mean(1)

    def train(self, batch_at: Batches, recipe: Recipe) -> np.ndarray:
        """Train in place; losses of every step, (steps, n_seeds).

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
