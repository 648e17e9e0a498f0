"""Exact metrics of laboratory B, from the model's distribution and the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.synthetic_data.lab.world import N_ENTITIES, N_RELATIONS, World
from companion.synthetic_data.method.calibration import calibration

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
