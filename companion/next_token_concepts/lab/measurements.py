"""What is measured on representations: regressions, probes, and counterfactual twins.

A *probe* is the weight vector of a logistic regression of one side of a concept's counterfactual
pairs against the other, with length one.  The *twin* of a context flips the value of every hint
that speaks of concept k, and keeps which hints are there and which of them lie: the exact do(c_k).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.directions import Pairs, direction, unit
from companion.next_token_concepts.method.world import HINT_ERRORS, Contexts, World
from companion.next_token_concepts.sources import PAPER_C

# -------------------------------------------------------------------------------------- regressions
REGRESSORS = ("LM", "P", "joint", "bag", "oracle")
"""What is regressed on: log marginals, the joint posterior, the joint log posterior, word counts,
and the exact logits themselves."""


class Line(NamedTuple):
    """A least-squares map: targets = features @ weights + intercept, over q targets."""

    weights: np.ndarray
    intercept: np.ndarray

    def score(self, features: np.ndarray, targets: np.ndarray, mean: np.ndarray) -> float:
        """R^2 on rows (N, p) and targets (N, q), errors summed over q; `mean` (q,) scores 0.

        Returns nan where the targets do not vary.
        """
        error = ((targets - features @ self.weights - self.intercept) ** 2).sum()
        total = ((targets - mean) ** 2).sum()
        return float(1 - error / total) if total > 0 else float("nan")


def line(features: np.ndarray, targets: np.ndarray) -> Line:
    """Least squares with intercept; features : (N, p), targets : (N, q)."""
    x = np.column_stack([np.ones(len(features)), features])
    weights = np.linalg.lstsq(x, targets, rcond=1e-9)[0]
    return Line(weights[1:], weights[0])


def r2(features: np.ndarray, targets: np.ndarray) -> float:
    """Held-out R^2 of least squares: fit on the even rows, score on the odd ones.

    features : (N, p); targets : (N,) or (N, q)
    """
    y = targets if targets.ndim == 2 else targets[:, None]
    return line(features[::2], y[::2]).score(features[1::2], y[1::2], y[::2].mean(0))


def regressors(world: World, contexts: Contexts, log_posterior: np.ndarray) -> dict:
    """The features of :data:`REGRESSORS`, each (N, p)."""
    return {
        "LM": theory.log_marginals(log_posterior, world.configs),
        "P": np.exp(log_posterior),
        "joint": log_posterior,
        "bag": world.counts(contexts.words),
        "oracle": theory.centred(theory.log_predict(log_posterior, world.names)),
    }


def encoding(features: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, float]:
    """R2_enc of every regressor: how well it predicts the targets, (N, q)."""
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


# ------------------------------------------------------------------------------------------ probing
def probe(pairs: Pairs, c: float, labels: np.ndarray | None = None) -> np.ndarray:
    """A column of W_s, (d,): logistic regression of one against zero, with length one.

    labels : (2 * pairs,), to be fitted instead of the true ones
    """
    x = np.concatenate([pairs.zero, pairs.one])
    if labels is None:
        labels = np.repeat([0, 1], len(pairs.zero))
    model = LogisticRegression(C=c, max_iter=500).fit(x, labels)
    return unit(model.coef_[0])


def cosines(a: Sequence[Pairs], w: Sequence[Pairs], c: float) -> np.ndarray:
    """A_s W_s, (K, K): entry (i, j) is the cosine of direction i, from the pairs `a`, with probe j,
    from the pairs `w`; the authors give both the same pairs."""
    return np.stack([direction(p) for p in a]) @ np.stack([probe(p, c) for p in w]).T


def alternate(concepts: Sequence[Pairs]) -> tuple[list[Pairs], list[Pairs]]:
    """The even pairs of each concept, and the odd ones."""
    both = (slice(0, None, 2), slice(1, None, 2))
    return tuple([pairs.rows(part) for pairs in concepts] for part in both)


def permuted(concepts: Sequence[Pairs], c: float, rng: np.random.Generator) -> np.ndarray:
    """(K,) diagonal with the labels of the probes permuted: the usual null, which sees nothing."""
    labels = [rng.permutation(np.repeat([0, 1], len(p.zero))) for p in concepts]
    pairs = zip(concepts, labels, strict=True)
    return np.array([direction(p) @ probe(p, c, given) for p, given in pairs])


def matched_diagonal(
    a: Sequence[Pairs], w: Sequence[Pairs], c: float, rng: np.random.Generator, *, draws: int
) -> np.ndarray:
    """(K,) mean held-out diagonal on matched noise: what no concept at all gives.

    a, w : pairs of directions and of probes, whose numbers and covariance the noise has
    """
    concepts = [*a, *w]
    found = []
    for _ in range(draws):
        noise = dr.matched(concepts, rng)
        found.append(np.diag(cosines(noise[: len(a)], noise[len(a) :], c)))
    return np.mean(found, axis=0)


# -------------------------------------------------------------------------------------------- twins
N_PAIRS, N_CONTEXTS = 200, 4096


class Twins(NamedTuple):
    """Directions and probes of one representation of one world.

    same, held_out : (m,), diagonal of A_s W_s from the same pairs and from disjoint halves
    slope, r2 : of w_j (f(x1) - f(x0)) on lambda_j(x1) - lambda_j(x0), all j and all twins
    """

    same: np.ndarray
    held_out: np.ndarray
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


def unscaled_probes(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(m, d) weights of weakly penalized logistic regressions, at the scale of x.

    x : (N, d); labels : (N, m)
    """
    center, scale = x.mean(0), x.std() or 1.0
    models = [
        LogisticRegression(C=100.0, max_iter=1000).fit((x - center) / scale, column)
        for column in labels.T
    ]
    return np.stack([model.coef_[0] for model in models]) / scale


def measure_twins(
    world: World,
    represent: Callable[[np.ndarray], np.ndarray],
    length: int,
    rng: np.random.Generator,
    *,
    c: float = PAPER_C,
) -> Twins:
    """Directions, probes and their scale for one representation.

    represent : words (N, n) to (N, d)
    """
    train = world.sample(N_CONTEXTS, length, rng)
    weights = unscaled_probes(represent(train.words), world.configs[train.labels])
    concepts, moved, expected = [], [], []
    for k in range(world.m):
        contexts = world.sample(N_PAIRS, length, rng)
        pair = sided(world, contexts.words, contexts.labels, k)
        f = [represent(words) for words in pair]
        odds = [theory.log_odds(world.log_posterior(words), world.configs) for words in pair]
        concepts.append(Pairs(*f))
        moved.append((f[1] - f[0]) @ weights.T)
        expected.append(odds[1] - odds[0])
    moved, expected = np.concatenate(moved).ravel(), np.concatenate(expected).ravel()
    slope = float(moved @ expected / (expected @ expected))
    return Twins(
        same=np.diag(cosines(concepts, concepts, c)),
        held_out=np.diag(cosines(*alternate(concepts), c)),
        slope=slope,
        r2=float(1 - ((moved - slope * expected) ** 2).sum() / (expected**2).sum()),
    )
