from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit
from statsmodels.tools.eval_measures import aicc as statsmodels_aicc

from companion.massive_activations.lab.rivals import (
    AS_PRINTED,
    CHECKPOINTS,
    CURVES,
    FAIR,
    LAST_VALUE,
    REGIMES,
    SEEN,
    STEPS_WITH_OFFSET,
    Race,
    closer_where_true,
    compare,
    first_order_step,
    fit_layers,
    hidden_error,
    log_logistic,
    second_order_step,
)
from companion.massive_activations.method.curve import DAMPED_LOG, aicc, damped_log, fit, project

STEP_1, STEP_2 = AS_PRINTED
STEP_1_OFFSET, STEP_2_OFFSET = STEPS_WITH_OFFSET
LOG_LOGISTIC, CUBIC = FAIR[2:]
T = np.linspace(0, 20, 60)
DAMPINGS = [0.0, 0.3, 0.999, 1 - 1e-7, 1.0, 1 + 1e-7, 1.5, 30.0]


@pytest.mark.parametrize("zeta", DAMPINGS)
def test_second_order_step_solves_its_differential_equation(zeta):
    omega = 1.3

    def slope(_, state):
        return [state[1], omega**2 * (1 - state[0]) - 2 * zeta * omega * state[1]]

    solution = solve_ivp(slope, (0, 20), [0, 0], t_eval=T, rtol=1e-10, atol=1e-12, method="LSODA")
    assert second_order_step(T, zeta, omega) == pytest.approx(solution.y[0], abs=1e-7)


@pytest.mark.parametrize("zeta", DAMPINGS)
def test_second_order_step_starts_at_rest(zeta):
    h = 1e-6
    assert second_order_step(0.0, zeta, 1.0) == pytest.approx(0, abs=1e-12)
    assert second_order_step(h, zeta, 1.0) / h == pytest.approx(0, abs=1e-5)


@given(st.floats(0.01, 0.98), st.floats(0.1, 3.0))
def test_the_papers_under_damped_form_is_the_same(zeta, omega):
    damped = omega * np.sqrt(1 - zeta**2)
    paper = 1 - np.exp(-zeta * omega * T) * np.sin(damped * T + np.arccos(zeta)) / np.sqrt(
        1 - zeta**2
    )
    assert second_order_step(T, zeta, omega) == pytest.approx(paper, abs=1e-9)


@given(st.floats(1.02, 20.0), st.floats(0.1, 3.0))
def test_the_papers_over_damped_form_with_its_signs_settled(zeta, omega):
    root = np.sqrt(zeta**2 - 1)
    r1, r2 = -omega * (zeta - root), -omega * (zeta + root)
    paper = 1 - r1 / (r1 - r2) * np.exp(r2 * T) + r2 / (r1 - r2) * np.exp(r1 * T)
    assert second_order_step(T, zeta, omega) == pytest.approx(paper, abs=1e-7)


def test_first_order_step_and_log_logistic_by_hand():
    assert first_order_step([0, 2, 1e9], 2.0) == pytest.approx([0, 1 - np.exp(-1), 1])
    assert log_logistic([0, 5, 10], 5.0, 3.0) == pytest.approx([0, 0.5, 8 / 9])


TRUE_SERIES = {
    STEP_1.name: 40 * first_order_step(CHECKPOINTS, 9000.0),
    STEP_2.name: 40 * second_order_step(CHECKPOINTS, 0.4, 2e-4),
    STEP_1_OFFSET.name: 7 + 40 * first_order_step(CHECKPOINTS, 9000.0),
    STEP_2_OFFSET.name: 7 + 40 * second_order_step(CHECKPOINTS, 2.5, 5e-4),
    LOG_LOGISTIC.name: 7 + 40 * log_logistic(CHECKPOINTS, 20_000.0, 1.7),
    CUBIC.name: np.polyval([0.5, -2.0, 9.0, 7.0], np.log1p(CHECKPOINTS / 2000)),
    DAMPED_LOG.name: damped_log(CHECKPOINTS, *REGIMES["early peak"]),
}


@pytest.mark.parametrize("model", CURVES, ids=lambda model: model.name)
def test_every_curve_finds_itself_again_and_extrapolates(model):
    y = TRUE_SERIES[model.name]
    found = fit(model, CHECKPOINTS, y)
    assert found.r2 > 1 - 1e-8
    assert found.predict(CHECKPOINTS) == pytest.approx(y, abs=1e-3 * np.ptp(y))
    assert hidden_error(model, CHECKPOINTS, y) < 2e-2


