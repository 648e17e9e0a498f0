"""The classifier in scikit-learn's own checks, and against the one-liner; the null models."""

from contextlib import suppress
from unittest import SkipTest

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from companion.tart.lab.classifier import TartClassifier
from companion.tart.lab.nulls import NULLS, accuracy, agreement, logistic_c1, null_scores
from companion.tart.lab.shipped import shipped_head
from companion.tart.method.module import HeadConfig, TooLong, fresh_head
from companion.tart.method.theory import mean_difference
from companion.tart.method.whitening import whiten

from .made import MeanDifferenceHead

HEAD = MeanDifferenceHead(16, max_context=128)


def test_scikit_learn_accepts_it():
    check_estimator(TartClassifier(HEAD, overflow="average"), on_skip=None)


def test_scikit_learn_accepts_the_shipped_module():
    """Where more examples come than it reads, contexts are averaged.

    Each check in one form: other types and memory are the wrapper's affair, as above.
    """
    checked = set()
    for estimator, check in estimator_checks_generator(TartClassifier(overflow="average")):
        if check.func.__name__ not in checked:
            checked.add(check.func.__name__)
            with suppress(SkipTest):
                check(estimator)
    assert {"check_classifiers_train", "check_methods_subset_invariance"} <= checked


def test_by_default_more_examples_than_the_shipped_module_reads_are_refused():
    """Which ones depends on its length alone, so that the hand-set one does for it."""
    shipped = shipped_head().module
    short = MeanDifferenceHead(shipped.d, max_context=shipped.max_context)
    checks = check_estimator(TartClassifier(short), on_skip=None, on_fail=None)
    failed = [c for c in checks if c["status"] == "failed"]
    assert len(failed) == 4
    assert all("TooLong" in f"{c['exception']!r}" for c in failed)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    rows = np.flatnonzero((y == 3) | (y == 8))
    return x[rows], np.where(y[rows] == 8, "eight", "three")


def test_with_the_hand_set_module_it_is_the_mean_difference(digits):
    x, y = digits
    model = TartClassifier(HEAD).fit(x[:40], y[:40])
    z, q = whiten(x[:40], x[40:], 16)
    expected = mean_difference(z, y[:40] == "three", q)
    np.testing.assert_allclose(model.decision_function(x[40:]), expected, rtol=1e-9)
    assert set(model.classes_) == {"eight", "three"}
    assert (model.predict(x[40:]) == y[40:]).mean() > 0.85
    np.testing.assert_allclose(model.predict_proba(x[40:]).sum(1), 1)


def test_fit_stores_and_does_not_change_the_module(digits, live):
    x, y = digits
    head = live
    before = [p.clone() for p in head.parameters()]
    model = TartClassifier(head, n_components=4).fit(x[:16], y[:16])
    model.predict(x[:30])
    assert all(torch.equal(a, b) for a, b in zip(before, head.parameters(), strict=True))
    assert model.context_.shape == (16, 4)


def test_a_prediction_does_not_depend_on_its_batch(digits, live):
    x, y = digits
    model = TartClassifier(live, n_components=4).fit(x[:16], y[:16])
    together = model.decision_function(x[16:40])
    alone = [model.decision_function(x[i : i + 1])[0] for i in range(16, 40)]
    np.testing.assert_allclose(together, alone, atol=1e-10)


def test_order_matters_to_a_transformer_and_averaging_orders_helps(digits, live):
    x, y = digits
    order = np.random.default_rng(0).permutation(16)

    def scores(n):
        return [
            TartClassifier(live, n_components=4, n_orders=n)
            .fit(x[o], y[o])
            .decision_function(x[16:60])
            for o in (np.arange(16), order)
        ]

    one, many = scores(1), scores(20)
    assert np.abs(one[0] - one[1]).mean() > 2 * np.abs(many[0] - many[1]).mean() > 0


def test_three_classes_one_against_the_rest():
    x, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)
    model = TartClassifier(HEAD).fit(x[rows[:60]], y[rows[:60]])
    assert model.predict_proba(x[rows[60:]]).shape == (len(rows) - 60, 3)
    assert (model.predict(x[rows[60:]]) == y[rows[60:]]).mean() > 0.85


