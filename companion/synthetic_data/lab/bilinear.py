"""Laboratory B: a truth that is known, a log-bilinear model of it, and exact metrics.

Laboratory B's truth: relations between entities, asked by popularity, answered with noise.

A context is a pair (relation a, entity x); the answer is an entity.  Everything about the truth is
known, so every metric is a number and not an estimate.

The log-bilinear language model, all seeds and mixing ratios in one batched fit.

The score of answer y in context c is U[c] W[y] + b[y]; the rank of U and W is the model's size.
The data enter through the table of counts alone, so one training is full-batch gradient descent
on F = counts / N, and many trainings are one with a leading axis.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from companion.scale import generator, one_thread, torch_generator
from companion.synthetic_data.method.calibration import calibration

# -------------------------------------------------------------------------------------------- world
N_ENTITIES = 40
N_RELATIONS = 4
NOISE = 0.3
"""Share of the answers that are drawn from the noise; with it the best accuracy is about 0.71."""

HEAD = 8
"""The entities that are asked for most often; the tail is the second half."""


@dataclass(frozen=True)
class World:
    """The true distribution.

    facts : int (4, 40), the right answer of each relation and entity; a permutation per relation
    truth : (160, 40), P(answer | context); context number is 40 a + x
    weight : (160,), how often a context is asked for; sums to one
    """

    facts: np.ndarray
    truth: np.ndarray
    weight: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """The right answer of each context, int (160,)."""
        return self.facts.ravel()

    @property
    def tail(self) -> np.ndarray:
        """Whether a context asks for one of the rarer half of the entities, bool (160,)."""
        return np.tile(np.arange(N_ENTITIES) >= N_ENTITIES // 2, N_RELATIONS)


def make_world(seed: int, noise: float = NOISE) -> World:
    """Random facts; entity x is asked for in proportion to 1 / (x + 1), relations alike.

    The noise of relation a follows Zipf's law over answers in an order of its own:
    P(y | a, x) = (1 - noise) [y = f_a(x)] + noise z_a(y).

    noise : in [0, 1)
    """
    if not 0 <= noise < 1:
        raise ValueError(f"noise must be in [0, 1), got {noise}")
    rng = generator(seed, "world")
    facts = np.stack([rng.permutation(N_ENTITIES) for _ in range(N_RELATIONS)])
    zipf = 1 / np.arange(1, N_ENTITIES + 1)
    zipf /= zipf.sum()
    truth = np.empty((N_RELATIONS, N_ENTITIES, N_ENTITIES))
    for a in range(N_RELATIONS):
        truth[a] = noise * zipf[rng.permutation(N_ENTITIES)]
        truth[a, np.arange(N_ENTITIES), facts[a]] += 1 - noise
    weight = np.tile(zipf, N_RELATIONS) / N_RELATIONS
    return World(facts, truth.reshape(-1, N_ENTITIES), weight)


def draw(law: np.ndarray, weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Counts (contexts, answers) of `n` samples: contexts from `weight`, answers from `law`."""
    asked = rng.multinomial(n, weight / weight.sum())
    law = np.asarray(law, float)
    return rng.multinomial(asked, law / law.sum(axis=1, keepdims=True)).astype(float)


