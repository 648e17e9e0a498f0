r"""Predicting a layer's curve from its architecture, and what a random split hides.

The paper has 188 rows, one per layer, from nine models.  Every architecture feature takes nine
values at most, so "which model is this row from?" can be read off the features.  A random 80/20
split puts layers of one model on both sides, and then a regressor that knows nothing about
architecture can copy the level of a model from its neighbors.  Leaving out a whole model asks the
question that the paper's title promises to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from sklearn.base import RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict, train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from companion.massive_activations.lab.series import ratio_series
from companion.massive_activations.method.curve import DAMPED_LOG
from companion.massive_activations.sources import (
    ARCHITECTURES,
    Architecture,
    architecture,
    paper_models,
)

FEATURES = (
    "l/L",
    "(l/L)^2",
    "(l/L)^3",
    "sqrt(l/L)",
    "H/d",
    "d_ff/d",
    "d/L",
    "H/L",
    "log d",
    "l*L",
)
"""The paper's features; its rotary base and share are constant over the models and left out."""

NEIGHBORS, XGBOOST = "nearest neighbors", "xgboost"
REGRESSORS = ("ridge", "lasso", "random forest", "gradient boosting", XGBOOST, NEIGHBORS)
"""The paper's five, and one that cannot do but copy."""

PLATEAU, LEVEL = "plateau K", "ratio at the last checkpoint"
TARGETS = (PLATEAU, LEVEL)


def regressors() -> tuple[str, ...]:
    """Those that can be had here: XGBoost has to be installed (``pip install xgboost``)."""
    return tuple(name for name in REGRESSORS if name != XGBOOST or find_spec(XGBOOST))


def regressor(name: str, seed: int = 0) -> RegressorMixin:
    """One of :data:`REGRESSORS` on standardized features; settings are ours, the paper has none.

    Raises ``ModuleNotFoundError`` for XGBoost where it is not installed.
    """
    if name == "ridge":
        model = RidgeCV(np.logspace(-3, 3, 13))
    elif name == "lasso":
        model = LassoCV(alphas=np.logspace(-2.5, 0, 11), max_iter=20_000, tol=1e-3)
    elif name == "random forest":
        model = RandomForestRegressor(50, random_state=seed)
    elif name == "gradient boosting":
        model = GradientBoostingRegressor(random_state=seed)
    elif name == XGBOOST:
        from xgboost import XGBRegressor

        # one thread: as fast on two hundred rows, and the same on every machine
        model = XGBRegressor(n_estimators=100, max_depth=3, n_jobs=1, random_state=seed)
    elif name == NEIGHBORS:
        model = KNeighborsRegressor(3)
    else:
        raise ValueError(f"unknown regressor {name!r}; choose one of {', '.join(REGRESSORS)}")
    return make_pipeline(StandardScaler(), model)


def feature_table(models: Sequence[Architecture] | None = None) -> pd.DataFrame:
    """One row per layer: columns ``model``, ``layer`` (from 1), then :data:`FEATURES`.

    models : shapes to list; default the paper's nine, which give 188 rows
    """
    rows = []
    for shape in paper_models() if models is None else models:
        for layer in range(1, shape.layers + 1):
            depth = layer / shape.layers
            rows.append(
                (
                    shape.model,
                    layer,
                    depth,
                    depth**2,
                    depth**3,
                    depth**0.5,
                    shape.heads / shape.width,
                    shape.mlp_width / shape.width,
                    shape.width / shape.layers,
                    shape.heads / shape.layers,
                    np.log(shape.width),
                    layer * shape.layers,
                )
            )
    return pd.DataFrame(rows, columns=["model", "layer", *FEATURES])


# --------------------------------------------------------------------------- two ways to split
def random_split_r2(
    model: RegressorMixin, X: ArrayLike, y: ArrayLike, rng: np.random.Generator
) -> float:
    """Test R2 of one random 80/20 split of the rows, the paper's protocol.

    X, y : arrays of shape (n_rows, n_features) and (n_rows,)
    """
    state = int(rng.integers(2**31))
    train, test = train_test_split(np.arange(len(X)), test_size=0.2, random_state=state)
    return float(r2_score(y[test], model.fit(X[train], y[train]).predict(X[test])))


def left_out(
    model: RegressorMixin, X: ArrayLike, y: ArrayLike, groups: ArrayLike
) -> tuple[float | np.ndarray, np.ndarray]:
    """R2 of the predictions for each model by a regressor that has not seen that model.

    X : array of shape (n_rows, n_features)
    y : (n_rows,) or, for a regressor that treats columns independently, (n_rows, k)
    groups : (n_rows,) model of each row, at least two different

    Returns (R2 of all predictions together, a float or (k,), and the predictions in the shape of
    `y`).  The total variance is that between and within models, as in a random split.
    """
    predicted = cross_val_predict(model, X, y, groups=groups, cv=LeaveOneGroupOut())
    scores = r2_score(y, predicted, multioutput="raw_values")
    return (float(scores[0]) if np.ndim(y) == 1 else scores), predicted


