"""Base models, teachers and students: one training loop, and the teacher's logits on disk.

The teacher's logits, computed once and kept on disk.

Small vocabularies are kept whole.  With tens of thousands of tokens the `k` largest probabilities
are kept at the temperature of use, and the rest is one outcome (``objectives.top_k_loss``).  Files
are safetensors; a file that belongs to other tokens is refused.

Training base models, teachers and students with the book's one loop.

Students of one shape, from one base model, see the same batches in the same order; only what they
are trained on differs.  Small models are trained side by side as lanes, transformers in turn.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import log_softmax
from tqdm.auto import tqdm

from companion.distillation_memorization.lab.models import (
    LaneMLP,
    device_of,
    half_precision,
    lane_logits,
)
from companion.distillation_memorization.method.objectives import Cached, Objective
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.training import History, TrainingSettings, train


# ------------------------------------------------------------------------------------------- logits
class WrongCache(ValueError):
    """The file holds the outputs for other tokens, another temperature or another k."""


def _identity(tokens: Tensor, k: int, tau: float, teacher: str) -> str:
    digest = hashlib.sha256(tokens.cpu().numpy().tobytes()).hexdigest()[:16]
    return f"{teacher} tokens {digest} shape {tuple(tokens.shape)} k {k} tau {tau:g}"


@torch.no_grad()
def cache_logits(
    logits_of: Callable[[Tensor], Tensor],
    tokens: Tensor,
    path: Path,
    *,
    teacher: str = "",
    k: int = 0,
    tau: float = 1.0,
    batch: int = 256,
    progress: bool = False,
) -> Cached:
    """What is in `path`, or else the teacher's outputs, written there first.

    logits_of : tokens (b, length) -> logits (b, length, vocab), without gradients
    teacher : names the teacher in the file, so that another teacher's file is refused
    k : number of probabilities kept per position; 0 keeps all logits

    Raises ``WrongCache`` when the file was made for something else.
    """
    identity = _identity(tokens, k, tau, teacher)
    if path.exists():
        return _read(path, identity, tau)
    parts: dict[str, list[Tensor]] = {}
    for rows in tqdm(tokens.split(batch), desc="teacher's logits", disable=not progress):
        logits = logits_of(rows)[:, :-1].float()
        if k:
            top = log_softmax(logits / tau, -1).topk(k, -1)
            kept = {"ids": top.indices.int(), "log_probs": top.values.half()}
        else:
            kept = {"logits": logits}
        for name, value in kept.items():
            parts.setdefault(name, []).append(value.cpu())
    tensors = {name: torch.cat(values).contiguous() for name, values in parts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(tensors, str(fresh), metadata={"of": identity})
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return _read(path, identity, tau)


def _read(path: Path, identity: str, tau: float) -> Cached:
    with safe_open(str(path), framework="pt") as file:
        found = (file.metadata() or {}).get("of")
        if found != identity:
            raise WrongCache(f"{path} holds {found!r}, wanted is {identity!r}; delete it")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Cached(tensors.get("logits"), tensors.get("ids"), tensors.get("log_probs"), tau)


# ---------------------------------------------------------------------------------------------- fit
TEXT = Objective("text")


@dataclass(frozen=True)
class Shape:
    """Size of a model: `layers` 0 is the MLP with hidden width `d`, else a GPT-NeoX of width d."""

    d: int
    layers: int = 0
    heads: int = 1

    def build(self, vocab: int, length: int, seed: int, name: str) -> nn.Module:
        """A fresh model whose weights depend on seed and name only."""
        noise = torch_generator(seed, name, "weights")
        if self.layers == 0:
            return LaneMLP(vocab=vocab, hidden=self.d, generator=noise)
        config = neox_config(
            n_layers=self.layers, d_model=self.d, n_heads=self.heads, vocab_size=vocab, seq=length
        )
        return neox(config, noise)


def n_parameters(model: nn.Module) -> int:
    """Parameters of one lane."""
    return sum(p.numel() for p in model.parameters()) // getattr(model, "lanes", 1)


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
        steps = epochs * (n // self.batch)
        return TrainingSettings(
            steps,
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
    measure: Callable[[nn.Module, int], dict] | None = None,
    measure_epochs: Sequence[int] = (),
    progress: bool = False,
) -> History:
    """Train `model` in place, one objective per lane.

    inputs : int64 (n, length), or (lanes, n, length) where lanes read different text
    teacher : its outputs on the same n sequences, where an objective needs them
    order : name of the shuffling; models that are compared share it
    """
    lanes = len(objectives)
    text = inputs.expand(lanes, *inputs.shape) if inputs.ndim == 2 else inputs
    text = text.to(device_of(model))
    n = text.shape[1]
    settings = recipe.settings(n, epochs)

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        read = text[:, rows]  # (lanes, batch, length)
        with half_precision(text.device):
            seen = read if isinstance(model, LaneMLP) else read[0]
            logits = lane_logits(model, seen)[..., :-1, :]
        known = None if teacher is None else teacher.rows(rows, rows.device)
        terms = [o.loss(logits[i], read[i, :, 1:], known) for i, o in enumerate(objectives)]
        return torch.stack(terms).sum()

    return train(
        model,
        batches(n, recipe.batch, seed, order or name),
        settings,
        seed=seed,
        loss=loss,
        measure=measure,
        measure_at=[epoch * (n // recipe.batch) for epoch in measure_epochs],
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
) -> tuple[dict[str, nn.Module], dict[str, np.ndarray]]:
    """All students of one base model: (name -> trained model of one lane, measurements).

    text : arm -> int64 (n, length), what it reads
    kwargs : of :func:`fit`; measurements are arrays (measured, arms, ...)
    """
    names = list(arms)
    if isinstance(base, LaneMLP):
        model = base.repeated(len(names))
        stacked = torch.stack([text[name] for name in names])
        history = fit(model, stacked, recipe, epochs, objectives=list(arms.values()), **kwargs)
        return {name: model.lane(i) for i, name in enumerate(names)}, dict(history.series)
    models, series = {}, []
    for name in names:
        models[name] = copy.deepcopy(base)
        history = fit(models[name], text[name], recipe, epochs, objectives=[arms[name]], **kwargs)
        series.append(history.series)
    return models, {key: np.concatenate([one[key] for one in series], 1) for key in series[0]}
