"""The concept world: hidden binary concepts, hint words, names, and everything by enumeration.

A world has m binary concepts with a random directed graph among them.  A sentence is a bag of
words that hint at the concepts, and ends with a question that is answered by a *name*.  All
probabilities are tables over the 2^m configurations, so that every posterior is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from companion import contracts

HINT_GROUPS = ((0, 1), (1,), (2,), (2, 3))
"""A hint word says what the XOR of the concepts of its group is; concepts 0 and 3 have no hint
of their own.  For 8 concepts the pattern is repeated."""

HINT_ERRORS = (0.25, 0.35)
"""How often each of the two words of a group and value lies."""

NEUTRAL_WORDS, NEUTRAL_SHARE = 4, 0.2


class Contexts(NamedTuple):
    """Sampled sentences without their question.

    labels : int64 (N,), index of the true configuration
    words : int64 (N, n)
    """

    labels: np.ndarray
    words: np.ndarray


@dataclass(frozen=True)
class World:
    """All tables of one world; rows are configurations.

    configs : int64 (K, m), values 0 and 1 of the concepts; K = 2^m
    prior : (K,), p(c)
    words : (K, V), p(word | c)
    names : (K, Y), p(name | c); for factored names column 2k + v says "concept k is v"
    groups : the concepts of each hint group
    factored : whether names come in pairs 2k, 2k + 1 that speak of one concept each
    """

    configs: np.ndarray
    prior: np.ndarray
    words: np.ndarray
    names: np.ndarray
    groups: tuple[tuple[int, ...], ...]
    factored: bool = True

    def __post_init__(self) -> None:
        for name in ("prior", "words", "names"):
            table = getattr(self, name)
            if len(table) != len(self.configs) or (table < 0).any():
                raise ValueError(f"{name} needs {len(self.configs)} rows of probabilities")
            if not np.allclose(table.sum(-1), 1):
                raise ValueError(f"{name} must sum to one, got {table.sum(-1)}")

    @property
    def m(self) -> int:
        """Number of concepts."""
        return self.configs.shape[1]

    @property
    def n_words(self) -> int:
        """V, the words of contexts."""
        return self.words.shape[1]

    @property
    def n_names(self) -> int:
        """Y, the possible answers."""
        return self.names.shape[1]

    def with_names(self, names: np.ndarray, *, factored: bool = False) -> World:
        """The same contexts, named otherwise; names : (K, Y)."""
        return replace(self, names=names, factored=factored)

    def sample(self, n: int, length: int, rng: np.random.Generator) -> Contexts:
        """`n` contexts of `length` words each."""
        labels = rng.choice(len(self.prior), size=n, p=self.prior)
        return Contexts(labels, self.sample_words(labels, length, rng))

    def sample_words(self, labels: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
        """Words given configurations: int64 (N, length)."""
        return pick(self.words, np.repeat(labels, length), rng).reshape(len(labels), length)

    def sample_names(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One name a sentence: int64 (N,)."""
        return pick(self.names, labels, rng)

    def counts(self, words: np.ndarray) -> np.ndarray:
        """How often each word occurs: float (N, V)."""
        flat = words + self.n_words * np.arange(len(words))[:, None]
        n = len(words) * self.n_words
        return np.bincount(flat.ravel(), minlength=n).reshape(-1, self.n_words).astype(float)

    def log_posterior(self, words: np.ndarray) -> np.ndarray:
        """log p(c | x) by enumeration: (N, K), each row normalized.

        log p(c|x) = log p(c) + sum_t log p(x_t|c) - log p(x)
        """
        joint = np.log(self.prior) + self.counts(words) @ np.log(self.words).T
        return joint - logsumexp(joint, axis=1, keepdims=True)


