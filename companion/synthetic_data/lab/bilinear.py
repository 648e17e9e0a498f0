"""The log-bilinear language model: many models in one fit, each with a penalty of its own.

The score of answer y in context c is U[c] W[y] + b[y]; the rank of U and W is the model's size.
The data enter through the table of counts alone, so one training is full-batch gradient descent on
F = counts / N, and many trainings are one with a leading axis.  The penalty is chosen for every
model by the log loss on held-out real samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.scale import one_thread, torch_generator

STEPS = 200
RATE = 0.1
PENALTIES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Weights of the squared norms that are tried, a factor of two apart."""

INIT = 0.3
BETAS = (0.9, 0.99)
EPSILON = 1e-8
CHUNK = 16
"""Models fitted together: their temporary arrays then stay in the processor's cache."""


class Parameters(NamedTuple):
    """u : (models, contexts, rank); w : (models, answers, rank); b : (models, answers)."""

    u: Tensor
    w: Tensor
    b: Tensor


def learning_rate(step: int) -> float:
    """Cosine from `RATE` to zero."""
    return RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))


def initial(shares: Tensor, rank: int, seeds: Sequence[int], dtype: torch.dtype) -> Parameters:
    """Random factors per seed; the bias is the logarithm of the answers' shares.

    shares : (models, contexts, answers), each model's data, summing to one
    seeds : one per model; equal seeds start equally
    """
    n_contexts, n_answers = shares.shape[1:]
    drawn = {}
    for seed in set(seeds):
        made = torch_generator(seed, "bilinear", rank)
        drawn[seed] = torch.randn(n_contexts + n_answers, rank, generator=made, dtype=torch.float64)
    start = (INIT * torch.stack([drawn[seed] for seed in seeds])).to(dtype)
    marginal = shares.sum(1).clamp_min(1e-4)
    return Parameters(
        start[:, :n_contexts].clone(),
        start[:, n_contexts:].clone(),
        (marginal / marginal.sum(-1, keepdim=True)).log().to(dtype),
    )


def gradients(p: Parameters, shares: Tensor, asked: Tensor, penalty: Tensor) -> Parameters:
    """Gradients of the loss -sum F log softmax + penalties.  Notebook eq. 9.

    shares : F, (models, contexts, answers); asked : its sums over answers, (models, contexts, 1)
    penalty : (models, 1, 1), weight of half the mean squared norm of the rows of U and of W
    """
    logits = torch.baddbmm(p.b.unsqueeze(1), p.u, p.w.transpose(1, 2))
    g = torch.softmax(logits, -1).mul_(asked).sub_(shares)
    return Parameters(
        torch.baddbmm(p.u * (penalty / p.u.shape[1]), g, p.w),
        torch.baddbmm(p.w * (penalty / p.w.shape[1]), g.transpose(1, 2), p.u),
        g.sum(1),
    )


@one_thread()
def fit(
    counts: np.ndarray,
    rank: int,
    seeds: Sequence[int],
    penalties: Sequence[float],
    dtype: torch.dtype = torch.float32,
) -> np.ndarray:
    """Train one model per table of counts, and return P(answer | context).

    counts : (models, contexts, answers), at least one sample in each model
    rank : size of the models; seeds : (models,), of the starting points
    penalties : (models,); dtype : of the computation
    Returns : float64 (models, contexts, answers)

    Raises
    ------
    ValueError : wrong shapes, or an empty table
    """
    counts = np.asarray(counts)
    if counts.ndim != 3 or not len(seeds) == len(penalties) == len(counts):
        raise ValueError(
            f"need counts (models, contexts, answers), one seed and one penalty per model, got "
            f"{counts.shape}, {len(seeds)} seeds and {len(penalties)} penalties"
        )
    totals = counts.sum(axis=(1, 2))
    if (totals <= 0).any():
        raise ValueError(f"{int((totals <= 0).sum())} of {len(counts)} models have no data")
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    fitted = np.empty(counts.shape)
    for start in range(0, len(counts), CHUNK):
        part = slice(start, start + CHUNK)
        shares = torch.as_tensor(counts[part] / totals[part, None, None])
        weights = torch.tensor(penalties[part], dtype=dtype)[:, None, None]
        fitted[part] = _fit(shares, rank, seeds[part], weights, dtype)
    return fitted


def _fit(
    shares: Tensor, rank: int, seeds: Sequence[int], penalty: Tensor, dtype: torch.dtype
) -> np.ndarray:
    p = initial(shares, rank, seeds, dtype)
    shares = shares.to(dtype)
    asked = shares.sum(-1, keepdim=True)
    first = [torch.zeros_like(x) for x in p]
    second = [torch.zeros_like(x) for x in p]
    for step in range(1, STEPS + 1):
        rate = learning_rate(step - 1) / (1 - BETAS[0] ** step)
        scale = 1 / math.sqrt(1 - BETAS[1] ** step)
        for x, g, m, v in zip(p, gradients(p, shares, asked, penalty), first, second, strict=True):
            m.lerp_(g, 1 - BETAS[0])
            v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            x.addcdiv_(m, v.sqrt().mul_(scale).add_(EPSILON), value=-rate)
    logits = torch.baddbmm(p.b.unsqueeze(1), p.u, p.w.transpose(1, 2))
    return torch.softmax(logits.double(), -1).numpy()


def fit_chosen(
    counts: np.ndarray,
    rank: int,
    seeds: Sequence[int],
    held_out: np.ndarray,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[np.ndarray, np.ndarray]:
    """Train each model with every penalty, and keep the one with the lowest held-out log loss.

    counts, held_out : (models, contexts, answers); `held_out` are real samples that nobody trained
        on
    penalties : that are tried
    Returns : laws (models, contexts, answers), and the penalties that were chosen, (models,)
    """
    least = np.full(len(counts), np.inf)
    laws, chosen = np.empty(counts.shape), np.empty(len(counts))
    for penalty in penalties:
        found = fit(counts, rank, seeds, [penalty] * len(counts))
        loss = -(held_out * np.log(np.maximum(found, 1e-300))).sum((1, 2))
        better = loss < least
        least = np.where(better, loss, least)
        chosen[better] = penalty
        laws[better] = found[better]
    return laws, chosen
