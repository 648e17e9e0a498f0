"""The one training loop for small language models.

Everything that a run does is a function of its settings and of ``batch_at(step)``, the data of one
step.  Because the data are asked for by step and not drawn from a stream, a run that stops can be
resumed from its checkpoint and ends with the same weights as one that never stopped.

Update number s (s = 0, 1, ...) turns the model of step s into that of step s + 1; step 0 is the
model before any update.  Measurements are made at steps 0 to ``settings.steps``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion import processes
from companion.training_state import RunState

OPTIMIZERS = ("adamw", "sgd")


class TrainingDiverged(RuntimeError):
    """Loss or gradient is no longer finite; the message names step and seed."""


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the defaults are Pythia's, but for the learning rate.

    steps : number of updates
    lr : peak learning rate
    warmup : share of the steps that rise linearly to the peak
    floor : learning rate at the end of the cosine, as a share of the peak
    weight_decay : of matrices and embeddings only (decoupled for adamw, L2 for sgd)
    clip : largest gradient norm
    optimizer : one of :data:`OPTIMIZERS`; `betas`, `eps` belong to adamw, `momentum` to sgd
    """

    steps: int
    lr: float = 1e-3
    warmup: float = 0.01
    floor: float = 0.1
    weight_decay: float = 0.1
    clip: float = 1.0
    optimizer: str = "adamw"
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    momentum: float = 0.9

    def __post_init__(self) -> None:
        # written so that NaN is refused, too
        if not (self.steps >= 0 and 0 < self.lr < math.inf and self.clip > 0):
            raise ValueError(f"need steps >= 0, lr > 0 and clip > 0, got {self}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"need weight_decay >= 0, got {self}")
        if not 0 <= self.warmup < 1 or not 0 <= self.floor <= 1:
            raise ValueError(f"need 0 <= warmup < 1 and 0 <= floor <= 1, got {self}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}; choose one of {OPTIMIZERS}")


@dataclass(frozen=True)
class History:
    """What a run leaves behind beside the trained model.

    losses : shape (steps,), the loss of each batch before its update
    measured_at : shape (n_measured,), the steps of the measurements
    series : name -> array of shape (n_measured, ...), what the measurements returned
    """

    losses: np.ndarray
    measured_at: np.ndarray
    series: Mapping[str, np.ndarray]


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """Learning rate of update `step`: linear warm-up, then half a cosine down to the floor.

    The first update already has a positive rate; the peak is reached at the end of the warm-up.
    """
    n_warm = max(1, round(settings.warmup * settings.steps))
    if step < n_warm:
        return settings.lr * (step + 1) / n_warm
    done = (step - n_warm) / max(1, settings.steps - n_warm)
    fall = 0.5 * (1 + math.cos(math.pi * done))
    return settings.lr * (settings.floor + (1 - settings.floor) * fall)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Matrices and embeddings with weight decay; biases and gains without."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW or SGD with momentum over :func:`parameter_groups`."""
    groups = parameter_groups(model, settings.weight_decay)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum)
    return torch.optim.AdamW(
        groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True
    )


def next_token_loss(model: nn.Module, batch: Tensor) -> Tensor:
    """Mean cross-entropy of each token given those before it, in nats.

    batch : int64 of shape (batch, seq); model(batch).logits : shape (batch, seq, vocab)
    """
    logits = model(batch).logits[:, :-1]
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def train(
    model: nn.Module,
    batch_at: Callable[[int], Tensor],
    settings: TrainingSettings,
    *,
    seed: int,
    loss: Callable[[nn.Module, Tensor], Tensor] = next_token_loss,
    measure: Callable[[nn.Module, int], Mapping[str, ArrayLike]] | None = None,
    measure_at: Collection[int] = (),
    checkpoint: Path | None = None,
    checkpoint_every: int = 1000,
    progress: bool = True,
    label: str = "training",
) -> History:
    """Train `model` in place and return its losses and measurements.

    Parameters
    ----------
    batch_at : the batch of update s, on any device; must be a pure function of s
    seed : of the run; named in errors and kept in the checkpoint (the loop itself draws nothing)
    measure, measure_at : ``measure(model, step)`` runs in evaluation mode without gradients at
        each of these steps (0 to ``settings.steps``); it returns numbers or arrays by name, with
        the same names and shapes every time
    checkpoint : safetensors file; if it exists the run goes on from it, otherwise it is written
        every `checkpoint_every` updates and at the end
    progress : whether to show a progress bar

    Raises
    ------
    TrainingDiverged
        A loss or a gradient norm is not finite.
    ValueError
        A step of `measure_at` is outside the run, or the checkpoint belongs to another run.
    """
    wanted = set(measure_at)
    if any(not 0 <= step <= settings.steps for step in wanted):
        raise ValueError(f"measure_at must lie in 0..{settings.steps}, got {sorted(wanted)}")
    device = next(model.parameters()).device
    state = RunState(model, make_optimizer(model, settings), settings, seed)
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint)

    def measure_now(step: int) -> None:
        if measure is not None and step in wanted and step not in state.measured_at:
            model.eval()
            with torch.no_grad():
                state.record(step, measure(model, step))

    bar = tqdm(total=settings.steps, initial=state.step, desc=label, disable=not progress)
    with bar:
        while state.step < settings.steps:
            measure_now(state.step)
            model.train()
            state.losses.append(_update(state, loss, batch_at(state.step).to(device)))
            state.step += 1
            bar.update()
            if checkpoint is not None and state.step % checkpoint_every == 0:
                state.save(checkpoint)
    measure_now(settings.steps)
    model.eval()
    if checkpoint is not None:
        state.save(checkpoint)
    return History(
        losses=np.array(state.losses, dtype=float),
        measured_at=np.array(state.measured_at, dtype=int),
        series={name: np.stack(values) for name, values in state.series.items()},
    )


def _update(state: RunState, loss: Callable, batch: Tensor) -> float:
    """One optimizer step; returns the loss before it."""
    settings, optimizer = state.settings, state.optimizer
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(state.step, settings)
    value = loss(state.model, batch)
    value.backward()
    norm = nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    if not (math.isfinite(value.item()) and math.isfinite(norm.item())):
        raise TrainingDiverged(
            f"step {state.step}, seed {state.seed}: loss {value.item():g}, gradient norm "
            f"{norm.item():g}; lower the learning rate (peak {settings.lr:g}) or clip harder"
        )
    optimizer.step()
    optimizer.zero_grad()
    return value.item()


def n_parameters(model: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(p.numel() for p in model.parameters())


processes.share(__name__)
