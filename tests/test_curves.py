"""How run times grow: the exponent's arithmetic, and with ``make bench`` the measurement."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest

from companion.benches import Curve, exponent
from companion.papers import papers
from tests import curves

NOISE = np.array([0.01, -0.02, 0.015, 0.0, -0.005])
"""Deviations of logarithms at five sizes."""


@pytest.mark.parametrize("b", [0.0, 1.0, 1.5, 2.0])
def test_a_power_law_has_its_exponent(b):
    sizes = np.array([10, 20, 40, 80])
    found = exponent(sizes, 3e-3 * sizes**b)
    assert found == pytest.approx((b, b, b), abs=1e-7)


def test_the_interval_is_that_of_a_regression():
    import statsmodels.api as sm

    sizes = np.array([1, 2, 4, 8, 16])
    found = exponent(sizes, sizes * np.exp(NOISE))
    fitted = sm.OLS(np.log(sizes) + NOISE, sm.add_constant(np.log(sizes))).fit()
    low, high = fitted.conf_int()[1]
    assert found == pytest.approx((fitted.params[1], low, high), rel=1e-9)
    assert found.low < 1 < found.high


def test_a_fixed_cost_makes_the_interval_wide():
    sizes = np.array([1, 2, 4, 8, 16])
    found = exponent(sizes, 5 + sizes)
    assert found.estimate < 0.7
    assert found.high - found.low > 0.2


@pytest.mark.parametrize(
    ("sizes", "seconds"),
    [((1, 2), (1, 2)), ((1, 2, 3), (1, 2)), ((1, 2, 3), (1, 0, 2)), ((1, 2, np.nan), (1, 2, 3))],
)
def test_a_curve_that_says_nothing_is_refused(sizes, seconds):
    with pytest.raises(ValueError, match="a thing"):
        Curve("tart", "a thing", "tokens", sizes, seconds, "1")


def test_every_chapter_has_a_curve_of_four_to_six_sizes():
    assert {plan.chapter for plan in curves.PLANS} == {paper.slug for paper in papers()}
    for plan in curves.PLANS:
        assert 4 <= len(plan.sizes) <= 6
        assert list(plan.sizes) == sorted(set(plan.sizes))
    names = Counter((plan.chapter, plan.what, plan.over) for plan in curves.PLANS)
    assert set(names.values()) == {1}


@pytest.mark.bench
@pytest.mark.skipif(
    not os.environ.get("COMPANION_BENCH"), reason="curves are measured by `make bench`"
)
@pytest.mark.parametrize(
    "plan", curves.PLANS, ids=[f"{plan.chapter}: {plan.what}, {plan.over}" for plan in curves.PLANS]
)
def test_time_against_size(plan, curve):
    found = curve(curves.measure(plan))
    assert found.seconds[-1] > 1e-4, "too short to be measured"
