"""The forest against networkx, and what is done with untidy links."""

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.model_ecosystem.lab.simulate import networkx_graph, speed
from companion.model_ecosystem.method.forest import (
    RELATIONS,
    components,
    depths,
    forest,
    named_forest,
)

edge_lists = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60)
    )
)


@settings(deadline=None)
@given(edge_lists)
def test_any_links_become_an_acyclic_forest_that_agrees_with_networkx(case):
    n, links = case
    parent, child = ([link[side] for link in links] for side in (0, 1))
    graph = forest(n, parent, child)
    made = networkx_graph(graph)
    assert nx.is_directed_acyclic_graph(made)
    count, label = components(graph)
    assert count == nx.number_weakly_connected_components(made)
    for part in nx.weakly_connected_components(made):
        assert len({label[v] for v in part}) == 1
    raw = nx.DiGraph([(p, c) for p, c in links if p != c])
    inside = [e for s in nx.strongly_connected_components(raw) for e in raw.subgraph(s).edges]
    report = graph.report
    assert report.cyclic == len(inside)
    assert report.self_loops == sum(p == c for p, c in links)
    assert report.given == report.kept + report.self_loops + report.repeated + report.cyclic


@settings(deadline=None)
@given(edge_lists)
def test_depth_and_founder_agree_with_networkx(case):
    n, links = case
    graph = forest(n, [p for p, _ in links], [c for _, c in links]).tree()
    made = networkx_graph(graph)
    parent = graph.primary()
    depth, root = depths(parent)
    for v in range(n):
        above = nx.ancestors(made, v)
        assert depth[v] == len(above)
        founder = [u for u in above if not made.pred[u]] or [v]
        assert root[v] == founder[0]


def test_a_chain_of_a_hundred_thousand_links():
    n = 100_000
    parent = np.append(n, np.arange(n - 1))
    depth, root = depths(parent)
    assert depth[-1] == n - 1
    assert (root == 0).all()


def test_a_circle_of_pointers_is_an_error_and_not_an_endless_loop():
    for parent in ([1, 0, 3], [1, 2, 0], [1, 2, 0, 0], [0, 2]):
        with pytest.raises(ValueError, match="circle"):
            depths(np.array(parent))


def test_each_untidy_link_is_handled_and_counted():
    links = pl.DataFrame(
        [
            ("a", "b", "finetune"),
            ("a", "b", "untyped"),
            ("a", "b", "adapter"),  # one edge
            ("a", "a", "finetune"),  # itself
            ("gone", "b", "finetune"),  # missing parent
            ("a", "lost", "finetune"),  # missing child
            ("OLD", "c", "merge"),
            ("a", "c", "merge"),  # renamed twice, two parents
            ("B", "d", "quantized"),  # another case
            ("e", "f", "finetune"),
            ("f", "e", "finetune"),  # a circle
        ],
        schema=["parent", "child", "relation"],
        orient="row",
    )
    renamed = {"OLD": "old2", "old2": "b"}
    graph = named_forest(list("abcdef"), links, renamed)
    ends = zip(graph.parent.tolist(), graph.child.tolist(), strict=True)
    edges = dict(zip(ends, [RELATIONS[r] for r in graph.relation], strict=True))
    assert edges == {(0, 1): "adapter", (1, 2): "merge", (0, 2): "merge", (1, 3): "quantized"}
    report = graph.report
    assert (report.given, report.kept) == (11, 4)
    assert (report.self_loops, report.repeated, report.cyclic) == (1, 2, 2)
    assert (report.missing_parents, report.missing_children) == (1, 1)
    assert (report.renamed, report.several_parents) == (2, 1)


def test_a_circle_of_renames_ends():
    links = pl.DataFrame({"parent": ["x"], "child": ["a"], "relation": ["finetune"]})
    assert named_forest(["a"], links, {"x": "y", "y": "x"}).report.missing_parents == 1


def test_of_several_parents_the_first_relation_is_the_primary_one():
    graph = forest(4, [2, 1, 0], [3, 3, 3], [3, 0, 1])
    assert graph.primary().tolist() == [4, 4, 4, 1]
    assert graph.only("merge").parent.tolist() == [2]


def test_bad_links_are_named():
    with pytest.raises(ValueError, match="0 to 2"):
        forest(3, [0], [3])
    with pytest.raises(ValueError, match="equal lengths"):
        forest(3, [0, 1], [2])
    links = pl.DataFrame({"parent": ["a"], "child": ["b"], "relation": ["clone"]})
    with pytest.raises(ValueError, match="clone"):
        named_forest(["a", "b"], links)
    with pytest.raises(ValueError, match="more than once"):
        named_forest(["a", "a"], links.clear())


def test_both_ways_of_timing_give_the_same_answers():
    table = speed((500, 3000), 500, 0)
    assert table["equal"].to_list() == [True, None]
    assert table["networkx"].is_nan().to_list() == [False, True]
    assert (table["ours"] > 0).all()
