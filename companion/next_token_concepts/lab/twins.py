"""Counterfactual twins in the concept world: the same sentence as if one concept were the other.

The twin of a context flips the value of every hint that speaks of concept k, and keeps which
hints are there and which of them lie.  That is the exact do(c_k).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.lab import probing
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import HINT_ERRORS, World

N_PAIRS, N_CONTEXTS = 200, 4096


class Twins(NamedTuple):
    """Directions and probes of one representation of one world.

    same, held_out : A_s W_s, (m, m), from the same pairs and from disjoint halves
    noise_same, noise_held_out : the same code on noise with the representations' covariance
    pairs : the representations behind `held_out`, one Pairs per concept
    slope, r2 : of w_j (f(x1) - f(x0)) on lambda_j(x1) - lambda_j(x0), all j and all twins
    """

    same: np.ndarray
    held_out: np.ndarray
    noise_same: np.ndarray
    noise_held_out: np.ndarray
    pairs: list[dr.Pairs]
    slope: float
    r2: float


def twin(world: World, words: np.ndarray, concept: int) -> np.ndarray:
    """Words of the twins in which `concept` is flipped: int64, the shape of `words`.

    The two values of a hint word are neighbors, 2i and 2i + 1; neutral words stay.
    """
    per_group = 2 * len(HINT_ERRORS)
    speaks = np.zeros(world.n_words, dtype=bool)
    for i, group in enumerate(world.groups):
        speaks[i * per_group : (i + 1) * per_group] = concept in group
    return np.where(speaks[words], words ^ 1, words)


def sided(world: World, words: np.ndarray, labels: np.ndarray, concept: int) -> tuple:
    """(contexts with the concept 0, with 1): the given ones and their twins, sorted."""
    other = twin(world, words, concept)
    one = world.configs[labels, concept][:, None] == 1
    return np.where(one, other, words), np.where(one, words, other)


def measure(
    world: World,
    represent: Callable[[np.ndarray], np.ndarray],
    length: int,
    rng: np.random.Generator,
    *,
    c: float = probing.PAPER_C,
) -> Twins:
    """Everything of E9 for one representation; represent : words (N, n) to (N, d)."""
    train = world.sample(N_CONTEXTS, length, rng)
    x, labels = represent(train.words), world.configs[train.labels]
    center, scale = x.mean(0), x.std() or 1.0
    weights = (
        np.stack(
            [
                LogisticRegression(C=100.0, max_iter=1000)
                .fit((x - center) / scale, labels[:, j])
                .coef_[0]
                for j in range(world.m)
            ]
        )
        / scale
    )
    concepts, moved, expected = [], [], []
    for k in range(world.m):
        contexts = world.sample(N_PAIRS, length, rng)
        pair = sided(world, contexts.words, contexts.labels, k)
        f = [represent(words) for words in pair]
        odds = [theory.log_odds(world.log_posterior(words), world.configs) for words in pair]
        concepts.append(dr.Pairs(*f))
        moved.append((f[1] - f[0]) @ weights.T)
        expected.append(odds[1] - odds[0])
    moved, expected = np.concatenate(moved).ravel(), np.concatenate(expected).ravel()
    slope = float(moved @ expected / (expected @ expected))
    noise = dr.matched(concepts, rng)
    return Twins(
        same=probing.cosines(concepts, c, held_out=False),
        held_out=probing.cosines(concepts, c, held_out=True),
        noise_same=probing.cosines(noise, c, held_out=False),
        noise_held_out=probing.cosines(noise, c, held_out=True),
        pairs=concepts,
        slope=slope,
        r2=float(1 - ((moved - slope * expected) ** 2).sum() / (expected**2).sum()),
    )
