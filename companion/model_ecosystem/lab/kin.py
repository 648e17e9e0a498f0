"""Are siblings closer than parent and child, and which field of their description says so?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from companion.model_ecosystem.lab.intervals import ratio_bootstrap
from companion.model_ecosystem.method import similarity
from companion.model_ecosystem.method.drift import both_declared, one_value, values_of
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.similarity import (
    Families,
    families,
    levenshtein,
    random_pair,
    tfidf,
)
from companion.model_ecosystem.sources import TRAITS, Ecosystem
from companion.stats import Interval, t_interval

WEIGHTS = ("pairs", "families")
"""Families weighted by their sibling pairs, as the paper's draws do, or equally."""

ACCOUNTS = ("any", "different")
"""Which pairs count: all, or those of two accounts."""


def card_rows(names: Sequence[str], counts: pl.DataFrame) -> tuple[np.ndarray, sparse.csr_array]:
    """TF-IDF rows of model cards from a long table model_id, term, count.

    Returns : has_card (n,) boolean, and rows (n, terms), empty where there is no card
    """
    models = pl.DataFrame({"model_id": names}).with_row_index("row")
    known = counts.join(models, on="model_id", maintain_order="left")
    terms, column = np.unique(known["term"].to_numpy(), return_inverse=True)
    shape = (len(names), terms.size)
    cells = (known["count"].to_numpy().astype(float), (known["row"].to_numpy(), column))
    matrix = sparse.csr_array(cells, shape=shape)
    has = np.diff(matrix.indptr) > 0
    # weighed over models with a card; an empty row stays empty
    weigher = TfidfTransformer().fit(sparse.csr_matrix(matrix[has]))
    return has, sparse.csr_array(weigher.transform(sparse.csr_matrix(matrix)))


def with_both(found: Families) -> Families:
    """The families that have pairs of siblings and of parent and child.

    Raises
    ------
    ValueError : fewer than two of them
    """
    both = (found.n_pairs > 0) & (found.n_edges > 0)
    if both.sum() < 2:
        raise ValueError(f"need two families with siblings, got {int(both.sum())}")
    return Families(*(column[both] for column in found))


def compare(
    found: Families, rng: np.random.Generator, *, weights: str, n_resamples: int = 500
) -> dict[str, float]:
    """Siblings against parent and child: both means, and their difference with 95 % over families.

    found : both similarities by family; weights : of WEIGHTS

    Returns : parent_child, sibling, gap, gap_low, gap_high, n (families), effective
    ((Σw)² / Σw²)
    """
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; choose one of {', '.join(WEIGHTS)}")
    found = with_both(found)
    d = found.d.astype(float)
    w = d * (d - 1) / 2 if weights == "pairs" else np.ones(d.size)
    gap = found.sibling - found.parent_child
    if weights == "families":
        interval = t_interval(gap)
    else:
        interval = ratio_bootstrap(w * gap, w, rng, n_resamples)
    return {
        "parent_child": float(np.average(found.parent_child, weights=w)),
        "sibling": float(np.average(found.sibling, weights=w)),
        "gap": interval.estimate,
        "gap_low": interval.low,
        "gap_high": interval.high,
        "n": d.size,
        "effective": float(w.sum() ** 2 / (w**2).sum()),
    }


def lift(x: sparse.csr_array, graph: Forest) -> Interval:
    """Parent and child minus random pairs, families equally weighted, 95 % over families."""
    found = families(x, graph)
    return t_interval(found.parent_child - random_pair(x))


# --------------------------------------------------------------------------- one field left out
class LeftOut(NamedTuple):
    """Siblings minus parent and child, family by family, without one field after the other.

    fields : (k,) names; child : the one that says "I am a child"
    whole : (f,) gap of each family, with all fields; without : (k, f) the same without a field
    parents : (f,) the head of each family
    """

    fields: tuple[str, ...]
    child: str
    whole: np.ndarray
    without: np.ndarray
    parents: np.ndarray

    @property
    def rest(self) -> np.ndarray:
        """Gaps without the field that says "I am a child", (f,)."""
        return self.without[self.fields.index(self.child)]

    @property
    def other(self) -> int:
        """The other field that moves the gap most, up or down, by the mean."""
        others = [i for i, name in enumerate(self.fields) if name != self.child]
        return max(others, key=lambda i: abs((self.without[i] - self.whole).mean()))