@pytest.mark.parametrize("model", CURVES, ids=lambda model: model.name)
def test_one_formula_serves_single_shapes_and_grids(model):
    u = np.linspace(0, 1, 7)
    grid = np.array([[axis[k] for axis in model.grid] for k in (0, 1, 2)])
    stacked = model.basis(u, grid)
    assert stacked.shape == (3, 7, model.n_linear)
    for row, single in zip(stacked, grid, strict=True):
        assert model.basis(u, single) == pytest.approx(row)


def test_the_global_search_is_no_worse_than_scipys_best_of_many_starts():
    rng = np.random.default_rng(0)
    y = TRUE_SERIES[LOG_LOGISTIC.name] * (1 + 0.05 * rng.standard_normal(CHECKPOINTS.size))

    def curve(t, size, offset, tau, slope):
        return offset + size * log_logistic(t, tau, slope)

    best = np.inf
    for tau in (5e3, 2e4, 6e4):
        params, _ = curve_fit(
            curve, CHECKPOINTS, y, p0=(30, 10, tau, 1.5), bounds=(0, np.inf), x_scale=(1, 1, tau, 1)
        )
        best = min(best, np.sum((curve(CHECKPOINTS, *params) - y) ** 2))
    found = fit(LOG_LOGISTIC, CHECKPOINTS, y)
    assert found.rss == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("model", CURVES, ids=lambda model: model.name)
def test_no_point_of_the_grid_is_better_than_the_fit(model):
    u = CHECKPOINTS / CHECKPOINTS[-1]
    grid = np.array(list(product(*model.grid)))
    for seed in range(5):  # noise: as many local minima as there can be
        y = 50 + np.random.default_rng(seed).standard_normal(CHECKPOINTS.size)
        best_of_grid = (project(model.basis(u, grid), y)[1] ** 2).sum(axis=-1).min()
        assert fit(model, CHECKPOINTS, y).rss <= best_of_grid * (1 + 1e-9)


def test_an_extrapolation_has_not_seen_the_end():
    late = CHECKPOINTS / CHECKPOINTS[-1] > SEEN
    y = TRUE_SERIES[STEP_1_OFFSET.name] + 30.0 * late
    error = hidden_error(STEP_1_OFFSET, CHECKPOINTS, y)
    assert error == pytest.approx(30 / np.ptp(y), rel=1e-3)
    assert hidden_error(DAMPED_LOG, CHECKPOINTS, y) > 0.2
    by_hand = np.sqrt(np.mean((y[late] - y[~late][-1]) ** 2)) / np.ptp(y)
    assert hidden_error(None, CHECKPOINTS, y) == pytest.approx(by_hand)


def test_a_series_that_starts_at_seven_needs_an_offset():
    y = TRUE_SERIES[STEP_1_OFFSET.name]
    without, with_offset = (fit(m, CHECKPOINTS, y) for m in (STEP_1, STEP_1_OFFSET))
    assert without.r2 < 0.98 < 1 - 1e-8 < with_offset.r2
    assert with_offset.aicc < without.aicc


def test_scaling_a_series_scales_its_fit():
    y = TRUE_SERIES[CUBIC.name] + np.sin(CHECKPOINTS)
    plain, scaled = fit(CUBIC, CHECKPOINTS, y), fit(CUBIC, CHECKPOINTS, 9 * y)
    assert scaled.r2 == pytest.approx(plain.r2, abs=1e-9)
    assert scaled.rss == pytest.approx(81 * plain.rss, rel=1e-6)
    assert scaled.coefficients == pytest.approx(9 * plain.coefficients, rel=1e-3)


def test_aicc_differs_from_statsmodels_by_a_constant():
    rng = np.random.default_rng(1)
    y, x = rng.standard_normal(30), rng.standard_normal((30, 3))
    gaps = []
    for width in (1, 2, 3):
        fit = sm.OLS(y, x[:, :width]).fit()
        theirs = statsmodels_aicc(fit.llf, 30, width + 1)  # the variance is a parameter
        gaps.append(theirs - aicc(fit.ssr, 30, width))
    assert gaps == pytest.approx([gaps[0]] * 3)
    assert aicc(1.0, 7, 5) == np.inf