def test_too_many_examples_are_refused_or_dealt_out(digits):
    x, y = digits
    small = MeanDifferenceHead(16, max_context=20)
    with pytest.raises(TooLong, match="reads 20"):
        TartClassifier(small).fit(x[:60], y[:60])
    dealt = TartClassifier(small, overflow="average").fit(x[:60], y[:60])
    whole = TartClassifier(HEAD).fit(x[:60], y[:60])
    # the one-liner is a sum over examples, so three contexts of twenty give a third of it
    np.testing.assert_allclose(3 * dealt.decision_function(x), whole.decision_function(x))


@pytest.mark.parametrize(
    ("options", "part"),
    [({"overflow": "cut"}, "overflow"), ({"n_orders": 0}, "n_orders"), ({"mode": "zca"}, "mode")],
)
def test_settings_that_are_not_allowed_are_said(digits, options, part):
    with pytest.raises(ValueError, match=part):
        TartClassifier(HEAD, **options).fit(digits[0][:9], digits[1][:9])


def test_one_class_is_refused(digits):
    with pytest.raises(ValueError, match="1 class"):
        TartClassifier(HEAD).fit(digits[0][:9], np.zeros(9))


def test_duplicated_texts_do_not_break_it():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((18, 50)), np.arange(18) % 2
    x[:6] = x[0]
    head = fresh_head(HeadConfig(16, 20), torch.Generator().manual_seed(0)).eval()
    model = TartClassifier(head).fit(x, y)
    assert np.isfinite(model.predict_proba(rng.standard_normal((5, 50)))).all()
    assert model.context_.shape == (18, 16)
    assert (model.context_[:, 12:] == 0).all()


def sample(n=60, p=3, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    y = (rng.random(n) < 1 / (1 + np.exp(-z @ [1.0, -1.0, 0.5]))).astype(int)
    return z, y, rng.standard_normal((20, p))


def test_logistic_regression_is_that_of_statsmodels():
    z, y, q = sample()
    theirs = q @ sm.Logit(y, z).fit(disp=False, tol=1e-10).params
    np.testing.assert_allclose(null_scores("logistic", z, y, q), theirs, atol=2e-3)


def test_the_penalized_one_is_where_its_gradient_vanishes():
    z, y, _ = sample()
    w = logistic_c1(z, y, np.eye(3))
    gradient = z.T @ (1 / (1 + np.exp(-z @ w)) - y) + w
    assert np.abs(gradient).max() < 1e-3


def test_the_mean_difference_is_discriminant_analysis_on_white_balanced_data():
    rng = np.random.default_rng(1)
    e = np.r_[rng.standard_normal((20, 30)), rng.standard_normal((20, 30)) + 1]
    y = np.repeat([0, 1], 20)
    z, q = whiten(e, rng.standard_normal((200, 30)) + 0.5, 8)
    lda = LinearDiscriminantAnalysis(solver="lsqr").fit(z, y)
    assert ((mean_difference(z, y, q) > 0) == (lda.predict(q) == 1)).mean() == 1.0


@pytest.mark.parametrize("name", NULLS)
def test_every_null_model_learns_and_takes_one_class(name):
    z, y, q = sample(400)
    w = np.array([1.0, -1.0, 0.5])
    assert ((null_scores(name, z, y, q) > 0) == (q @ w > 0)).mean() > 0.6
    alone = null_scores(name, z, np.ones(400, int), q)
    if name == "5 neighbors":
        assert (alone > 0).all()
    else:
        np.testing.assert_allclose(alone, q @ z.sum(0))
    np.testing.assert_allclose(null_scores(name, z, np.zeros(400, int), q), -alone)


def test_accuracy_by_hand():
    assert accuracy(np.array([1.0, -1.0, 0.0, 2.0]), np.array([1, 0, 1, 0])) == 2.5 / 4


def test_agreement_by_hand():
    assert agreement(np.array([1.0, -1.0, 0.2, -3.0]), np.array([2.0, 1.0, 0.1, -0.1])) == 0.75


def test_ridge_on_a_white_context_is_the_one_line_rule():
    """Why ridge regression is not among the simple rules."""
    from sklearn.linear_model import RidgeClassifier

    rng = np.random.default_rng(2)
    z, q = whiten(rng.standard_normal((30, 40)), rng.standard_normal((50, 40)), 8)
    y = np.arange(30) % 2
    ridge = RidgeClassifier(alpha=1.0, fit_intercept=False).fit(z, y).decision_function(q)
    line = mean_difference(z, y, q)
    np.testing.assert_allclose(ridge / line, np.full(50, (ridge / line)[0]), rtol=1e-8)
