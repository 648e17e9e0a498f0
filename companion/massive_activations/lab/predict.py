r"""Predicting a layer's curve from its architecture, and what a random split hides.

The paper has 188 rows, one per layer, from nine models.  Every architecture feature takes nine
values at most, so "which model is this row from?" can be read off the features.  A random 80/20
split puts layers of one model on both sides, and then a regressor that knows nothing about
architecture can copy the level of a model from its neighbors.  Leaving out a whole model asks the
question that the paper's title promises to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, LeaveOneGroupOut, cross_val_predict, train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

from companion.massive_activations.sources import Architecture, architecture_frame, paper_models
from companion.stats import Interval, paired

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

REGRESSORS = ("ridge", "lasso", "random forest", "gradient boosting", "nearest neighbors")


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


def regressor(name: str, *, transform: str | None = None, seed: int = 0) -> RegressorMixin:
    """A regressor with standardized features.

    name : one of :data:`REGRESSORS`; hyper-parameters are ours (the paper lists none)
    transform : ``"log1p"``, ``"yeo-johnson"`` or None, applied to the target
    """
    if name == "ridge":
        model = RidgeCV(np.logspace(-3, 3, 13))
    elif name == "lasso":
        model = LassoCV(alphas=np.logspace(-2.5, 0, 11), max_iter=20_000, tol=1e-3)
    elif name == "random forest":
        model = RandomForestRegressor(50, random_state=seed)
    elif name == "gradient boosting":
        model = GradientBoostingRegressor(random_state=seed)
    elif name == "nearest neighbors":
        model = KNeighborsRegressor(3)
    else:
        raise ValueError(f"unknown regressor {name!r}; choose one of {', '.join(REGRESSORS)}")
    pipeline = make_pipeline(StandardScaler(), model)
    if transform is None:
        return pipeline
    if transform == "log1p":
        target = FunctionTransformer(np.log1p, np.expm1)
    elif transform == "yeo-johnson":
        target = PowerTransformer("yeo-johnson")
    else:
        raise ValueError(f"unknown transform {transform!r}; use 'log1p', 'yeo-johnson' or None")
    return TransformedTargetRegressor(pipeline, transformer=target)


def random_split_r2(
    model: RegressorMixin, X: ArrayLike, y: ArrayLike, *, rng: np.random.Generator
) -> float:
    """Test R2 of one random 80/20 split of the rows, the paper's protocol.

    X, y : arrays of shape (n_rows, n_features) and (n_rows,)
    """
    train, test = _random_rows(len(X), rng)
    X, y = np.asarray(X), np.asarray(y)
    return float(r2_score(y[test], model.fit(X[train], y[train]).predict(X[test])))


def leave_one_model_out_r2(
    model: RegressorMixin, X: ArrayLike, y: ArrayLike, groups: ArrayLike
) -> float | np.ndarray:
    """R2 of the predictions for each model by a regressor that has not seen that model.

    All out-of-fold predictions are pooled before R2 is taken, so the total variance is that
    between and within models, as in a random split.

    X : array of shape (n_rows, n_features)
    y : array of shape (n_rows,) or, for a regressor that treats columns independently, (n_rows, k)
    groups : (n_rows,) model of each row, at least two different
    Returns a float, or (k,) for a 2-D y.
    """
    predicted = cross_val_predict(model, X, y, groups=groups, cv=LeaveOneGroupOut())
    scores = r2_score(y, predicted, multioutput="raw_values")
    return float(scores[0]) if np.ndim(y) == 1 else scores


def _random_rows(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    state = int(rng.integers(2**31))
    return train_test_split(np.arange(n), test_size=0.2, random_state=state)


def null_targets(
    table: pd.DataFrame,
    n_draws: int,
    *,
    rng: np.random.Generator,
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


class Leakage(NamedTuple):
    """R2 of both protocols on simulated targets; one value per draw.

    regressor : which regressor
    random : (n_draws,) random 80/20 split, a new split per draw
    grouped : (n_draws,) leave one model out
    """

    regressor: str
    random: np.ndarray
    grouped: np.ndarray


def leakage_null(
    n_draws: int,
    *,
    rng: np.random.Generator,
    name: str = "nearest neighbors",
    noise: float = 0.3,
    architecture_effect: float = 0.0,
    table: pd.DataFrame | None = None,
) -> Leakage:
    """Score both protocols on the real feature table with targets of :func:`null_targets`."""
    table = feature_table() if table is None else table
    X = table[list(FEATURES)].to_numpy()
    targets = null_targets(
        table, n_draws, rng=rng, noise=noise, architecture_effect=architecture_effect
    )
    model = regressor(name)
    random = [random_split_r2(model, X, y, rng=rng) for y in targets.T]
    if name == "nearest neighbors":  # neighbors depend on X alone: one fold serves all draws
        grouped = leave_one_model_out_r2(model, X, targets, table["model"])
    else:
        grouped = [leave_one_model_out_r2(model, X, y, table["model"]) for y in targets.T]
    return Leakage(name, np.array(random), np.array(grouped))


def leakage_by_regressor(
    n_draws: int,
    *,
    rng: np.random.Generator,
    names: Sequence[str] = REGRESSORS,
    noise: float = 0.3,
) -> dict[str, Leakage]:
    """:func:`leakage_null` for several regressors, all on the same targets and splits."""
    state = int(rng.integers(2**63))
    return {
        name: leakage_null(n_draws, rng=np.random.default_rng(state), name=name, noise=noise)
        for name in names
    }


class SplitComparison(NamedTuple):
    """Both protocols on one real target.

    random_r2, grouped_r2 : pooled out-of-fold R2; random folds are repeated and averaged
    excess_error : mean over models of (squared error when the model is left out minus squared
        error under random folds), in units of the target's variance; paired over models
    """

    random_r2: float
    grouped_r2: float
    excess_error: Interval


def compare_splits(
    table: pd.DataFrame,
    y: ArrayLike,
    name: str,
    *,
    rng: np.random.Generator,
    transform: str | None = None,
    n_repeats: int = 5,
) -> SplitComparison:
    """Random folds against leave-one-model-out, with the same number of folds.

    table : as :func:`feature_table` gives it, two models or more
    y : (n_rows,) one fitted parameter, finite
    """
    X, y = table[list(FEATURES)].to_numpy(), np.asarray(y, dtype=float)
    if y.shape != (len(X),) or not np.isfinite(y).all():
        raise ValueError(f"y must hold {len(X)} finite values, got shape {y.shape}")
    model, groups = regressor(name, transform=transform), table["model"]
    folds = groups.nunique()
    random = np.stack(
        [
            cross_val_predict(
                model, X, y, cv=KFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
            )
            for _ in range(n_repeats)
        ]
    )  # (n_repeats, n_rows)
    grouped = cross_val_predict(model, X, y, groups=groups, cv=LeaveOneGroupOut())
    errors = (
        pd.DataFrame({"grouped": (grouped - y) ** 2, "random": ((random - y) ** 2).mean(axis=0)})
        .groupby(groups.to_numpy())
        .mean()
        / y.var()
    )
    return SplitComparison(
        random_r2=float(np.mean([r2_score(y, row) for row in random])),
        grouped_r2=float(r2_score(y, grouped)),
        excess_error=paired(errors["grouped"], errors["random"]),
    )


def confounding() -> dict[str, float]:
    """Spearman correlations over the nine models that keep their causes apart from nobody.

    ``width and peak learning rate`` : the learning rate is not among the features
    ``width and H/d`` : the paper's most important feature falls with width
    """
    rows = architecture_frame().query("in_paper")
    return {
        "width and peak learning rate": float(spearmanr(rows.width, rows.peak_lr).statistic),
        "width and H/d": float(spearmanr(rows.width, rows.heads / rows.width).statistic),
    }