def keep(counts: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of a random subset of `n` of the samples in `counts`."""
    whole = counts.astype(np.int64)
    chosen = rng.multivariate_hypergeometric(whole.ravel(), n, method="marginals")
    return chosen.reshape(counts.shape).astype(float)


# ------------------------------------------------------------------------------------------ metrics
HOPS = (1, 2, 3, 4)

METRICS = (
    "kl",
    "loss",
    "accuracy",
    "em",
    "head",
    "tail",
    "ece",
    "over",
    "entropy",
    "tail_kl",
    "hop_loss",
    *(f"hops_{m}" for m in HOPS),
)
"""Names of what :func:`measure` returns."""


def measure(world: World, law: np.ndarray) -> dict[str, float]:
    """Everything about one model.

    law : (160, 40), P(answer | context), positive
    Returns, by name:

    ``kl``, ``loss`` : divergence from the truth and log loss, nats, by popularity
    ``accuracy`` : probability that the greedy answer is right, noise included
    ``em`` : share of questions, by popularity, whose greedy answer is the fact
    ``head``, ``tail`` : the same for the 8 best known entities, and for the rarer half, unweighted
    ``ece``, ``over`` : calibration error and signed over-confidence
    ``entropy`` : mean entropy of the answers, nats
    ``tail_kl`` : divergence on the rarer half, unweighted, nats
    ``hop_loss`` : share of wrong facts over all contexts, unweighted
    ``hops_m`` : share of starts for which a greedy chain of m relations is right at each hop
    """
    greedy = law.argmax(-1)
    right = greedy == world.right
    true = np.take_along_axis(world.truth, greedy[:, None], 1)[:, 0]
    log = np.log(np.maximum(law, 1e-300))
    safe = np.where(world.truth > 0, world.truth, 1)
    divergence = (world.truth * (np.log(safe) - log)).sum(-1)
    said = calibration(law.max(-1), true, world.weight)
    entities = np.arange(N_ENTITIES * N_RELATIONS) % N_ENTITIES
    found = {
        "kl": world.weight @ divergence,
        "loss": -(world.weight @ (world.truth * log).sum(-1)),
        "accuracy": world.weight @ true,
        "em": world.weight @ right,
        "head": right[entities < 8].mean(),
        "tail": right[world.tail].mean(),
        "ece": said.error,
        "over": said.over_confidence,
        "entropy": -(world.weight @ (law * log).sum(-1)),
        "tail_kl": divergence[world.tail].mean(),
        "hop_loss": 1 - right.mean(),
    }
    found |= {f"hops_{m}": chain(world, greedy, m) for m in HOPS}
    return {name: float(value) for name, value in found.items()}


def chain(world: World, greedy: np.ndarray, n_hops: int) -> float:
    """Share of start entities from which `n_hops` greedy answers in a row are all right.

    Hop i asks relation i about the answer of hop i - 1.
    """
    answer = greedy.reshape(N_RELATIONS, N_ENTITIES)
    here = np.arange(N_ENTITIES)
    good = np.ones(N_ENTITIES, dtype=bool)
    for relation in range(n_hops):
        good &= answer[relation, here] == world.facts[relation, here]
        here = answer[relation, here]
    return float(good.mean())


def table(world: World, laws: np.ndarray) -> Mapping[str, np.ndarray]:
    """Metrics of many models: name -> (models,)."""
    rows = [measure(world, law) for law in laws]
    return {name: np.array([row[name] for row in rows]) for name in METRICS}


# ----------------------------------------------------------------------------------------- bilinear
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


# -------------------------------------------------------------------------------------------- speed
class Speed(NamedTuple):
    """Seconds of processor time per model on one thread, best of the repeats.

    autograd, single, batched : the usual way one after another, ours one at a time, one batch
    difference : largest absolute difference of the probabilities, batch against autograd
    """

    autograd: float
    single: float
    batched: float
    difference: float


@one_thread()
def measure_speed(
    world: World, seed: int, *, rank: int = 8, n: int = 32, n_serial: int = 3, repeats: int = 2
) -> Speed:
    """Fit `n` seeds in one batch, and `n_serial` of them one after another."""
    counts = np.stack(
        [draw(world.truth, world.weight, 4000, generator(seed, "speed", i)) for i in range(n)]
    )
    seeds = list(range(n))
    fit_by_autograd(counts[0], rank, 0)  # the first call loads parts of torch
    times = {"autograd": [], "single": [], "batched": []}
    for _ in range(repeats):
        start = time.process_time()
        together = fit(counts, rank, seeds)
        times["batched"].append((time.process_time() - start) / n)
        start = time.process_time()
        alone = [fit_by_autograd(counts[i], rank, i) for i in range(n_serial)]
        times["autograd"].append((time.process_time() - start) / n_serial)
        start = time.process_time()
        for i in range(n_serial):
            fit(counts[i : i + 1], rank, [i])
        times["single"].append((time.process_time() - start) / n_serial)
    difference = max(float(np.abs(a - b).max()) for a, b in zip(alone, together, strict=False))
    return Speed(*(min(t) for t in times.values()), difference)
