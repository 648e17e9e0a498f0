"""The law: closed form against simulation, and the exact bound against all small families."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from companion.model_ecosystem.lab.worlds import run_regimes, simulate_grid
from companion.model_ecosystem.method import theory as th
from companion.model_ecosystem.method.theory import concentrated

unit = st.floats(0.001, 0.999)


@given(unit, unit)
def test_siblings_win_exactly_above_the_threshold(mu, s):
    gap = th.sibling(mu, s) - th.parent_child(mu)
    assert gap == pytest.approx(mu * (mu * (1 + s) - 1), abs=1e-12)
    if abs(mu - th.critical_mutation(s)) > 1e-6:
        assert (gap > 0) == (mu > th.critical_mutation(s))


@given(unit, unit)
def test_enough_bookkeeping_is_just_enough_and_never_more_than_a_quarter(mu, s):
    b = th.enough_bookkeeping(mu, s)
    assert 0 <= b <= th.ALWAYS_ENOUGH + 1e-12
    more, less = b + 1e-6, b - 1e-6
    assert th.sibling(mu, s, more) > th.parent_child(mu, more)
    if b > 1e-5:
        assert th.sibling(mu, s, less) < th.parent_child(mu, less)


def test_a_quarter_is_needed_where_nobody_changes_the_same_way():
    mu = np.linspace(0.01, 0.99, 981)
    most = max(th.enough_bookkeeping(one, 0.0) for one in mu)
    assert most == pytest.approx(th.ALWAYS_ENOUGH, abs=1e-5)
    assert th.enough_bookkeeping(0.9, 1.0) == 0


def made_families(mu, s, tagged, *, families=300, children=8, traits=40, seed=0):
    """Mean cosines of made families of count vectors, by scikit-learn: parent-child, sibling.

    Each model has one of k values of each trait, children also one field whose squared length is
    the share `tagged` of theirs.
    """
    rng, k = np.random.default_rng(seed), 60
    q = concentrated(s, k - 1)
    up, side = [], []
    for _ in range(families):
        new = 1 + rng.choice(k - 1, size=(children, traits), p=q)
        values = np.where(rng.random((children, traits)) < mu, new, 0)
        rows = np.zeros((children + 1, traits * k + 1))
        for i, one in enumerate([np.zeros(traits, int), *values]):
            rows[i, np.arange(traits) * k + one] = 1
        rows[1:, -1] = np.sqrt(traits * tagged / (1 - tagged))
        like = cosine_similarity(rows)
        up.append(like[0, 1:].mean())
        side.append(like[1:, 1:][np.triu_indices(children, 1)].mean())
    return np.mean(up), np.mean(side)


@pytest.mark.parametrize(("mu", "s", "tagged"), [(0.2, 0.3, 0.22), (0.5, 0.1, 0.1), (0.7, 0.9, 0)])
def test_the_cosines_of_made_families_are_those_of_the_equations(mu, s, tagged):
    up, side = made_families(mu, s, tagged)
    assert up == pytest.approx(th.parent_child(mu, tagged), abs=0.006)
    assert side == pytest.approx(th.sibling(mu, s, tagged), abs=0.006)


@pytest.mark.parametrize(("mu", "s"), [(0.2, 0.3), (0.35, 0.1)])
def test_made_families_change_sides_where_equation_4_says(mu, s):
    enough = th.enough_bookkeeping(mu, s)
    for tagged, sign in ((enough - 0.03, -1), (enough + 0.03, 1)):
        up, side = made_families(mu, s, tagged)
        assert np.sign(side - up) == sign


def test_the_bound_holds_in_every_family_of_up_to_six_children():
    for d in range(2, 7):
        for values in product(range(4), repeat=d):
            kept = values.count(0)
            same = sum(values[i] == values[j] for i in range(d) for j in range(i)) * 2
            sibling = same / (d * (d - 1))
            assert sibling <= th.most_siblings(kept, d) + 1e-12
            if sibling > kept / d + 1e-12:
                assert kept < (d - 1) / 2


def test_the_bound_is_reached():
    assert th.most_siblings(0, 4) == 1
    assert th.most_siblings(2, 5) == pytest.approx(0.4)


def test_simulated_families_follow_the_law_within_their_error(rng):
    mu, s = np.array([0.2, 0.5, 0.6, 0.9]), np.array([1.0, 0.5, 0.1])
    grid = simulate_grid(mu, s, rng, n_families=4000)
    # four standard errors, were the difference of a family as wide as a fair coin
    assert np.abs(grid.gap - grid.predicted).max() < 4 * 0.5 / 4000**0.5
    same, points = grid.agreement()
    assert same == points > 5


def test_a_wrong_law_is_seen(rng):
    grid = simulate_grid(np.array([0.55, 0.6]), np.array([0.5]), rng, n_families=4000)
    wrong = grid._replace(predicted=np.abs(grid.predicted))  # "above one half is enough"
    same, points = wrong.agreement()
    assert same == 0 < points


@given(st.floats(0.05, 1))
def test_a_concentrated_distribution_has_its_sum_of_squares(s):
    q = concentrated(s, 20)
    assert q.sum() == pytest.approx(1)
    assert (q**2).sum() == pytest.approx(s)
    with pytest.raises(ValueError, match="between"):
        concentrated(0.01, 20)


def test_the_four_worlds_and_the_negative_control():
    table = run_regimes(4000, range(2), 0)
    gap = {name: table.filter(regime=name)["gap"] for name in ("A", "B", "C", "D", "D, masked")}
    assert (gap["C"] > 0).all()
    assert (gap["D"] > 0).all()
    assert all((gap[name] < 0).all() for name in ("A", "B", "D, masked"))
