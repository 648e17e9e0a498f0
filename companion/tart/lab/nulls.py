"""What else can be done with the same k white examples: simple rules that a learner should beat."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from companion.tart.method.theory import mean_difference

Scorer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Context (k, p), labels (k,) in {0, 1} and queries (n, p) to scores (n,), positive for label 1."""

MEAN, LOGISTIC = "mean difference", "logistic"
PENALIZED = "logistic, C = 1"


def logistic(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Logistic regression as the authors fit it: no penalty, no intercept, tolerance 1e-5.

    Where the context is separable there is no finite solution; the fit then stops when its
    gradient is small, or after 1000 steps.
    """
    return _fit(z, y, np.inf).decision_function(queries)


def logistic_c1(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Logistic regression with scikit-learn's penalty C = 1, no intercept."""
    return _fit(z, y, 1.0).decision_function(queries)


def nearest(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Share of label 1 among the 5 nearest examples (all, if fewer), minus one half."""
    n = min(5, len(z))
    return KNeighborsClassifier(n).fit(z, y).predict_proba(queries)[:, -1] - 0.5


def _fit(z: np.ndarray, y: np.ndarray, C: float) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # separable: see `logistic`
        return LogisticRegression(C=C, fit_intercept=False, tol=1e-5, max_iter=1000).fit(z, y)


NULLS: Mapping[str, Scorer] = MappingProxyType(
    {
        MEAN: mean_difference,
        LOGISTIC: logistic,
        "logistic, C = 1": logistic_c1,
        "5 neighbors": nearest,
    }
)
"""Name to function; "logistic" is the probe of the paper's gaps.

Ridge regression is not among them: on a white context its solution is the mean difference times a
constant.
"""


def null_scores(name: str, z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Scores of a null model, also where the context has one class only.

    Rules through the origin then take their first step, the mean difference; the neighbors say
    that class for every query.
    """
    if len(np.unique(y)) < 2:
        if name == "5 neighbors":
            return np.full(len(queries), 2.0 * float(y[0]) - 1)
        return mean_difference(z, y, queries)
    return np.asarray(NULLS[name](z, y, queries), dtype=float)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of queries on the right side of 0; a score of exactly 0 is half right."""
    scores, labels = np.asarray(scores, dtype=float), np.asarray(labels)
    return float((np.where(scores == 0, 0.5, (scores > 0) == (labels == 1))).mean())


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Share of queries that two scores put on the same side of 0."""
    return float(((np.asarray(a) > 0) == (np.asarray(b) > 0)).mean())
