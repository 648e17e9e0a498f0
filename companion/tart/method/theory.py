r"""Ours: the one-line rule that the module has to beat, and the best learner of its tasks.

**One line.** With labels :math:`s_i = 2 y_i - 1` the score

.. math:: \sum_i s_i \langle x_i, x_q \rangle

is the first gradient step of logistic regression from w = 0, the rule of linear discriminant
analysis where the features are white, and one head of linear attention: query x_q, keys x_i,
values s_i.

**The ideal learner.** Whoever knows that tasks come from eq. 2 can do no better than to average
over all directions that fit the examples:

.. math:: P(y_q = 1) = E_{w \sim p(w | x, y)} \, \sigma(\alpha \langle w, x_q \rangle).

The average is sampled by elliptical slice sampling (Murray, Adams, MacKay 2010), which needs no
step size and leaves the posterior of a Gaussian prior unchanged.
"""

from __future__ import annotations

import numpy as np

BURN = 0.5
"""Share of the samples that is drawn before and thrown away."""


def mean_difference(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Difference of the two label sums, times the query: one gradient step from w = 0.

    Notebook eq. 4.
    """
    return queries @ (z.T @ (2.0 * y - 1))


def ideal(
    x: np.ndarray,
    y: np.ndarray,
    queries: np.ndarray,
    n_samples: int,
    rng: np.random.Generator,
    alpha: float = 10.0,
) -> np.ndarray:
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
    fit = _log_likelihood(signed, w)
    total = np.zeros(asked.shape[:2])
    burn = round(BURN * n_samples)
    for i in range(burn + n_samples):
        w, fit = _slice(signed, w, fit, rng)
        if i >= burn:
            total += _sigmoid(np.einsum("tnd,td->tn", asked, w))
    return (total / n_samples).reshape(2, t, -1)


def _slice(
    signed: np.ndarray, w: np.ndarray, fit: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One step of every chain (rows of `w`) along an ellipse through a draw of the prior."""
    other = rng.standard_normal(w.shape)
    level = fit - rng.exponential(size=len(w))
    angle = rng.uniform(0, 2 * np.pi, len(w))
    low, high = angle - 2 * np.pi, angle.copy()
    new, found = w.copy(), fit.copy()
    todo = np.arange(len(w))
    while len(todo):
        c, s = np.cos(angle[todo])[:, None], np.sin(angle[todo])[:, None]
        tried = c * w[todo] + s * other[todo]
        here = _log_likelihood(signed[todo], tried)
        good = here > level[todo]
        new[todo[good]], found[todo[good]] = tried[good], here[good]
        todo = todo[~good]
        back = angle[todo] < 0
        low[todo[back]], high[todo[~back]] = angle[todo[back]], angle[todo[~back]]
        angle[todo] = rng.uniform(low[todo], high[todo])
    return new, found


def _log_likelihood(signed: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Sum over examples of log sigmoid(alpha s <w, x>): (chains,)."""
    return -np.logaddexp(0, -np.einsum("tkd,td->tk", signed, w)).sum(axis=1)


def _sigmoid(t: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(t / 2))
