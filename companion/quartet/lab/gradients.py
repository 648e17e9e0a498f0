"""Quantized gradients beside exact ones: against depth, and averaged over draws.

The forward pass stays exact, so that everything seen here comes from the backward products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.lab.products import ARMS
from companion.quartet.lab.training import batch, step_once
from companion.quartet.method.linear import Recipe
from companion.scale import derive_seed
from companion.training import TrainingSettings, learning_rate, make_optimizer

EXACT = Recipe()
DEPTH_ARMS = {name: Recipe(backward=name) for name in ("RTN", "SR", "QuEST")}


def briefly_trained(shape: Shape, steps: int, n_windows: int, seed: int) -> TinyLlama:
    """A model of one seed after a few exact updates, so that gradients are those of training."""
    noise = torch.Generator().manual_seed(derive_seed(seed, "gradient noise"))
    model = TinyLlama(shape, EXACT, [derive_seed(seed, "gradient weights")], noise)
    settings = TrainingSettings(steps=max(1, steps), lr=3e-3, warmup=0.1)
    optimizer = make_optimizer(model, settings)
    for step in range(steps):
        tokens = batch([seed], step, n_windows, shape.seq)
        step_once(model, optimizer, tokens, learning_rate(step, settings))
    return model


def stream_gradients(model: TinyLlama, recipe: Recipe, tokens: Tensor) -> list[Tensor]:
    """Gradient of the loss by the residual stream, top first: depth + 1 tensors (tokens, d).

    Entry i belongs to the stream i blocks below the top; entry 0 is exact under every recipe,
    because the head is not quantized.
    """
    model.set_recipe(recipe)
    states = model.hidden_states(tokens)
    loss = model.losses_of(states[-1], tokens).sum()
    gradients = torch.autograd.grad(loss, states)
    model.set_recipe(EXACT)
    return [g.flatten(0, -2) for g in reversed(gradients)]


class Depth(NamedTuple):
    """cosine, misalignment : arm -> (batches, depths), means over tokens; depth 0 is the top"""

    cosine: dict[str, np.ndarray]
    misalignment: dict[str, np.ndarray]


def run_depth(model: TinyLlama, n_batches: int, n_windows: int, seed: int) -> Depth:
    """Every arm of DEPTH_ARMS against the exact gradient, on the same batches."""
    cosine = {arm: [] for arm in DEPTH_ARMS}
    misalignment = {arm: [] for arm in DEPTH_ARMS}
    for i in range(n_batches):
        # steps far beyond training: fresh windows of the same text
        tokens = batch([seed], 1_000_000 + i, n_windows, model.shape.seq)
        exact = stream_gradients(model, EXACT, tokens)
        for arm, recipe in DEPTH_ARMS.items():
            found = stream_gradients(model, recipe, tokens)
            pairs = [compare(q, g) for q, g in zip(found, exact, strict=True)]
            cosine[arm].append([pair[0] for pair in pairs])
            misalignment[arm].append([pair[1] for pair in pairs])
    return Depth(
        {arm: np.array(rows) for arm, rows in cosine.items()},
        {arm: np.array(rows) for arm, rows in misalignment.items()},
    )


def compare(q: Tensor, g: Tensor) -> tuple[float, float]:
    """(cosine, misalignment 1 - <q, g> / <g, g>) of rows, averaged over rows with a gradient.

    q, g : (tokens, d).  The last token of a window has no target and a zero gradient at the top.
    """
    q, g = q.double(), g.double()
    size = g.square().sum(1)
    kept = size > 0
    inner = (q * g).sum(1)[kept]
    cosine = inner / (size[kept] * q.square().sum(1)[kept]).sqrt()
    return float(cosine.nanmean()), float(1 - (inner / size[kept]).mean())


def weight_gradient(model: TinyLlama, recipe: Recipe, tokens: Tensor) -> Tensor:
    """Gradient of the loss by all weights of the blocks, as one float64 vector."""
    model.set_recipe(recipe)
    weights = [layer.weight for block in model.blocks for layer in block.values()]
    gradients = torch.autograd.grad(model.losses(tokens).sum(), weights)
    model.set_recipe(EXACT)
    return torch.cat([g.flatten() for g in gradients]).double()


class ModelAverages(NamedTuple):
    """counts : (k,); errors : arm -> (replicates, k), relative squared error of the mean"""

    counts: np.ndarray
    errors: dict[str, np.ndarray]


def run_model_averages(
    model: TinyLlama, counts: tuple[int, ...], n_replicates: int, n_windows: int, seed: int
) -> ModelAverages:
    """Average K full-model gradients of one batch, for the arms of the sign experiment."""
    errors = {arm: np.empty((n_replicates, len(counts))) for arm in ARMS}
    for i in range(n_replicates):
        tokens = batch([seed], 2_000_000 + i, n_windows, model.shape.seq)
        exact = weight_gradient(model, EXACT, tokens)
        for arm, recipe in ARMS.items():
            total, n = torch.zeros_like(exact), 0
            for j, k in enumerate(counts):
                while n < k:
                    total += weight_gradient(model, recipe, tokens)
                    n += 1
                errors[arm][i, j] = float((total / n - exact).square().sum() / exact.square().sum())
    return ModelAverages(np.array(counts), errors)


def log_slope(counts: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Least-squares slope of log error on log K per replicate: (replicates,)."""
    x = np.log(counts) - np.log(counts).mean()
    y = np.log(errors)
    return (y @ x) / (x @ x)


class Gradients(NamedTuple):
    """What one briefly trained model says of its gradients."""

    depth: Depth
    averages: ModelAverages
