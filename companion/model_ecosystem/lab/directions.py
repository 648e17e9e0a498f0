"""Do directions fit an order, by more than chance, and do targets depend on their source?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from companion.model_ecosystem.method.drift import Order, best_order, place_ranges
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.rates import Values, both_declared


class Directions(NamedTuple):
    """The order of a trait's most common values.

    names : (k,) the values; counts : (k, k) transitions, each once
    order : one best order; ranges : (k, 2) first and last place over all best orders
    null : (n,) shares in order of random orientations
    """

    names: tuple[str, ...]
    counts: np.ndarray
    order: Order
    ranges: np.ndarray
    null: np.ndarray

    @property
    def p(self) -> float:
        """How often random orientations reach the share in order."""
        return p_of_order(self.order.share, self.null)


def p_of_order(share: float, null: np.ndarray) -> float:
    """Share of random orientations with as many pairs in order, the data among them."""
    return float((1 + (null >= share).sum()) / (1 + null.size))


def directions(
    counts: np.ndarray, names: tuple[str, ...], rng: np.random.Generator, n_null: int
) -> Directions:
    """The best order of a table of transitions, and what chance would give.

    counts : (k, k) of the k values called `names`
    """
    order, ranges = best_order(counts), place_ranges(counts)
    return Directions(names, counts, order, ranges, null_shares(counts, rng, n_null))


def null_shares(counts: np.ndarray, rng: np.random.Generator, n: int = 200) -> np.ndarray:
    """Share in order of the best order when every oriented pair points a random way, (n,).

    This is what has to be beaten, not one half: the best of k! orders agrees with much of anything.
    """
    counts = np.asarray(counts, float)
    oriented = np.triu(counts != counts.T, 1)
    shares = np.empty(n)
    for i in range(n):
        way = oriented & (rng.random(counts.shape) < 0.5)
        shares[i] = best_order(np.where(way, 1.0, 0.0) + (oriented & ~way).T).share
    return shares


def once_per_account(values: Values, graph: Forest, account: np.ndarray) -> np.ndarray:
    """Transitions (k, k) of a trait with one value, one per account, source and target."""
    graph = both_declared(values, graph)
    first = values.rows.indptr[:-1]
    old, new = (values.rows.indices[first[side]] for side in (graph.parent, graph.child))
    keys = np.unique(np.column_stack([account[graph.child], old, new])[old != new], axis=0)
    counts = np.zeros((len(values.names),) * 2)
    np.add.at(counts, (keys[:, 1], keys[:, 2]), 1)
    return counts


# --------------------------------------------------------------------------- quasi-independence
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
