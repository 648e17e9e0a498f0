"""Tests that an owner can make: AUROC, Welch's t-test and its power, the keyed test.

The power of Welch's test between suspected and held-out records, with scores of equal variance and
effect size d (difference of means in deviations), follows from the noncentral t distribution.

The keyed test asks whether the model was trained on the text under *this* key or under any.
S(kappa) is the mean score of the same documents under key kappa; with M fresh keys,

    p = (1 + #{kappa': S(kappa') >= S(kappa)}) / (M + 1)     (eq. 6)

A model that never saw the marked text treats all keys alike, so p is uniform on 1/(M+1), ..., 1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata, ttest_ind
from statsmodels.stats.power import TTestIndPower

from companion import contracts
from companion.leximark.lab.models import LanguageModel
from companion.leximark.method.scores import score
from companion.leximark.method.watermark import KEYED, Watermarker
from companion.scale import generator


# ---------------------------------------------------------------------------------------- detection
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


def tpr_at(members: ArrayLike, others: ArrayLike, fpr: float = 0.05) -> float:
    """Share of members found when at most `fpr` of the others are accused."""
    high, low = _finite(members, "members"), _finite(others, "others")
    cuts = np.unique(np.concatenate([high, low, [np.inf]]))
    allowed = [cut for cut in cuts if (low >= cut).mean() <= fpr]
    return float((high >= min(allowed)).mean())


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


# -------------------------------------------------------------------------------------------- power
POWER, ALPHA = 0.8, 0.05
MOST = 2000
"""Numbers of records beyond this are given as infinity."""


def effect_of_auroc(auroc: float) -> float:
    r"""d = sqrt(2) Phi^-1(AUROC): for normal scores of equal variance (eq. 7)."""
    if not 0 < auroc < 1:
        raise ValueError(f"an AUROC strictly between 0 and 1 is needed, got {auroc!r}")
    return float(math.sqrt(2) * norm.ppf(auroc))


@cache
def predicted_power(d: float, n: int, alpha: float = ALPHA) -> float:
    """Power with `n` >= 2 records a side, by statsmodels."""
    return float(TTestIndPower().power(abs(d), n, alpha))


def records_needed(d: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Least n with the wanted power; infinite where no n up to :data:`MOST` has it."""
    if not math.isfinite(d) or d <= 0:
        return math.inf
    return _least(lambda n: predicted_power(d, n, alpha), power)


def _least(power_of: Callable[[int], float], wanted: float) -> float:
    """Smallest n in 2..MOST with power at least `wanted`: doubling, then bisection.

    From below, because the noncentral t distribution has no number where power is all but 1.
    """
    low, high = 1, 2
    while not power_of(high) >= wanted:
        low, high = high, 2 * high
        if high > MOST:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= wanted else (middle, high)
    return float(high)


def simulated_power(
    members: np.ndarray,
    others: np.ndarray,
    n: int,
    seed: int,
    alpha: float = ALPHA,
    draws: int = 2000,
) -> float:
    """Share of Welch tests on `n` records a side, drawn with replacement, that find a difference.

    Two-sided at `alpha`, as the authors test; only a difference in the right direction counts.
    """
    rng = generator(seed, "leximark power", n)
    a = rng.choice(members, (draws, n))
    b = rng.choice(others, (draws, n))
    with warnings.catch_warnings():  # the same few records drawn again have no variance, and no p
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_ind(a, b, axis=1, equal_var=False)
    return float(np.mean((test.pvalue < alpha) & (test.statistic > 0)))


# -------------------------------------------------------------------------------------------- keyed
class KeyedTest(NamedTuple):
    """true : S of the owner's key; others : S of the fresh keys, (M,); p : of eq. 6"""

    true: float
    others: np.ndarray
    p: float

    @property
    def z(self) -> float:
        """Distance of the true key from the others in their standard deviations."""
        spread = self.others.std(ddof=1)
        return float((self.true - self.others.mean()) / spread) if spread > 0 else float("nan")


def rank_p(true: float, others: np.ndarray) -> float:
    """Eq. 6, exact for exchangeable keys; ties count against the owner."""
    if not np.isfinite(true) or not np.isfinite(others).all() or not len(others):
        raise ValueError("the rank test needs a finite score for the key and for each other key")
    return (1 + int((others >= true).sum())) / (len(others) + 1)


def fresh_keys(seed: int, n: int) -> list[str]:
    """Keys that nobody used for a text."""
    return [f"fresh-{seed}-{i}" for i in range(n)]


def key_scores(model: LanguageModel, texts: Sequence[str], keys: Sequence[object]) -> np.ndarray:
    """Min-K%++ of the original texts as each key marks them: (n_keys, n_texts)."""
    return np.array([score(model.stats(Watermarker(KEYED, key)(texts))) for key in keys])


def keyed_test(scores: np.ndarray) -> KeyedTest:
    """The test of the first key among all.  scores : of :func:`key_scores`"""
    true, *others = scores.mean(axis=1)
    return KeyedTest(float(true), np.array(others), rank_p(float(true), np.array(others)))


def innocent_tests(scores: np.ndarray, n_keys: int = 20, n_texts: int = 5) -> np.ndarray:
    """p of tests in which the claimed key is one like all others: (n_tests,).

    scores : of fresh keys by a model that saw no key; cut into blocks of `n_keys` keys and
        `n_texts` texts, each a test of its own, so that no two tests share a score
    """
    rows, columns = len(scores) // n_keys, scores.shape[1] // n_texts
    blocks = [
        scores[i * n_keys : (i + 1) * n_keys, j * n_texts : (j + 1) * n_texts]
        for i in range(rows)
        for j in range(columns)
    ]
    return np.array([keyed_test(block).p for block in blocks])


contracts.guard(__name__, {"records_needed": {"d": contracts.NUMBER, "alpha": contracts.SHARE}})
