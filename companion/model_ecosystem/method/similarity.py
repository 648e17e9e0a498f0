"""How alike relatives are: the paper's similarities and draws, and exact means over all pairs.

The paper compares what the Hub's interface says about a model, as one string.  A **field** is one
thing that this string says: an entry of the record, or all tags of one kind; what is left of the
string without a field can be asked, too.

With unit rows x the similarity of two models is a dot product, and a sum over pairs is a product
of sums.  So a mean over billions of sibling pairs needs one pass over the models, and no draws.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from scipy import sparse

from companion import contracts
from companion.model_ecosystem.method.forest import Forest

if TYPE_CHECKING:
    from jaxtyping import Shaped

# ------------------------------------------------------------------------------------- descriptions
TAGS = "tags"
"""The entry of a record that holds a list of several fields."""

PREFIXES = ("base_model", "license", "dataset", "arxiv", "region")
"""Kinds of tags that say their kind, as in ``license:mit``."""

TEMPLATE = "generated_from_trainer"
"""The tag that a training program writes into the cards that it makes."""

REPEATED = {"pipeline_tag": "task", "library_name": "library"}
"""Entries that the Hub repeats as a tag, and the field that both are."""

OTHER = "other tags"


def field_of(tag: str, record: Mapping[str, object]) -> str:
    """The field that a tag of this record belongs to."""
    kind = tag.partition(":")[0]
    if kind in PREFIXES and kind != tag:
        return kind
    for entry, field in REPEATED.items():
        if tag == record.get(entry):
            return field
    if tag == TEMPLATE:
        return "template"
    return "language" if len(tag) == 2 and tag.isalpha() else OTHER


def fields(record: Mapping[str, object]) -> set[str]:
    """The fields that a record has."""
    own = {REPEATED.get(name, name) for name in record if name != TAGS}
    return own | {field_of(tag, record) for tag in record.get(TAGS) or ()}


def strings(
    records: Sequence[Mapping[str, object]], without: Collection[str] = frozenset()
) -> list[str]:
    """The records as strings, as the paper writes them, without some fields.

    records : entry -> value; the tags of the Hub are one entry, a list
    """
    texts = []
    for record in records:
        kept = {k: v for k, v in record.items() if REPEATED.get(k, k) not in without}
        if TAGS in kept:
            tags = record[TAGS] or []
            kept[TAGS] = [tag for tag in tags if field_of(tag, record) not in without]
        texts.append(str(kept))
    return texts


# --------------------------------------------------------------------------------------- similarity
TERMS = 512
"""Words and word pairs that are kept, the most frequent ones; the paper's setting."""


def tfidf(texts: Sequence[str]) -> sparse.csr_array:
    """Unit rows (n, at most TERMS): words and word pairs, as the paper's code weighs them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    made = TfidfVectorizer(lowercase=True, ngram_range=(1, 2), max_features=TERMS)
    return sparse.csr_array(made.fit_transform(texts))


def levenshtein(texts: Sequence[str], first: Iterable[int], second: Iterable[int]) -> np.ndarray:
    """1 − distance / length of the longer text, for pairs of texts by their places, (pairs,)."""
    from rapidfuzz.distance import Levenshtein

    like = Levenshtein.normalized_similarity
    return np.array([like(texts[i], texts[j]) for i, j in zip(first, second, strict=True)], float)


def draw_pairs(
    graph: Forest, rng: np.random.Generator, n: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs as the paper draws them, ends (n,) each: random ones, and those of a trio star.

    A star p → {a, b} is drawn with probability in proportion to d(d−1)/2 of its parent; its
    pairs are (p, a), parent and child, and (a, b), siblings.
    """
    d = graph.n_children()
    weight = d * (d - 1) / 2
    heads = rng.choice(graph.n, size=n, p=weight / weight.sum())
    order = np.argsort(graph.parent, kind="stable")
    start = np.searchsorted(graph.parent[order], heads)
    one = (rng.random(n) * d[heads]).astype(int)
    two = (one + 1 + (rng.random(n) * (d[heads] - 1)).astype(int)) % d[heads]
    a, b = (graph.child[order][start + pick] for pick in (one, two))
    x, y = rng.integers(0, graph.n, n), rng.integers(0, graph.n - 1, n)
    return {"random": (x, y + (y >= x)), "parent-child": (heads, a), "sibling": (a, b)}


