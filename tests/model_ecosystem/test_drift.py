"""Transitions, orders and directions against loops, enumeration and another library."""

from itertools import permutations
from statistics import NormalDist

import numpy as np
import pytest

from companion.model_ecosystem.lab import worlds
from companion.model_ecosystem.lab.intervals import (
    directions,
    null_shares,
    p_of_order,
    resampled_edges,
)
from companion.model_ecosystem.lab.published import worlds_summary
from companion.model_ecosystem.method.drift import (
    best_order,
    most_common,
    order_of,
    transitions,
    values_of,
)
from companion.model_ecosystem.method.forest import forest
from companion.stats import proportion

from .made import random_forest


def test_transitions_equal_the_rule_by_loops(rng):
    graph = random_forest(3)
    sets = [[str(v) for v in rng.choice(5, rng.integers(0, 4), replace=False)] for _ in range(25)]
    values = values_of(sets)
    place = {name: i for i, name in enumerate(values.names)}
    expected = np.zeros((len(place),) * 2)
    for p, c in zip(graph.parent, graph.child, strict=True):
        a, b = set(sets[p]), set(sets[c])
        if not a or not b:
            continue
        for x, y in ((x, y) for x in a - b for y in b - a):
            expected[place[x], place[y]] += 1
    assert np.array_equal(transitions(values, graph), expected)


def in_order(gain, order):
    """What points forward when the values stand in this order."""
    return np.triu(gain[np.ix_(order, order)], 1).clip(0).sum()


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_the_integer_program_equals_exhaustive_search(k):
    orders = np.array([*permutations(range(k))])
    first, second = np.triu_indices(k, 1)
    for seed in range(2 if k == 8 else 5):
        counts = np.random.default_rng(seed).integers(0, 6, (k, k))
        found = best_order(counts)
        gain = np.sign(counts - counts.T)
        forward = gain[orders[:, first], orders[:, second]].clip(0).sum(1)
        assert in_order(gain, found.places) == forward.max()


def test_a_circle_cannot_be_ordered():
    circle = np.array([[0, 5, 0], [0, 0, 5], [5, 0, 0]])
    found = best_order(circle)
    assert (found.agree, found.pairs) == (2, 3)
    assert found.forward == pytest.approx(2 / 3)
    assert np.isnan(order_of(np.zeros((3, 3)), np.arange(3)).share)
    with pytest.raises(ValueError, match="shape"):
        best_order(np.zeros((2, 3)))


def test_random_orientations_are_far_above_one_half(rng):
    counts = np.triu(np.ones((12, 12)), 1)
    shares = null_shares(counts, rng, 15)
    assert shares.min() > 0.6
    assert shares.max() < 1


def test_p_of_an_order_counts_the_data_themselves():
    assert p_of_order(0.9, np.array([0.8, 0.9, 0.95])) == 3 / 4
    assert p_of_order(1.0, np.full(99, 0.5)) == 1 / 100


def chain_of_licenses(families=12, children=6, back=0):
    """Families whose children turn each value into the next one, a to f; some turn back."""
    declared, parent, child = [], [], []
    for family in range(families):
        head, old = len(declared), family % 5
        declared.append("abcdef"[old])
        for one in range(children):
            parent.append(head)
            child.append(len(declared))
            declared.append("abcdef"[max(old - 1, 0) if one < back else old + 1])
    return values_of(declared), forest(len(declared), parent, child)


def test_directions_of_a_chain(rng):
    values, graph = chain_of_licenses()
    found = directions(values, graph, np.arange(6), rng, 39, 20)
    assert (found.order.agree, found.order.pairs) == (5, 5)
    assert found.ranges.tolist() == [[i, i] for i in range(6)]
    assert found.p == p_of_order(1.0, found.null)
    # no resample differs, so that the pairs count as coins
    assert found.share[:3] == pytest.approx((1, proportion(5, 5).low, 1))
    assert found.forward[:3] == pytest.approx((1, proportion(72, 72).low, 1))
    assert found.forward.n == graph.parent.size
    # of two directions a chain has an order for all, as random ones have: no more than chance
    assert found.more_than_chance.low == 0
    assert directions(values, graph, np.arange(2), rng, 5, 5) is None


