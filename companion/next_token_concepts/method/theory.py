r"""The identity behind the theorem, and what a perfect predictor represents.

For every configuration c, Bayes says log p(y|x) = log p(y|c) + log p(c|x) - log p(c|x,y).
Averaged over c ~ p(c|y) it becomes

.. math:: \log p(y|x) = \sum_c p(c|y) \log p(c|x) + \beta_y - h_y(x),

linear in the log posterior but for the residual h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import logsumexp

from companion import contracts
from companion.next_token_concepts.method.world import World

if TYPE_CHECKING:
    from jaxtyping import Float


class Identity(NamedTuple):
    """The three terms of the identity.

    linear : (N, Y), sum_c p(c|y) log p(c|x)
    beta : (Y,), sum_c p(c|y) log p(y|c)
    residual : (N, Y), h_y(x) = sum_c p(c|y) log p(c|x,y)
    """

    linear: np.ndarray
    beta: np.ndarray
    residual: np.ndarray


def g_eta(
    eta: float, log_odds: Float[np.ndarray, "*shape"] | float
) -> Float[np.ndarray, "*shape"] | float:
    r"""Log odds of two names that report a concept with error `eta`, given its log odds.

    Notebook eq. 6:
    :math:`g_\eta(\lambda) = 2\,\mathrm{artanh}\big((1-2\eta)\tanh(\lambda/2)\big)`: slope
    1 - 2 eta at zero, bounded by log((1 - eta) / eta).
    """
    return 2 * np.arctanh((1 - 2 * eta) * np.tanh(np.asarray(log_odds) / 2))


def log_predict(log_posterior: np.ndarray, names: np.ndarray) -> np.ndarray:
    """log p(y|x), (N, Y), of a perfect predictor; log_posterior : (N, K), names : (K, Y)."""
    peak = log_posterior.max(1, keepdims=True)
    return np.log(np.exp(log_posterior - peak) @ names) + peak


def posterior_of_name(names: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """p(c|y), (Y, K)."""
    joint = names * prior[:, None]
    return (joint / joint.sum(0)).T


def evidence_matrix(
    names: Float[np.ndarray, "K Y"], prior: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "K Y-1"]:
    """L of the theorem, (K, q): column j is p(c|y_j) - p(c|y_0), j = 1..q."""
    table = posterior_of_name(names, prior)
    return (table[1:] - table[0]).T


def identity(
    log_posterior: Float[np.ndarray, "N K"],
    names: Float[np.ndarray, "K Y"],
    prior: Float[np.ndarray, " K"],
) -> Identity:
    """The terms of the identity for every context and name (notebook eqs. 1 and 2)."""
    given = posterior_of_name(names, prior)
    log_names = np.log(names)
    log_y = log_predict(log_posterior, names)
    linear = log_posterior @ given.T
    beta = (given * log_names.T).sum(1)
    both = log_posterior[:, None, :] + log_names.T[None] - log_y[:, :, None]  # log p(c|x,y)
    return Identity(linear, beta, np.einsum("nyk,yk->ny", both, given))


def uncertainty(log_posterior: np.ndarray, names: np.ndarray) -> float:
    """eps = 1 - E p(c*|x,y) over contexts and names, c* the most probable configuration."""
    log_y = log_predict(log_posterior, names)
    joint = log_posterior[:, None, :] + np.log(names).T[None]  # log p(c, y | x)
    return float(1 - np.exp(joint.max(2)).sum(1).mean()) if log_y.size else float("nan")


def information(log_posterior: np.ndarray, names: np.ndarray) -> float:
    """I(x; y) in nats, the mean over contexts of KL(p(y|x) || p(y))."""
    log_y = log_predict(log_posterior, names)
    p = np.exp(log_y)
    return float((p * (log_y - np.log(p.mean(0)))).sum(1).mean())


def log_marginals(log_posterior: np.ndarray, configs: np.ndarray) -> np.ndarray:
    """LM, (N, 2m): log p(c_k = v | x), columns 2k + v."""
    columns = []
    for k in range(configs.shape[1]):
        for v in (0, 1):
            columns.append(logsumexp(log_posterior[:, configs[:, k] == v], axis=1))
    return np.stack(columns, axis=1)


def log_odds(log_posterior: np.ndarray, configs: np.ndarray) -> np.ndarray:
    """lambda, (N, m): log p(c_k = 1 | x) - log p(c_k = 0 | x)."""
    marginals = log_marginals(log_posterior, configs)
    return marginals[:, 1::2] - marginals[:, ::2]


def centred(logits: np.ndarray) -> np.ndarray:
    """Each row minus its mean: what the softmax can see."""
    return logits - logits.mean(1, keepdims=True)


def differences(table: np.ndarray, factored: bool) -> np.ndarray:
    """Contrasts of names along the last axis.

    Factored names: "k is 1" minus "k is 0", one a concept, so that what a name leaves open cancels
    as far as it can; else every name minus the first, as the theorem has it.
    """
    if factored:
        return table[..., 1::2] - table[..., ::2]
    return table[..., 1:] - table[..., :1]


def first_order(world: World, log_posterior: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N q"]:
    """L' log p(c|x), (N, q): what the theorem without its residual says the contrasts are.

    Notebook eq. 3 without beta and h.
    """
    given = posterior_of_name(world.names, world.prior)
    return log_posterior @ differences(given.T, world.factored)


def no_fit_r2(world: World, log_posterior: np.ndarray, logits: np.ndarray | None = None) -> float:
    """R^2 of the theorem's own A: contrasts of logits against L' log p(c|x), intercepts fitted.

    logits : (N, Y) of a model; those of the perfect predictor if None
    """
    logits = log_predict(log_posterior, world.names) if logits is None else logits
    left = differences(logits, world.factored)
    error = left - first_order(world, log_posterior)
    error = error - error.mean(0)
    return float(1 - (error**2).sum() / ((left - left.mean(0)) ** 2).sum())


def residual_ratio(world: World, log_posterior: np.ndarray) -> float:
    """sd(h) / sd(L' log p(c|x)), over contexts and contrasts of names."""
    terms = identity(log_posterior, world.names, world.prior)
    h = differences(terms.residual, world.factored)
    line = first_order(world, log_posterior)
    return float(np.sqrt(h.var(0).sum() / line.var(0).sum()))


def slope(world: World, log_posterior: np.ndarray) -> float:
    """Least-squares slope of the contrasts of logits on L' log p(c|x), pooled over contrasts."""
    left = differences(log_predict(log_posterior, world.names), world.factored)
    right = first_order(world, log_posterior)
    left, right = left - left.mean(0), right - right.mean(0)
    return float((left * right).sum() / (right**2).sum())


contracts.guard_public(
    __name__,
    {
        "g_eta": {"eta": contracts.SHARE, "log_odds": contracts.NUMBER},
        **{
            name: {"log_posterior": contracts.NUMBER}
            for name in (
                "log_predict",
                "identity",
                "uncertainty",
                "information",
                "log_marginals",
                "log_odds",
                "first_order",
                "no_fit_r2",
                "residual_ratio",
                "slope",
            )
        },
    },
)
