"""Reading a network: against definitions, finite differences, sampling, closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.gaussian_rbf.method import precision, theory
from companion.gaussian_rbf.method.model import Fit

RNG = np.random.default_rng(0)


def net(d=4, m=3, k=2, seed=0):
    rng = np.random.default_rng(seed)
    empty = np.zeros(0)
    return Fit(
        np.triu(rng.standard_normal((d, d))) * 0.5,
        rng.standard_normal((m, k)),
        rng.standard_normal((m, d)),
        "regression",
        0,
        0,
        0,
        False,
        True,
        False,
        empty,
        empty,
    )


@given(seed=st.integers(0, 1000))
def test_the_spectrum_descends_and_gives_the_matrix_back(seed):
    P = net(seed=seed).P
    values, vectors = precision.spectrum(P)
    assert (np.diff(values) <= 1e-12).all()
    assert np.allclose(vectors @ np.diag(values) @ vectors.T, P)


def test_importance_is_the_formula_with_matching_columns():
    P = np.diag([1.0, 9.0, 4.0])
    assert np.allclose(precision.importance(P), np.array([1, 9, 4]) / 14)
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    P = turned @ np.diag([5.0, 1.0]) @ turned.T
    assert np.allclose(precision.importance(P), np.array([0.6 * 5 + 0.8, 0.8 * 5 + 0.6]) / 8.4)
    assert np.allclose(precision.diagonal_importance(P), np.diag(P) / 6)
    assert np.allclose(precision.importance(np.zeros((2, 2))), 0.5)
    assert np.isnan(precision.spectrum(np.zeros((2, 2))).shares).all()


def test_gradients_are_finite_differences():
    fit, X = net(), RNG.standard_normal((5, 4))
    found = precision.gradients(fit, X)
    for j in range(4):
        step = np.zeros(4)
        step[j] = 1e-6
        slope = (fit.predict(X + step) - fit.predict(X - step)) / 2e-6
        assert np.allclose(found[:, :, j], slope, atol=1e-8)


def test_agop_is_the_mean_outer_product_and_keeps_the_null_space():
    fit, X = net(), RNG.standard_normal((50, 4))
    slopes = precision.gradients(fit, X)
    mean = np.mean([np.outer(g, g) for row in slopes for g in row], axis=0)
    assert np.allclose(precision.agop(fit, X), mean)
    idle = np.linalg.svd(fit.U[:2])[2][2:]
    flat = Fit(**{**fit.__dict__, "U": np.vstack([fit.U[:2], np.zeros((2, 4))])})
    assert np.abs(precision.agop(flat, X) @ idle.T).max() < 1e-12
    assert theory.inactive_change(flat, X, np.random.default_rng(0), 2) < 1e-10
    assert theory.inactive_change(flat, X, np.random.default_rng(0), 1) > 1e-3


def test_principal_angles():
    plane = np.eye(3)[:, :2]
    tilted = np.array([[1, 0], [0, np.cos(0.3)], [0, np.sin(0.3)]])
    assert precision.principal_angle(plane, tilted) == pytest.approx(np.degrees(0.3))
    assert precision.principal_angle(plane, plane @ [[1, 1], [0, 2]]) == pytest.approx(0, abs=1e-6)
    assert precision.principal_angle(np.eye(4)[:, :2], np.eye(4)[:, 2:]) == pytest.approx(90)
    tiny = np.array([[1.0, 0], [0, 1], [0, 1e-9]])  # arccos would round this to zero or worse
    assert precision.principal_angle(plane, tiny) == pytest.approx(np.degrees(1e-9), rel=1e-3)


def test_ranking_metrics():
    true = np.array([True, True, False, False])
    assert precision.ranking_auc(np.array([4, 3, 2, 1]), true) == 1
    assert precision.ranking_auc(np.array([1, 1, 1, 1]), true) == 0.5
    assert precision.ranking_auc(np.array([1, 3, 2, 0]), true) == 0.75
    assert precision.top_hit(np.array([4, 3, 2, 1]), true)
    assert not precision.top_hit(np.array([4, 1, 2, 3]), true)


def test_the_counterexample_by_quadrature_and_by_sampling():
    found = theory.counterexample()
    assert found.cosine < 1e-6
    assert np.diag(found.H) == pytest.approx([0.036, 0.111], abs=1e-3)
    assert np.diag(found.fit.P) == pytest.approx([1, 0.2])
    rows = np.random.default_rng(0).standard_normal((200_000, 2))
    assert np.allclose(precision.agop(found.fit, rows), found.H, atol=2e-3)


def test_one_center_has_the_closed_form_and_the_order_of_p():
    P = np.array([[1.0, 0.3], [0.3, 0.4]])
    fit = theory.network(P, np.zeros((1, 2)), np.array([1.7]))
    widened = np.eye(2) + 2 * P
    closed = 1.7**2 / np.sqrt(np.linalg.det(widened)) * P @ np.linalg.inv(widened) @ P
    assert np.allclose(theory.quadrature_agop(fit, 80), closed, atol=1e-9)
    first = [precision.spectrum(matrix).vectors[:, 0] for matrix in (P, closed)]
    assert abs(first[0] @ first[1]) == pytest.approx(1)


def test_equal_eigenvalues_make_the_formula_arbitrary_and_the_diagonal_not():
    found = theory.ambiguity(np.random.default_rng(0))
    assert found.high - found.low > 0.05
    assert found.diagonal_high - found.diagonal_low < 1e-8


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_agop_is_that_of_quadrature_and_of_sampling(seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((2, 2)) * 0.7
    P, centers, weights = root.T @ root, rng.standard_normal((4, 2)), rng.standard_normal(4)
    found = theory.normal_agop(P, centers, weights)
    fit = theory.network(P, centers, weights)
    assert np.allclose(found, theory.quadrature_agop(fit, 100), atol=1e-9)
    rows = rng.standard_normal((200_000, 2))
    assert np.allclose(found, precision.agop(fit, rows), atol=0.02 * np.trace(found))
