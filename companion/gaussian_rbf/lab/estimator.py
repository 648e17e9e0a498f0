"""The network as scikit-learn estimators."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from companion.gaussian_rbf.method import precision as _precision
from companion.gaussian_rbf.method.model import (
    BINARY,
    MULTICLASS,
    REGRESSION,
    STRUCTURES,
    Recipe,
    Task,
    best_of,
)
from companion.gaussian_rbf.method.training import fit_many


class _GaussianRBF(BaseEstimator):
    """What both estimators share: validation, scaling, restarts, and reading the precision."""

    _parameter_constraints = {  # noqa: RUF012  (scikit-learn reads it from the class)
        "n_centers": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions(set(STRUCTURES))],
        "train_centers": ["boolean"],
        "alpha_precision": [Interval(Real, 0, None, closed="left")],
        "alpha_weights": [Interval(Real, 0, None, closed="left")],
        "alpha_centers": [Interval(Real, 0, None, closed="left")],
        "squared": ["boolean"],
        "init_scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "standardize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_centers=8,
        *,
        precision="full",
        train_centers=True,
        alpha_precision=1e-2,
        alpha_weights=1e-4,
        alpha_centers=0.0,
        squared=False,
        init_scale="auto",
        n_restarts=3,
        learning_rate=0.01,
        max_iter=600,
        tol=1e-6,
        n_iter_no_change=60,
        standardize=True,
        random_state=None,
    ):
        self.n_centers = n_centers
        self.precision = precision
        self.train_centers = train_centers
        self.alpha_precision = alpha_precision
        self.alpha_weights = alpha_weights
        self.alpha_centers = alpha_centers
        self.squared = squared
        self.init_scale = init_scale
        self.n_restarts = n_restarts
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.random_state = random_state

    def _fit_network(self, X: np.ndarray, y: np.ndarray, kind: str) -> None:
        """Standardize, place the centers, train the restarts, keep the lowest objective."""
        random = check_random_state(self.random_state)
        self.mean_, self.scale_ = scaler(X) if self.standardize else identity(X)
        rows = (X - self.mean_) / self.scale_
        centers = place_centers(rows, self.n_centers, random)
        scale = X.shape[1] ** -0.5 if self.init_scale == "auto" else float(self.init_scale)
        seeds = random.randint(np.iinfo(np.int32).max, size=self.n_restarts)
        tasks = [
            Task(
                rows,
                y,
                centers,
                kind,
                self.precision,
                self.alpha_precision,
                self.alpha_weights,
                self.alpha_centers,
                scale,
                self.train_centers,
                self.squared,
                int(seed),
            )
            for seed in seeds
        ]
        recipe = Recipe(self.max_iter, self.learning_rate, self.tol, self.n_iter_no_change or 0)
        fits = fit_many(tasks, recipe)
        self._network = best_of(fits)
        self.restart_losses_ = np.array([fit.loss for fit in fits])
        if self._network.diverged:
            raise ValueError(
                f"all {len(fits)} restarts diverged; lower learning_rate={self.learning_rate}"
            )
        if not self._network.awake:
            warnings.warn(
                "no Gaussian ever reached a training row (a dead start): use a smaller init_scale",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.n_iter_ = max(1, self._network.steps)
        self._read(rows)

    def _read(self, rows: np.ndarray) -> None:
        network = self._network
        self.precision_ = network.P
        self.cluster_centers_ = network.C
        self.weights_ = network.W
        found = _precision.spectrum(self.precision_)
        self.eigenvalues_, self.components_ = found.values, found.vectors.T
        self.agop_ = _precision.agop(network, rows)
        self.feature_importances_ = _precision.importance(self.precision_)

    def _outputs(self, X: object) -> np.ndarray:
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        return self._network.predict((rows - self.mean_) / self.scale_)

    def latent(self, X):
        """Coordinates of `X` along the eigenvectors of the precision, most active first.

        Returns : array of shape (n_samples, n_features), standardized X times V.  Eq. 4.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        return ((rows - self.mean_) / self.scale_) @ self.components_.T

    def active_subspace(self, n_components: int = 2) -> np.ndarray:
        """First eigenvectors as columns, shape (n_features, n_components).  Eq. 4."""
        check_is_fitted(self)
        if not 1 <= n_components <= len(self.eigenvalues_):
            raise ValueError(
                f"n_components must be between 1 and {len(self.eigenvalues_)}, got {n_components}"
            )
        return self.components_[:n_components].T


