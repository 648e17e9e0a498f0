"""Are siblings closer than parent and child, and which field of their description says so?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

from companion.model_ecosystem.lab.intervals import ratio_bootstrap
from companion.model_ecosystem.method import dna
from companion.model_ecosystem.method.forest import Forest
from companion.model_ecosystem.method.rates import both_declared, one_value, values_of
from companion.model_ecosystem.method.similarity import Families, families, random_pair
from companion.model_ecosystem.sources import TRAITS, Ecosystem
from companion.stats import Interval, t_interval

TERMS = 512
"""Words and word pairs that are kept, the most frequent ones; the paper's setting."""

WEIGHTS = ("pairs", "families")
"""Families weighted by their sibling pairs, as the paper's draws do, or equally."""

ACCOUNTS = ("any", "different")
"""Which pairs count: all, or those of two accounts."""


def tfidf(texts: Sequence[str]) -> sparse.csr_array:
    """Unit rows (n, at most TERMS): words and word pairs, as the paper's code weighs them."""
    made = TfidfVectorizer(lowercase=True, ngram_range=(1, 2), max_features=TERMS)
    return sparse.csr_array(made.fit_transform(texts))


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
    x: sparse.csr_array,
    graph: Forest,
    rng: np.random.Generator,
    *,
    weights: str,
    account: np.ndarray | None = None,
    n_resamples: int = 500,
) -> dict[str, float]:
    """Siblings against parent and child: both means, and their difference with 95 % over families.

    weights : of WEIGHTS; account : (n,) labels, given where pairs of one account are left out

    Returns : parent_child, sibling, gap, gap_low, gap_high, n (families), effective
    ((Σw)² / Σw²)
    """
    if weights not in WEIGHTS:
        raise ValueError(f"unknown weights {weights!r}; choose one of {', '.join(WEIGHTS)}")
    found = with_both(families(x, graph, uploader=account))
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
    def next_best(self) -> int:
        """The other field without which least is left, by the mean."""
        others = [i for i, name in enumerate(self.fields) if name != self.child]
        return min(others, key=lambda i: self.without[i].mean())


def left_out(system: Ecosystem) -> LeftOut:
    """Each field of the string left out in turn; different accounts, families equally weighted."""
    records, masked = system.records, set(system.masked)
    found = {name for record in records for name in dna.fields(record)} - masked
    # a field that is the same everywhere can carry nothing
    names = sorted(name for name in found if name not in ("private", dna.TAGS))
    account, graph = system.account, system.graph

    def gaps(without: set[str]) -> Families:
        x = tfidf(dna.strings(records, without))
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


# --------------------------------------------------------------------------- by drawn pairs
def levenshtein(
    texts: Sequence[str], graph: Forest, rng: np.random.Generator, n_pairs: int
) -> dict[str, float]:
    """Normalized Levenshtein similarity of drawn pairs (there is no exact sum).

    Returns : mean of random pairs, of parent and child, and of siblings (trio-star weights)
    """
    from rapidfuzz.distance import Levenshtein

    like = Levenshtein.normalized_similarity
    d = graph.n_children()
    weight = d * (d - 1) / 2
    heads = rng.choice(graph.n, size=n_pairs, p=weight / weight.sum())
    order = np.argsort(graph.parent, kind="stable")
    start = np.searchsorted(graph.parent[order], heads)
    one = (rng.random(n_pairs) * d[heads]).astype(int)
    two = (one + 1 + (rng.random(n_pairs) * (d[heads] - 1)).astype(int)) % d[heads]
    a, b = (graph.child[order][start + pick] for pick in (one, two))
    x, y = rng.integers(0, graph.n, n_pairs), rng.integers(0, graph.n - 1, n_pairs)
    y = y + (y >= x)
    means = {}
    for name, first, second in (("random", x, y), ("parent-child", heads, a), ("sibling", a, b)):
        pairs = zip(first, second, strict=True)
        means[name] = float(np.mean([like(texts[i], texts[j]) for i, j in pairs]))
    return means
