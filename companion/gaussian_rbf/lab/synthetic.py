"""Data whose answer is known: a rotated ridge, and the three problems of feature selection.

The three follow the definitions in the code of Chen et al. 2017 (conditional covariance
minimization), which the literature on embedded feature selection uses.  That the paper's own
three are these is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import permutation_importance

from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import lassonet_importance
from companion.gaussian_rbf.method.model import (
    BINARY,
    FULL,
    ISOTROPIC,
    MULTICLASS,
    REGRESSION,
    STRUCTURES,
    Fit,
    Recipe,
    Task,
    best_of,
    restarts,
)
from companion.gaussian_rbf.method.precision import (
    agop,
    diagonal_importance,
    importance,
    principal_angle,
    ranking_auc,
    spectrum,
    top_hit,
)
from companion.gaussian_rbf.method.training import fit_many
from companion.scale import derive_seed, generator

# ---------------------------------------------------------------------------------------- synthetic
FEATURES = 10


class Labeled(NamedTuple):
    """X : (N, D); y : (N,), values or class numbers; is_true : (D,), the features that matter."""

    X: np.ndarray
    y: np.ndarray
    is_true: np.ndarray


class Ridge(NamedTuple):
    """X : (N, D); y : (N,); plane : (D, 2), orthonormal, the directions on which y depends."""

    X: np.ndarray
    y: np.ndarray
    plane: np.ndarray


def ridge(
    rng: np.random.Generator,
    n: int,
    n_features: int,
    *,
    rotated: bool,
    noise: float = 0.1,
    plane: np.ndarray | None = None,
) -> Ridge:
    r"""Normal rows and :math:`y = \sin(1.5 z_1) + \tfrac12 z_2^2 + 0.1\,\epsilon`, :math:`z = Q^\top x`.

    rotated : a random plane Q; else the first two axes.  plane : use this one
    """  # noqa: E501
    if n_features < 2:
        raise ValueError(f"a ridge needs at least two features, got {n_features}")
    if plane is None:
        plane = np.eye(n_features)[:, :2]
        if rotated:
            plane = np.linalg.qr(rng.standard_normal((n_features, 2)))[0]
    X = rng.standard_normal((n, n_features))
    z = X @ plane
    y = np.sin(1.5 * z[:, 0]) + 0.5 * z[:, 1] ** 2 + noise * rng.standard_normal(n)
    return Ridge(X, y, plane)


def _first(k: int) -> np.ndarray:
    return np.arange(FEATURES) < k


def orange_skin(rng: np.random.Generator, n: int) -> Labeled:
    """Class 1 is a shell, 9 < x1^2 + ... + x4^2 < 16, around class 0; x5 to x10 are noise."""
    X = rng.standard_normal((n, FEATURES))
    y = (np.arange(n) % 2).astype(int)
    # the radius of a normal vector does not depend on its direction: draw it from the shell
    shell = y == 1
    radius = np.sqrt(_chi_square_between(rng, int(shell.sum()), 4, 9.0, 16.0))
    direction = X[shell, :4] / np.linalg.norm(X[shell, :4], axis=1, keepdims=True)
    X[shell, :4] = direction * radius[:, None]
    return Labeled(X, y, _first(4))


def _chi_square_between(
    rng: np.random.Generator, n: int, freedom: int, low: float, high: float
) -> np.ndarray:
    """Draws of a chi-square variable given that it lies between `low` and `high`."""
    from scipy.stats import chi2

    ends = chi2.sf([high, low], freedom)
    return chi2.isf(rng.uniform(*ends, size=n), freedom)


def xor(rng: np.random.Generator, n: int) -> Labeled:
    """Corners of a cube with unit noise; a corner and its opposite share one of 4 classes."""
    corner = rng.choice([-1.0, 1.0], size=(n, 3))
    sign = corner[:, :1]
    y = ((corner[:, 1:] * sign > 0) @ [2, 1]).astype(int)
    X = rng.standard_normal((n, FEATURES))
    X[:, :3] += corner
    return Labeled(X, y, _first(3))


def additive(rng: np.random.Generator, n: int) -> Labeled:
    """Regression, y = -2 sin(2 x1) + max(x2, 0) + x3 + exp(-x4) + noise of unit variance."""
    X = rng.standard_normal((n, FEATURES))
    y = -2 * np.sin(2 * X[:, 0]) + np.maximum(X[:, 1], 0) + X[:, 2] + np.exp(-X[:, 3])
    return Labeled(X, y + rng.standard_normal(n), _first(4))


PROBLEMS = {"orange skin": orange_skin, "XOR": xor, "additive regression": additive}
"""Name to generator."""


# ------------------------------------------------------------------------------------------- ridges
N_TEST, CENTERS, SCALE = 1000, 32, 0.2


class Case(NamedTuple):
    """One network to be fitted to one ridge."""

    features: int
    rows: int
    lam: float
    scale: float
    structure: str
    rotated: bool
    seed: int


Point = tuple[int, int, float, float]
"""Features, rows, lambda_u, and spread of the start of U."""


def cases(main: Point, seeds: Sequence[int], shape_seeds: Sequence[int]) -> list[Case]:
    """The full precision on rotated planes for `seeds`; every shape, and aligned planes, for
    `shape_seeds`.
    """
    wanted = [(FULL, True, one) for one in seeds]
    wanted += [
        (structure, rotated, one)
        for structure in STRUCTURES
        for rotated in (True, False)
        for one in shape_seeds
        if not (structure == FULL and rotated and one in seeds)
        and not (structure == ISOTROPIC and not rotated)
    ]
    return [Case(*main, *one) for one in wanted]


def sweep_cases(points: Sequence[Point], seeds: Sequence[int]) -> list[Case]:
    """The full precision on rotated planes, at further points."""
    return [
        Case(int(d), int(n), lam, scale, FULL, True, one)
        for d, n, lam, scale in points
        for one in seeds
    ]


def _data(case: Case) -> tuple[Ridge, Ridge]:
    name = ("ridge", case.features, case.rows, case.rotated)
    rng = generator(case.seed, *name)
    train = ridge(rng, case.rows, case.features, rotated=case.rotated)
    return train, ridge(rng, N_TEST, case.features, rotated=case.rotated, plane=train.plane)


def run_ridges(todo: Sequence[Case], steps: int, n_restarts: int) -> pd.DataFrame:
    """One row per case; all fits in one batch per number of features.

    Columns: those of ``Case``, r2 (test), worst (lowest r2 of the restarts), disagree (a restart
    is more than 10 % above the best objective), angle_p and angle_agop (degrees), diverged.
    """
    data, tasks = {}, []
    for case in todo:
        key = (case.features, case.rows, case.rotated, case.seed)
        if key not in data:
            train, test = _data(case)
            state = derive_seed(case.seed, "ridge centers", *key) % 2**32
            data[key] = train, test, place_centers(train.X, CENTERS, state, n_init=1)
        train, _, centers = data[key]
        y = (train.y - train.y.mean()) / train.y.std()
        task = Task(
            train.X,
            y[:, None],
            centers,
            structure=case.structure,
            lam_u=case.lam,
            scale=case.scale,
            seed=case.seed,
        )
        tasks += restarts(task, n_restarts)
    fits = fit_many(tasks, Recipe(steps=steps, patience=0))
    rows, n = [], n_restarts
    for i, case in enumerate(todo):
        train, test, _ = data[case.features, case.rows, case.rotated, case.seed]
        rows.append(case._asdict() | _judge(fits[i * n : (i + 1) * n], train, test))
    return pd.DataFrame(rows)


def _judge(tries: list[Fit], train: Ridge, test: Ridge) -> dict[str, object]:
    def r2(fit: Fit) -> float:
        guess = fit.predict(test.X)[:, 0] * train.y.std() + train.y.mean()
        return float(1 - np.mean((guess - test.y) ** 2) / test.y.var())

    best = best_of(tries)
    losses = np.array([fit.loss for fit in tries])
    return {
        "r2": r2(best),
        "worst": min(r2(fit) for fit in tries),
        "disagree": bool(losses.max() > 1.1 * losses.min()),
        "angle_p": principal_angle(spectrum(best.P).vectors[:, :2], test.plane),
        "angle_agop": principal_angle(spectrum(agop(best, train.X)).vectors[:, :2], test.plane),
        "diverged": best.diverged,
    }


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows at the point of the first row: features, rows, lambda_u, and spread."""
    first = table.iloc[0]
    same = np.logical_and.reduce(
        [table[name] == first[name] for name in ("features", "rows", "lam", "scale")]
    )
    return table[same]