def test_transitions_that_go_back_lower_what_goes_forward_and_not_the_order(rng):
    values, graph = chain_of_licenses(60, 6, back=1)
    found = directions(values, graph, np.arange(6), rng, 9, 40)
    assert found.order.share == 1
    counts = found.counts
    assert found.forward.estimate == pytest.approx(np.triu(counts, 1).sum() / counts.sum())
    assert found.forward.low < found.forward.estimate < found.forward.high < 1


def test_families_are_resampled_with_all_their_edges(rng):
    graph = random_forest(2, 60)
    size = graph.n_children()
    some = graph.where(resampled_edges(graph, rng))
    heads, counts = np.unique(some.parent, return_counts=True)
    assert (counts % size[heads] == 0).all()
    assert (counts // size[heads]).sum() == np.unique(graph.parent).size


@pytest.fixture(scope="module")
def table():
    return worlds.drift_runs(8000, 4, 0, 4)


def part(table, world):
    return table.filter(world=world)


def test_an_order_is_found_where_nothing_drifts(table):
    for world in ("no direction", "two populations"):
        assert (part(table, world)["share"] > part(table, world)["null"]).mean() > 0.6


def test_a_circle_has_eleven_of_twelve_pairs_in_order_and_passes_as_a_ladder(table):
    circle = part(table, "circle")
    assert circle["pairs"].to_list() == [worlds.K] * 4
    assert circle["share"].to_list() == [11 / 12] * 4
    assert (circle["share"] <= circle["null"]).all()  # a random orientation has a cut as well


def test_worlds_are_counted_by_kind(table):
    told = worlds_summary(table)
    assert told["world"].to_list() == list(worlds.WORLDS)
    for row in told.iter_rows(named=True):
        mine = part(table, row["world"])
        assert row["n"] == 4
        assert row["perfect"] == sum(share == 1 for share in mine["share"]) / 4
        assert row["chance"] == sum(mine["share"] > mine["null"]) / 4
        assert row["votes"] == sum(not lo <= 0 <= hi for lo, hi in mine["low", "high"].rows()) / 4


def test_edges_announce_directions_that_votes_of_families_do_not(monkeypatch):
    monkeypatch.setattr(worlds, "WORLDS", ("no direction",))
    table = worlds.drift_runs(3000, 25, 1, 1)
    votes = ((table["low"] > 0) | (table["high"] < 0)).sum()
    edges = ((table["edges_low"] > 0) | (table["edges_high"] < 0)).sum()
    assert votes <= 5 < 10 <= edges


def test_votes_of_families_see_a_ladder(table):
    assert part(table, "ladder")["low"].mean() > 0.03


def test_edges_as_coins_have_the_interval_of_a_sign():
    above, below = np.repeat([0, 1, 0], [30, 10, 60]), np.repeat([1, 0, 0], [30, 10, 60])
    low, high = worlds.edge_moves(above, below)
    half = NormalDist().inv_cdf(0.975) / 40**0.5
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))


def test_a_ladder_only_goes_down():
    steps = worlds.ladder_steps(5)
    assert np.allclose(np.tril(steps), 0)
    assert steps[:-1].sum(axis=1) == pytest.approx(np.ones(4))
    with pytest.raises(ValueError, match="world"):
        worlds.drifting_trait("spiral", np.random.default_rng(0))


def test_common_values_leave_other_and_unknown_out():
    values = values_of(["other", "other", "a", "b", "b", "unknown"])
    assert [values.names[i] for i in most_common(values, 2)] == ["a", "b"]
    assert [values.names[i] for i in most_common(values, 1)] == ["b"]
