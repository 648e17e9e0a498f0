"""Votes of families, moves between classes, places in all best orders, by hand and by loops."""

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_ind

from companion.model_ecosystem.lab import intervals
from companion.model_ecosystem.method.drift import best_order, place_ranges
from companion.model_ecosystem.method.forest import forest
from tests.model_ecosystem.made import random_forest

# 0 has children 1 to 5: 1 and 2 by account 7, 3 by 8, 4 by the parent's own 9; 5 says nothing
GRAPH = forest(8, [0, 0, 0, 0, 0, 6], [1, 2, 3, 4, 5, 7])
ACCOUNT = np.array([9, 7, 7, 8, 9, 5, 1, 2])


def test_a_family_is_one_vote_and_an_account_one_vote_in_it():
    event = np.array([1.0, 0.0, 1.0, 0.0, np.nan, 0.0])  # edges are sorted by child
    votes = intervals.family_votes(event, GRAPH, ACCOUNT)
    # account 7 says 1/2, account 8 says 1; the parent's own account has no vote
    assert votes.tolist() == [0.75, 0.0]


def slow_votes(event, graph, account):
    """The same, family by family."""
    votes = []
    for parent in sorted(set(graph.parent.tolist())):
        said = {}
        for e in np.flatnonzero(graph.parent == parent):
            who = account[graph.child[e]]
            if np.isfinite(event[e]) and who != account[parent]:
                said.setdefault(who, []).append(event[e])
        if said:
            votes.append(np.mean([np.mean(values) for values in said.values()]))
    return votes


@pytest.mark.parametrize("seed", range(20))
def test_votes_are_those_of_a_loop_over_families(seed):
    rng = np.random.default_rng(seed)
    graph = random_forest(seed, 40)
    account = rng.integers(0, 9, graph.n)
    event = np.where(rng.random(graph.parent.size) < 0.2, np.nan, rng.random(graph.parent.size))
    found = intervals.family_votes(event, graph, account)
    np.testing.assert_allclose(found, slow_votes(event, graph, account), rtol=1e-12)


def test_moves_go_there_and_back_and_other_classes_say_nothing():
    kind = np.array([0, 1, 0, 1, 1, -1, 1, 0])
    found = intervals.moves(kind, GRAPH, ACCOUNT)
    assert found.there.tolist() == [0.75]
    assert found.back.tolist() == [1.0]
    assert found.accounts.tolist() == [2, 1]
    assert found.difference.estimate == -0.25
    # accounts 9 and 7 have both classes, 8 and 1 the second, 2 the first, 5 neither
    assert found.drawn == pytest.approx(2 * np.mean([0.5, 0.5, 1, 1, 0]) - 1)
    assert not found.difference.has_interval  # one family each way


def test_the_difference_of_moves_is_welchs():
    rng = np.random.default_rng(0)
    there, back = rng.random(9), 0.3 * rng.random(30)
    found = intervals.Moves(there, back, np.array([1, 1])).difference
    test = ttest_ind(there, back, equal_var=False)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    nobody = intervals.Moves(there, np.empty(0), np.array([1, 0])).difference
    assert np.isnan(nobody.estimate)
    still = intervals.Moves(np.ones(4), np.zeros(4), np.array([4, 0])).difference
    assert not still.has_interval


def agreement(counts, places):
    position = {value: i for i, value in enumerate(places)}
    return sum(
        position[i] < position[j]
        for i, j in itertools.permutations(range(len(counts)), 2)
        if counts[i][j] > counts[j][i]
    )


@pytest.mark.parametrize("seed", range(12))
def test_places_are_those_of_all_best_orders(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.6, (5, 5))
    scores = {places: agreement(counts, places) for places in itertools.permutations(range(5))}
    best = max(scores.values())
    tops = [places for places, score in scores.items() if score == best]
    expected = [[f([p.index(v) for p in tops]) for f in (min, max)] for v in range(5)]
    assert place_ranges(counts).tolist() == expected
    assert best_order(counts).agree == best


def test_a_chain_has_one_place_each_and_nothing_oriented_any():
    assert place_ranges(np.triu(np.ones((4, 4)), 1)).tolist() == [[i, i] for i in range(4)]
    assert place_ranges(np.ones((4, 4))).tolist() == [[0, 3]] * 4
    circle = np.roll(np.eye(6), 1, axis=1)  # any of its six cuts
    assert place_ranges(circle).tolist() == [[0, 5]] * 6


def slow_gini(sizes):
    """Half of the mean difference of two, over the mean."""
    sizes = np.asarray(sizes, float)
    return np.abs(sizes[:, None] - sizes).mean() / (2 * sizes.mean())


def test_gini_is_half_of_the_mean_difference(rng):
    sizes = rng.integers(1, 50, 30)
    assert intervals.gini(sizes) == pytest.approx(slow_gini(sizes))
    assert intervals.gini(np.full(9, 4)) == pytest.approx(0)


def test_equal_chances_are_no_more_unequal_than_equal_chances(rng):
    even = intervals.equal_chances(np.full(60, 6), rng)
    assert even.sum() == 360
    assert even.min() >= 1
    same = intervals.more_unequal(even, rng, 300)
    assert abs(same.estimate) < 0.1
    assert not same.low > 0.02
    wild = np.r_[np.full(55, 1), 80, 60, 50, 40, 30]
    found = intervals.more_unequal(wild, rng, 300)
    assert 0 < found.low < found.estimate
    equal = intervals.more_unequal(np.full(60, 6), rng, 300)
    assert equal.high < 0  # less unequal than by lot
