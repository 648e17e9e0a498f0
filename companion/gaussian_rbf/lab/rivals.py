"""The other models of the nested cross-validation, each tuned on the training part alone."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR

from companion.gaussian_rbf.sources import lazily

Predictor = Callable[[np.ndarray], np.ndarray]


def folds(y: np.ndarray, n: int, *, regression: bool, seed: int) -> list[tuple]:
    """Training and test indices of shuffled folds, stratified for classes."""
    splitter = (KFold if regression else StratifiedKFold)(n, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(y)), y))


def r2_or_accuracy(guess: np.ndarray, y: np.ndarray, regression: bool) -> float:
    """R2 for regression, accuracy for classes."""
    if regression:
        return float(1 - np.mean((guess - y) ** 2) / np.mean((y - y.mean()) ** 2))
    return float((guess == y).mean())


_GRIDS = {
    "SVM": (SVR, SVC, {}, {"C": [1, 10, 100], "gamma": ["scale", 0.01]}),
    "MLP": (
        MLPRegressor,
        MLPClassifier,
        {"solver": "lbfgs", "hidden_layer_sizes": (32,), "max_iter": 100, "random_state": 0},
        {"alpha": [1e-2, 1.0, 10.0]},
    ),
    "neighbors": (
        KNeighborsRegressor,
        KNeighborsClassifier,
        {},
        {"n_neighbors": [1, 3, 5, 10, 20], "weights": ["uniform", "distance"]},
    ),
}


def _searched(name: str) -> Callable:
    regressor, classifier, fixed, grid = _GRIDS[name]

    def fit(X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int) -> Predictor:
        model = (regressor if regression else classifier)(**fixed)
        splits = folds(y, inner, regression=regression, seed=seed)
        search = GridSearchCV(model, grid, cv=splits)
        if not regression:
            return search.fit(X, y).predict
        mean, spread = y.mean(), y.std()
        search.fit(X, (y - mean) / spread)
        return lambda rows: search.predict(rows) * spread + mean

    return fit


def _forest(X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int) -> Predictor:
    """100 trees; how many features a split looks at is chosen by the out-of-bag score."""
    cls = RandomForestRegressor if regression else RandomForestClassifier
    made = [
        cls(100, max_features=share, oob_score=True, random_state=seed).fit(X, y)
        for share in ("sqrt", 0.5)
    ]
    return max(made, key=lambda forest: forest.oob_score_).predict


def _xgboost(X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int) -> Predictor:
    """100 rounds of XGBoost; depth and learning rate are chosen by the inner folds."""
    lib = lazily("xgboost", "xgboost")
    model = (lib.XGBRegressor if regression else lib.XGBClassifier)(
        n_estimators=100, n_jobs=1, tree_method="hist", random_state=seed % 2**31
    )
    splits = folds(y, inner, regression=regression, seed=seed)
    options = {"max_depth": [2, 4], "learning_rate": [0.03, 0.1]}
    return GridSearchCV(model, options, cv=splits).fit(X, y).predict


def _linear(X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int) -> Predictor:
    """Ridge or logistic regression, its penalty chosen by the inner folds: the floor."""
    splits = folds(y, inner, regression=regression, seed=seed)
    if regression:
        return GridSearchCV(Ridge(), {"alpha": [0.1, 1, 10, 100]}, cv=splits).fit(X, y).predict
    model = LogisticRegression(max_iter=500)
    return GridSearchCV(model, {"C": [0.01, 0.1, 1, 10]}, cv=splits).fit(X, y).predict


def _xrfm(X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int) -> Predictor:
    """Recursive feature machine: bandwidth and ridge chosen on a fifth of the training part."""
    from xrfm import xRFM

    part = train_test_split(
        X, y, test_size=0.2, random_state=seed, stratify=None if regression else y
    )
    mean, spread = (y.mean(), y.std()) if regression else (0, 1)
    fitted = []
    for bandwidth in (3.0, 10.0, 30.0):
        for ridge in (1e-3, 1e-1):
            model = xRFM(
                {
                    "model": {
                        "kernel": "l2",
                        "bandwidth": bandwidth,
                        "exponent": 1.0,
                        "diag": False,
                        "bandwidth_mode": "constant",
                    },
                    "fit": {"reg": ridge, "iters": 3, "verbose": False, "early_stop_rfm": False},
                },
                device="cpu",
                verbose=False,
                random_state=seed,
                tuning_metric="mse" if regression else "accuracy",
            )
            train, held = ((part[2] - mean) / spread, (part[3] - mean) / spread)
            if regression:
                train, held = train[:, None], held[:, None]
            else:
                train, held = part[2], part[3]
            with contextlib.redirect_stdout(io.StringIO()):
                model.fit(part[0], train, part[1], held)
                guess = np.asarray(model.predict(part[1])).ravel() * spread + mean
            fitted.append((r2_or_accuracy(guess, part[3], regression), len(fitted), model))
    best = max(fitted, key=lambda row: (row[0], -row[1]))[2]

    def predict(rows: np.ndarray) -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            return np.asarray(best.predict(rows)).ravel() * spread + mean

    return predict


_PATH = {
    "hidden_dims": (32,),
    "n_iters": (1000, 50),
    "patience": (100, 5),
    "path_multiplier": 1.1,
    "lambda_start": 1e-3,  # below it no feature leaves; looking for a start takes ten seconds
}
"""Of LassoNet; its own defaults but for fewer steps a penalty, and larger steps between them."""


def _lassonet_model(regression: bool, seed: int) -> object:
    from lassonet import LassoNetClassifier, LassoNetRegressor

    cls = LassoNetRegressor if regression else LassoNetClassifier
    return cls(verbose=0, random_state=seed, torch_seed=seed, **_PATH)


def lassonet_importance(X: np.ndarray, y: np.ndarray, regression: bool, seed: int) -> np.ndarray:
    """Penalty at which a feature leaves LassoNet, as shares, shape (D,)."""
    model = _lassonet_model(regression, seed)
    target = ((y - y.mean()) / y.std()).astype(np.float32) if regression else y
    model.path(X.astype(np.float32), target, return_state_dicts=False)
    values = np.asarray(model.feature_importances_, float)
    values = np.where(np.isfinite(values), values, np.nanmax(values[np.isfinite(values)]))
    return values / values.sum()


def _transformer(
    X: np.ndarray, y: np.ndarray, regression: bool, inner: int, seed: int
) -> Predictor:
    """FT-Transformer with its authors' default sizes; 200 epochs of AdamW."""
    import torch

    lib = lazily("rtdl_revisiting_models", "rtdl_revisiting_models")
    torch.manual_seed(seed)
    mean, spread = (y.mean(), y.std()) if regression else (0.0, 1.0)
    d_out = 1 if regression else int(y.max()) + 1
    model = lib.FTTransformer(
        n_cont_features=X.shape[1],
        cat_cardinalities=[],
        d_out=d_out,
        **lib.FTTransformer.get_default_kwargs(),
    )
    optimizer = torch.optim.AdamW(model.make_parameter_groups(), lr=1e-4, weight_decay=1e-5)
    rows = torch.as_tensor(X, dtype=torch.float32)
    target = torch.as_tensor((y - mean) / spread if regression else y)
    target = target.float()[:, None] if regression else target.long()
    lossfunction = torch.nn.MSELoss() if regression else torch.nn.CrossEntropyLoss()
    order = torch.Generator().manual_seed(seed)
    for _ in range(200):
        model.train()
        for part in torch.randperm(len(rows), generator=order).split(256):
            optimizer.zero_grad()
            lossfunction(model(rows[part], None), target[part]).backward()
            optimizer.step()

    def predict(new: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.no_grad():
            out = model(torch.as_tensor(new, dtype=torch.float32), None).numpy()
        return out[:, 0] * spread + mean if regression else out.argmax(axis=1)

    return predict


RIVALS: dict[str, Callable] = {
    **{name: _searched(name) for name in _GRIDS},
    "xRFM": _xrfm,
    "random forest": _forest,
    "XGBoost": _xgboost,
    "linear": _linear,
    "FT-Transformer": _transformer,
}
"""Name to a function that tunes, fits, and returns a predictor."""


def rival_score(
    name: str, train: tuple, test: tuple, regression: bool, inner: int, seed: int
) -> float:
    """Test score of one rival; train and test are (X, y) with standardized X."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        predict = RIVALS[name](*train, regression, inner, seed)
        return r2_or_accuracy(predict(test[0]), test[1], regression)