def gaps(table: pd.DataFrame, *, rotated: bool, against: str) -> np.ndarray:
    """R2 of the full precision less that of another shape, one value per seed that has both."""
    rows = main_rows(table)
    rows = rows[rows["rotated"] == rotated].pivot(index="seed", columns="structure", values="r2")
    both = rows[rows[against].notna() | rows[FULL].isna()]
    return (both[FULL] - both[against]).to_numpy()


# ---------------------------------------------------------------------------------------- selection
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

SHARES = tuple(f"feature {j + 1}" for j in range(FEATURES))

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


@dataclass(frozen=True)
class Drawn:
    """One draw of a problem, features scaled by the training rows."""

    problem: str
    seed: int
    train: Labeled
    test: Labeled


def draw(problem: str, seed: int, n_train: int, n_test: int) -> Drawn:
    """Training and test rows of a problem."""
    rng = generator(seed, "selection", problem)
    make = PROBLEMS[problem]
    train, test = make(rng, n_train), make(rng, n_test)
    mean, spread = scaler(train.X)
    train, test = (data._replace(X=(data.X - mean) / spread) for data in (train, test))
    return Drawn(problem, seed, train, test)


def run_selection(
    draws: Sequence[Drawn],
    steps: Mapping[str, int],
    n_restarts: int,
    *,
    trees: int,
    permutations: int,
    lassonet: Sequence[int],
) -> pd.DataFrame:
    """One row per problem, seed and method.

    steps : of Adam, for each problem
    lassonet : seeds for which LassoNet ranks, too

    Columns: problem, seed, method, score (test accuracy or R2), auc, hit, mass (share of the
    importance that the true features get), and those of SHARES, the importance of each feature.
    """
    networks = _networks(draws, steps, n_restarts)
    rows = []
    for one, fit in zip(draws, networks, strict=True):
        train, test = one.train, one.test
        reached = score(fit, test.X, test.y, train.y)
        found = {name: (reached, values) for name, values in formulas(fit, train.X).items()}
        found |= forest_importances(train, test, trees, permutations, one.seed)
        if one.seed in lassonet:
            values = lassonet_importance(train.X, train.y, fit.kind == REGRESSION, one.seed)
            found["LassoNet"] = (np.nan, values)
        for method, (value, shares) in found.items():
            rows.append(
                {
                    "problem": one.problem,
                    "seed": one.seed,
                    "method": method,
                    "score": value,
                    "auc": ranking_auc(shares, train.is_true),
                    "hit": top_hit(shares, train.is_true),
                    "mass": float(shares[train.is_true].sum()),
                    **dict(zip(SHARES, shares.tolist(), strict=True)),
                }
            )
    return pd.DataFrame(rows)


