"""Laboratory B's truth: relations between entities, asked by popularity, answered with noise.

A context is a pair (relation a, entity x); the answer is an entity.  Everything about the truth is
known, so every metric is a number and not an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.scale import generator

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