class Families(NamedTuple):
    """One row per parent with children; a mean over nothing is nan.

    parent : (f,) the parent; d : (f,) children
    parent_child, n_edges : (f,) mean similarity and number of the pairs (parent, child)
    sibling, n_pairs : (f,) mean similarity and number of the pairs of two children
    """

    parent: np.ndarray
    d: np.ndarray
    parent_child: np.ndarray
    n_edges: np.ndarray
    sibling: np.ndarray
    n_pairs: np.ndarray


def unit_rows(counts: sparse.csr_array) -> sparse.csr_array:
    """Rows of length one, shape as given; an empty row stays empty."""
    counts = sparse.csr_array(counts, dtype=float)
    norm = np.sqrt(_squares(counts))
    return sparse.diags_array(np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)) @ counts


def dots(a: sparse.csr_array, b: sparse.csr_array) -> np.ndarray:
    """Row by row dot products, shape (rows,)."""
    return np.asarray(a.multiply(b).sum(axis=1)).ravel()


def _squares(rows: sparse.csr_array) -> np.ndarray:
    return dots(rows, rows)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    nothing = np.full(np.shape(total), np.nan)
    return np.divide(total, count, out=nothing, where=np.asarray(count) > 0)


def families(
    x: sparse.csr_array, graph: Forest, *, uploader: Shaped[np.ndarray, " n"] | None = None
) -> Families:
    r"""Both similarities inside every family, from sums.  Notebook eq. 6.

    With S the sum of the rows of a family of d children, the mean over its sibling pairs is
    (‖S‖² − Σ‖x‖²) / (d(d−1)), and that over its parent-child pairs x_p·S / d.

    x : rows of shape (n, tokens); uploader : (n,) labels.  When given, pairs of two models by one
    uploader are left out, of siblings and of parent and child alike
    """
    heads, place = np.unique(graph.parent, return_inverse=True)
    sums, d = _group(x, graph.child, place, heads.size)
    square = _squares(x)
    edge = dots(x[graph.parent], x[graph.child]) if uploader is not None else None
    alike = np.bincount(place, weights=square[graph.child], minlength=heads.size)
    pairs, n_pairs = (_squares(sums) - alike) / 2, d * (d - 1) / 2
    if uploader is None:
        total, n_edges = dots(x[heads], sums), d.astype(float)
    else:
        other = uploader[graph.parent] != uploader[graph.child]
        total = np.bincount(place, weights=edge * other, minlength=heads.size)
        n_edges = np.bincount(place, weights=other, minlength=heads.size)
        _, who = np.unique(uploader, return_inverse=True)
        key = place.astype(np.int64) * (who.max() + 1) + who[graph.child]
        _, first, block = np.unique(key, return_index=True, return_inverse=True)
        own, size = _group(x, graph.child, block, first.size)
        mine = np.bincount(block, weights=square[graph.child], minlength=first.size)
        pairs -= np.bincount(place[first], weights=(_squares(own) - mine) / 2, minlength=heads.size)
        n_pairs = n_pairs - np.bincount(
            place[first], weights=size * (size - 1) / 2, minlength=heads.size
        )
    return Families(heads, d, _ratio(total, n_edges), n_edges, _ratio(pairs, n_pairs), n_pairs)


def _group(
    x: sparse.csr_array, rows: np.ndarray, group: np.ndarray, n: int
) -> tuple[sparse.csr_array, np.ndarray]:
    """Sum of the given rows of x per group (n, tokens), and how many there are (n,)."""
    pick = sparse.csr_array((np.ones(rows.size), (group, rows)), shape=(n, x.shape[0]))
    return sparse.csr_array(pick @ x), np.bincount(group, minlength=n)


def random_pair(x: sparse.csr_array) -> float:
    """Mean similarity of two different models, over all pairs."""
    n = x.shape[0]
    total = np.asarray(x.sum(axis=0)).ravel()
    return float((total @ total - _squares(x).sum()) / (n * (n - 1)))


