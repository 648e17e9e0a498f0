"""scikit-learn's own checks, its messages for bad input, and what the attributes mean."""

from contextlib import suppress
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from companion.gaussian_rbf.lab.estimator import GaussianRBFClassifier, GaussianRBFRegressor, scaler
from companion.gaussian_rbf.sources import load

QUICK = {"max_iter": 150, "n_restarts": 1, "random_state": 0}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("cls", "learned"),
    [
        (GaussianRBFRegressor, "check_regressors_train"),
        (GaussianRBFClassifier, "check_classifiers_train"),
    ],
)
def test_scikit_learns_checks(cls, learned):
    """With as few steps as it takes to learn what one check asks; the others ask for nothing."""
    done = set()
    for estimator, check in estimator_checks_generator(cls(learning_rate=0.03, random_state=0)):
        done.add(name := check.func.__name__)
        estimator.set_params(max_iter=60 if name == learned else 5)
        with suppress(SkipTest):
            check(estimator)
    assert {learned, "check_fit_idempotent", "check_methods_subset_invariance"} <= done


def test_binary_and_multiclass_learn():
    wine = load("wine")
    model = GaussianRBFClassifier(n_centers=3, max_iter=200, random_state=0).fit(wine.X, wine.y)
    assert model.score(wine.X, wine.y) > 0.98
    assert np.allclose(model.predict_proba(wine.X).sum(axis=1), 1)
    labels = np.array(["no", "yes"])[(wine.y == 0).astype(int)]
    binary = GaussianRBFClassifier(**QUICK | {"max_iter": 60}).fit(wine.X, labels)
    assert binary.score(wine.X, labels) > 0.95
    assert binary.decision_function(wine.X).shape == (178,)
    assert ((binary.predict_proba(wine.X)[:, 1] > 0.5) == (binary.predict(wine.X) == "yes")).all()


def test_several_outputs_and_one_keep_their_shape():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3))
    Y = np.stack([np.sin(X[:, 0]), 100 + 50 * X[:, 1]], axis=1)
    model = GaussianRBFRegressor(learning_rate=0.05, **QUICK).fit(X, Y)
    assert model.predict(X).shape == (80, 2)
    assert model.score(X, Y) > 0.9
    assert GaussianRBFRegressor(max_iter=5).fit(X, Y[:, 0]).predict(X).shape == (80,)


def test_attributes_belong_together():
    data = load("diabetes")
    model = GaussianRBFRegressor(**QUICK | {"n_restarts": 2, "max_iter": 60}).fit(data.X, data.y)
    V, values = model.components_.T, model.eigenvalues_
    assert np.allclose(V @ np.diag(values) @ V.T, model.precision_)
    assert (np.diff(values) <= 1e-12).all()
    assert model.feature_importances_.sum() == pytest.approx(1)
    assert np.allclose(model.active_subspace(2), V[:, :2])
    rows = (data.X - model.mean_) / model.scale_
    assert np.allclose(model.latent(data.X), rows @ V)
    assert model.restart_losses_.shape == (2,)
    assert model._network.loss == pytest.approx(model.restart_losses_.min())
    with pytest.raises(ValueError, match="between 1 and 10"):
        model.active_subspace(11)


def test_a_seed_fixes_the_fit():
    data = load("iris")
    model = GaussianRBFClassifier(**QUICK | {"max_iter": 40})
    first, again = (clone(model).fit(data.X, data.y).precision_ for _ in range(2))
    other = clone(model).set_params(random_state=1).fit(data.X, data.y).precision_
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_constant_features_survive():
    data = load("digits 3v8")
    assert (data.X.std(axis=0) == 0).any()
    model = GaussianRBFClassifier(n_centers=4, max_iter=60, random_state=0).fit(data.X, data.y)
    assert np.isfinite(model.precision_).all()
    assert model.score(data.X, data.y) > 0.9
    assert scaler(np.full((5, 1), 0.1))[1] == 1


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.array([[np.nan, 1], [2, 3], [4, 5]]), [0, 1, 0], "NaN"),
        (np.zeros((3, 2)), [1, 1, 1], "only one class"),
        (np.arange(6.0).reshape(3, 2), [0, 1, 0], "n_samples=3 should be >= n_clusters=8"),
        (pd.DataFrame({"a": ["x", "y", "z"]}), [0, 1, 0], "could not convert string to float"),
        (np.zeros((3, 2)), [0, 1], "inconsistent numbers of samples"),
        (np.zeros((3, 2)), [0.1, 0.7, 0.2], "Unknown label type"),
    ],
)
def test_bad_input_gets_scikit_learns_message(X, y, message):
    with pytest.raises(ValueError, match=message):
        GaussianRBFClassifier(**QUICK).fit(X, y)


def test_bad_parameters_and_unfitted_models():
    with pytest.raises(ValueError, match="'n_centers' parameter"):
        GaussianRBFRegressor(n_centers=0).fit(np.zeros((9, 1)), np.arange(9))
    with pytest.raises(ValueError, match="'precision' parameter"):
        GaussianRBFRegressor(precision="round").fit(np.zeros((9, 1)), np.arange(9))
    with pytest.raises(NotFittedError):
        GaussianRBFClassifier().predict_proba(np.zeros((2, 2)))
    model = GaussianRBFRegressor(**QUICK).fit(
        np.random.default_rng(0).random((20, 3)), np.arange(20)
    )
    with pytest.raises(ValueError, match="expecting 3 features"):
        model.predict(np.zeros((2, 4)))


def test_a_dead_start_warns():
    data = load("digits 3v8")
    model = GaussianRBFClassifier(4, init_scale=1.0, alpha_precision=0, alpha_weights=0, **QUICK)
    with pytest.warns(ConvergenceWarning, match="smaller init_scale"):
        model.fit(data.X, data.y)