def pick(table: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One column per entry of `rows`, drawn with the probabilities of that row."""
    edges = np.cumsum(table, axis=1)[rows]
    edges[:, -1] = np.inf  # sums of floats may end just below one
    return (rng.random(len(rows))[:, None] >= edges).sum(1)


def all_configs(m: int) -> np.ndarray:
    """All values of m binary concepts, first concept slowest: int64 (2^m, m)."""
    return np.array(list(product((0, 1), repeat=m)))


def random_prior(m: int, edges_per_node: float, rng: np.random.Generator) -> np.ndarray:
    """p(c) of a random directed acyclic graph (Erdos-Renyi), as a table over configurations.

    Each pair of an ordering is joined with probability min(1, 2 k / (m - 1)), k = `edges_per_node`;
    conditional probabilities are uniform in [0.2, 0.8], one for each value of the parents.
    """
    order, configs = rng.permutation(m), all_configs(m)
    share = min(1.0, 2 * edges_per_node / max(m - 1, 1))
    prior = np.ones(len(configs))
    for place, node in enumerate(order):
        parents = [p for p in order[:place] if rng.random() < share]
        table = rng.uniform(0.2, 0.8, size=2 ** len(parents))
        row = configs[:, parents] @ (2 ** np.arange(len(parents))) if parents else 0
        one = table[row] * np.ones(len(configs))
        prior *= np.where(configs[:, node] == 1, one, 1 - one)
    return prior


def hint_words(configs: np.ndarray, groups: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """p(word | c), (K, 4 * groups + neutral): two words per group and value, then neutral ones."""
    share = (1 - NEUTRAL_SHARE) / (len(groups) * len(HINT_ERRORS))
    columns = []
    for group in groups:
        said = configs[:, list(group)].sum(1) % 2
        for error in HINT_ERRORS:
            columns += [share * np.where(said == v, 1 - error, error) for v in (0, 1)]
    neutral = np.full(len(configs), NEUTRAL_SHARE / NEUTRAL_WORDS)
    return np.stack([*columns, *[neutral] * NEUTRAL_WORDS], axis=1)


def concept_names(configs: np.ndarray, eta: float) -> np.ndarray:
    """p(name | c), (K, 2m): a concept drawn uniformly is named, wrongly with probability `eta`."""
    m = configs.shape[1]
    columns = [np.where(configs[:, k] == v, 1 - eta, eta) / m for k in range(m) for v in (0, 1)]
    return np.stack(columns, axis=1)


def joint_names(n_configs: int, eta: float) -> np.ndarray:
    """World J: one name per configuration, wrong with probability `eta`, (K, K)."""
    table = np.full((n_configs, n_configs), eta / (n_configs - 1))
    np.fill_diagonal(table, 1 - eta)
    return table


def merged_names(names: np.ndarray, size: int) -> np.ndarray:
    """Names that `size` neighboring columns share: diversity broken, (K, Y / size)."""
    if names.shape[1] % size:
        raise ValueError(f"{names.shape[1]} names cannot be merged in groups of {size}")
    return names.reshape(len(names), -1, size).sum(-1)


def without_name(names: np.ndarray, concept: int) -> np.ndarray:
    """Factored names of which those of `concept` are never said, (K, Y - 2)."""
    kept = np.delete(names, [2 * concept, 2 * concept + 1], axis=1)
    return kept / kept.sum(1, keepdims=True)


def make_world(
    rng: np.random.Generator, eta: float, *, m: int = 4, edges_per_node: float = 1.0
) -> World:
    """A random world with factored names of error `eta`; m is 4 or 8."""
    if m % 4:
        raise ValueError(f"the hint groups come in fours of concepts, got m = {m}")
    if not 0 < eta < 0.5:
        raise ValueError(f"eta must lie strictly between 0 and 0.5, got {eta}")
    configs = all_configs(m)
    groups = tuple(tuple(k + s for k in group) for s in range(0, m, 4) for group in HINT_GROUPS)
    return World(
        configs=configs,
        prior=random_prior(m, edges_per_node, rng),
        words=hint_words(configs, groups),
        names=concept_names(configs, eta),
        groups=groups,
    )


contracts.guard_public(
    __name__,
    {
        "World": {"configs": contracts.WHOLE},
        "pick": {"rows": None},  # of every batch
        "hint_words": {"configs": contracts.WHOLE},
        "concept_names": {"configs": contracts.WHOLE},
    },
)
