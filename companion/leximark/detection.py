r"""Telling members from non-members: AUROC, its bootstrap, and a classifier without a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from companion.scale import generator
from companion.stats import Interval


def _finite(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a non-empty list of finite scores, got {array!r}")
    return array


def auroc(members: ArrayLike, others: ArrayLike) -> float:
    r"""P(member's score > other's) + P(equal) / 2, by ranks (eq. 5); it is never flipped.

    members, others : scores of shape (n,) and (m,)
    """
    high, low = _finite(members, "members"), _finite(others, "others")
    ranks = rankdata(np.concatenate([high, low]))
    n, m = high.size, low.size
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def roc(members: ArrayLike, others: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate) at every threshold, from (0, 0) to (1, 1)."""
    high, low = _finite(members, "members"), _finite(others, "others")
    cuts = np.unique(np.concatenate([high, low]))[::-1]
    fpr = (low[None] >= cuts[:, None]).mean(1)
    tpr = (high[None] >= cuts[:, None]).mean(1)
    return np.concatenate([[0.0], fpr]), np.concatenate([[0.0], tpr])


def tpr_at(members: ArrayLike, others: ArrayLike, fpr: float = 0.05) -> float:
    """Share of members found when at most `fpr` of the others are accused."""
    false, true = roc(members, others)
    return float(true[false <= fpr].max())


def wins(members: ArrayLike, others: ArrayLike) -> np.ndarray:
    """1 where a member scores higher, 1/2 where equal: (n, m); its mean is the AUROC."""
    high, low = _finite(members, "members")[:, None], _finite(others, "others")[None]
    return (high > low) + 0.5 * (high == low)


Pair = tuple[np.ndarray, np.ndarray]
"""Scores of members and of others."""


def bootstrap_auroc(
    pairs: Sequence[Pair],
    minus: Sequence[Pair] | None = None,
    *,
    seed: int,
    n_resamples: int = 4000,
    confidence: float = 0.95,
) -> Interval:
    """Mean AUROC over seeds, or its difference to another variant; seeds and documents resampled.

    pairs, minus : one pair per seed; in `minus` the documents are the same in the same order, and
        the same documents are drawn for both.  With one seed only documents are resampled.
    """
    if minus is not None and len(minus) != len(pairs):
        raise ValueError(f"{len(pairs)} seeds against {len(minus)}")
    grids = [wins(*pair) for pair in pairs]
    if minus is not None:
        others = [wins(*pair) for pair in minus]
        if any(a.shape != b.shape for a, b in zip(grids, others, strict=True)):
            raise ValueError("both variants need the same documents")
        grids = [a - b for a, b in zip(grids, others, strict=True)]
    draws = np.stack(  # (seeds, resamples)
        [_resampled(grid, n_resamples, seed, i) for i, grid in enumerate(grids)]
    )
    chosen = generator(seed, "leximark seeds").integers(0, len(grids), (len(grids), n_resamples))
    values = np.take_along_axis(draws, chosen, 0).mean(0)
    tail = (1 - confidence) / 2
    # a sum of weighted ones is 1 up to rounding, and an interval must not reach beyond it
    low, high = np.round(np.quantile(values, [tail, 1 - tail]), 12)
    estimate = float(np.mean([grid.mean() for grid in grids]))
    return Interval(estimate, float(low), float(high), None, len(grids))


def _resampled(grid: np.ndarray, n: int, seed: int, i: int) -> np.ndarray:
    """Means of `grid` with rows and columns drawn anew: (n,)."""
    a, b = _weights(seed, i, n, *grid.shape)
    return ((a @ grid) * b).sum(1)


@lru_cache(maxsize=16)
def _weights(seed: int, i: int, n: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each row and column is drawn, as shares: (n, rows) and (n, columns).

    The same for all arms, so that their intervals differ by the scores alone.
    """
    rng = generator(seed, "leximark bootstrap", i)
    draw = [rng.multinomial(size, np.full(size, 1 / size), n) / size for size in (rows, columns)]
    return draw[0], draw[1]


def blind(members: Sequence[str], others: Sequence[str], seed: int, folds: int = 5) -> float:
    """AUROC of naive Bayes on which words a text contains: no language model is asked.

    What it finds is a difference between the halves themselves; 0.5 means that there is none.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.naive_bayes import BernoulliNB
    from sklearn.pipeline import make_pipeline

    label = np.r_[np.ones(len(members)), np.zeros(len(others))]
    model = make_pipeline(CountVectorizer(binary=True), BernoulliNB())
    order = int(generator(seed, "leximark blind").integers(2**31))
    split = StratifiedKFold(folds, shuffle=True, random_state=order)
    found = cross_val_predict(
        model, [*members, *others], label, cv=split, method="predict_log_proba"
    )
    margin = found[:, 1] - found[:, 0]
    return auroc(margin[label == 1], margin[label == 0])