def pair_types(x: sparse.csr_array, graph: Forest) -> pl.DataFrame:
    """The paper's 24 pair types, each averaged over all subgraphs of its pattern.

    A mean over pairs is a sum of dot products over their number.  With d(v) children and m(v)
    parents of v, two(v) = d(d−1)/2 and three(v) = d(d−1)(d−2)/6, a pattern occurs so often:

    =================  ======================  =======================================
    pattern            models                  how often
    =================  ======================  =======================================
    random_pair        any two                 n(n−1)/2
    edge               u → v                   1 per edge
    trio_star          v → {a, b}              two(v) per v
    trio_chain         u → v → w               d(v) per edge u → v
    quad_star3         v → {a, b, c}           three(v) per v
    quad_tail_fork     u → v → {w, x}          two(v) per edge u → v
    quad_fork_tail     u → {v → w, x}          d(v) (d(u)−1) per edge u → v
    quad_chain         t → u → v → w           m(u) d(v) per edge u → v
    =================  ======================  =======================================

    A pattern counts walks: where a model has several parents, each of its ways up counts.
    Columns: subgraph, relation, mean (nan where the pattern does not occur), n (pairs).
    """
    up, down, d = graph.parent, graph.child, graph.n_children().astype(float)
    above = graph.n_parents().astype(float)
    tree = graph.children()
    kids = sparse.csr_array(tree @ x)  # S_v, the sum over the children of v
    below = tree @ d  # grandchildren
    edge, x_kids = dots(x[up], x[down]), dots(x, kids)
    two, three = d * (d - 1) / 2, d * (d - 1) * (d - 2) / 6
    pairs = (_squares(kids) - tree @ _squares(x)) / 2
    grand = dots(x[up], kids[down])  # (u, w) summed over the children w of v, per edge (u, v)
    over_d = np.divide(1, d, out=np.zeros_like(d), where=d > 0)
    star3 = np.divide(three, two, out=np.zeros_like(two), where=two > 0)
    fork = d[down] * (d[up] - 1)
    above2 = tree.T @ above  # ways of length two that end at a model
    ends = sparse.csr_array(tree @ kids)
    deep = dots(x, sparse.csr_array(tree @ ends)).sum()
    weighted = sparse.csr_array(tree @ (tree @ (sparse.diags_array(d) @ x)))
    middle = above[up] * d[down]
    n, e = graph.n, up.size
    uncles = dots(kids[down], kids[up]) - dots(kids[down], x[down])
    side = dots(x[down], kids[up]) - _squares(x)[down]
    rows = [
        ("random_pair", "random", random_pair(x) * n * (n - 1) / 2, n * (n - 1) / 2),
        ("edge", "parent-child", edge.sum(), e),
        ("trio_star", "parent-child", (two * over_d) @ x_kids, two.sum()),
        ("trio_star", "sibling", pairs.sum(), two.sum()),
        ("trio_chain", "grandparent", grand.sum(), below.sum()),
        ("trio_chain", "parent-child (lower)", above @ x_kids, below.sum()),
        ("trio_chain", "parent-child (upper)", d[down] @ edge, below.sum()),
        ("quad_star3", "parent-child", (three * over_d) @ x_kids, three.sum()),
        ("quad_star3", "sibling", star3 @ pairs, three.sum()),
        ("quad_tail_fork", "grandparent", (two * over_d)[down] @ grand, two[down].sum()),
        (
            "quad_tail_fork",
            "parent-child (lower)",
            (above * two * over_d) @ x_kids,
            two[down].sum(),
        ),
        ("quad_tail_fork", "parent-child (upper)", two[down] @ edge, two[down].sum()),
        ("quad_tail_fork", "sibling", above @ pairs, two[down].sum()),
        ("quad_fork_tail", "grandparent", (d[up] - 1) @ grand, fork.sum()),
        ("quad_fork_tail", "uncle-nephew", uncles.sum(), fork.sum()),
        ("quad_fork_tail", "parent-child (lower)", (d[up] - 1) @ x_kids[down], fork.sum()),
        ("quad_fork_tail", "parent-child (upper)", fork @ edge, fork.sum()),
        ("quad_fork_tail", "sibling", d[down] @ side, fork.sum()),
        ("quad_chain", "great-grandparent", deep, middle.sum()),
        ("quad_chain", "grandparent (lower)", above @ dots(x, ends), middle.sum()),
        ("quad_chain", "grandparent (upper)", dots(x, weighted).sum(), middle.sum()),
        ("quad_chain", "parent-child (bottom)", above2 @ x_kids, middle.sum()),
        ("quad_chain", "parent-child (middle)", middle @ edge, middle.sum()),
        ("quad_chain", "parent-child (top)", below[down] @ edge, middle.sum()),
    ]
    names, relations, totals, counts = zip(*rows, strict=True)
    means = _ratio(np.array(totals, float), np.array(counts, float))
    return pl.DataFrame(
        {"subgraph": names, "relation": relations, "mean": means, "n": np.array(counts, float)}
    )


contracts.guard_public(__name__, {"families": {"uploader": None}})  # labels, texts perhaps
