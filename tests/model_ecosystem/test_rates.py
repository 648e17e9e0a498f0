"""Rates and their intervals."""

import numpy as np
import pytest

from companion.model_ecosystem.lab.cards import thinning
from companion.model_ecosystem.lab.intervals import rate, ratio_bootstrap
from companion.model_ecosystem.lab.recovery import coverage, covered
from companion.model_ecosystem.lab.resemblance import compare
from companion.model_ecosystem.method.forest import forest
from companion.model_ecosystem.method.rates import distance, values_of, values_of_codes
from companion.model_ecosystem.method.similarity import Families
from companion.model_ecosystem.sources import Ecosystem

import polars as pl  # isort: skip


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


def a_comparison(gaps, d, rng, weights="families"):
    gaps, d = np.asarray(gaps, float), np.asarray(d)
    pairs = d * (d - 1) / 2
    half = np.full(d.size, 0.5)
    return compare(
        Families(np.arange(d.size), d, half, d.astype(float), half + gaps, pairs),
        0.1,
        rng,
        weights=weights,
    )


def test_a_treatment_that_does_nothing_shows_nothing(rng):
    found = a_comparison(np.zeros(20), np.full(20, 4), rng)
    assert found.gap.estimate == 0
    assert found.wilcoxon == 1
    assert not found.gap.low > 0


def test_pairs_weigh_by_size_and_families_equally(rng):
    gaps, d = [0.4, -0.1, -0.1, -0.1], [50, 3, 3, 3]
    assert a_comparison(gaps, d, rng).gap.estimate == pytest.approx(0.025)
    heavy = a_comparison(gaps, d, rng, weights="pairs")
    assert heavy.gap.estimate > 0.39
    assert heavy.effective < 1.1
    with pytest.raises(ValueError, match="weights"):
        a_comparison(gaps, d, rng, weights="edges")
    with pytest.raises(ValueError, match="two families"):
        a_comparison([0.1], [3], rng)


def test_thinning_by_pairs_and_by_families(rng):
    graph = forest(14, [0] * 10 + [1, 1], list(range(2, 14)))
    length = np.array([100, 100, *[10.0] * 10, 1000, 1000])
    system = Ecosystem(pl.DataFrame({"model_id": [str(i) for i in range(14)]}), graph)
    found = thinning(system, length, rng, 200)
    assert found.median.estimate == pytest.approx(np.log(0.1))
    assert found.shorter.estimate == pytest.approx(10 / 12)
    assert found.by_family.estimate == 0.5
    with pytest.raises(ValueError, match="two families"):
        thinning(system, np.where(np.arange(14) == 1, np.nan, length), rng, 10)