# --------------------------------------------------------------------------- where nothing is
def null_targets(
    table: pd.DataFrame,
    n_draws: int,
    rng: np.random.Generator,
    *,
    noise: float = 0.3,
    architecture_effect: float = 0.0,
) -> np.ndarray:
    """Targets of shape (n_rows, n_draws) on which architecture has no effect.

    Each model gets a standard normal level that has nothing to do with its shape, each draw a
    bump 4x(1 - x) in relative depth x whose height is half-normal and common to all models, each
    row independent noise.

    noise : standard deviation of the row noise; the level has 1
    architecture_effect : positive control; adds this much per standard deviation of log d and
        removes the random level, so that a model left out can be predicted
    """
    codes, names = pd.factorize(table["model"])
    depth = table["l/L"].to_numpy()
    level = rng.standard_normal((len(names), n_draws))[codes]
    if architecture_effect:
        width = table["log d"].to_numpy()
        level = np.tile(architecture_effect * (width - width.mean()) / width.std(), (n_draws, 1)).T
    height = np.abs(rng.standard_normal(n_draws))
    bump = np.outer(4 * depth * (1 - depth), height)
    return level + bump + noise * rng.standard_normal((len(table), n_draws))


@dataclass(frozen=True)
class Leakage:
    """R2 of both protocols on simulated targets; one value per draw.

    random : (n_draws,) random 80/20 split, a new split per draw
    grouped : (n_draws,) leave one model out
    """

    random: np.ndarray
    grouped: np.ndarray


def leakage_null(
    n_draws: int,
    rng: np.random.Generator,
    *,
    name: str = NEIGHBORS,
    architecture_effect: float = 0.0,
) -> Leakage:
    """Score both protocols on the real feature table with targets of :func:`null_targets`."""
    table = feature_table()
    X, groups = table[list(FEATURES)].to_numpy(), table["model"]
    targets = null_targets(table, n_draws, rng, architecture_effect=architecture_effect)
    model = regressor(name)
    random = [random_split_r2(model, X, y, rng) for y in targets.T]
    if name == NEIGHBORS:  # neighbors depend on X alone: one fold serves all draws
        grouped = left_out(model, X, targets, groups)[0]
    else:
        grouped = [left_out(model, X, y, groups)[0] for y in targets.T]
    return Leakage(np.array(random), np.array(grouped))


# --------------------------------------------------------------------------- real layers
def level_targets(rows: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """What is predicted of every layer: columns ``model``, ``layer``, and :data:`TARGETS`.

    K is Yeo-Johnson transformed, as in the paper, the ratio at the last checkpoint a logarithm;
    both have mean 0 and variance 1 over the layers.

    fits : of :func:`lab.rivals.fit_layers`.  Layers on which eq. 9 was not fitted are left out.
    """
    eq_9 = fits[(fits.curve == DAMPED_LOG.name) & np.isfinite(fits.K)]
    series = ratio_series(rows).sort_values("step")
    last = series.groupby(["model", "layer"]).ratio.last()
    found = eq_9[["model", "layer"]].reset_index(drop=True)
    plateau = PowerTransformer("yeo-johnson").fit_transform(eq_9[["K"]].to_numpy())
    level = np.log([last[key] for key in zip(found.model, found.layer, strict=True)])
    return found.assign(
        **{PLATEAU: plateau[:, 0], LEVEL: StandardScaler().fit_transform(level[:, None])[:, 0]}
    )


@dataclass(frozen=True)
class Splits:
    """Both protocols on one target of real layers.

    random : (n_splits,) test R2 of random 80/20 splits
    grouped : R2 of all predictions with a model left out, together
    by_model : (n_models,) 1 - squared error over the variance of all layers, of the model left out
    """

    random: np.ndarray
    grouped: float
    by_model: np.ndarray


def score_levels(
    targets: pd.DataFrame, n_splits: int, rng: np.random.Generator
) -> dict[str, dict[str, Splits]]:
    """Target -> regressor -> how well it is predicted; targets of :func:`level_targets`."""
    shapes = [architecture(model) for model in targets.model.unique()]
    table = feature_table(shapes).merge(targets, on=["model", "layer"])
    X, groups = table[list(FEATURES)].to_numpy(), table["model"].to_numpy()
    found: dict[str, dict[str, Splits]] = {}
    for target in TARGETS:
        y = table[target].to_numpy()
        found[target] = {}
        for name in regressors():
            model = regressor(name)
            random = [random_split_r2(model, X, y, rng) for _ in range(n_splits)]
            grouped, predicted = left_out(model, X, y, groups)
            error = pd.Series((predicted - y) ** 2).groupby(groups, sort=False).mean()
            skill = 1 - error.to_numpy() / y.var()
            found[target][name] = Splits(np.array(random), grouped, skill)
    return found


def confounding() -> float:
    """Spearman correlation of width and peak learning rate, no feature, over the nine models."""
    rows = [row for row in ARCHITECTURES if row.in_paper]
    found = spearmanr([row.width for row in rows], [row.peak_lr for row in rows])
    return float(found.statistic)
