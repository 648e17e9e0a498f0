import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from companion.massive_activations.lab.competitors import DAMPED_LOG
from companion.massive_activations.lab.identifiability import CHECKPOINTS, LAST_STEP, REGIMES
from companion.massive_activations.method.curve import (
    ONLY_RELAXES,
    TURNS_INSIDE,
    TURNS_LATER,
    CurveParams,
    ReparamParams,
    damped_log,
    damped_log_jacobian,
    from_reparametrized,
    reparametrized,
    reparametrized_jacobian,
    to_reparametrized,
    turning_kind,
    turning_point,
)
from companion.massive_activations.method.fit import (
    FORMS,
    correlation,
    fit_curve,
    fit_separable,
    starting_point,
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


def finite_differences(function, t, params):
    columns = []
    for i, value in enumerate(params):
        step = 1e-6 * max(abs(value), 1e-2)
        up, down = list(params), list(params)
        up[i], down[i] = value + step, value - step
        columns.append((function(t, *up) - function(t, *down)) / (2 * step))
    return np.stack(columns, axis=-1)


@given(curves)
def test_both_gradients_are_those_of_finite_differences(params):
    scale = 1 + np.abs(damped_log_jacobian(UNIT, *params)).max(axis=0)
    error = damped_log_jacobian(UNIT, *params) - finite_differences(damped_log, UNIT, params)
    assert np.abs(error / scale).max() < 1e-6
    other = to_reparametrized(params)
    scale = 1 + np.abs(reparametrized_jacobian(UNIT, *other)).max(axis=0)
    error = reparametrized_jacobian(UNIT, *other) - finite_differences(reparametrized, UNIT, other)
    assert np.abs(error / scale).max() < 1e-6


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
    names = CurveParams._fields
    table = correlation(record.covariance)
    for (first, second), expected in known_fit.correlations.items():
        value = table[names.index(first), names.index(second)]
        assert value == pytest.approx(expected, abs=1e-3)
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


def test_kinds_of_turning_points():
    assert turning_point(PEAK) == pytest.approx(7777, abs=1)
    assert turning_kind(PEAK, LAST_STEP) == TURNS_INSIDE
    assert turning_kind(PEAK, 7000) == TURNS_LATER
    assert turning_kind(PEAK._replace(t0=3.0), LAST_STEP) == ONLY_RELAXES
    assert turning_point(PEAK._replace(lam=0.0)) == np.inf
    assert turning_kind(PEAK._replace(lam=1e-320), LAST_STEP) == TURNS_LATER


def test_a_small_curve_by_hand():
    # x = 1, e, at t = 0, e - 1: log x = 0, 1
    values = damped_log([0.0, np.e - 1], A=2.0, lam=1.0, gamma=1.0, t0=1.0, K=3.0)
    assert values == pytest.approx([3.0, 3 + 2 * np.exp(-np.e)])


def test_an_argument_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"must be positive, its smallest value is 0"):
        damped_log([0.0], 1.0, 1.0, 1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="gamma and t0 must be positive"):
        to_reparametrized(CurveParams(1, 1, 0, 1, 1))


def test_a_curve_that_equation_9_cannot_name():
    back = from_reparametrized(ReparamParams(0.0, 1.0, 1e-4, 10.0, 2.0))  # plain exponential
    assert not np.isfinite(back).all()


def test_a_clean_series_is_recovered():
    fit = fit_curve(CHECKPOINTS, damped_log(CHECKPOINTS, *PEAK))
    assert np.array(fit.params) == pytest.approx(np.array(PEAK), rel=1e-3)
    assert fit.r2 == pytest.approx(1.0, abs=1e-9)
    assert fit.turning_step == pytest.approx(turning_point(PEAK), rel=1e-3)
    assert fit.predict([50_000]) == pytest.approx(damped_log([50_000], *PEAK), rel=1e-6)


def test_scipys_curve_fit_gives_the_same_parameters_and_covariance():
    y = noisy(PEAK, 3)
    ours = fit_curve(CHECKPOINTS, y)
    theirs, covariance = curve_fit(
        damped_log,
        CHECKPOINTS,
        y,
        p0=ours.params,
        jac=damped_log_jacobian,
        x_scale="jac",
        bounds=([-np.inf, 0, 0, 0, -np.inf], np.inf),
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    assert np.array(ours.params) == pytest.approx(theirs, rel=1e-3)
    assert np.diag(ours.covariance) == pytest.approx(np.diag(covariance), rel=2e-2)
    assert correlation(covariance) == pytest.approx(ours.correlation, abs=1e-3)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_better_form_is_kept_and_no_search_beats_the_global_one(regime):
    for seed in range(4):
        y = noisy(REGIMES[regime], seed)
        fit = fit_curve(CHECKPOINTS, y)
        assert fit.r2 == max(attempt.r2 for attempt in fit.attempts)
        assert [attempt.form for attempt in fit.attempts] == list(FORMS)
        residual = y - fit.predict(CHECKPOINTS)
        assert 1 - residual.var() / y.var() >= fit.r2 - 1e-9
        best = fit_separable(DAMPED_LOG, CHECKPOINTS, y)
        assert best.r2 >= fit.r2 - 1e-6
        assert fit.r2 >= best.r2 - 1e-3  # the paper's start is good enough in these regimes


@settings(max_examples=8, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter(size, shift, span):
    y = noisy(PEAK, 1)
    plain, scaled = fit_curve(CHECKPOINTS, y), fit_curve(CHECKPOINTS * span, size * y + shift)
    assert scaled.r2 == pytest.approx(plain.r2, abs=1e-6)
    assert scaled.params.gamma * span == pytest.approx(plain.params.gamma, rel=0.02)
    moved = (scaled.params.K - shift) / size
    assert moved == pytest.approx(plain.params.K, abs=0.5)


def test_a_search_that_runs_out_is_reported_not_dropped():
    fit = fit_curve(CHECKPOINTS, noisy(REGIMES["rising"], 0), max_evaluations=3)
    assert not fit.converged
    assert [attempt.n_evaluations for attempt in fit.attempts] == [3, 3]
    assert np.isfinite(fit.r2)
    assert np.isfinite(fit.predict(CHECKPOINTS)).all()


def test_the_start_is_the_papers():
    u, z = np.linspace(0, 1, 11), np.linspace(0, 1, 11)
    assert starting_point(u, z) == pytest.approx((1.0, 1 / u.std(), 1.0, 1.0, 0.5))


def test_bad_series_are_refused():
    t = np.arange(8.0)
    with pytest.raises(ValueError, match="constant"):
        fit_curve(t, np.ones(8))
    with pytest.raises(ValueError, match="at least 6 checkpoints, got 5"):
        fit_curve(t[:5], t[:5])
    with pytest.raises(ValueError, match="increase strictly"):
        fit_curve(t[::-1], t)
    with pytest.raises(ValueError, match="must be finite"):
        fit_curve(t, np.append(t[:-1], np.nan))
    with pytest.raises(ValueError, match="forms must be one or more"):
        fit_curve(t, t**2, forms=("other",))
