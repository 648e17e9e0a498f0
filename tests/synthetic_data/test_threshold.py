"""Segmented regression against brute force and curves with knots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from companion.synthetic_data.lab.evidence import (
    acceleration,
    candidates,
    knot_moves,
    knots_of,
    one_knot,
    over_resamples,
)
from companion.synthetic_data.method.mixing import mixing_law

GRID = np.round(np.arange(0, 0.91, 0.1), 10)
NARROW = GRID[:6]


def law(s):
    return mixing_law(s, 3, "fresh")


@given(st.floats(0.15, 0.75), st.floats(-2, 2), st.floats(0.5, 3))
def test_a_true_knot_is_found(knot, before, bend):
    y = 1 + before * GRID + bend * np.maximum(GRID - knot, 0)
    found = one_knot(GRID, y)
    assert abs(found.knot - knot) <= 0.0501
    if abs(found.knot - knot) < 1e-9:
        assert found.after - found.before == pytest.approx(bend)


def test_the_search_equals_least_squares_one_knot_at_a_time():
    rng = np.random.default_rng(0)
    y = law(GRID) + 0.05 * rng.standard_normal(10)
    rss, best = min(
        (
            np.linalg.lstsq(
                np.column_stack([np.ones(10), GRID, np.maximum(GRID - c, 0)]), y, rcond=None
            )[1][0],
            c,
        )
        for c in candidates(GRID)
    )
    found = one_knot(GRID, y)
    assert found.knot == pytest.approx(best)
    assert ((found(GRID) - y) ** 2).sum() == pytest.approx(rss)
    assert knots_of(GRID, y[None])[0] == found.knot
    free, _ = curve_fit(
        lambda s, a, b, c, k: a + b * s + c * np.maximum(s - k, 0),
        GRID,
        y,
        p0=(1, 0, 1, found.knot),
    )
    assert free[3] == pytest.approx(found.knot, abs=0.02)


def test_the_knot_of_a_law_without_one_follows_the_grid():
    assert one_knot(NARROW, law(NARROW)).knot == pytest.approx(0.27, abs=0.011)
    assert one_knot(GRID, law(GRID)).knot == pytest.approx(0.64, abs=0.011)


def test_a_genuine_threshold_does_not_move_with_the_grid():
    rng = np.random.default_rng(3)
    y = np.maximum(GRID - 0.3, 0)[:, None] + 0.002 * rng.standard_normal((10, 8))
    assert abs(knot_moves(GRID, y, rng).estimate) < 0.05
    smooth = law(GRID)[:, None] + 0.002 * rng.standard_normal((10, 8))
    assert knot_moves(GRID, smooth, rng).low > 0.2


def test_acceleration_has_the_sign_of_the_bend():
    rng = np.random.default_rng(4)
    noise = 1e-3 * rng.standard_normal((10, 8))
    assert acceleration(GRID, GRID[:, None] ** 2 + noise, rng).low > 0
    assert acceleration(GRID, np.sqrt(GRID)[:, None] + noise, rng).high < 0
    flat = acceleration(GRID, GRID[:, None] + noise, rng)
    assert flat.low < 0 < flat.high
    curve = (GRID[:, None] + noise).mean(1)
    late, early = (np.polyfit(GRID[part], curve[part], 1)[0] for part in (slice(3, 6), slice(3)))
    assert flat.estimate == pytest.approx(late - early)


def test_the_bootstrap_resamples_seeds():
    values = np.random.default_rng(6).standard_normal((3, 40)) + np.arange(3)[:, None]
    found = over_resamples(values, lambda c: c[:, 2], np.random.default_rng(7), 4000)
    assert found.estimate == pytest.approx(values[2].mean())
    half = 1.96 * values[2].std() / np.sqrt(40)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert np.isnan(over_resamples(values[:, :1], lambda c: c[:, 0], None).estimate)
    assert np.isnan(over_resamples(values * np.nan, lambda c: c[:, 0], None).estimate)
    same = over_resamples(np.ones((3, 4)), lambda c: c[:, 0], np.random.default_rng(0))
    assert np.isinf(same.high)


def test_ends_are_percentiles():
    values = np.arange(40.0)[None]
    rng = np.random.default_rng(0)
    found = over_resamples(values, lambda c: c[:, 0], rng, 1000)
    draws = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), 1000) / 40 @ values[0]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_too_few_points_for_a_knot():
    with pytest.raises(ValueError, match="5 mixing ratios"):
        one_knot(np.array([0, 0.1, 0.2, 0.3]), np.zeros(4))
