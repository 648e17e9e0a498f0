"""A ladder, or two populations?  Models of a table of transitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import kendalltau

BATCH = 50
"""Tables that are fitted at once; more only take more memory."""


class Fit(NamedTuple):
    """Quasi-independence T_ij ∝ a_i b_j for i ≠ j.

    expected : (k, k) fitted counts, zero on the diagonal
    deviance : against the saturated model; df : its degrees of freedom
    p : share of tables drawn from the fit, and fitted again, that deviate as much
    """

    expected: np.ndarray
    deviance: float
    df: int
    p: float


def _fit(counts: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Expected counts by iterative proportional fitting off the diagonal; batches (..., k, k)."""
    k = counts.shape[-1]
    off = 1.0 - np.eye(k)
    rows, columns = counts.sum(axis=-1, keepdims=True), counts.sum(axis=-2, keepdims=True)
    fitted = np.broadcast_to(off, counts.shape).copy()
    for _ in range(rounds):
        total = fitted.sum(axis=-1, keepdims=True)
        fitted *= np.divide(rows, total, out=np.zeros_like(rows), where=total > 0)
        total = fitted.sum(axis=-2, keepdims=True)
        fitted *= np.divide(columns, total, out=np.zeros_like(columns), where=total > 0)
    return fitted


def _deviance(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    seen = counts > 0
    ratio = np.divide(counts, expected, out=np.ones_like(expected), where=seen & (expected > 0))
    return 2 * (counts * np.log(ratio)).sum(axis=(-2, -1))


def quasi_independence(counts: np.ndarray, rng: np.random.Generator, n_resamples: int = 300) -> Fit:
    """Test whether targets are independent of their source, by parametric bootstrap.

    counts : (k, k) each mutation once; the diagonal is ignored.  Values that were never a source
    and never a target are dropped.

    Raises
    ------
    ValueError : fewer than three values take part, so that nothing can be tested
    """
    table = np.asarray(counts, float) * (1 - np.eye(len(counts)))
    used = (table.sum(axis=0) + table.sum(axis=1)) > 0
    table = table[np.ix_(used, used)]
    k = len(table)
    if k < 3:
        raise ValueError(f"quasi-independence needs three values with mutations, got {k}")
    expected = _fit(table)
    deviance = float(_deviance(table, expected))
    total = int(table.sum())
    draws = rng.multinomial(total, (expected / expected.sum()).ravel(), size=n_resamples)
    drawn = draws.reshape(n_resamples, k, k)
    again = np.empty(n_resamples)
    for start in range(0, n_resamples, BATCH):
        part = drawn[start : start + BATCH].astype(float)
        again[start : start + BATCH] = _deviance(part, _fit(part))
    sources, targets = (table.sum(axis=1) > 0).sum(), (table.sum(axis=0) > 0).sum()
    df = int(k * (k - 1) - sources - targets + 1)
    return Fit(expected, deviance, df, float((1 + (again >= deviance).sum()) / (1 + n_resamples)))


def target_shares(expected: np.ndarray) -> np.ndarray:
    """The factor b of a fitted table a_i b_j (i ≠ j), scaled to sum one, (k,); needs k >= 3."""
    k = len(expected)
    ratio = np.ones(k)  # b_j / b_0, from a row that is neither 0 nor j
    for j in range(1, k):
        row = max((i for i in range(k) if i not in (0, j)), key=lambda i: expected[i, 0])
        ratio[j] = expected[row, j] / max(expected[row, 0], 1e-300)
    return ratio / ratio.sum()


def bradley_terry(counts: np.ndarray, rounds: int = 2000) -> np.ndarray:
    """Positions β of P(i → j rather than j → i) = σ(β_j − β_i), mean zero, shape (k,).

    Fixed point of Zermelo; half a transition each way is added to every pair that has any, so that
    a value that only ever gains stays finite.  Values without any transition get nan.
    """
    table = np.asarray(counts, float) * (1 - np.eye(len(counts)))
    both = table + table.T
    table = table + 0.5 * (both > 0)
    both = table + table.T
    used = both.sum(axis=1) > 0
    strength = np.ones(len(table))
    wins = table.sum(axis=0)  # a transition i → j is a win of j
    for _ in range(rounds):
        rival = (both / (strength[:, None] + strength[None, :])).sum(axis=1)
        strength = np.where(used, wins / np.where(used, rival, 1), 1)
        strength /= np.exp(np.log(strength[used]).mean()) if used.any() else 1
    return np.where(used, np.log(strength), np.nan)


def ladder_steps(k: int, *, reach: float = 0.3) -> np.ndarray:
    """Targets of a true ladder, (k, k): only downward, the next rung most likely.

    The chance of falling d rungs is proportional to reach ** (d − 1); the last rung stays.
    """
    i, j = np.indices((k, k))
    steps = np.where(j > i, float(reach) ** np.maximum(j - i - 1, 0), 0.0)
    total = steps.sum(axis=1, keepdims=True)
    return np.divide(steps, total, out=np.zeros_like(steps), where=total > 0)


def agreement(found: np.ndarray, truth: np.ndarray) -> float:
    """Kendall's rank correlation over the values that have a position in both."""
    known = np.isfinite(found) & np.isfinite(truth)
    return float(kendalltau(found[known], truth[known]).statistic)
