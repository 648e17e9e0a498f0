"""When siblings agree more than parent and child: the law of the threshold.

A child keeps its parent's value with probability 1 − μ, and otherwise takes another one from a
distribution q with s = Σq².  Two siblings agree if both kept, or if both changed to the same value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.rates import Values, both_declared
from companion.model_ecosystem.method.similarity import families


def parent_child(mu: float, tagged: float = 0.0) -> float:
    """Expected agreement of parent and child.  Notebook eq. 1.

    tagged : share of the string that only children carry, all the same one (a parent's name)
    """
    return (1 - tagged) * (1 - mu)


def sibling(mu: float, s: float, tagged: float = 0.0) -> float:
    """Expected agreement of two siblings.  Notebook eq. 2."""
    return (1 - tagged) * ((1 - mu) ** 2 + mu**2 * s) + tagged


def critical_mutation(s: float) -> float:
    """The mutation probability above which siblings agree more: 1 / (1 + s).  Notebook eq. 3."""
    return 1 / (1 + s)


def enough_bookkeeping(mu: float, s: float) -> float:
    """Share of the string above which a common tag makes siblings the closer pair, whatever else.

    With the deficit g = μ (1 − μ (1 + s)) it is g / (1 + g), at most one fifth.
    """
    deficit = max(0.0, mu * (1 - mu * (1 + s)))
    return deficit / (1 + deficit)


def most_siblings(kept: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The largest sibling agreement of d children of whom `kept` have the parent's value.

    Reached when all that changed took one value.  Exceeds kept / d only if kept < (d − 1) / 2.
    """
    kept, d = np.asarray(kept, float), np.asarray(d, float)
    return (kept * (kept - 1) + (d - kept) * (d - kept - 1)) / (d * (d - 1))


class Grid(NamedTuple):
    """Simulated families on a grid of laws.

    mu : (m,); s : (t,); gap, predicted : (t, m) sibling minus parent-child
    standard_error : (t, m) of gap
    """

    mu: np.ndarray
    s: np.ndarray
    gap: np.ndarray
    predicted: np.ndarray
    standard_error: np.ndarray

    def agreement(self, least: float = 0.02) -> tuple[int, int]:
        """(points with the predicted sign, points) where the predicted gap exceeds `least`."""
        clear = np.abs(self.predicted) > least
        same = np.sign(self.gap) == np.sign(self.predicted)
        return int((clear & same).sum()), int(clear.sum())


def simulate_grid(
    mu: np.ndarray,
    s: np.ndarray,
    rng: np.random.Generator,
    *,
    n_families: int = 2000,
    n_children: int = 10,
    k: int = 60,
) -> Grid:
    """Families of one parent under each law, with k values besides the parent's."""
    shape = (len(s), len(mu))
    gap, error, expected = np.empty(shape), np.empty(shape), np.empty(shape)
    for i, concentration in enumerate(s):
        edges = np.cumsum(concentrated(concentration, k))
        for j, chance in enumerate(mu):
            new = np.searchsorted(edges, rng.random((n_families, n_children))) + 1
            kept = rng.random((n_families, n_children)) >= chance
            value = np.where(kept, 0, np.minimum(new, k))
            difference = _siblings(value) - kept.mean(axis=1)
            gap[i, j] = difference.mean()
            error[i, j] = difference.std(ddof=1) / np.sqrt(n_families)
            expected[i, j] = sibling(chance, concentration) - parent_child(chance)
    return Grid(np.asarray(mu), np.asarray(s), gap, expected, error)


def _siblings(value: np.ndarray) -> np.ndarray:
    """Share of equal pairs among the columns of each row."""
    rows, d = value.shape
    ordered = np.sort(value, axis=1)
    # pairs inside runs of equal values: each element pairs with those before it in its run
    place = np.zeros((rows, d))
    for j in range(1, d):
        place[:, j] = np.where(ordered[:, j] == ordered[:, j - 1], place[:, j - 1] + 1, 0)
    return 2 * place.sum(axis=1) / (d * (d - 1))


def real_families(traits: dict[str, Values], graph: Forest) -> pl.DataFrame:
    """Every family of two or more children that declare a trait which their parent declares.

    A trait with several values agrees only if all of them do.
    Columns: trait, parent, d, kept (children), parent_child, sibling, allowed (the largest sibling
    agreement that `kept` permits), violates.
    """
    parts = []
    for name, values in traits.items():
        whole = one_value(values)
        found = families(whole.rows, both_declared(whole, graph))
        many = found.d > 1
        kept = np.round(found.parent_child * found.d)[many]
        d, alike, kept_share = found.d[many], found.sibling[many], found.parent_child[many]
        allowed = most_siblings(kept, d)
        parts.append(
            pl.DataFrame(
                {
                    "trait": [name] * d.size,
                    "parent": found.parent[many],
                    "d": d,
                    "kept": kept.astype(np.int64),
                    "parent_child": kept_share,
                    "sibling": alike,
                    "allowed": allowed,
                    # siblings closer although (d - 1) / 2 or more kept the parent's value
                    "violates": (alike > kept_share + 1e-9) & (kept >= (d - 1) / 2),
                }
            )
        )
    return pl.concat(parts)


def one_value(values: Values) -> Values:
    """The trait with each combination of values as one value."""
    from companion.model_ecosystem.method.rates import values_of_codes

    rows = values.rows
    keys = {}
    codes = np.full(rows.shape[0], -1)
    for i in np.flatnonzero(values.declared):
        key = tuple(sorted(rows.indices[rows.indptr[i] : rows.indptr[i + 1]]))
        codes[i] = keys.setdefault(key, len(keys))
    names = tuple("|".join(values.names[j] for j in key) for key in keys)
    return values_of_codes(codes, names)


def concentrated(s: float, k: int) -> np.ndarray:
    """A distribution on k values with Σq² = s: one large value, the others equal.

    Raises
    ------
    ValueError : s is not between 1/k and 1
    """
    if not 1 / k - 1e-12 <= s <= 1:
        raise ValueError(f"Σq² of {k} values lies between {1 / k:.3g} and 1, got {s}")
    top = (1 + np.sqrt(max(0.0, (k - 1) * (k * s - 1)))) / k
    return np.append(top, np.full(k - 1, (1 - top) / (k - 1)))
