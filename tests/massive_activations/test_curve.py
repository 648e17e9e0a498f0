import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from companion.massive_activations.lab.rivals import CHECKPOINTS, LAST_STEP, REGIMES
from companion.massive_activations.method.curve import (
    DAMPED_LOG,
    CurveParams,
    ReparamParams,
    damped_log,
    fit,
    from_reparametrized,
    turning_point,
)
from companion.massive_activations.sources import load_fit_record

PEAK = REGIMES["early peak"]
positive = st.floats(0.05, 5.0)
curves = st.builds(
    CurveParams,
    st.floats(-50, 50).filter(lambda a: abs(a) > 0.1),
    positive,
    positive,
    positive,
    st.floats(-50, 50),
)
UNIT = np.linspace(0, 1, 23)


def noisy(params, seed, noise=0.02, t=CHECKPOINTS):
    rng = np.random.default_rng(seed)
    return damped_log(t, *params) * (1 + noise * rng.standard_normal(len(t)))


def reparametrized(t, A1, A2, beta, tau0, K):
    """Paper eq. 13."""
    return np.exp(-beta * t) * (A1 * np.log(t + tau0) + A2) + K


def to_reparametrized(p):
    """Paper eq. 14."""
    A1 = p.A * np.exp(-p.lam * p.t0)
    return ReparamParams(A1, A1 * np.log(p.gamma), p.lam * p.gamma, p.t0 / p.gamma, p.K)


@given(curves)
def test_the_two_forms_are_one_curve_and_map_back(params):
    other = to_reparametrized(params)
    assert reparametrized(UNIT, *other) == pytest.approx(damped_log(UNIT, *params), abs=1e-10)
    assert np.array(from_reparametrized(other)) == pytest.approx(np.array(params), rel=1e-9)


def test_the_published_record_maps_exactly(known_fit):
    record = load_fit_record(known_fit.path)
    direct = damped_log(CHECKPOINTS, *record.params)
    mapped = reparametrized(CHECKPOINTS, *to_reparametrized(record.params))
    assert np.abs(mapped - direct).max() < 1e-15
    t = np.linspace(0, LAST_STEP, 143_001)
    turn = t[damped_log(t, *record.params).argmax()]
    assert turning_point(record.params) == pytest.approx(turn, abs=1)
    assert turn == pytest.approx(known_fit.turning_step, rel=1e-3)


@pytest.mark.parametrize("lam", [1e-3, 0.05, 0.9, 4.0])
@pytest.mark.parametrize("amplitude", [2.0, -2.0])
def test_the_turning_point_is_where_a_fine_grid_turns(lam, amplitude):
    params = CurveParams(amplitude, lam, 1e-3, 0.3, 7.0)
    peak = turning_point(params)
    t = np.linspace(0, 2 * peak, 200_001)
    values = damped_log(t, *params) * np.sign(amplitude)
    assert t[values.argmax()] == pytest.approx(peak, abs=2 * t[1])


def test_a_curve_may_never_turn():
    assert turning_point(PEAK) == pytest.approx(7777, abs=1)
    assert turning_point(PEAK._replace(t0=3.0)) < 0
    assert turning_point(PEAK._replace(lam=0.0)) == np.inf
    assert turning_point(PEAK._replace(lam=1e-320)) > LAST_STEP


def test_a_small_curve_by_hand():
    # x = 1, e, at t = 0, e - 1: log x = 0, 1
    values = damped_log([0.0, np.e - 1], A=2.0, lam=1.0, gamma=1.0, t0=1.0, K=3.0)
    assert values == pytest.approx([3.0, 3 + 2 * np.exp(-np.e)])


def test_an_argument_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"must be positive, its smallest value is 0"):
        damped_log([0.0], 1.0, 1.0, 1.0, 0.0, 0.0)


def test_a_curve_that_equation_9_cannot_name():
    back = from_reparametrized(ReparamParams(0.0, 1.0, 1e-4, 10.0, 2.0))  # plain exponential
    assert not np.isfinite(back).all()


def test_a_clean_series_is_recovered():
    found = fit(DAMPED_LOG, CHECKPOINTS, damped_log(CHECKPOINTS, *PEAK))
    assert np.array(found.params) == pytest.approx(np.array(PEAK), rel=1e-2)
    assert found.r2 == pytest.approx(1.0, abs=1e-8)
    assert turning_point(found.params) == pytest.approx(turning_point(PEAK), rel=1e-3)
    assert found.predict([50_000]) == pytest.approx(damped_log([50_000], *PEAK), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_papers_own_search_is_no_better(seed):
    """scipy's bounded trust region on scaled data, from the paper's start, as the paper fits."""
    y = noisy(PEAK, seed)
    u, z = CHECKPOINTS / LAST_STEP, (y - y.min()) / np.ptp(y)
    start = (1.0, 1 / u.std(), 1.0, 1.0, 0.5)
    bounds = ([-np.inf, 0, 0, 0, -np.inf], np.inf)

    def curve(u, A, lam, gamma, t0, K):
        x = gamma * u + t0
        return A * np.exp(-lam * x) * np.log(x) + K

    theirs, _ = curve_fit(curve, u, z, p0=start, bounds=bounds, max_nfev=20_000)
    rss = np.sum((curve(u, *theirs) - z) ** 2) * np.ptp(y) ** 2
    ours = fit(DAMPED_LOG, CHECKPOINTS, y)
    assert ours.rss <= rss * (1 + 1e-6)
    assert ours.rss == pytest.approx(rss, rel=0.02)
    assert pytest.approx(y.min() + np.ptp(y) * theirs[-1], abs=0.5) == ours.params.K


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(size, shift, span):
    y = noisy(PEAK, 1)
    plain = fit(DAMPED_LOG, CHECKPOINTS, y)
    scaled = fit(DAMPED_LOG, CHECKPOINTS * span, size * y + shift)
    assert scaled.r2 == pytest.approx(plain.r2, abs=1e-5)
    assert scaled.params.gamma * span == pytest.approx(plain.params.gamma, rel=0.05)
    assert (scaled.params.K - shift) / size == pytest.approx(plain.params.K, abs=0.5)


def test_bad_series_are_refused():
    t = np.arange(8.0)
    with pytest.raises(ValueError, match="constant"):
        fit(DAMPED_LOG, t, np.ones(8))
    with pytest.raises(ValueError, match="at least 5 checkpoints, got 4"):
        fit(DAMPED_LOG, t[:4], t[:4])
    with pytest.raises(ValueError, match="increase strictly"):
        fit(DAMPED_LOG, t[::-1], t)
    with pytest.raises(ValueError, match="must be finite"):
        fit(DAMPED_LOG, t, np.append(t[:-1], np.nan))
    with pytest.raises(ValueError, match="equally long"):
        fit(DAMPED_LOG, t, t[:-1])
