"""Base models, teachers, and students: one training loop.

Students of one shape, from one base model, see the same batches in the same order; only what they
are trained on differs.  Small models are trained side by side as lanes, released ones in turn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from companion.distillation_memorization.lab.models import Lanes, device_of, half_precision
from companion.distillation_memorization.method.objectives import Cached, Objective
from companion.scale import generator
from companion.training import TrainingSettings, train

TEXT = Objective("text")


def batches(n: int, size: int, seed: int, name: str) -> Callable[[int], Tensor]:
    """Step -> indices of its sequences: every epoch a fresh permutation, the last few left out."""
    if not 1 <= size <= n:
        raise ValueError(f"batches of {size} cannot be drawn from {n} sequences")
    per_epoch = n // size

    @cache
    def order(epoch: int) -> Tensor:
        return torch.from_numpy(generator(seed, name, "order", epoch).permutation(n))

    def batch_at(step: int) -> Tensor:
        epoch, place = divmod(step, per_epoch)
        return order(epoch)[place * size : (place + 1) * size]

    return batch_at


@dataclass(frozen=True)
class Recipe:
    """How to train; the rate falls as half a cosine to zero.

    lr : peak learning rate; batch : sequences per update
    """

    lr: float
    batch: int

    def settings(self, n: int, epochs: int) -> TrainingSettings:
        """Of `epochs` passes over n sequences.

        Clipping is off: a norm over several lanes would let them influence each other.
        """
        return TrainingSettings(
            epochs * (n // self.batch),
            lr=self.lr,
            warmup=0.02,
            floor=0.0,
            weight_decay=0.0,
            clip=1e9,
            betas=(0.9, 0.99),
        )


def fit(
    model: nn.Module,
    inputs: Tensor,
    recipe: Recipe,
    epochs: int,
    *,
    seed: int,
    name: str,
    objectives: Sequence[Objective] = (TEXT,),
    teacher: Cached | None = None,
    order: str = "",
    progress: bool = False,
) -> None:
    """Train `model` in place, one objective per lane.

    inputs : int64 (n, length), or (lanes, n, length) where lanes read different text
    teacher : its outputs on the same n sequences, where an objective needs them
    order : name of the shuffling; models that are compared share it
    """
    text = inputs.expand(len(objectives), *inputs.shape) if inputs.ndim == 2 else inputs
    text = text.to(device_of(model))
    n = text.shape[1]

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        read = text[:, rows]  # (lanes, batch, length)
        with half_precision(text.device):
            logits = model(read).logits[..., :-1, :]
        known = None if teacher is None else teacher.rows(rows, text.device)
        terms = [o.loss(logits[i], read[i, :, 1:], known) for i, o in enumerate(objectives)]
        return torch.stack(terms).sum()

    train(
        model,
        batches(n, recipe.batch, seed, order or name),
        recipe.settings(n, epochs),
        seed=seed,
        loss=loss,
        progress=progress,
        label=name,
    )


def fit_arms(
    base: nn.Module,
    arms: dict[str, Objective],
    text: dict[str, Tensor],
    recipe: Recipe,
    epochs: int,
    **kwargs: object,
) -> dict[str, nn.Module]:
    """All students of one base model, which stays as it was: name -> model of one lane.

    text : arm -> int64 (n, length), what it reads
    kwargs : of :func:`fit`
    """
    names = list(arms)
    if isinstance(base, Lanes):
        model = base.repeated(len(names))
        stacked = torch.stack([text[name] for name in names])
        fit(model, stacked, recipe, epochs, objectives=list(arms.values()), **kwargs)
        return {name: model.lane(i) for i, name in enumerate(names)}
    models = {}
    for name in names:
        models[name] = copy.deepcopy(base)
        fit(models[name], text[name], recipe, epochs, objectives=[arms[name]], **kwargs)
    return models
