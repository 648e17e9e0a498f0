"""Which features matter: three importance formulas against a forest and LassoNet."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import permutation_importance

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import lassonet_importance
from companion.gaussian_rbf.lab.synthetic import PROBLEMS, Labeled
from companion.gaussian_rbf.method.model import BINARY, MULTICLASS, REGRESSION
from companion.gaussian_rbf.method.precision import (
    agop,
    diagonal_importance,
    importance,
    ranking_auc,
    top_hit,
)
from companion.gaussian_rbf.method.tasks import Fit, Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.scale import derive_seed, generator

OPTIONS = {
    "orange skin": {"kind": BINARY, "lam_u": 0.01, "scale": 0.3, "train_centers": True},
    "XOR": {"kind": MULTICLASS, "lam_u": 0.1, "scale": 0.3, "train_centers": False},
    "additive regression": {
        "kind": REGRESSION,
        "lam_u": 0.01,
        "scale": 0.1,
        "train_centers": True,
    },
}
"""Fixed before the run, one set per problem; M = 32."""

FORMULAS = ("|V| gamma", "diag P", "diag AGOP")


def targets(y: np.ndarray, kind: str) -> np.ndarray:
    """What a network of `kind` is trained on, shape (N, K): centered, 0/1, or one-hot."""
    if kind == REGRESSION:
        return ((y - y.mean()) / y.std())[:, None]
    return y[:, None].astype(float) if kind == BINARY else np.eye(int(y.max()) + 1)[y]


def score(fit: Fit, X: np.ndarray, y: np.ndarray, y_train: np.ndarray) -> float:
    """Test R2 or accuracy of a network trained on ``targets(y_train)``."""
    outputs = fit.predict(X)
    if fit.kind == REGRESSION:
        guess = outputs[:, 0] * y_train.std() + y_train.mean()
        return float(1 - np.mean((guess - y) ** 2) / np.mean((y - y.mean()) ** 2))
    chosen = outputs[:, 0] > 0 if fit.kind == BINARY else outputs.argmax(axis=1)
    return float((chosen == y).mean())


def formulas(fit: Fit, X: np.ndarray) -> dict[str, np.ndarray]:
    """The three formulas, each of shape (D,) and sum one."""
    shares = (importance(fit.P), diagonal_importance(fit.P), diagonal_importance(agop(fit, X)))
    return dict(zip(FORMULAS, shares, strict=True))


def _draw(problem: str, settings: Settings, seed: int) -> tuple[Labeled, Labeled]:
    rng = generator(seed, "selection", problem)
    make = PROBLEMS[problem]
    train, test = make(rng, settings.selection_rows), make(rng, settings.selection_test)
    mean, spread = scaler(train.X)
    return tuple(data._replace(X=(data.X - mean) / spread) for data in (train, test))


def run_selection(settings: Settings, seed: int) -> pd.DataFrame:
    """One row per problem, seed and method.

    Columns: problem, seed, method, score (test accuracy or R2), auc, hit, mass (share of the
    importance that the true features get), scores (list of D).
    """
    seeds = range(seed, seed + settings.selection_seeds)
    data, tasks = {}, []
    for problem in PROBLEMS:
        for one in seeds:
            train, test = _draw(problem, settings, one)
            data[problem, one] = train, test
            options = OPTIONS[problem]
            state = derive_seed(one, "selection centers", problem) % 2**32
            task = Task(
                train.X,
                targets(train.y, options["kind"]),
                place_centers(train.X, 32, state, n_init=1),
                seed=one,
                **options,
            )
            tasks += restarts(task, settings.restarts)
    fits = fit_many(tasks, Recipe(steps=settings.selection_steps, patience=0))
    rows, n = [], settings.restarts
    for i, ((problem, one), (train, test)) in enumerate(data.items()):
        fit = best_of(fits[i * n : (i + 1) * n])
        reached = score(fit, test.X, test.y, train.y)
        found = {name: (reached, values) for name, values in formulas(fit, train.X).items()}
        found |= forest_importances(train, test, settings, one)
        if settings.lassonet:
            values = lassonet_importance(train.X, train.y, fit.kind == REGRESSION, one)
            found["LassoNet"] = (np.nan, values)
        for method, (value, shares) in found.items():
            rows.append(
                {
                    "problem": problem,
                    "seed": one,
                    "method": method,
                    "score": value,
                    "auc": ranking_auc(shares, train.is_true),
                    "hit": top_hit(shares, train.is_true),
                    "mass": float(shares[train.is_true].sum()),
                    "scores": shares.tolist(),
                }
            )
    return pd.DataFrame(rows)


def forest_importances(
    train: Labeled, test: Labeled, settings: Settings, seed: int
) -> dict[str, tuple[float, np.ndarray]]:
    """A random forest's impurity and permutation importance, with its test score."""
    is_regression = np.issubdtype(train.y.dtype, np.floating)
    cls = RandomForestRegressor if is_regression else RandomForestClassifier
    forest = cls(settings.trees, random_state=seed).fit(train.X, train.y)
    reached = forest.score(test.X, test.y)
    permuted = permutation_importance(
        forest, test.X, test.y, n_repeats=settings.permutations, random_state=seed
    ).importances_mean.clip(min=0)
    permuted = permuted / permuted.sum() if permuted.sum() > 0 else permuted
    return {
        "forest, impurity": (reached, forest.feature_importances_),
        "forest, permutation": (reached, permuted),
    }
