r"""The keyed test: was the model trained on the text under *this* key, or under any?

S(kappa) is the mean score of the same documents under key kappa.  With M fresh keys,

    p = (1 + #{kappa': S(kappa') >= S(kappa)}) / (M + 1)     (eq. 6)

A model that never saw the text treats all keys alike, so p is uniform on 1/(M+1), ..., 1: at most
a share alpha of innocent models is accused.  No held-out documents are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import kstest

from companion.leximark.lab.lm import LanguageModel
from companion.leximark.method.scores import MIN_K_PLUS, score
from companion.leximark.method.watermark import Watermarker
from companion.scale import generator

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
