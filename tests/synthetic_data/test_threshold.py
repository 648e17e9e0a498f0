"""Segmented regression and its rivals against brute force, statsmodels, and curves with knots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from statsmodels.stats.weightstats import ttost_paired

from companion.synthetic_data.lab.threshold import (
    acceleration,
    aicc,
    artifact,
    candidates,
    equivalent,
    knot_by_range,
    knots_of,
    one_knot,
    resampled,
    rivals,
)
from companion.synthetic_data.method.mixing import mixing_law

GRID = np.round(np.arange(0, 0.91, 0.1), 10)
NARROW = GRID[:6]


def law(s):
    return mixing_law(s, 3)


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
    best = min(
        (
            np.linalg.lstsq(
                np.column_stack([np.ones(10), GRID, np.maximum(GRID - c, 0)]), y, rcond=None
            )[1][0],
            c,
        )
        for c in candidates(GRID)
    )
    found = one_knot(GRID, y)
    assert (found.rss, found.knot) == pytest.approx(best)
    assert knots_of(GRID, y[None])[0] == found.knot
    free, _ = curve_fit(
        lambda s, a, b, c, k: a + b * s + c * np.maximum(s - k, 0),
        GRID,
        y,
        p0=(1, 0, 1, found.knot),
    )
    assert free[3] == pytest.approx(found.knot, abs=0.02)
    assert found.rss == pytest.approx(((found(GRID) - y) ** 2).sum())


def test_the_numbers_of_the_artifact():
    assert one_knot(NARROW, law(NARROW)).knot == pytest.approx(0.27, abs=0.011)
    assert one_knot(GRID, law(GRID)).knot == pytest.approx(0.64, abs=0.011)
    assert one_knot(NARROW, law(NARROW)).gain() > 0.9
    found = artifact(law, np.random.default_rng(1), replicates=100)
    assert found.rejected > 0.95
    line = artifact(lambda s: 1 + s, np.random.default_rng(2), replicates=400)
    assert line.rejected == pytest.approx(0.05, abs=0.035)  # the test has its level


def test_a_genuine_threshold_does_not_move_with_the_grid():
    rng = np.random.default_rng(3)
    y = np.maximum(GRID - 0.3, 0)[:, None] + 0.002 * rng.standard_normal((10, 8))
    genuine = knot_by_range(GRID, y, rng)
    assert abs(genuine.difference.estimate) < 0.05
    smooth = knot_by_range(GRID, law(GRID)[:, None] + 0.002 * rng.standard_normal((10, 8)), rng)
    assert smooth.difference.low > 0.2


def test_acceleration_has_the_sign_of_the_bend():
    rng = np.random.default_rng(4)
    noise = 1e-3 * rng.standard_normal((10, 8))
    assert acceleration(GRID, GRID[:, None] ** 2 + noise, rng).low > 0
    assert acceleration(GRID, np.sqrt(GRID)[:, None] + noise, rng).high < 0
    flat = acceleration(GRID, GRID[:, None] + noise, rng)
    assert flat.low < 0 < flat.high
    assert flat.estimate == pytest.approx(
        np.polyfit(GRID[3:6], (GRID[:, None] + noise).mean(1)[3:6], 1)[0]
        - np.polyfit(GRID[:3], (GRID[:, None] + noise).mean(1)[:3], 1)[0]
    )


def test_equivalence_agrees_with_statsmodels_and_its_interval():
    rng = np.random.default_rng(5)
    for shift in (0.0, 0.02, 0.028, 0.05):
        without = 0.7 + 0.001 * rng.standard_normal(12)
        with_it = without * (1 - shift + 0.004 * rng.standard_normal(12))
        found = equivalent(with_it, without, 0.03)
        loss = 1 - with_it / without
        assert found.p == pytest.approx(ttost_paired(loss, np.zeros(12), -0.03, 0.03)[0])
        assert (found.p < 0.05) == (found.low > -0.03 and found.high < 0.03)
    assert equivalent(np.ones(3), np.ones(3), 0.03).p == 1  # seeds alike say nothing
    assert np.isnan(equivalent(np.array([np.nan, 1]), np.ones(2), 0.03).estimate)


def test_the_bootstrap_resamples_seeds():
    values = np.random.default_rng(6).standard_normal((3, 40)) + np.arange(3)[:, None]
    estimate, draws = resampled(values, lambda c: c[:, 2], np.random.default_rng(7), 4000)
    assert estimate == pytest.approx(values[2].mean())
    assert draws.std() == pytest.approx(values[2].std() / np.sqrt(40), rel=0.1)
    with pytest.raises(ValueError, match="2 seeds"):
        resampled(values[:, :1], lambda c: c[:, 0], np.random.default_rng(0), 10)


def test_the_right_rival_is_among_the_best():
    rng = np.random.default_rng(8)
    s = np.repeat(NARROW, 8)
    curves = {
        "mixing law": lambda x: 2 + 3 * (mixing_law(x, 3, "fixed") - 1),
        "line": lambda x: 1 + x,
        "one knot": lambda x: np.maximum(x - 0.3, 0),
    }
    for name, curve in curves.items():
        scores = rivals(
            s, curve(s) + 0.002 * rng.standard_normal(len(s)), lambda x: mixing_law(x, 3, "fixed")
        )
        assert scores[name] < min(scores.values()) + 4  # a richer shape may win by chance
        wrong = {"mixing law": "line", "line": "mixing law", "one knot": "a + b s²"}[name]
        assert scores[wrong] > scores[name] + 10
    assert np.isnan(aicc(1.0, 5, 4))


def test_too_few_points_for_a_knot():
    with pytest.raises(ValueError, match="5 mixing ratios"):
        one_knot(np.array([0, 0.1, 0.2, 0.3]), np.zeros(4))