def left_out(system: Ecosystem) -> LeftOut:
    """Each field of the string left out in turn; different accounts, families equally weighted."""
    records, masked = system.records, set(system.masked)
    found = {name for record in records for name in similarity.fields(record)} - masked
    # a field that is the same everywhere can carry nothing
    names = sorted(name for name in found if name not in ("private", similarity.TAGS))
    account, graph = system.account, system.graph

    def gaps(without: set[str]) -> Families:
        x = tfidf(similarity.strings(records, without))
        return with_both(families(x, graph, uploader=account))

    whole = gaps(masked)
    less = [gaps(masked | {name}) for name in names]
    return LeftOut(
        tuple(names),
        system.child_field,
        whole.sibling - whole.parent_child,
        np.stack([one.sibling - one.parent_child for one in less]),
        whole.parent,
    )


# --------------------------------------------------------------------------- trait by trait
class TraitKin(NamedTuple):
    """Agreement on single traits, by families with different accounts.

    trait, parent : (m,) a row per trait and family; d : (m,) children that declare it
    parent_child, sibling : (m,) share of pairs that agree
    """

    trait: np.ndarray
    parent: np.ndarray
    d: np.ndarray
    parent_child: np.ndarray
    sibling: np.ndarray

    def gap(self, trait: str) -> np.ndarray:
        """Siblings minus parent and child for one trait, a number per family."""
        mine = self.trait == trait
        return (self.sibling - self.parent_child)[mine]

    def mean_gap(self) -> np.ndarray:
        """The same averaged over the traits that a family has, a number per family."""
        _, place = np.unique(self.parent, return_inverse=True)
        gap = self.sibling - self.parent_child
        return np.bincount(place, weights=gap) / np.bincount(place)


def trait_kin(system: Ecosystem, *, different: bool = True) -> TraitKin:
    """Families of two or more children that declare a trait which their parent declares.

    different : only pairs of two accounts.  A trait with several values agrees only if all do.
    """
    account, parts = system.account if different else None, []
    for name in TRAITS:
        whole = one_value(values_of(system.column(name)))
        if not whole.names:
            continue  # a table without this trait
        found = families(whole.rows, both_declared(whole, system.graph), uploader=account)
        both = (found.n_pairs > 0) & (found.n_edges > 0)
        columns = (found.parent, found.d, found.parent_child, found.sibling)
        parts.append([np.full(both.sum(), name), *(column[both] for column in columns)])
    return TraitKin(*(np.concatenate(column) for column in zip(*parts, strict=True)))


# --------------------------------------------------------------------------- by pairs
def levenshtein_families(
    texts: Sequence[str],
    graph: Forest,
    rng: np.random.Generator,
    most: int,
    account: np.ndarray | None = None,
) -> Families:
    """Normalized Levenshtein similarities inside every family; there is no exact sum.

    most : sibling pairs that are compared in a family, drawn with replacement where it has more;
        all its pairs of parent and child are.  account : (n,) labels; when given, pairs of one
        account are left out

    Returns : means over the compared pairs; n_edges, n_pairs : how many these are
    """
    rows = []
    order = np.argsort(graph.parent, kind="stable")
    heads, start = np.unique(graph.parent[order], return_index=True)
    for head, kids in zip(heads, np.split(graph.child[order], start[1:]), strict=True):
        d = kids.size
        if d * (d - 1) // 2 <= most:
            one, two = np.triu_indices(d, 1)
        else:
            one = rng.integers(0, d, most)
            two = (one + rng.integers(1, d, most)) % d
        a, b, above = kids[one], kids[two], np.full(d, head)
        if account is not None:
            other, apart = account[kids] != account[head], account[a] != account[b]
            kids, above, a, b = kids[other], above[other], a[apart], b[apart]
        up, side = levenshtein(texts, above, kids), levenshtein(texts, a, b)
        rows.append((head, d, _mean(up), up.size, _mean(side), side.size))
    return Families(*(np.array(column) for column in zip(*rows, strict=True)))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan
