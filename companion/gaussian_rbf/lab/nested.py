"""Nested cross-validation, and which of the two penalties matters in it."""

from __future__ import annotations

import itertools
import time
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.data import DataUnavailable, Missing
from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds, rival_score
from companion.gaussian_rbf.lab.synthetic import score, targets
from companion.gaussian_rbf.method.model import Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.gaussian_rbf.sources import Table, load
from companion.scale import derive_seed, device
from companion.sweep import sweep

# ------------------------------------------------------------------------------------------- nested
OURS = "GRBFNN"


class Nested(NamedTuple):
    """Scores of every outer fold, and tables that could not be had.

    scores : columns table, regression, model, fold, score
    chosen : columns table, fold, lam_u, n_centers, train_centers
    seconds : per table and model; missing : table to reason
    """

    scores: pd.DataFrame
    chosen: pd.DataFrame
    seconds: pd.DataFrame
    missing: dict[str, str]


def grid(settings: Settings) -> list[dict[str, object]]:
    """The hyper-parameters that the inner folds choose among."""
    return [
        {"lam_u": lam, "n_centers": n, "train_centers": moved}
        for lam, n, moved in itertools.product(
            settings.nested_lams, settings.nested_centers, (False, True)
        )
    ]


def run_nested(settings: Settings, seed: int) -> Nested:
    """Every table, the network and the rivals."""
    scores, chosen, seconds, missing = [], [], [], {}
    for name in settings.tables:
        try:
            data = load(name)
        except DataUnavailable as error:
            missing[name] = str(error)
            continue
        splits = [
            pair
            for repeat in range(settings.repeats)
            for pair in folds(
                data.y,
                settings.outer,
                regression=data.is_regression,
                seed=derive_seed(seed, "outer", name, repeat) % 2**32,
            )
        ]
        started = time.perf_counter()
        ours, picks = network_scores(data, splits, settings, seed)
        seconds.append((name, OURS, time.perf_counter() - started))
        rows = [(OURS, fold, value) for fold, value in enumerate(ours)]
        for model in settings.rivals:
            started = time.perf_counter()
            try:
                rows += _rival_rows(model, data, splits, settings, seed)
            except DataUnavailable as error:
                missing[model] = str(error)
            seconds.append((name, model, time.perf_counter() - started))
        scores += [(name, data.is_regression, *row) for row in rows]
        chosen += [{"table": name, "fold": fold} | pick for fold, pick in enumerate(picks)]
    return Nested(
        pd.DataFrame(scores, columns=["table", "regression", "model", "fold", "score"]),
        pd.DataFrame(chosen),
        pd.DataFrame(seconds, columns=["table", "model", "seconds"]),
        missing,
    )


def _standardized(data: Table, train: np.ndarray, test: np.ndarray) -> tuple:
    mean, spread = scaler(data.X[train])
    return (
        ((data.X[train] - mean) / spread, data.y[train]),
        ((data.X[test] - mean) / spread, data.y[test]),
    )


def _rival_rows(
    model: str, data: Table, splits: list, settings: Settings, seed: int
) -> list[tuple[str, int, float]]:
    calls = []
    for fold, split in enumerate(splits):
        train, test = _standardized(data, *split)
        calls.append(
            {"train": train, "test": test, "seed": derive_seed(seed, "rival", fold) % 2**32}
        )
    function = partial(_rival_fold, name=model, regression=data.is_regression, inner=settings.inner)
    values = sweep(function, calls, n_jobs=settings.jobs, unpack=True)
    if gone := [value for value in values if isinstance(value, Missing)]:
        raise DataUnavailable(gone[0].reason)
    return [(model, fold, value) for fold, value in enumerate(values)]


def _rival_fold(
    name: str, train: tuple, test: tuple, regression: bool, inner: int, seed: int
) -> float | Missing:
    """The score of a rival, or why its library is not here."""
    try:
        return rival_score(name, train, test, regression, inner, seed)
    except DataUnavailable as error:
        return Missing(str(error))


