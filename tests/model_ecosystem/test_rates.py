"""Rates and their intervals."""

import numpy as np
import pytest

from companion.model_ecosystem.lab.intervals import rate, ratio_bootstrap
from companion.model_ecosystem.lab.worlds import coverage, covered
from companion.model_ecosystem.method.drift import (
    distance,
    one_value,
    values_of,
    values_of_codes,
)
from companion.model_ecosystem.method.forest import forest


def test_jaccard_distance_against_sets(rng):
    sets = [[str(v) for v in rng.choice(6, rng.integers(0, 4), replace=False)] for _ in range(40)]
    graph = forest(40, np.zeros(39, int), np.arange(1, 40))
    found = distance(values_of(sets), graph)
    for p, c, value in zip(graph.parent, graph.child, found, strict=True):
        a, b = set(sets[p]), set(sets[c])
        if a and b:
            assert value == pytest.approx(1 - len(a & b) / len(a | b))
        else:
            assert np.isnan(value)


def test_codes_and_strings_say_the_same():
    codes = values_of_codes(np.array([1, -1, 0]), ["a", "b"])
    words = values_of(["b", None, "a"])
    assert (codes.rows != words.rows).nnz == 0
    assert codes.declared.tolist() == [True, False, True]


def test_family_intervals_cover_and_naive_ones_do_not():
    table = coverage(6000, 25, 0, 200)
    shares = covered(table)
    assert shares["families"] >= 0.88
    assert shares["naive"] < 0.75
    assert table["estimate"].is_finite().all()


def test_equal_families_of_one_child_give_the_binomial_width(rng):
    change = (rng.random(800) < 0.3).astype(float)
    found = rate(change, np.arange(800), rng, 2000)
    assert found.effective == 800
    assert found.clustered.high - found.clustered.low == pytest.approx(
        found.naive.high - found.naive.low, rel=0.1
    )


def test_one_family_has_no_interval(rng):
    found = ratio_bootstrap(np.array([3.0]), np.array([10.0]), rng)
    assert found.estimate == 0.3
    assert np.isnan(found.low)


def test_intervals_stay_inside_what_families_show(rng):
    found = ratio_bootstrap(np.array([0.0, 0.0, 90.0]), np.array([10.0, 10.0, 100.0]), rng)
    assert found.low >= 0
    assert found.high <= 0.9


def test_combinations_of_values_are_one_value():
    whole = one_value(values_of([["en", "fr"], ["fr", "en"], ["en"], None]))
    assert whole.names == ("en|fr", "en")
    assert whole.rows.toarray().tolist() == [[1, 0], [1, 0], [0, 1], [0, 0]]
