"""Can one tell before distilling what the student will memorize?

Four features of a sequence, standardized, and a logistic regression on the memorized sequences and
three times as many others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ("teacher perplexity", "baseline perplexity", "KL(teacher | baseline)", "zlib bytes")
NEGATIVES, HELD_OUT = 3, 0.3
LEAST = 8
"""Memorized sequences below which nothing is fitted."""


@dataclass(frozen=True)
class Prediction:
    """Results over resamples; empty when too few sequences are memorized.

    auc, precision, recall, permuted : (resamples,), on held-out sequences; `permuted` is the AUC
        with shuffled labels; hard : AUC against the sequences that teacher and baseline memorize
        and the student does not, NaN where there are none
    coefficients : (resamples, 4), standardized
    probability : (n,), of one classifier for every sequence of D: what filters
    """

    auc: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    permuted: np.ndarray
    hard: np.ndarray
    coefficients: np.ndarray
    probability: np.ndarray

    @property
    def tested(self) -> bool:
        """Whether there was something to predict."""
        return self.auc.size > 0


def classifier() -> Pipeline:
    """Standardize, then logistic regression (sklearn's default penalty)."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def predict(
    features: np.ndarray,
    memorized: np.ndarray,
    difficult: np.ndarray,
    resamples: int,
    rng: np.random.Generator,
) -> Prediction:
    """Fit and test on fresh negatives `resamples` times.

    features : (n, 4); memorized : bool (n,), the student's; difficult : bool (n,), the rejected
    """
    n = len(memorized)
    positives, others = np.flatnonzero(memorized), np.flatnonzero(~memorized)
    if len(positives) < LEAST or len(others) < NEGATIVES * len(positives):
        nothing = np.empty(0)
        return Prediction(*[nothing] * 5, np.empty((0, len(FEATURES))), np.full(n, np.nan))
    rows = []
    for i in range(resamples):
        drawn = np.concatenate([positives, rng.choice(others, NEGATIVES * len(positives), False)])
        labels = memorized[drawn]
        state = int(rng.integers(2**31))
        split = train_test_split(
            drawn, labels, test_size=HELD_OUT, stratify=labels, random_state=state
        )
        model, scores = _fit_and_test(features, *split)
        if i == 0:
            probability = model.predict_proba(features)[:, 1]
        shuffled = rng.permutation(labels)
        blind = train_test_split(
            drawn, shuffled, test_size=HELD_OUT, stratify=shuffled, random_state=state
        )
        permuted = _fit_and_test(features, *blind)[1][0]
        rest = np.setdiff1d(np.flatnonzero(difficult), split[0])
        hard = _auc_between(model, features, split[1][split[3]], rest)
        rows.append([*scores, permuted, hard, *model[-1].coef_[0]])
    table = np.array(rows)
    return Prediction(*table[:, :5].T, table[:, 5:], probability)


def _fit_and_test(features, train, test, y_train, y_test) -> tuple[Pipeline, tuple[float, ...]]:
    model = classifier().fit(features[train], y_train)
    chance = model.predict_proba(features[test])[:, 1]
    flagged = chance > 0.5
    return model, (
        roc_auc_score(y_test, chance),
        precision_score(y_test, flagged, zero_division=0.0),
        recall_score(y_test, flagged),
    )


def _auc_between(model: Pipeline, features, positives, negatives) -> float:
    """AUC of a fitted model for two groups of sequences; NaN if one is empty."""
    if len(positives) == 0 or len(negatives) == 0:
        return float("nan")
    both = np.concatenate([positives, negatives])
    labels = np.arange(len(both)) < len(positives)
    return roc_auc_score(labels, model.predict_proba(features[both])[:, 1])
