r"""What else can be done with the same k examples: null models, prompting, and one line.

The one-liner that a Transformer has to beat, and a Transformer that is it.

With white features and labels :math:`s_i = 2 y_i - 1` the score

.. math:: \sum_i s_i \langle x_i, x_q \rangle

is the first gradient step of logistic regression from w = 0, the rule of linear discriminant
analysis, and one head of linear attention: query x_q, keys x_i, values s_i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

# -------------------------------------------------------------------------------------------- nulls
Scorer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Context (k, p), labels (k,) in {0, 1} and queries (n, p) to scores (n,), positive for label 1."""


def mean_difference(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Difference of the two label sums, times the query: one gradient step from w = 0."""
    return queries @ (z.T @ (2.0 * y - 1))


def ridge(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Least squares on labels -1 and 1 with penalty 1, no intercept."""
    return RidgeClassifier(alpha=1.0, fit_intercept=False).fit(z, y).decision_function(queries)


def logistic(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Logistic regression as the authors fit it: no penalty, no intercept, tolerance 1e-5.

    Where the context is separable there is no finite solution; the fit then stops when its
    gradient is small, or after 1000 steps.
    """
    return _fit_logistic(z, y, C=np.inf, fit_intercept=False).decision_function(queries)


def logistic_c1(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Logistic regression with scikit-learn's penalty C = 1, no intercept."""
    return _fit_logistic(z, y, C=1.0, fit_intercept=False).decision_function(queries)


def logistic_intercept(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Logistic regression with an intercept, C = 1."""
    return _fit_logistic(z, y, C=1.0, fit_intercept=True).decision_function(queries)


def nearest(z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Share of label 1 among the 5 nearest examples (all, if fewer), minus one half."""
    n = min(5, len(z))
    return KNeighborsClassifier(n).fit(z, y).predict_proba(queries)[:, -1] - 0.5


def _fit_logistic(z: np.ndarray, y: np.ndarray, **options: object) -> LogisticRegression:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # separable: see `logistic`
        return LogisticRegression(tol=1e-5, max_iter=1000, **options).fit(z, y)


NULLS: Mapping[str, Scorer] = MappingProxyType(
    {
        "mean difference": mean_difference,
        "ridge": ridge,
        "logistic": logistic,
        "logistic, C = 1": logistic_c1,
        "logistic, intercept": logistic_intercept,
        "5 neighbors": nearest,
    }
)
"""Name to function; "logistic" is the probe of the paper's gaps."""


WITH_OFFSET = ("logistic, intercept", "5 neighbors")
"""Models that can say one class everywhere."""


def null_scores(name: str, z: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Scores of a null model, also where the context has one class only.

    Rules through the origin then take their first step, the mean difference; the others say that
    class for every query.
    """
    if len(np.unique(y)) < 2:
        if name in WITH_OFFSET:
            return np.full(len(queries), 2.0 * float(y[0]) - 1)
        return mean_difference(z, y, queries)
    return np.asarray(NULLS[name](z, y, queries), dtype=float)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of queries on the right side of 0; a score of exactly 0 is half right."""
    scores, labels = np.asarray(scores, dtype=float), np.asarray(labels)
    return float((np.where(scores == 0, 0.5, (scores > 0) == (labels == 1))).mean())


# ---------------------------------------------------------------------------------- mean difference
class MeanDifferenceHead(nn.Module):
    """One head of linear attention with weights set by hand: nothing is trained.

    It reads the tokens of the reasoning module made pairs, (x_i, s_i), and has its interface.

    d : dimensions of a point; 0 takes any
    """

    def __init__(self, d: int = 0, max_context: int = 1 << 30) -> None:
        super().__init__()
        self.d, self.max_context = d, max_context

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (b, n) of points (b, n, d), labels (b, n): number i has seen those before i."""
        scores = torch.einsum("bqd,bkd->bqk", x, x).tril(-1)  # causal, and not itself
        return torch.einsum("bqk,bk->bq", scores, 2 * y.to(x.dtype) - 1)

    def scores(self, x: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """Logits (q,) of queries (q, d) after the context x (k, d), y (k,)."""
        return queries @ (x.T @ (2 * y.to(x.dtype) - 1))


# ---------------------------------------------------------------------------------------------- icl
@dataclass(frozen=True)
class Answers:
    """What a prompted model said to n queries.

    logits : (n, 2) of the words of label 0 and 1; first : (n,) likeliest token of all
    label_ids : the two words' tokens; free : logits (2,) after a query without content, "N/A"
    """

    logits: np.ndarray
    first: np.ndarray
    label_ids: tuple[int, int]
    free: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """Logit of label 1 minus logit of label 0: (n,)."""
        return self.logits[:, 1] - self.logits[:, 0]

    def exact(self, labels: np.ndarray) -> float:
        """Accuracy as the authors count it: the likeliest of all tokens must be the right word."""
        return float((self.first == np.asarray(self.label_ids)[labels]).mean())

    @property
    def unparsed(self) -> float:
        """Share of answers that are neither word."""
        return float((~np.isin(self.first, self.label_ids)).mean())

    def contextual(self, labels: np.ndarray) -> float:
        """Accuracy after contextual calibration (Zhao et al. 2021): the threshold is the score of
        a query without content."""
        return accuracy(self.score - (self.free[1] - self.free[0]), labels)

    def median(self, labels: np.ndarray) -> float:
        """Accuracy with the median score of all queries as threshold.

        A diagnostic and no method: it uses that the queries are balanced.
        """
        return accuracy(self.score - np.median(self.score), labels)
