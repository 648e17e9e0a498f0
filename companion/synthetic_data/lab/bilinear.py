"""The log-bilinear language model, all seeds and mixing ratios in one batched fit.

The score of answer y in context c is U[c] W[y] + b[y]; the rank of U and W is the model's size.
The data enter through the table of counts alone, so one training is full-batch gradient descent
on F = counts / N, and many trainings are one with a leading axis.
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
PENALTY = 2e-3
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


def learning_rate(step: int, steps: int = STEPS) -> float:
    """Cosine from `RATE` to zero."""
    return RATE * 0.5 * (1 + math.cos(math.pi * step / steps))


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


def gradients(p: Parameters, shares: Tensor, asked: Tensor) -> Parameters:
    """Gradients of the loss -sum F log softmax + penalties.  Notebook eq. 7.

    shares : F, (models, contexts, answers); asked : its sums over answers, (models, contexts, 1)
    """
    logits = torch.baddbmm(p.b.unsqueeze(1), p.u, p.w.transpose(1, 2))
    g = torch.softmax(logits, -1).mul_(asked).sub_(shares)
    return Parameters(
        torch.baddbmm(p.u, g, p.w, beta=PENALTY / p.u.shape[1]),
        torch.baddbmm(p.w, g.transpose(1, 2), p.u, beta=PENALTY / p.w.shape[1]),
        g.sum(1),
    )


@one_thread()
def fit(
    counts: np.ndarray,
    rank: int,
    seeds: Sequence[int],
    *,
    steps: int | Sequence[int] = STEPS,
    dtype: torch.dtype = torch.float32,
    chunk: int = CHUNK,
) -> np.ndarray:
    """Train one model per table of counts, and return P(answer | context).

    counts : (models, contexts, answers), at least one sample in each model
    rank : size of the models; seeds : (models,), of the starting points
    steps : updates, one number or one per model; dtype : of the computation
    Returns : float64 (models, contexts, answers)

    Raises
    ------
    ValueError : wrong shapes, an empty table, or no step
    """
    counts = np.asarray(counts)
    if counts.ndim != 3 or len(seeds) != len(counts):
        raise ValueError(
            f"need counts (models, contexts, answers) and one seed per model, got "
            f"{counts.shape} and {len(seeds)} seeds"
        )
    totals = counts.sum(axis=(1, 2))
    if (totals <= 0).any():
        raise ValueError(f"{int((totals <= 0).sum())} of {len(counts)} models have no data")
    each = np.broadcast_to(np.asarray(steps, int), len(counts))
    if rank < 1 or (each < 1).any():
        raise ValueError(f"rank and steps must be at least 1, got {rank} and {each.min()}")
    fitted = np.empty(counts.shape)
    for n in np.unique(each):  # models with as many steps share a schedule
        rows = np.flatnonzero(each == n)
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            shares = counts[part] / totals[part, None, None]
            fitted[part] = _fit(torch.as_tensor(shares), rank, [seeds[i] for i in part], n, dtype)
    return fitted


def _fit(shares: Tensor, rank: int, seeds: list[int], steps: int, dtype: torch.dtype) -> np.ndarray:
    p = initial(shares, rank, seeds, dtype)
    shares = shares.to(dtype)
    asked = shares.sum(-1, keepdim=True)
    first = [torch.zeros_like(x) for x in p]
    second = [torch.zeros_like(x) for x in p]
    for step in range(1, steps + 1):
        rate = learning_rate(step - 1, steps) / (1 - BETAS[0] ** step)
        scale = 1 / math.sqrt(1 - BETAS[1] ** step)
        for x, g, m, v in zip(p, gradients(p, shares, asked), first, second, strict=True):
            m.lerp_(g, 1 - BETAS[0])
            v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            x.addcdiv_(m, v.sqrt().mul_(scale).add_(EPSILON), value=-rate)
    logits = torch.baddbmm(p.b.unsqueeze(1), p.u, p.w.transpose(1, 2))
    return torch.softmax(logits.double(), -1).numpy()


def fit_by_autograd(
    counts: np.ndarray, rank: int, seed: int, dtype: torch.dtype = torch.float32
) -> np.ndarray:
    """The same training of one model as one would write it: autograd and ``torch.optim``.

    Oracle of :func:`fit`, and what the benchmark compares it with.
    """
    shares = torch.as_tensor(counts / counts.sum())[None]
    p = [x[0].requires_grad_() for x in initial(shares, rank, [seed], dtype)]
    u, w, b = p
    data = shares[0].to(dtype)
    optimizer = torch.optim.Adam(p, lr=RATE, betas=BETAS, eps=EPSILON)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: learning_rate(i) / RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = -(data * torch.log_softmax(u @ w.T + b, -1)).sum()
        penalty = (u**2).sum() / len(u) + (w**2).sum() / len(w)
        (loss + PENALTY / 2 * penalty).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return torch.softmax((u @ w.T + b).double(), -1).numpy()
