"""Exact sums against every pair by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from companion.model_ecosystem.method.forest import forest
from companion.model_ecosystem.method.similarity import families, pair_types, random_pair, unit_rows

from .made import random_forest, random_rows


def by_hand(x, graph):
    """Means of all pair types by loops over all subgraphs."""
    dense = x.toarray()
    K = dense @ dense.T
    kids = [[] for _ in range(graph.n)]
    for p, c in zip(graph.parent, graph.child, strict=True):
        kids[p].append(c)
    edges = list(zip(graph.parent, graph.child, strict=True))
    found = {}

    def add(pattern, **pairs):
        for relation, (a, b) in pairs.items():
            found.setdefault((pattern, relation), []).append(K[a, b])

    for a, b in combinations(range(graph.n), 2):
        add("random_pair", random=(a, b))
    for p, c in edges:
        add("edge", pc=(p, c))
    for p in range(graph.n):
        for a, b in combinations(kids[p], 2):
            add("trio_star", pc=(p, a))
            add("trio_star", pc=(p, b), sibling=(a, b))
        for three in combinations(kids[p], 3):
            for c in three:
                add("quad_star3", pc=(p, c))
            for a, b in combinations(three, 2):
                add("quad_star3", sibling=(a, b))
    for u, v in edges:
        for a, b in combinations(kids[v], 2):
            add("quad_tail_fork", grand=(u, a), lower=(v, a))
            add("quad_tail_fork", grand=(u, b), lower=(v, b), upper=(u, v), sibling=(a, b))
        for w in kids[v]:
            add("trio_chain", grand=(u, w), lower=(v, w), upper=(u, v))
            for c in kids[u]:
                if c != v:
                    add(
                        "quad_fork_tail",
                        grand=(u, w),
                        uncle=(w, c),
                        lower=(v, w),
                        upper=(u, v),
                        sibling=(v, c),
                    )
            for z in kids[w]:
                add(
                    "quad_chain",
                    great=(u, z),
                    grand_lower=(v, z),
                    grand_upper=(u, w),
                    bottom=(w, z),
                    middle=(v, w),
                    top=(u, v),
                )
    return {key: (np.mean(values), len(values)) for key, values in found.items()}


SHORT = {
    "random": "random",
    "parent-child": "pc",
    "sibling": "sibling",
    "grandparent": "grand",
    "parent-child (lower)": "lower",
    "parent-child (upper)": "upper",
    "uncle-nephew": "uncle",
    "great-grandparent": "great",
    "grandparent (lower)": "grand_lower",
    "grandparent (upper)": "grand_upper",
    "parent-child (bottom)": "bottom",
    "parent-child (middle)": "middle",
    "parent-child (top)": "top",
}


@pytest.mark.parametrize("seed", range(6))
def test_all_24_pair_types_equal_brute_force(seed):
    graph, x = random_forest(seed), random_rows(seed)
    expected = by_hand(x, graph)
    table = pair_types(x, graph)
    assert table.height == 24
    for subgraph, relation, mean, _ in table.rows():
        key = (subgraph, SHORT[relation])
        if key in expected:
            assert mean == pytest.approx(expected[key][0], abs=1e-12), key
        else:
            assert np.isnan(mean), key


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("different", [False, True])
def test_families_equal_brute_force(seed, different):
    graph, x = random_forest(seed), random_rows(seed)
    who = np.random.default_rng(seed).integers(0, 4, graph.n).astype(str)
    found = families(x, graph, uploader=who if different else None)
    K = (x @ x.T).toarray()
    for i, p in enumerate(found.parent):
        kids = graph.child[graph.parent == p]
        ok = (lambda a, b: who[a] != who[b]) if different else (lambda a, b: True)
        up = [K[p, c] for c in kids if ok(p, c)]
        side = [K[a, b] for a, b in combinations(kids, 2) if ok(a, b)]
        assert (found.n_edges[i], found.n_pairs[i]) == (len(up), len(side))
        for value, pairs in ((found.parent_child[i], up), (found.sibling[i], side)):
            if pairs:
                assert value == pytest.approx(np.mean(pairs), abs=1e-12)
            else:
                assert np.isnan(value)


def test_random_pair_and_empty_rows():
    x = unit_rows(sparse.csr_array([[3, 4], [0, 0], [1, 0]]))
    assert x.toarray()[1].tolist() == [0, 0]
    assert random_pair(x) == pytest.approx(0.6 / 3)


def test_a_forest_without_edges_has_random_pairs_only():
    table = pair_types(random_rows(0, 5), forest(5, [], []))
    assert np.isfinite(table["mean"].to_numpy()).sum() == 1
