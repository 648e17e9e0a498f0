"""Sharpening, calibration error, temperature scaling, the student of infinite data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve

from companion.synthetic_data.lab.loop import make_world
from companion.synthetic_data.method.calibration import calibration, fit_temperature, sharpen
from companion.synthetic_data.method.mixing import predicted_over_confidence, student


@pytest.fixture(scope="module")
def laws():
    return np.random.default_rng(0).dirichlet(np.ones(6), 30)


def test_sharpening_is_a_softmax_of_scaled_scores(laws):
    import torch

    for t in (0.3, 0.7, 2.0):
        expected = torch.softmax(torch.log(torch.tensor(laws)) / t, -1).numpy()
        assert sharpen(laws, t) == pytest.approx(expected)
    assert sharpen(laws, 1) == pytest.approx(laws)
    greedy = sharpen(laws, 0)
    assert (greedy.argmax(-1) == laws.argmax(-1)).all()
    assert greedy.sum() == len(laws)
    assert sharpen(laws, 1e-4) == pytest.approx(greedy, abs=1e-6)
    with pytest.raises(ValueError, match="negative"):
        sharpen(laws, -1)


def test_binned_error_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    p = rng.random(5000)
    y = rng.random(5000) < p**2
    found = calibration(p, y, np.ones(5000))
    true, said = calibration_curve(y, p, n_bins=15)
    mass = np.histogram(p, 15, (0, 1))[0] / 5000
    assert found.error == pytest.approx((mass * np.abs(true - said)).sum())
    assert found.over_confidence == pytest.approx((p - y).mean())


def test_errors_of_both_signs_do_not_cancel():
    p, truth = np.array([0.3, 0.9]), np.array([0.4, 0.8])
    found = calibration(p, truth, np.ones(2))
    assert found.error == pytest.approx(0.1)
    assert found.over_confidence == pytest.approx(0)
    weighted = calibration(p, truth, np.array([1.0, 3.0]))
    assert weighted.over_confidence == pytest.approx(0.75 * 0.1 - 0.25 * 0.1)


def test_the_fitted_temperature_is_the_best_of_all(laws):
    held_out = np.random.default_rng(4).multinomial(200, sharpen(laws, 1.8)).astype(float)

    def objective(t):
        return -(held_out * np.log(sharpen(laws, t))).sum()

    best = minimize_scalar(objective, bounds=(0.1, 10), method="bounded").x
    assert fit_temperature(laws[None], held_out[None])[0] == pytest.approx(best, rel=1e-3)


def test_scaling_a_sharpened_law_gives_it_back(laws):
    found = fit_temperature(sharpen(laws, 0.5)[None], laws[None])[0]
    assert found == pytest.approx(2, rel=1e-4)
    with pytest.raises(ValueError, match="equal shapes"):
        fit_temperature(laws[None], laws)


@given(st.floats(0.05, 0.95), st.sampled_from([0.0, 0.3, 0.7]), st.integers(1, 3))
def test_sharpened_students_are_over_confident_and_never_change_their_mind(s, t, k):
    truth = np.random.default_rng(5).dirichlet(np.ones(5), 12)
    made = student(truth, s, t, k)
    assert (made.argmax(-1) == truth.argmax(-1)).all()
    assert (made.max(-1) >= truth.max(-1) - 1e-12).all()
    assert made.sum(-1) == pytest.approx(np.ones(12))


def test_infinite_data_by_the_formulas_and_by_the_numbers():
    world = make_world(0)
    same = student(world.truth, 0.5, 1.0, 3)
    assert np.abs(same - world.truth).max() < 1e-12
    expected = predicted_over_confidence(world.truth, world.weight, 0.5)
    for k in (1, 3):
        law = student(world.truth, 0.5, 0.0, k)
        true = np.take_along_axis(world.truth, law.argmax(-1)[:, None], 1)[:, 0]
        found = calibration(law.max(-1), true, world.weight)
        assert found.over_confidence == pytest.approx(expected, abs=1e-12)
        assert found.error == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="s must"):
        student(world.truth, 1.5, 1.0, 1)