def scaler(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column, shape (D,) each; a constant column keeps the spread 1."""
    mean, spread = X.mean(axis=0), X.std(axis=0)
    # rounding makes the spread of a constant column tiny, not zero
    constant = spread <= 10 * np.finfo(float).eps * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(constant, 1.0, spread)


def identity(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scaler that changes nothing."""
    return np.zeros(X.shape[1]), np.ones(X.shape[1])


def place_centers(
    rows: np.ndarray, n: int, random: np.random.RandomState | int, n_init: int = 3
) -> np.ndarray:
    """K-means centroids, shape (n, D); scikit-learn's error if there are more centers than rows."""
    with warnings.catch_warnings():
        # fewer distinct rows than centers: some centers coincide, and that is all
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(n, n_init=n_init, random_state=random).fit(rows).cluster_centers_


class GaussianRBFRegressor(MultiOutputMixin, RegressorMixin, _GaussianRBF):
    """Regression by Gaussians that share one learned precision matrix.  Notebook eq. 1 and 2.

    Parameters
    ----------
    n_centers : number of Gaussians, at most the number of rows
    precision : ``"full"``, ``"diagonal"`` or ``"isotropic"``
    train_centers : whether the k-means centers are trained too (the paper's GRBFNN_c)
    alpha_precision, alpha_weights, alpha_centers : the paper's lambda_u, lambda_w, lambda_c
    squared : square the norms; the authors' code does not
    init_scale : spread of the start of U; ``"auto"`` is one over the square root of the number of
        features.  The authors' is 1, with which a net of many features starts dead
    n_restarts : starts of U and the weights; the lowest training objective is kept
    learning_rate, max_iter, tol, n_iter_no_change : of Adam and early stopping, which waits while
        no Gaussian reaches any row; None never stops early
    standardize : scale the features by mean and spread of the training rows

    Attributes
    ----------
    precision_ : (D, D); eigenvalues_ : (D,), largest first; components_ : (D, D), eigenvectors as
    rows; agop_ : (D, D); feature_importances_ : (D,), sums to one, notebook eq. 5;
    cluster_centers_ : (M, D); weights_ : (M, K); restart_losses_ : (n_restarts,); n_iter_
    """

    def fit(self, X, y):
        """Fit to X (n_samples, n_features) and y (n_samples,) or (n_samples, n_outputs)."""
        self._validate_params()
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        table = y.reshape(len(y), -1).astype(float)
        # no bias in the network: far from all centers it must mean the average
        self.target_mean_, self.target_scale_ = scaler(table)
        self._fit_network(X, (table - self.target_mean_) / self.target_scale_, REGRESSION)
        return self

    def predict(self, X):
        """Values, shape (n_samples,) or (n_samples, n_outputs)."""
        values = self._outputs(X) * self.target_scale_ + self.target_mean_
        return values[:, 0] if self._flat else values


class GaussianRBFClassifier(ClassifierMixin, _GaussianRBF):
    """Classification, binary or with several classes; parameters as in the regressor."""

    def fit(self, X, y):
        """Fit to X of shape (n_samples, n_features) and labels y of shape (n_samples,)."""
        self._validate_params()
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {self.classes_[0]!r}"
            )
        if len(self.classes_) == 2:
            self._fit_network(X, codes[:, None].astype(float), BINARY)
        else:
            self._fit_network(X, np.eye(len(self.classes_))[codes], MULTICLASS)
        return self

    def decision_function(self, X):
        """Logits: shape (n_samples,) for two classes, else (n_samples, n_classes)."""
        logits = self._outputs(X)
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Probabilities, shape (n_samples, n_classes), columns as in ``classes_``."""
        logits = self._outputs(X)  # says first whether it is fitted
        if len(self.classes_) == 2:
            logits = np.hstack([np.zeros_like(logits), logits])
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        return logits / logits.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Labels, shape (n_samples,)."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]