def test_projection_is_least_squares():
    rng = np.random.default_rng(2)
    basis, y = rng.standard_normal((4, 9, 2)), rng.standard_normal(9)
    coefficients, residuals = project(basis, y)
    for matrix, found, residual in zip(basis, coefficients, residuals, strict=True):
        expected = np.linalg.lstsq(matrix, y)[0]
        assert found == pytest.approx(expected)
        assert matrix.T @ residual == pytest.approx(np.zeros(2), abs=1e-12)


def table_of(name, y, t=CHECKPOINTS):
    """Rows of one series as measurements of a model: one sequence, median 1."""
    return pd.DataFrame(
        {
            "model": name,
            "step": t.astype(int),
            "sequence": 0,
            "layer": 1,
            "depth": 1.0,
            "top1": y,
            "top3": y,
            "median": 1.0,
            "ratio": y,
        }
    )


def noisy(regime, seed):
    rng = np.random.default_rng(seed)
    clean = damped_log(CHECKPOINTS, *REGIMES[regime])
    return clean * (1 + 0.02 * rng.standard_normal(clean.size))


@pytest.fixture(scope="module")
def fits():
    noise = 0.1 * np.random.default_rng(3).standard_normal(CHECKPOINTS.size)
    return fit_layers(
        pd.concat(
            [
                table_of("pythia-14m", noisy("early peak", 0)),
                table_of("pythia-70m", noisy("rising", 1)),
                table_of("pythia-160m", TRUE_SERIES[STEP_1_OFFSET.name] + noise),
            ]
        )
    )


def test_every_layer_has_every_curve(fits):
    assert len(fits) == 3 * (len(CURVES) + 1)
    peak = fits[fits.model == "pythia-14m"].set_index("curve")
    assert peak.K[DAMPED_LOG.name] == pytest.approx(60, rel=0.02)
    assert peak.turning[DAMPED_LOG.name] == pytest.approx(7777, rel=0.1)
    assert peak.r2[STEP_1.name] < 0.5 < 0.98 < peak.r2[DAMPED_LOG.name]
    assert np.isnan(peak.hidden_error[STEP_1.name])
    assert peak.hidden_error[LAST_VALUE] == hidden_error(None, CHECKPOINTS, noisy("early peak", 0))


def test_the_true_curve_wins_the_race_by_aicc(fits):
    race = Race(fits)
    # eq. 9 is the truth in two of three layers, a step with an offset in the other
    assert race.lower_aicc(FAIR).estimate == pytest.approx(2 / 3)
    assert race.lower_aicc(AS_PRINTED).n == 3
    assert (race.n == 37).all()
    assert race.r2.min() > 0.9
    wide = fits.pivot(index="model", columns="curve", values="hidden_error")
    expected = (wide[DAMPED_LOG.name] < wide[LAST_VALUE]).mean()
    assert race.closer(LAST_VALUE).estimate == pytest.approx(expected)


def test_a_curve_with_more_parameters_than_points_is_not_fitted():
    t = np.array([0.0, 10, 100, 1000])
    rows = {row[0]: row for row in compare(t, np.array([7.0, 8, 20, 40]))}
    assert np.isnan(rows[DAMPED_LOG.name][3])
    assert np.isfinite(rows[STEP_1_OFFSET.name][3])
    # five points: eq. 9 goes through all of them, and no AICc forgives that
    rows = {row[0]: row for row in compare(np.append(t, 2000), np.array([7.0, 8, 20, 40, 41]))}
    n, parameters, r2, criterion = rows[DAMPED_LOG.name][1:5]
    assert (n, parameters, criterion) == (5, 5, np.inf)
    assert r2 > 0.999


def test_where_eq_9_is_true_it_wins_with_enough_checkpoints():
    rows = table_of("pythia-14m", damped_log(CHECKPOINTS, *REGIMES["early peak"]))
    won = closer_where_true(rows, 4, np.random.default_rng(0))
    assert {name: one.shape for name, one in won.items()} == {
        "at hand": (1, 4),
        "37 checkpoints": (1, 4),
    }
    rising = table_of("pythia-14m", damped_log(CHECKPOINTS, *REGIMES["rising"]))
    assert closer_where_true(rising, 4, np.random.default_rng(0))["37 checkpoints"].mean() > 0.2
    few = table_of("pythia-14m", np.array([7.0, 8, 20, 40]), np.array([0.0, 10, 100, 1000]))
    assert closer_where_true(few, 2, np.random.default_rng(0))["at hand"].size == 0
