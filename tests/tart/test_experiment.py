"""The experiment against closed forms, and the negative control."""

from __future__ import annotations

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import tart as chapter
from companion.claims import ClaimFailed, check
from companion.tart import experiment

SMALL = chapter.Settings(sizes=(4, 64), n_repeats=400, n_seeds=4)


@given(
    exponent=st.floats(-3, 3),
    factor=st.floats(0.01, 100),
    sizes=st.lists(st.integers(1, 1000), min_size=2, max_size=6, unique=True),
)
def test_the_slope_of_a_power_law_is_its_exponent(exponent, factor, sizes):
    values = [factor * n**exponent for n in sizes]
    assert experiment.log_slope(sizes, values) == pytest.approx(exponent, abs=1e-6)


def test_the_spread_of_equal_rows_is_zero_and_of_known_means_is_theirs():
    assert experiment.spread_of_means(np.ones((5, 3))) == 0
    rows = np.array([[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]])
    assert experiment.spread_of_means(rows) == 2  # quartiles 1 and 3 of 0, 1, 2, 3, 4


def test_the_spread_of_normal_means_is_the_closed_form():
    width = NormalDist().inv_cdf(0.75) - NormalDist().inv_cdf(0.25)
    result = chapter.run(dataclasses.replace(SMALL, n_repeats=4_000), seed=0)
    expected = width / np.sqrt(result.sizes)
    assert result.spread["normal"].mean(axis=0) == pytest.approx(expected, rel=0.05)


def test_a_seed_fixes_the_run_and_another_changes_it():
    first, again, other = (chapter.run(SMALL, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.spread["normal"], again.spread["normal"])
    assert not np.array_equal(first.spread["normal"], other.spread["normal"])


def test_every_claim_has_a_finding_and_holds():
    found = chapter.findings(chapter.run(SMALL, seed=0), "toy")
    assert [finding.verdict for finding in found] == ["holds", "holds"]
    check(found, chapter.CLAIMS)


def test_a_run_without_the_effect_fails():
    result = chapter.run(SMALL, seed=0)
    broken = dataclasses.replace(
        result, slope={"normal": result.slope["Cauchy"], "Cauchy": result.slope["Cauchy"]}
    )
    with pytest.raises(ClaimFailed, match="S1"):
        check(chapter.findings(broken, "toy"))


@pytest.mark.parametrize("sizes", [(4,), (4, 4), (16, 4), (0, 4)])
def test_sizes_must_increase(sizes):
    with pytest.raises(ValueError, match="sizes"):
        chapter.Settings(sizes=sizes)