def network_scores(
    data: Table, splits: list, settings: Settings, seed: int
) -> tuple[list[float], list[dict[str, object]]]:
    """Outer scores of the network: two batches, one to choose and one to refit.

    The first has every (outer fold, inner fold, grid point), the second the chosen point of each
    outer fold with its restarts.
    """
    options = grid(settings)
    recipe = Recipe(steps=settings.nested_steps, device=device() if settings.gpu else "cpu")
    tasks, parts = [], []
    for fold, (train, _) in enumerate(splits):
        state = derive_seed(seed, "inner", data.name, fold) % 2**32
        for a, b in folds(data.y[train], settings.inner, regression=data.is_regression, seed=state):
            part = _standardized(data, train[a], train[b])
            tasks += [_task(part[0], data.kind, option, state) for option in options]
            parts.append(part)
    fits = fit_many(tasks, recipe)
    values = [
        score(fit, *parts[i // len(options)][1], parts[i // len(options)][0][1])
        for i, fit in enumerate(fits)
    ]
    values = np.reshape(values, (len(splits), settings.inner, len(options)))
    # a fit that diverged must not be chosen
    means = np.where(np.isfinite(values), values, -np.inf).mean(axis=1)
    picks = [options[int(i)] for i in means.argmax(axis=1)]
    outer = [_standardized(data, *split) for split in splits]
    n = settings.restarts
    again = [
        task
        for fold, (part, pick) in enumerate(zip(outer, picks, strict=True))
        for task in restarts(
            _task(part[0], data.kind, pick, derive_seed(seed, "outer", fold) % 2**32), n
        )
    ]
    fits = fit_many(again, recipe)
    best = [best_of(fits[i * n : (i + 1) * n]) for i in range(len(splits))]
    found = [score(fit, *part[1], part[0][1]) for fit, part in zip(best, outer, strict=True)]
    return found, picks


def _task(train: tuple, kind: str, option: dict[str, object], seed: int) -> Task:
    X, y = train
    count = min(int(option["n_centers"]), len(X))
    y = targets(y, kind)
    return Task(
        X,
        y,
        place_centers(X, count, seed, n_init=1),
        kind,
        lam_u=option["lam_u"],
        scale=X.shape[1] ** -0.5,
        train_centers=option["train_centers"],
        seed=seed,
    )


def mean_scores(nested: Nested) -> pd.DataFrame:
    """Mean over outer folds, one row per table, one column per model."""
    return nested.scores.pivot_table(
        index="table", columns="model", values="score", sort=False, dropna=False
    )


def corrected_interval(difference: np.ndarray, outer: int) -> tuple[float, float, float]:
    r"""Mean and 95 % interval of score differences over folds that share training rows.

    Nadeau and Bengio 2003: the variance of the mean is
    :math:`(1/n + n_{test}/n_{train})\,s^2`, here with :math:`n_{test}/n_{train} = 1/(outer-1)`.
    """
    from scipy.stats import t

    n = len(difference)
    spread = difference.std(ddof=1) * np.sqrt(1 / n + 1 / (outer - 1))
    reach = t.ppf(0.975, n - 1) * spread
    return (
        float(difference.mean()),
        float(difference.mean() - reach),
        float(difference.mean() + reach),
    )


# ---------------------------------------------------------------------------------------- penalties
SMALL = 0.1
"""Largest penalty of the smaller of the two grids."""


class Penalties(NamedTuple):
    """Scores of the grid.

    lams : (L,); scores : (table, start) to array of shape (folds, L of u, L of w)
    """

    lams: np.ndarray
    scores: dict[tuple[str, str], np.ndarray]

    def upto(self, largest: float) -> Penalties:
        """The grid without the penalties above `largest`."""
        kept = self.lams <= largest
        return Penalties(
            self.lams[kept], {k: v[:, kept][:, :, kept] for k, v in self.scores.items()}
        )


def run_penalties(settings: Settings, seed: int) -> Penalties:
    """Every table, both starts (spread 1 and one over the root of D), M = 8, trained centers."""
    lams, found = settings.penalty_lams, {}
    recipe = Recipe(steps=settings.penalty_steps)
    for name in settings.penalty_tables:
        data = load(name)
        state = derive_seed(seed, "penalties", name) % 2**32
        tasks, tests = [], []
        for train, test in folds(
            data.y, settings.penalty_folds, regression=data.is_regression, seed=state
        ):
            mean, spread = scaler(data.X[train])
            X, X_test = (data.X[train] - mean) / spread, (data.X[test] - mean) / spread
            y, centers = targets(data.y[train], data.kind), place_centers(X, 8, state, n_init=1)
            for scale in (1.0, X.shape[1] ** -0.5):
                for lam_u, lam_w in itertools.product(lams, lams):
                    tasks.append(
                        Task(
                            X,
                            y,
                            centers,
                            data.kind,
                            lam_u=lam_u,
                            lam_w=lam_w,
                            scale=scale,
                            seed=state,
                        )
                    )
                    tests.append((X_test, data.y[test], data.y[train]))
        fits = fit_many(tasks, recipe)
        values = [score(fit, *test) for fit, test in zip(fits, tests, strict=True)]
        table = np.reshape(values, (settings.penalty_folds, 2, len(lams), len(lams)))
        # a useless fit has R2 near 0; a wildly bad one must not rule the variance
        table = np.clip(np.nan_to_num(table, nan=-1.0), -1.0, 1.0)
        found[name, "scale 1"], found[name, "scale 1/√D"] = table[:, 0], table[:, 1]
    return Penalties(np.array(lams), found)


def eta_squared(surface: np.ndarray) -> tuple[float, float]:
    r"""Shares of the variance of a table that its rows and its columns explain.

    surface : (L, L), mean score by lambda_u (rows) and lambda_w (columns).
    :math:`\eta^2 = SS_{factor} / SS_{total}`; nan where nothing varies
    """
    total = surface.var()
    if total <= 1e-24:
        return np.nan, np.nan
    return float(surface.mean(axis=1).var() / total), float(surface.mean(axis=0).var() / total)


def effect_table(result: Penalties) -> pd.DataFrame:
    """Columns table, start, grid, eta_u, eta_w: for the small and the full grid."""
    rows = []
    for grid, part in (
        (f"up to {SMALL:g}", result.upto(SMALL)),
        (f"up to {result.lams.max():g}", result),
    ):
        for (name, start), scores in part.scores.items():
            u, w = eta_squared(scores.mean(axis=0))
            rows.append((name, start, grid, u, w))
    return pd.DataFrame(rows, columns=["table", "start", "grid", "eta_u", "eta_w"])


def lead_of_u(result: Penalties, rng: np.random.Generator, n: int = 500) -> np.ndarray:
    """Mean over tables and starts of eta_u - eta_w: estimate, then `n` resamples of the folds."""

    def lead(pick: np.ndarray | slice) -> float:
        effects = [eta_squared(scores[pick].mean(axis=0)) for scores in result.scores.values()]
        return float(np.mean([u - w for u, w in effects]))

    size = len(next(iter(result.scores.values())))
    draws = [lead(rng.integers(0, size, size)) for _ in range(n)]
    return np.array([lead(slice(None)), *draws])
