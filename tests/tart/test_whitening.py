"""Whitening against scikit-learn, and where the original breaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import inv, sqrtm
from sklearn.decomposition import PCA

from companion.tart.method.whitening import (
    NotEnoughVectors,
    Whitening,
    fill,
    shrinkage,
    whiten,
)


def vectors(k=30, width=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((k, width)) @ np.diag(1.2 ** -np.arange(width)) + 3


def test_it_is_scikit_learn_up_to_signs():
    context, query = vectors(), vectors(9, seed=1)
    ours = whiten(context, query, 16)
    pca = PCA(16, whiten=True, svd_solver="full").fit(context)
    for mine, e in zip(ours, (context, query), strict=True):
        theirs = pca.transform(e)
        np.testing.assert_allclose(np.abs(mine), np.abs(theirs), rtol=1e-8)
    signs = ours[0] * pca.transform(context)
    assert all(len(set(np.sign(column))) == 1 for column in signs.T)  # one sign per axis


def test_it_is_the_symmetric_root_of_the_authors():
    context, query = vectors(), vectors(9, seed=1)
    pca = PCA(8, svd_solver="full").fit(context)
    scores = pca.transform(context)
    root = inv(sqrtm(np.cov(scores.T)))
    theirs = (pca.transform(query) - scores.mean(0)) @ root
    np.testing.assert_allclose(np.abs(whiten(context, query, 8)[1]), np.abs(theirs), atol=1e-6)


def test_the_context_becomes_white():
    z = whiten(vectors(), vectors(), 16)[0]
    np.testing.assert_allclose(np.cov(z.T), np.eye(16), atol=1e-8)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-10)


@given(st.integers(0, 10**6), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_shift_turn_and_size_of_the_space_do_not_matter(seed, size):
    rng = np.random.default_rng(seed)
    context, query = vectors(12, 20, seed), vectors(5, 20, seed + 1)
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    moved = [size * (e @ turn) + rng.standard_normal(20)[None] * 0 + 5 for e in (context, query)]
    a, b = whiten(context, query, 6), whiten(*moved, 6)
    np.testing.assert_allclose(a[1] @ a[0].T, b[1] @ b[0].T, atol=1e-6)


@pytest.mark.parametrize("copies", [2, 3, 10])
def test_duplicates_lower_the_rank_and_never_give_nan(copies):
    context = vectors(18)
    context[:copies] = context[0]
    fitted = Whitening.fit(context, 16)
    assert fitted.rank == 18 - copies
    assert fitted.p == min(16, 18 - copies)
    z = fitted.transform(vectors(50, seed=2))
    assert np.isfinite(z).all()
    assert np.abs(z).max() < 1e3


def test_almost_equal_vectors_do_not_blow_up():
    context = vectors(17)
    context[1] = context[0] + 1e-5
    z = whiten(context, vectors(50, seed=2), 16)[1]
    assert np.abs(z).max() < 1e4
    assert np.isfinite(z).all()


def test_it_is_the_same_every_time_where_scikit_learn_draws():
    context = np.random.default_rng(0).standard_normal((64, 600))
    first, second = (Whitening.fit(context, 16) for _ in range(2))
    assert np.array_equal(first.axes, second.axes)
    drawn = [
        np.abs(PCA(16, svd_solver="randomized", random_state=s).fit(context).components_)
        for s in (0, 1)
    ]
    assert np.abs(drawn[0] - drawn[1]).max() > 0.01


def test_one_vector_or_equal_ones_are_refused():
    for context in (np.ones((1, 4)), np.ones((5, 4)), 1e9 * np.ones((3, 4))):
        with pytest.raises(NotEnoughVectors, match="two distinct"):
            Whitening.fit(context, 2)


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((3, 0)), np.array([[1.0, np.nan], [0, 1]])])
def test_what_is_no_finite_matrix_is_refused(bad):
    with pytest.raises(ValueError, match=r"shape|finite"):
        Whitening.fit(bad, 2)


def test_modes():
    context = vectors()
    scores = Whitening.fit(context, 8, "scores").transform(context)
    assert (scores**2).sum() / (29 * 8) == pytest.approx(1)
    assert scores.var(0).max() / scores.var(0).min() > 3
    plain = Whitening.fit(context, 8, "none").transform(context)
    np.testing.assert_allclose(np.abs(plain), np.abs(PCA(8).fit_transform(context)), atol=1e-8)
    with pytest.raises(ValueError, match="mode"):
        Whitening.fit(context, 8, "zca")


def test_filling():
    z = np.arange(6.0).reshape(2, 3) + 1
    assert fill(z, 5).tolist() == [[1, 2, 3, 0, 0], [4, 5, 6, 0, 0]]
    assert fill(z, 7, "repeat").tolist() == [[1, 2, 3, 1, 2, 3, 1], [4, 5, 6, 4, 5, 6, 4]]
    with pytest.raises(ValueError, match="reads 2"):
        fill(z, 2)
    with pytest.raises(ValueError, match="unknown"):
        fill(z, 5, "mirror")


def test_queries_shrink_where_the_space_is_wide():
    rng = np.random.default_rng(0)
    context, query = rng.standard_normal((18, 400)), rng.standard_normal((300, 400))
    assert shrinkage(context, query, 16) < 0.2
    assert shrinkage(rng.standard_normal((4000, 4)), query[:, :4], 4) == pytest.approx(1, abs=0.1)
