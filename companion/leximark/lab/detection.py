"""Tests that an owner can make: AUROC, Welch's t-test and its power, the keyed test.

How many records an owner needs: the power of Welch's t-test between suspected and held-out.

With scores of equal variance and effect size d (difference of means in deviations) the power of a
two-sided test with n records a side follows from the noncentral t distribution.

The keyed test: was the model trained on the text under *this* key, or under any?

S(kappa) is the mean score of the same documents under key kappa.  With M fresh keys,

    p = (1 + #{kappa': S(kappa') >= S(kappa)}) / (M + 1)     (eq. 6)

A model that never saw the text treats all keys alike, so p is uniform on 1/(M+1), ..., 1: at most
a share alpha of innocent models is accused.  No held-out documents are needed.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kstest, norm, rankdata, ttest_ind
from statsmodels.stats.power import TTestIndPower

from companion.leximark.lab.models import LanguageModel
from companion.leximark.method.scores import MIN_K_PLUS, score
from companion.leximark.method.watermark import Watermarker
from companion.scale import generator
from companion.stats import LEVEL, Interval


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


# -------------------------------------------------------------------------------------------- power
POWER, ALPHA = 0.8, 0.05
MOST = 2000
"""Numbers of records beyond this are given as infinity."""


def effect_size(members: np.ndarray, others: np.ndarray) -> float:
    """Cohen's d: difference of the means over the pooled deviation."""
    if len(members) < 2 or len(others) < 2:
        raise ValueError("an effect size needs two scores on either side")
    pooled = math.sqrt((members.var(ddof=1) + others.var(ddof=1)) / 2)
    difference = float(members.mean() - others.mean())
    return difference / pooled if pooled > 0 else float("nan")


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
    draws: int = 1000,
) -> float:
    """Share of Welch tests on `n` records a side, drawn with replacement, that find a difference.

    Only a difference in the right direction counts.
    """
    rng = generator(seed, "leximark power", n)
    a = rng.choice(members, (draws, n))
    b = rng.choice(others, (draws, n))
    with warnings.catch_warnings():  # the same few records drawn again have no variance, and no p
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_ind(a, b, axis=1, equal_var=False)
    return float(np.mean((test.pvalue < alpha) & (test.statistic > 0)))


def simulated_records(members: np.ndarray, others: np.ndarray, seed: int) -> float:
    """Least n at which the simulated power reaches 0.8."""
    return _least(lambda n: simulated_power(members, others, n, seed), POWER)


# -------------------------------------------------------------------------------------------- keyed
Maker = Callable[[object], Watermarker]
"""Key -> watermarker; the owner's recipe and source of candidates, which need not be secret."""


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


def key_score(
    model: LanguageModel, texts: Sequence[str], key: object, maker: Maker = Watermarker
) -> float:
    """S(key): mean Min-K%++ of the original texts as this key marks them."""
    return float(np.mean(score(model.stats(maker(key)(texts)), MIN_K_PLUS)))


def keyed_test(
    model: LanguageModel,
    texts: Sequence[str],
    key: object,
    n_keys: int,
    seed: int,
    maker: Maker = Watermarker,
) -> KeyedTest:
    """Test the owner's `key` against `n_keys` fresh keys on the *original* texts."""
    if n_keys < 1:
        raise ValueError(f"the test needs at least one other key, got {n_keys}")
    true = key_score(model, texts, key, maker)
    others = np.array([key_score(model, texts, f"fresh-{seed}-{i}", maker) for i in range(n_keys)])
    return KeyedTest(true, others, rank_p(true, others))


def calibration(
    model: LanguageModel, texts: Sequence[str], n_tests: int, n_keys: int, seed: int
) -> np.ndarray:
    """p of `n_tests` innocent tests with keys and documents of their own: (n_tests,)."""
    size = max(4, len(texts) // 3)
    found = []
    for i in range(n_tests):
        chosen = generator(seed, "leximark calibration", i).permutation(len(texts))[:size]
        some = [texts[j] for j in chosen]
        test = keyed_test(model, some, f"innocent-{seed}-{i}", n_keys, seed * 1000 + i)
        found.append(test.p)
    return np.array(found)


def uniformity(p_values: np.ndarray, n_keys: int, seed: int) -> float:
    """p of the Kolmogorov-Smirnov test that rank p-values are uniform.

    Ranks come in steps of 1/(M+1); each is spread over its step, which is exactly uniform under
    the null and lets the test keep its level.
    """
    u = generator(seed, "leximark uniformity").random(len(p_values))
    return float(kstest(p_values - u / (n_keys + 1), "uniform").pvalue)
