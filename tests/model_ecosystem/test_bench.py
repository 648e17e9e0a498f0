"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

from functools import partial

import numpy as np
import pytest

from companion.model_ecosystem.lab.simulate import networkx_answers, networkx_graph
from companion.model_ecosystem.method.forest import components, depths
from companion.model_ecosystem.method.similarity import families
from tests.clock import quickest
from tests.curves import relatives

pytestmark = pytest.mark.bench


def pair_by_pair(x, graph):
    """Mean similarity of parent and child, and of siblings, of each family, from its pairs."""
    order = np.argsort(graph.parent, kind="stable")
    heads, start = np.unique(graph.parent[order], return_index=True)
    found = []
    for head, kids in zip(heads, np.split(graph.child[order], start[1:]), strict=True):
        rows = x[kids]
        alike = (rows @ rows.T).toarray()[np.triu_indices(kids.size, 1)]
        found.append(((rows @ x[[head]].T).mean(), alike.mean() if alike.size else np.nan))
    return np.array(found).T


def test_sums_against_pairs(ratio):
    x, graph = relatives(3_000)
    sums, pairs = families(x, graph), pair_by_pair(x, graph)
    np.testing.assert_allclose([sums.parent_child, sums.sibling], pairs, atol=1e-12)
    ours, slow = quickest(partial(families, x, graph), partial(pair_by_pair, x, graph), repeats=2)
    ratio("model-ecosystem", "similarities pair by pair / from sums", slow / ours, least=10)


def test_arrays_against_objects(ratio):
    _, graph = relatives(16_000)
    tree = graph.tree()
    made = networkx_graph(tree)
    ours, slow = quickest(
        lambda: (components(tree), depths(graph.primary())),
        partial(networkx_answers, made),
        repeats=2,
    )
    what = "families and generations by networkx, as published / by arrays"
    ratio("model-ecosystem", what, slow / ours, least=5)
