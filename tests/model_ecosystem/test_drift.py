"""Transitions, orders and directions against loops, enumeration and another library."""

from itertools import permutations

import numpy as np
import pytest
from statsmodels.api import GLM, families

from companion.model_ecosystem.lab import worlds
from companion.model_ecosystem.lab.directions import (
    directions,
    null_shares,
    once_per_account,
    p_of_order,
    quasi_independence,
)
from companion.model_ecosystem.method.drift import (
    best_order,
    most_common,
    order_of,
    transitions,
)
from companion.model_ecosystem.method.forest import forest
from companion.model_ecosystem.method.rates import values_of, values_of_codes

from .made import random_forest


@pytest.mark.parametrize("doubled", [False, True])
def test_transitions_equal_the_rule_by_loops(rng, doubled):
    graph = random_forest(3)
    sets = [[str(v) for v in rng.choice(5, rng.integers(0, 4), replace=False)] for _ in range(25)]
    values = values_of(sets)
    place = {name: i for i, name in enumerate(values.names)}
    expected = np.zeros((len(place),) * 2)
    for p, c in zip(graph.parent, graph.child, strict=True):
        a, b = set(sets[p]), set(sets[c])
        if not a or not b:
            continue
        first = [(x, y) for x in a for y in b - a] + [(x, y) for x in a - b for y in b]
        once = [(x, y) for x in a - b for y in b - a]
        for x, y in first if doubled else once:
            expected[place[x], place[y]] += 1
    assert np.array_equal(transitions(values, graph, doubled=doubled), expected)


def test_the_papers_count_doubles_a_trait_with_one_value(rng):
    graph = random_forest(1, 60)
    values = values_of_codes(rng.integers(-1, 4, 60), list("abcd"))
    assert np.array_equal(transitions(values, graph, doubled=True), 2 * transitions(values, graph))


def in_order(gain, order):
    """What points forward when the values stand in this order."""
    return np.triu(gain[np.ix_(order, order)], 1).clip(0).sum()


@pytest.mark.parametrize("k", [2, 3, 5, 8])
@pytest.mark.parametrize("by_traffic", [False, True])
def test_the_integer_program_equals_exhaustive_search(k, by_traffic):
    for seed in range(2 if k == 8 else 5):
        counts = np.random.default_rng(seed).integers(0, 6, (k, k))
        found = best_order(counts, by_traffic=by_traffic)
        net = counts - counts.T
        gain = net if by_traffic else np.sign(net)
        best = max(in_order(gain, order) for order in permutations(range(k)))
        assert in_order(gain, found.places) == best


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


def test_quasi_independence_equals_a_poisson_regression(rng):
    counts = rng.integers(5, 60, (6, 6)).astype(float)
    np.fill_diagonal(counts, 0)
    found = quasi_independence(counts, rng, 30)
    i, j = np.nonzero(1 - np.eye(6))
    design = np.hstack([np.eye(6)[i], np.eye(6)[j][:, 1:]])
    regression = GLM(counts[i, j], design, family=families.Poisson()).fit(maxiter=200)
    assert found.deviance == pytest.approx(regression.deviance, rel=1e-8)
    assert found.df == 5 * 5 - 6
    with pytest.raises(ValueError, match="three values"):
        quasi_independence(np.diag([1.0, 2.0]), rng)


def test_an_account_counts_once_a_pair():
    graph = forest(9, [0] * 6 + [7], [1, 2, 3, 4, 5, 6, 8])
    values = values_of(["a", *["b"] * 6, "b", "a"])
    who = np.array([0, 1, 1, 1, 2, 2, 3, 4, 5])
    assert once_per_account(values, graph, who).tolist() == [[0, 3], [1, 0]]


def test_p_of_an_order_counts_the_data_themselves():
    assert p_of_order(0.9, np.array([0.8, 0.9, 0.95])) == 3 / 4
    assert p_of_order(1.0, np.full(99, 0.5)) == 1 / 100


def test_directions_of_a_chain(rng):
    found = directions(np.triu(np.ones((6, 6)), 1), tuple("abcdef"), rng, 39)
    assert (found.order.agree, found.order.pairs) == (15, 15)
    assert found.ranges.tolist() == [[i, i] for i in range(6)]
    assert found.p == p_of_order(1.0, found.null) < 0.3


@pytest.fixture(scope="module")
def table():
    return worlds.drift_runs(8000, 4, 0, 4, 60)


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
    assert (circle["p"] < 0.05).all()  # targets depend on their source


def test_targets_tell_a_ladder_from_two_populations(table):
    assert (part(table, "ladder")["p"] < 0.05).all()
    assert (part(table, "two populations")["p"] > 0.01).all()


def test_edges_announce_directions_that_votes_of_families_do_not():
    table = worlds.drift_runs(3000, 25, 1, 2, 20).filter(world="no direction")
    votes = ((table["low"] > 0) | (table["high"] < 0)).sum()
    edges = ((table["edges_low"] > 0) | (table["edges_high"] < 0)).sum()
    assert votes <= 5 < 10 <= edges


def test_votes_of_families_see_a_ladder(table):
    assert part(table, "ladder")["low"].mean() > 0.03


def test_edges_as_coins_have_the_interval_of_a_sign():
    above, below = np.repeat([0, 1, 0], [30, 10, 60]), np.repeat([1, 0, 0], [30, 10, 60])
    low, high = worlds.edge_moves(above, below)
    assert (low, high) == pytest.approx((0.5 - 1.96 / 40**0.5, 0.5 + 1.96 / 40**0.5))


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
