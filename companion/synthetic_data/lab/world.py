"""A truth that is known: relations between entities, asked by popularity, answered with noise.

A context is a pair (relation a, entity x); the answer is an entity.  Everything about the truth is
known, so every metric is a number and not an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.scale import generator
from companion.synthetic_data.method.calibration import calibration

N_ENTITIES = 40
N_RELATIONS = 4
NOISE = 0.3
"""Share of the answers that are drawn from the noise; with it the best accuracy is about 0.71."""


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
    "tail_kl",
    "accuracy",
    "regret",
    "em",
    "facts",
    "ece",
    "over",
    *(f"hops_{m}" for m in HOPS),
)
"""Names of what :func:`measure` returns."""


def measure(world: World, law: np.ndarray) -> dict[str, float]:
    """Everything about one model.

    law : (160, 40), P(answer | context), positive
    Returns, by name:

    ``kl`` : divergence from the truth by popularity, nats; ``tail_kl`` : the same on the rarer half
        of the contexts, unweighted
    ``accuracy`` : probability that the greedy answer is right, noise included
    ``regret`` : what the accuracy lacks to that of the truth, so that worlds can be compared
    ``em`` : share of questions, by popularity, whose greedy answer is the fact
    ``facts`` : the same over all contexts alike
    ``ece``, ``over`` : calibration error and signed over-confidence
    ``hops_m`` : share of starts for which a greedy chain of m relations is right at each hop
    """
    greedy = law.argmax(-1)
    right = greedy == world.right
    true = np.take_along_axis(world.truth, greedy[:, None], 1)[:, 0]
    log = np.log(np.maximum(law, 1e-300))
    safe = np.where(world.truth > 0, world.truth, 1)
    divergence = (world.truth * (np.log(safe) - log)).sum(-1)
    said = calibration(law.max(-1), true, world.weight)
    found = {
        "kl": world.weight @ divergence,
        "tail_kl": divergence[world.tail].mean(),
        "accuracy": world.weight @ true,
        "regret": world.weight @ (world.truth.max(-1) - true),
        "em": world.weight @ right,
        "facts": right.mean(),
        "ece": said.error,
        "over": said.over_confidence,
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
