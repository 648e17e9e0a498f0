r"""Telling members from non-members: AUROC, its bootstrap, and a classifier without a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from companion.scale import generator
from companion.stats import LEVEL, Interval


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
    same: bool = False,
    n_resamples: int = 40_000,
    confidence: float = LEVEL,
) -> Interval:
    """Mean AUROC over seeds, or its difference to another variant; seeds and documents resampled.

    pairs, minus : one pair per seed; in `minus` the documents are the same in the same order, and
        the same documents are drawn for both.  With one seed only documents are resampled.
    same : members and others are two versions of the same documents in the same order, which are
        drawn together

    The mean over seeds already carries the noise of their documents, and drawing documents within
    drawn seeds adds it again: the interval is wider than it need be.
    """
    if minus is not None and len(minus) != len(pairs):
        raise ValueError(f"{len(pairs)} seeds against {len(minus)}")
    grids = [wins(*pair) for pair in pairs]
    if minus is not None:
        others = [wins(*pair) for pair in minus]
        if any(a.shape != b.shape for a, b in zip(grids, others, strict=True)):
            raise ValueError("both variants need the same documents")
        grids = [a - b for a, b in zip(grids, others, strict=True)]
    if same and any(grid.shape[0] != grid.shape[1] for grid in grids):
        raise ValueError("two versions of the same documents are needed")
    draws = np.stack(  # (seeds, resamples)
        [_resampled(grid, n_resamples, seed, i, same) for i, grid in enumerate(grids)]
    )
    estimate = float(np.mean([grid.mean() for grid in grids]))
    return _with_seeds(draws, estimate, seed, confidence)


def bootstrap_mean(
    values: Sequence[np.ndarray], *, seed: int, n_resamples: int = 40_000, confidence: float = LEVEL
) -> Interval:
    """Mean over seeds of the mean over documents; both are resampled, as for the AUROC.

    values : one array (n_documents,) per seed
    """
    rows = [_finite(row, "values") for row in values]
    draws = np.stack(
        [
            _counts(seed, i, n_resamples, row.size, row.size)[0] @ row / row.size
            for i, row in enumerate(rows)
        ]
    )
    return _with_seeds(draws, float(np.mean([row.mean() for row in rows])), seed, confidence)


def _with_seeds(draws: np.ndarray, estimate: float, seed: int, confidence: float) -> Interval:
    """The interval of means over seeds drawn anew.  draws : (n_seeds, n_resamples)"""
    chosen = generator(seed, "leximark seeds").integers(0, len(draws), draws.shape)
    values = np.take_along_axis(draws, chosen, 0).mean(0)
    tail = (1 - confidence) / 2
    # a mean of ones is 1 up to rounding, and an interval must not reach beyond it
    low, high = np.round(np.quantile(values, [tail, 1 - tail]), 12)
    if low == high:  # documents that are all alike say nothing about others
        low, high = -np.inf, np.inf
    return Interval(estimate, float(low), float(high), None, len(draws))


def _resampled(
    grid: np.ndarray, n: int, seed: int, i: int, same: bool, at_a_time: int = 4000
) -> np.ndarray:
    """Means of `grid` with rows and columns drawn anew, or with both drawn alike: (n,).

    Counts and halves are exact in single precision as long as their sums stay below 2^23.
    """
    a, b = _counts(seed, i, n, *grid.shape)
    if same:
        b = a
    single, found = grid.astype(np.float32), np.empty(n)
    for start in range(0, n, at_a_time):
        part = slice(start, start + at_a_time)
        rows = a[part].astype(np.float32) @ single
        found[part] = (rows * b[part]).sum(1, dtype=float)
    return found / grid.size


@lru_cache(maxsize=16)
def _counts(seed: int, i: int, n: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each row and column is drawn: uint16 (n, rows) and (n, columns).

    The same for all arms, so that their intervals differ by the scores alone.
    """
    rng = generator(seed, "leximark bootstrap", i)
    a, b = (
        rng.multinomial(size, np.full(size, 1 / size), n).astype(np.uint16)
        for size in (rows, columns)
    )
    return a, b


def blind(
    members: Sequence[str], others: Sequence[str], seed: int, *, same: bool = False, folds: int = 5
) -> float:
    """AUROC of naive Bayes on which words a text contains: no language model is asked.

    What it finds is a difference between the sets themselves; 0.5 means that there is none.
    same : two versions of the same documents in the same order, which then share a fold
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.naive_bayes import BernoulliNB
    from sklearn.pipeline import make_pipeline

    label = np.r_[np.ones(len(members)), np.zeros(len(others))]
    model = make_pipeline(CountVectorizer(binary=True), BernoulliNB())
    order = int(generator(seed, "leximark blind").integers(2**31))
    splitter = GroupKFold if same else StratifiedKFold
    split = splitter(folds, shuffle=True, random_state=order)
    groups = np.r_[np.arange(len(members)), np.arange(len(others))] if same else None
    found = cross_val_predict(
        model, [*members, *others], label, cv=split, groups=groups, method="predict_log_proba"
    )
    margin = found[:, 1] - found[:, 0]
    return auroc(margin[label == 1], margin[label == 0])