def _networks(draws: Sequence[Drawn], steps: Mapping[str, int], n_restarts: int) -> list[Fit]:
    """The best of the restarts for each draw; the fits of a problem are one batch."""
    best: dict[int, Fit] = {}
    for problem in dict.fromkeys(one.problem for one in draws):
        places = [i for i, one in enumerate(draws) if one.problem == problem]
        tasks = []
        for one in (draws[i] for i in places):
            options = OPTIONS[problem]
            state = derive_seed(one.seed, "selection centers", problem) % 2**32
            task = Task(
                one.train.X,
                targets(one.train.y, options["kind"]),
                place_centers(one.train.X, 32, state, n_init=1),
                seed=one.seed,
                **options,
            )
            tasks += restarts(task, n_restarts)
        fits = fit_many(tasks, Recipe(steps=steps[problem], patience=0))
        for place, at in zip(places, range(0, len(fits), n_restarts), strict=True):
            best[place] = best_of(fits[at : at + n_restarts])
    return [best[i] for i in range(len(draws))]


def forest_importances(
    train: Labeled, test: Labeled, trees: int, permutations: int, seed: int
) -> dict[str, tuple[float, np.ndarray]]:
    """A random forest's impurity and permutation importance, with its test score."""
    is_regression = np.issubdtype(train.y.dtype, np.floating)
    cls = RandomForestRegressor if is_regression else RandomForestClassifier
    forest = cls(trees, random_state=seed).fit(train.X, train.y)
    reached = forest.score(test.X, test.y)
    permuted = permutation_importance(
        forest, test.X, test.y, n_repeats=permutations, random_state=seed
    ).importances_mean.clip(min=0)
    permuted = permuted / permuted.sum() if permuted.sum() > 0 else permuted
    return {
        "forest, impurity": (reached, forest.feature_importances_),
        "forest, permutation": (reached, permuted),
    }
