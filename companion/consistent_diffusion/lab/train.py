"""The training loop of the energy models."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion.consistent_diffusion.method.losses import Objective, objective_loss
from companion.scale import torch_generator
from companion.training import TrainingDiverged

CHECK_EVERY = 50
"""Losses are looked at in blocks: reading one number a step costs more than it tells."""


@dataclass(frozen=True)
class Fit:
    """How to train.

    steps, batch : updates, and points of each
    lr, lr_end : learning rate at the start and at the end of half a cosine
    weight_decay : of AdamW, the paper's
    """

    steps: int
    batch: int = 128
    lr: float = 1e-3
    lr_end: float = 1e-5
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not 0 < self.lr_end <= self.lr:
            raise ValueError(f"need steps, batch >= 1 and 0 < lr_end <= lr, got {self}")


@dataclass(frozen=True)
class Losses:
    """dsm, penalty : (steps, ...), before every update, without weight alpha; further axes are
    those of the stack of models.
    """

    dsm: np.ndarray
    penalty: np.ndarray


def cosine(step: int, fit: Fit) -> float:
    """Learning rate of update `step`."""
    fall = 0.5 * (1 + math.cos(math.pi * step / fit.steps))
    return fit.lr_end + (fit.lr - fit.lr_end) * fall


def train(
    model: nn.Module,
    data: Tensor,
    objective: Objective,
    fit: Fit,
    *,
    seed: int,
    label: str = "training",
    progress: bool = True,
    project: Callable[[Tensor], Tensor] | None = None,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Losses:
    """Train `model` in place with AdamW.

    model : its ``lanes`` are the axes of a stack, whose models see batches of their own; AdamW
        acts on each number alone, so they are trained as if each were by itself
    data : (n, D); a batch is drawn with replacement
    seed, label : name the run and its random numbers
    augment : changes a batch before its use, ``augment(x, generator)``

    Raises
    ------
    TrainingDiverged : a loss or a gradient is not finite; the message names step and seed
    """
    draws = torch_generator(seed, "train", label)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=fit.lr, weight_decay=fit.weight_decay, fused=True
    )
    kept = torch.zeros(2, fit.steps, *model.lanes)
    for step in tqdm(range(fit.steps), desc=label, disable=not progress, mininterval=1.0):
        optimizer.param_groups[0]["lr"] = cosine(step, fit)
        x0 = data[torch.randint(len(data), (*model.lanes, fit.batch), generator=draws)]
        if augment is not None:
            x0 = augment(x0, draws)
        loss = objective_loss(model, x0, objective, draws, project=project)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        kept[0, step], kept[1, step] = loss.dsm.detach(), loss.penalty.detach()
        if step % CHECK_EVERY == CHECK_EVERY - 1 or step == fit.steps - 1:
            _require_finite(kept[:, : step + 1], model, seed, label)
    model.eval()
    return Losses(*kept.numpy().astype(float))


def _require_finite(kept: Tensor, model: nn.Module, seed: int, label: str) -> None:
    finite = torch.isfinite(kept.flatten(2) if kept.ndim > 2 else kept[..., None]).all(0).all(-1)
    broken = not all(torch.isfinite(p).all() for p in model.parameters())
    if bool(finite.all()) and not broken:
        return
    step = kept.shape[1] - 1 if bool(finite.all()) else int((~finite).float().argmax())
    dsm, penalty = kept[:, step].reshape(2, -1).mean(1).tolist()
    raise TrainingDiverged(
        f"{label}, step {step}, seed {seed}: loss {dsm:g}, penalty {penalty:g}, "
        f"weights {'not finite' if broken else 'finite'}; lower the learning rate or alpha"
    )
