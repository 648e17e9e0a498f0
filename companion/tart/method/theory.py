r"""Ours: the one-line rule that the module has to beat, and the best learner of its tasks.

**One line.** With labels :math:`s_i = 2 y_i - 1` the score

.. math:: \sum_i s_i \langle x_i, x_q \rangle

is the first gradient step of logistic regression from w = 0, the rule of linear discriminant
analysis where the features are white, and one head of linear attention: query x_q, keys x_i,
values s_i.

**The ideal learner.** Whoever knows that tasks come from eq. 2 can do no better than to average
over all directions that fit the examples:

.. math:: P(y_q = 1) = E_{w \sim p(w | x, y)} \, \sigma(\alpha \langle w, x_q \rangle).

The average is sampled by Hamiltonian Monte Carlo (Neal 2011): labels are nearly clean, so the
posterior is close to a cone with sharp walls, along which slower samplers creep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion import contracts

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

BURN = 0.5
"""Share of the samples that is drawn before and thrown away."""

STEP, LEAPS = 0.03, 40
"""Leapfrog steps of a trajectory: together about as long as the prior is wide."""


def mean_difference(
    z: Float[np.ndarray, "k d"], y: Shaped[np.ndarray, " k"], queries: Float[np.ndarray, "q d"]
) -> Float[np.ndarray, " q"]:
    """Difference of the two label sums, times the query: one gradient step from w = 0.

    Notebook eq. 4.
    """
    return queries @ (z.T @ (2.0 * y - 1))


def ideal(
    x: Float[np.ndarray, "tasks k d"],
    y: Shaped[np.ndarray, "tasks k"],
    queries: Float[np.ndarray, "tasks n d"],
    n_samples: int,
    rng: np.random.Generator,
    alpha: float = 10.0,
) -> Float[np.ndarray, "2 tasks n"]:
    """Probability of label 1 by the ideal learner of eq. 2, from two chains: (2, tasks, n).

    Notebook eq. 7.

    x, y : points (tasks, k, d) and labels (tasks, k) in {0, 1}; queries : (tasks, n, d)
    n_samples : kept in each chain, one after the other; the chains begin apart, so that their
        difference says how well both have mixed
    """
    t, _, d = x.shape
    signed = alpha * np.concatenate([x, x]) * (2.0 * np.concatenate([y, y]) - 1)[..., None]
    asked = alpha * np.concatenate([queries, queries])
    start = np.einsum("tkd,tk->td", x, 2.0 * y - 1)
    start *= np.sqrt(d) / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1e-12)
    w = np.concatenate([start, rng.standard_normal((t, d))])
    total = np.zeros(asked.shape[:2])
    burn = round(BURN * n_samples)
    for i in range(burn + n_samples):
        w = _trajectory(signed, w, rng)
        if i >= burn:
            total += _sigmoid(_times(asked, w))
    return (total / n_samples).reshape(2, t, -1)


def _trajectory(signed: np.ndarray, w: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One Metropolis step of every chain (rows of `w`) along a leapfrog trajectory."""
    step = STEP * rng.uniform(0.7, 1.3)
    p = rng.standard_normal(w.shape)
    before = _energy(signed, w) + 0.5 * (p**2).sum(axis=1)
    new = w.copy()
    p = p - 0.5 * step * _slope(signed, new)
    for i in range(LEAPS):
        new = new + step * p
        p = p - (step if i < LEAPS - 1 else 0.5 * step) * _slope(signed, new)
    after = _energy(signed, new) + 0.5 * (p**2).sum(axis=1)
    taken = rng.exponential(size=len(w)) > after - before
    return np.where(taken[:, None], new, w)


def _energy(signed: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Minus the logarithm of prior times likelihood, but for a constant: (chains,)."""
    return 0.5 * (w**2).sum(axis=1) + np.logaddexp(0, -_times(signed, w)).sum(axis=1)


def _slope(signed: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Gradient of the energy: (chains, d)."""
    return w - _times(signed.transpose(0, 2, 1), _sigmoid(-_times(signed, w)))


def _times(rows: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Products of each chain's matrix (n, d) with its vector: (chains, n)."""
    return (rows @ w[..., None])[..., 0]


def _sigmoid(t: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(t / 2))


contracts.guard_public(__name__)
