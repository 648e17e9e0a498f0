"""Transitions, orders and directions against loops, enumeration and another library."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from statsmodels.api import GLM, families

from companion.model_ecosystem.lab.directions import directed_pairs, least_p, n_directed
from companion.model_ecosystem.lab.ladder import (
    agreement,
    bradley_terry,
    ladder_steps,
    quasi_independence,
    target_shares,
)
from companion.model_ecosystem.lab.real import once_per_account
from companion.model_ecosystem.lab.recovery import drift_runs, drifting_trait
from companion.model_ecosystem.method.drift import (
    best_order,
    most_common,
    null_shares,
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


def test_targets_come_back_from_a_product(rng):
    a, b = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(7))
    table = np.outer(a, b) * (1 - np.eye(7))
    assert target_shares(table) == pytest.approx(b)
    counts = rng.multinomial(50_000, (table / table.sum()).ravel()).reshape(7, 7)
    assert agreement(bradley_terry(counts), np.log(b / a)) > 0.9


def test_bradley_terry_equals_a_logit(rng):
    counts = rng.integers(3, 30, (4, 4)).astype(float)
    i, j = np.triu_indices(4, 1)
    there, back = counts[i, j] + 0.5, counts[j, i] + 0.5
    design = np.zeros((i.size, 4))
    design[np.arange(i.size), j], design[np.arange(i.size), i] = 1, -1
    fit = GLM(np.column_stack([there, back]), design[:, 1:], family=families.Binomial()).fit()
    beta = np.append(0, fit.params)
    assert bradley_terry(counts) == pytest.approx(beta - beta.mean(), abs=1e-5)


def test_a_pair_is_counted_by_edges_accounts_and_families():
    graph = forest(9, [0] * 6 + [7], [1, 2, 3, 4, 5, 6, 8])
    values = values_of(["a", *["b"] * 6, "b", "a"])
    who = np.array(["root", "u", "u", "u", "v", "v", "w", "x", "y"])
    row = directed_pairs(values, graph, who, np.random.default_rng(0)).row(0, named=True)
    assert (row["source"], row["target"], row["there"], row["back"]) == ("a", "b", 6, 1)
    assert (row["uploaders"], row["families"]) == (4, 2)
    assert row["p_binomial"] == pytest.approx(2 * 8 / 128)
    assert row["p_families"] > 0.9 or row["p_families"] == pytest.approx(0.5, abs=0.05)
    counts = once_per_account(values, graph, who)
    assert counts[0, 1] == 3


def test_no_mutation_gives_an_empty_table(rng):
    values = values_of(["a", "a"])
    found = directed_pairs(values, forest(2, [0], [1]), np.array(["x", "y"]), rng)
    assert found.height == 0
    assert n_directed(found, "families") == 0


def test_worlds_are_told_apart_and_accounts_are_too_sure():
    table = drift_runs(8000, 3, 0, 4, 60)
    ladder, two, none = (
        table.filter(world=w) for w in ("ladder", "two populations", "no direction")
    )
    assert (ladder["p"] < 0.05).all()
    assert (two["p"] > 0.01).all()
    assert (ladder["tau"] > 0.9).all()
    assert (two["tau"] > 0.85).all()
    assert (two["s"] - two["s_true"]).abs().max() < 0.05
    assert none["by_families"].mean() < 5 < none["by_uploaders"].mean()
    assert (none["share"] > none["null"]).mean() > 0.6  # an order without any direction


def test_a_ladder_only_goes_down():
    steps = ladder_steps(5)
    assert np.allclose(np.tril(steps), 0)
    assert steps[:-1].sum(axis=1) == pytest.approx(np.ones(4))
    with pytest.raises(ValueError, match="world"):
        drifting_trait("circle", np.random.default_rng(0))


def test_common_values_leave_other_and_unknown_out():
    values = values_of(["other", "other", "a", "b", "b", "unknown"])
    assert [values.names[i] for i in most_common(values, 2)] == ["a", "b"]
    assert [values.names[i] for i in most_common(values, 1)] == ["b"]


def test_least_p_is_what_unanimous_families_give():
    pairs = pl.DataFrame({"families": [6, 1, 1, 1]})
    assert least_p(pairs) == pytest.approx(4 * 2.0**-5)
    assert least_p(pairs.head(0)) == 1.0


def test_block_p_values_are_adjusted_for_the_number_of_pairs():
    one = {"p_adjusted": 1e-6, "p_families": 0.03}
    none = {"p_adjusted": 1e-6, "p_families": 0.9}
    assert n_directed(pl.DataFrame([one]), "families") == 1
    assert n_directed(pl.DataFrame([one, *[none] * 9]), "families") == 0
