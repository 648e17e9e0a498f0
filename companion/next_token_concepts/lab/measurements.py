"""Linear regressions between representations and posteriors, scored on contexts not fitted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import Contexts, World

REGRESSORS = ("LM", "P", "label", "bag", "oracle")
"""What the logits are predicted from: log marginals, the joint posterior, the true configuration,
word counts, and the exact logits themselves."""


def r2(features: np.ndarray, targets: np.ndarray) -> float:
    """Held-out R^2 of least squares with intercept: fit on the even rows, score on the odd ones.

    features : (N, p); targets : (N,) or (N, q), whose errors are summed over q before dividing

    Returns nan where the targets do not vary.
    """
    x = np.column_stack([np.ones(len(features)), features])
    y = targets if targets.ndim == 2 else targets[:, None]
    weights = np.linalg.lstsq(x[::2], y[::2], rcond=1e-9)[0]
    error = ((y[1::2] - x[1::2] @ weights) ** 2).sum()
    total = ((y[1::2] - y[::2].mean(0)) ** 2).sum()
    return float(1 - error / total) if total > 0 else float("nan")


def regressors(world: World, contexts: Contexts, log_posterior: np.ndarray) -> dict:
    """The features of :data:`REGRESSORS`, each (N, p)."""
    return {
        "LM": theory.log_marginals(log_posterior, world.configs),
        "P": np.exp(log_posterior),
        "label": world.configs[contexts.labels].astype(float),
        "bag": world.counts(contexts.words),
        "oracle": theory.centred(theory.log_predict(log_posterior, world.names)),
    }


def encoding(features: Mapping[str, np.ndarray], logits: np.ndarray) -> dict[str, float]:
    """R2_enc of every regressor: how well it predicts the centered logits, (N, Y)."""
    targets = theory.centred(logits)
    return {name: r2(values, targets) for name, values in features.items()}


def decoding(representation: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """R2_dec, (m,): how well each log odds is predicted from a representation (N, d)."""
    return np.array([r2(representation, odds[:, k]) for k in range(odds.shape[1])])


def contrasts(logits: np.ndarray) -> np.ndarray:
    """(N, m): logit of the name "k is 1" minus that of "k is 0", for factored names."""
    return logits[:, 1::2] - logits[:, ::2]


def r2_no_fit(predicted: np.ndarray, measured: np.ndarray) -> float:
    """R^2 of `measured` around `predicted`, with nothing fitted."""
    total = ((measured - measured.mean(0)) ** 2).sum()
    return float(1 - ((measured - predicted) ** 2).sum() / total) if total > 0 else float("nan")


def excess(world: World, log_posterior: np.ndarray, logits: np.ndarray) -> float:
    """KL(p(y|x) || model) / I(x; y): share of the information that the model misses.

    logits : (N, Y), of the names only
    """
    log_y = theory.log_predict(log_posterior, world.names)
    shifted = logits - logits.max(1, keepdims=True)
    log_model = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    kl = (np.exp(log_y) * (log_y - log_model)).sum(1).mean()
    return float(kl / theory.information(log_posterior, world.names))


def exact_scores(world: World, length: int, n: int, rng: np.random.Generator) -> dict[str, float]:
    """What a perfect predictor gives on `n` contexts of `length` words: a row of the oracle table.

    Keys: the regressors without "oracle", and no_fit, slope, ratio, eps, accuracy, information.
    """
    contexts = world.sample(n, length, rng)
    log_p = world.log_posterior(contexts.words)
    features = regressors(world, contexts, log_p)
    oracle = features.pop("oracle")
    return encoding(features, oracle) | {
        "no_fit": theory.no_fit_r2(world, log_p),
        "slope": theory.slope(world, log_p),
        "ratio": theory.residual_ratio(world, log_p),
        "eps": theory.uncertainty(log_p, world.names),
        "accuracy": theory.bayes_accuracy(log_p, world.configs),
        "information": theory.information(log_p, world.names),
    }
