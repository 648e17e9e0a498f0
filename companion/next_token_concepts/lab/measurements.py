"""Measured on representations: regressions, probes and their cosines, counterfactual twins.

Concept probes, and the cosines of directions with them.

A *probe* is the weight vector of a logistic regression of one side of a concept's counterfactual
pairs against the other, with length one.

Counterfactual twins in the concept world: the same sentence as if one concept were the other.

The twin of a context flips the value of every hint that speaks of concept k, and keeps which
hints are there and which of them lie.  That is the exact do(c_k).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.directions import Pairs, direction, matched, unit
from companion.next_token_concepts.method.world import HINT_ERRORS, Contexts, World

# ------------------------------------------------------------------------------------- measurements
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


# ------------------------------------------------------------------------------------------ probing
PAPER_C = 1e-4
"""Inverse penalty of the authors' logistic regression."""


def probe(pairs: Pairs, c: float, labels: np.ndarray | None = None) -> np.ndarray:
    """A column of W_s, (d,): logistic regression of one against zero, with length one.

    labels : (2 * pairs,), to be fitted instead of the true ones
    """
    x = np.concatenate([pairs.zero, pairs.one])
    if labels is None:
        labels = np.repeat([0, 1], len(pairs.zero))
    model = LogisticRegression(C=c, max_iter=500).fit(x, labels)
    return unit(model.coef_[0])


def cosines(concepts: Sequence[Pairs], c: float, *, held_out: bool) -> np.ndarray:
    """A_s W_s, (K, K): entry (i, j) is the cosine of direction i with probe j.

    held_out : directions from the even pairs and probes from the odd ones; else both from all.
        The halves are disjoint in pairs; a word that stands in several pairs may be in both.
    """
    first, second = (slice(0, None, 2), slice(1, None, 2)) if held_out else (slice(None),) * 2
    a = np.stack([direction(pairs.rows(first)) for pairs in concepts])
    w = np.stack([probe(pairs.rows(second), c) for pairs in concepts])
    return a @ w.T


def permuted(concepts: Sequence[Pairs], c: float, rng: np.random.Generator) -> np.ndarray:
    """A_s W_s with the labels of the probes permuted: the usual null, which sees nothing."""
    a = np.stack([direction(pairs) for pairs in concepts])
    w = [probe(p, c, rng.permutation(np.repeat([0, 1], len(p.zero)))) for p in concepts]
    return a @ np.stack(w).T


def matched_diagonal(
    concepts: Sequence[Pairs], c: float, rng: np.random.Generator, *, draws: int
) -> np.ndarray:
    """Held-out diagonal on matched noise, (draws, K): what no concept at all gives."""
    return np.stack(
        [np.diag(cosines(matched(concepts, rng), c, held_out=True)) for _ in range(draws)]
    )


# -------------------------------------------------------------------------------------------- twins
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
    c: float = PAPER_C,
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
        same=cosines(concepts, c, held_out=False),
        held_out=cosines(concepts, c, held_out=True),
        noise_same=cosines(noise, c, held_out=False),
        noise_held_out=cosines(noise, c, held_out=True),
        pairs=concepts,
        slope=slope,
        r2=float(1 - ((moved - slope * expected) ** 2).sum() / (expected**2).sum()),
    )
