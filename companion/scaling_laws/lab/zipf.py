r"""A world whose irreducible loss is known, and learners whose size and data it limits.

**World.** The next token depends on a context k, drawn with probability
:math:`p_k \propto k^{-(1+g)}`, through its own distribution :math:`q_k` over V tokens.  Nobody can
predict better than the entropy

.. math:: E^\star = \sum_k p_k H(q_k)

**Learner.** A learner of size M keeps a table of counts for each of the M most frequent contexts
and one shared row for all others, so :math:`N = M(V-1)`.  With unlimited data it misses what the
shared row blurs, a share of :math:`\sum_{k>M} p_k \sim M^{-g}` of all tokens: the size term of
eq. 1 with alpha = g.  With D tokens it also misses what it has not counted yet.

Losses are exact expectations under the true world, in nats, so the curves carry no evaluation
noise; the noise of training, which tokens were drawn, is all there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.scaling_laws.method.protocol import Family, Run

A0 = 0.3
"""Pseudo-count with which a row leans on the overall token frequencies (arbitrary)."""


@dataclass(frozen=True)
class World:
    """p : (K,) context probabilities, falling; q : (K, V) token probabilities, rows sum to one."""

    p: np.ndarray
    q: np.ndarray

    @property
    def irreducible(self) -> float:
        """E* in nats per token."""
        return float(self.p @ _entropy(self.q))

    def merged(self, M: int) -> tuple[np.ndarray, np.ndarray]:
        """(p, q) of M kept rows and the shared one, shapes (M + 1,) and (M + 1, V)."""
        rest = self.p[M:].sum()
        shared = self.p[M:] @ self.q[M:] / rest
        return np.append(self.p[:M], rest), np.vstack([self.q[:M], shared])

    def unlimited_data_loss(self, M: int) -> float:
        """Loss of a learner of size M that has counted forever: E* plus its size term."""
        p, q = self.merged(M)
        return float(p @ _entropy(q))


def _entropy(q: np.ndarray) -> np.ndarray:
    return -np.sum(q * np.log(np.where(q > 0, q, 1.0)), axis=-1)


def make_world(
    rng: np.random.Generator,
    *,
    n_contexts: int = 50_000,
    n_tokens: int = 16,
    g: float = 0.4,
    concentration: float = 0.05,
) -> World:
    """A random world.

    g : Zipf exponent minus one; the true alpha
    concentration : of the Dirichlet that draws each q_k; small makes tokens predictable
    """
    if not (g > 0 and concentration > 0 and n_contexts > 1 and n_tokens > 1):
        raise ValueError(
            "a world needs g > 0, concentration > 0 and at least two contexts and tokens, got "
            f"g={g}, concentration={concentration}, {n_contexts} contexts, {n_tokens} tokens"
        )
    p = np.arange(1, n_contexts + 1, dtype=float) ** -(1 + g)
    q = rng.dirichlet(np.full(n_tokens, concentration), size=n_contexts)
    return World(p / p.sum(), q)


def train(world: World, M: int, D: np.ndarray, rng: np.random.Generator) -> Run:
    """One learner of size M, its loss at every count of tokens in `D`.

    D : increasing integers of shape (n_checkpoints,). Drawing tokens one by one or adding
        multinomial counts between checkpoints is the same process; the second is fast.
    """
    if not 1 <= M < world.p.size:
        raise ValueError(f"size M must be from 1 to {world.p.size - 1}, got {M}")
    p, q = world.merged(M)
    counts = np.zeros(q.shape)
    losses = []
    for new in np.diff(D, prepend=0):
        counts += rng.multinomial(rng.multinomial(new, p), q)
        losses.append(_loss(p, q, counts))
    return Run(f"M={M}", float(M * (q.shape[1] - 1)), np.asarray(D, dtype=float), np.array(losses))


def _loss(p: np.ndarray, q: np.ndarray, counts: np.ndarray) -> float:
    """Exact expected cross-entropy of the learner with these counts, in nats."""
    overall = counts.sum(axis=0) + 1  # add-one keeps unseen tokens possible
    prior = A0 * overall / overall.sum()
    prediction = (counts + prior) / (counts.sum(axis=1, keepdims=True) + A0)
    return float(-np.einsum("r,rv,rv->", p, q, np.log(prediction)))


def train_family(
    world: World, rng: np.random.Generator, *, sizes: tuple[int, ...], D: np.ndarray
) -> Family:
    """Learners of several sizes in one world, each on its own draw of tokens; the last is the
    target."""
    runs = tuple(train(world, M, D, rng) for M in sorted(sizes))
    return Family("Zipf-LM", runs, "nats/token")
