"""How often a declared trait changes from parent to child, into what, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from companion import contracts
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.similarity import dots

if TYPE_CHECKING:
    from jaxtyping import Num


# -------------------------------------------------------------------------------------------- rates
class Values(NamedTuple):
    """What models declare for one trait.

    names : the k values; rows : (n, k) sparse, one where the model declares the value; an empty
    row declares nothing
    """

    names: tuple[str, ...]
    rows: sparse.csr_array

    @property
    def declared(self) -> np.ndarray:
        """Whether a model declares anything, (n,)."""
        return np.diff(self.rows.indptr) > 0


def values_of(declared: Iterable[Sequence[str] | str | None]) -> Values:
    """Values from one string, several strings, or None per model; the names are sorted."""
    sets = [
        () if value is None else (value,) if isinstance(value, str) else tuple(set(value))
        for value in declared
    ]
    names = sorted({name for one in sets for name in one})
    place = {name: i for i, name in enumerate(names)}
    columns = np.array([place[name] for one in sets for name in sorted(one)], int)
    start = np.cumsum([0, *map(len, sets)])
    rows = sparse.csr_array(
        (np.ones(columns.size), columns, start), shape=(len(sets), len(names)), dtype=float
    )
    return Values(tuple(names), rows)


def values_of_codes(codes: np.ndarray, names: Sequence[str]) -> Values:
    """Values from an integer per model; -1 declares nothing."""
    start = np.concatenate([[0], np.cumsum(codes >= 0)])
    column = codes[codes >= 0]
    shape = (codes.size, len(names))
    return Values(
        tuple(names), sparse.csr_array((np.ones(column.size), column, start), shape=shape)
    )


def both_declared(values: Values, graph: Forest) -> Forest:
    """The forest with only the edges whose two ends declare the trait."""
    return graph.where(values.declared[graph.parent] & values.declared[graph.child])


def distance(values: Values, graph: Forest) -> np.ndarray:
    """Jaccard distance 1 − |A∩B| / |A∪B| of parent and child per edge, (edges,).

    0 or 1 for a trait with one value; nan where an end declares nothing.
    """
    a, b = values.rows[graph.parent], values.rows[graph.child]
    size = np.diff(values.rows.indptr)
    common = dots(a, b)
    union = size[graph.parent] + size[graph.child] - common
    known = (size[graph.parent] > 0) & (size[graph.child] > 0)
    out = np.full(graph.parent.size, np.nan)
    out[known] = 1 - common[known] / union[known]
    return out


def one_value(values: Values) -> Values:
    """The trait with each combination of values as one value."""
    rows = values.rows
    keys = {}
    codes = np.full(rows.shape[0], -1)
    for i in np.flatnonzero(values.declared):
        key = tuple(sorted(rows.indices[rows.indptr[i] : rows.indptr[i + 1]]))
        codes[i] = keys.setdefault(key, len(keys))
    names = tuple("|".join(values.names[j] for j in key) for key in keys)
    return values_of_codes(codes, names)


# --------------------------------------------------------------------------------------- directions
class Order(NamedTuple):
    """The best order of k values.

    places : (k,) values from first to last
    agree, pairs : oriented pairs that point forward, and all oriented pairs
    forward : share of all transitions that go forward
    """

    places: np.ndarray
    agree: int
    pairs: int
    forward: float

    @property
    def share(self) -> float:
        """Share of the oriented pairs that point forward; nan without a pair."""
        return self.agree / self.pairs if self.pairs else float("nan")


def transitions(values: Values, graph: Forest) -> np.ndarray:
    """Counts (k, k) of value i in the parent giving way to value j in the child.

    For parent set A and child set B one for each pair in (A∖B) × (B∖A).  The paper's code adds one
    for each pair in A × (B∖A) and one for each in (A∖B) × B, so that a trait with one value counts
    twice per mutation, and a kept value is the target of every dropped one.
    """
    graph = both_declared(values, graph)
    old, new = values.rows[graph.parent], values.rows[graph.child]
    added, removed = (sparse.csr_array((a - b).maximum(0)) for a, b in ((new, old), (old, new)))
    return np.asarray((removed.T @ added).todense())


def most_common(values: Values, top: int, without: tuple[str, ...] = ("other", "unknown")):
    """Indices of the `top` values that most models declare, in the order of their names."""
    count = np.asarray(values.rows.sum(axis=0)).ravel().copy()
    count[[i for i, name in enumerate(values.names) if name in without]] = -1
    best = np.argsort(-count, kind="stable")[:top]
    return np.sort(best[count[best] > 0])


def best_order(counts: Num[np.ndarray, "k k"]) -> Order:
    """The linear order that most oriented pairs agree with, as an integer program.  Notebook eq. 7.

    x_ij = 1 if i stands before j; for i < j < k the sum x_ij + x_jk − x_ik is 0 or 1, which rules
    out circles.  A pair is oriented by the sign of T_ij − T_ji; ties are dropped.

    counts : (k, k) transitions

    Raises
    ------
    ValueError : counts that are no square matrix of at least two values
    RuntimeError : the solver finds no proven optimum
    """
    counts = np.asarray(counts, float)
    k = len(counts)
    if counts.ndim != 2 or counts.shape[1] != k or k < 2:
        raise ValueError(f"transitions need shape (k, k) with k >= 2, got {counts.shape}")
    gain = np.sign(counts - counts.T)
    first, second = np.triu_indices(k, 1)
    result = milp(
        -gain[first, second],
        integrality=np.ones(first.size),
        bounds=Bounds(0, 1),
        constraints=_no_circles(k) if k > 2 else (),
    )
    if not result.success:
        raise RuntimeError(f"the order of {k} values was not solved: {result.message}")
    before = np.zeros((k, k))
    before[first, second] = np.round(result.x)
    before[second, first] = 1 - before[first, second]
    places = np.argsort(-before.sum(axis=1), kind="stable")
    return order_of(counts, places)


def _no_circles(k: int) -> LinearConstraint:
    number = np.zeros((k, k), int)
    number[np.triu_indices(k, 1)] = np.arange(k * (k - 1) // 2)
    triples = np.array(list(combinations(range(k), 3)))
    i, j, m = triples.T
    columns = np.column_stack([number[i, j], number[j, m], number[i, m]])
    rows = np.repeat(np.arange(len(triples)), 3)
    data = np.tile([1.0, 1.0, -1.0], len(triples))
    shape = (len(triples), k * (k - 1) // 2)
    return LinearConstraint(sparse.csr_array((data, (rows, columns.ravel())), shape=shape), 0, 1)


def order_of(counts: np.ndarray, places: np.ndarray) -> Order:
    """How well a given order (values from first to last) agrees with the transitions."""
    sorted_counts = np.asarray(counts, float)[np.ix_(places, places)]
    net = (sorted_counts - sorted_counts.T)[np.triu_indices(len(places), 1)]
    off = sorted_counts.sum() - np.trace(sorted_counts)
    forward = np.triu(sorted_counts, 1).sum() / off if off else float("nan")
    return Order(np.asarray(places), int((net > 0).sum()), int((net != 0).sum()), float(forward))


def place_ranges(counts: np.ndarray) -> np.ndarray:
    """First and last place of every value over all orders that agree with as many pairs, (k, 2).

    One optimum is one of many: where few pairs are oriented, a value may stand almost anywhere.
    Each end is an integer program of its own, with the agreement held at the optimum.  Places
    count from 0; arguments and errors as for :func:`best_order`.
    """
    counts = np.asarray(counts, float)
    k, best = len(counts), best_order(counts)
    net = np.sign(counts - counts.T)
    first, second = np.triu_indices(k, 1)
    circles = (_no_circles(k),) if k > 2 else ()
    # pairs in order = constant + net @ x, and the optimum is a whole number
    constant = (net[first, second] < 0).sum()
    held = LinearConstraint(net[first, second][None], best.agree - constant - 0.5, np.inf)
    ranges = np.empty((k, 2), int)
    for value in range(k):
        # place = how many stand before: x_iv of smaller i, 1 - x_vj of larger j
        before = np.where(second == value, 1.0, np.where(first == value, -1.0, 0.0))
        for end, sign in enumerate((1, -1)):
            result = milp(
                sign * before,
                integrality=np.ones(first.size),
                bounds=Bounds(0, 1),
                constraints=(*circles, held),
            )
            if not result.success:
                raise RuntimeError(f"no place of value {value} was found: {result.message}")
            ranges[value, end] = round(sign * result.fun) + k - 1 - value
    return ranges


contracts.guard_public(__name__, {"values_of_codes": {"codes": contracts.INTEGERS}})
