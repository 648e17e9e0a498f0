"""What models declare, and how often a trait changes from parent to child."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from companion import contracts
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.similarity import dots


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


contracts.guard_public(__name__, {"values_of_codes": {"codes": contracts.INTEGERS}})
