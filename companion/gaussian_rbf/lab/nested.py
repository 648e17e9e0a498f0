"""Nested cross-validation: inner folds choose, outer folds score, the same for every model."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata, studentized_range

from companion.data import DataUnavailable, Missing
from companion.gaussian_rbf.lab.estimator import place_centers, scaler
from companion.gaussian_rbf.lab.rivals import folds, rival_score
from companion.gaussian_rbf.lab.synthetic import score, targets
from companion.gaussian_rbf.method.model import Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.sources import Table, load
from companion.scale import derive_seed

OURS = "GRBFNN"


@dataclass(frozen=True)
class Nested:
    """Scores of every outer fold.

    scores : columns table, regression, model, fold, score
    missing : table or model to the reason why it is not there
    """

    scores: pd.DataFrame
    missing: dict[str, str]

    @property
    def means(self) -> pd.DataFrame:
        """Mean over outer folds, one row per table, one column per model."""
        return self.scores.pivot_table(
            index="table", columns="model", values="score", sort=False, dropna=False
        )


@dataclass(frozen=True)
class Plan:
    """How a table is cross-validated.

    outer, inner : folds; grid : what the inner folds choose among (``_task``)
    recipe : of each fit of the network; n_restarts : of the chosen one
    rivals : names (``rivals.RIVALS``); seed : of folds, centers, and starts
    """

    outer: int
    inner: int
    grid: tuple[dict[str, object], ...]
    recipe: Recipe
    n_restarts: int
    rivals: tuple[str, ...]
    seed: int


def grid(lams: Sequence[float], centers: Sequence[int]) -> tuple[dict[str, object], ...]:
    """The hyper-parameters that the inner folds choose among."""
    return tuple({"lam_u": lam, "n_centers": n} for lam, n in itertools.product(lams, centers))


def run_table(name: str, plan: Plan) -> Nested:
    """One table, the network and its rivals, on the same outer folds."""
    try:
        data = load(name)
    except DataUnavailable as error:
        return joined([], {name: str(error)})
    splits = folds(
        data.y,
        plan.outer,
        regression=data.is_regression,
        seed=derive_seed(plan.seed, "outer", name) % 2**32,
    )
    rows = [(OURS, fold, value) for fold, value in enumerate(network_scores(data, splits, plan))]
    missing = {}
    for model in plan.rivals:
        values = rival_scores(model, data, splits, plan)
        if isinstance(values, Missing):
            missing[model] = values.reason
        else:
            rows += [(model, fold, value) for fold, value in enumerate(values)]
    return joined([(name, data.is_regression, *row) for row in rows], missing)


def joined(rows: list[tuple], missing: Mapping[str, str]) -> Nested:
    """Rows of scores as a result."""
    columns = ["table", "regression", "model", "fold", "score"]
    return Nested(pd.DataFrame(rows, columns=columns), dict(missing))


def together(parts: Sequence[Nested]) -> Nested:
    """The tables of several results in one."""
    missing: dict[str, str] = {}
    for part in parts:
        missing |= part.missing
    scores = [part.scores for part in parts if len(part.scores)]
    if not scores:
        return joined([], missing)
    return Nested(pd.concat(scores, ignore_index=True), missing)


def _standardized(data: Table, train: np.ndarray, test: np.ndarray) -> tuple:
    mean, spread = scaler(data.X[train])
    return (
        ((data.X[train] - mean) / spread, data.y[train]),
        ((data.X[test] - mean) / spread, data.y[test]),
    )


def rival_scores(model: str, data: Table, splits: list, plan: Plan) -> list[float] | Missing:
    """Outer scores of a rival, or why its library is not here."""
    found = []
    for fold, split in enumerate(splits):
        train, test = _standardized(data, *split)
        state = derive_seed(plan.seed, "rival", fold) % 2**32
        try:
            found.append(rival_score(model, train, test, data.is_regression, plan.inner, state))
        except DataUnavailable as error:
            return Missing(str(error), error.short)
    return found


def network_scores(data: Table, splits: list, plan: Plan) -> list[float]:
    """Outer scores of the network: two batches, one to choose and one to refit.

    The first has every (outer fold, inner fold, grid point), the second the chosen point of each
    outer fold with its restarts.
    """
    options = plan.grid
    tasks, parts = [], []
    for fold, (train, _) in enumerate(splits):
        state = derive_seed(plan.seed, "inner", data.name, fold) % 2**32
        for a, b in folds(data.y[train], plan.inner, regression=data.is_regression, seed=state):
            part = _standardized(data, train[a], train[b])
            tasks += [_task(part[0], data.kind, option, state) for option in options]
            parts.append(part)
    fits = fit_many(tasks, plan.recipe)
    values = [
        score(fit, *parts[i // len(options)][1], parts[i // len(options)][0][1])
        for i, fit in enumerate(fits)
    ]
    values = np.reshape(values, (len(splits), plan.inner, len(options)))
    # a fit that diverged must not be chosen
    means = np.where(np.isfinite(values), values, -np.inf).mean(axis=1)
    picks = [options[int(i)] for i in means.argmax(axis=1)]
    outer = [_standardized(data, *split) for split in splits]
    n = plan.n_restarts
    again = [
        task
        for fold, (part, pick) in enumerate(zip(outer, picks, strict=True))
        for task in restarts(
            _task(part[0], data.kind, pick, derive_seed(plan.seed, "outer", fold) % 2**32), n
        )
    ]
    fits = fit_many(again, plan.recipe)
    best = [best_of(fits[i * n : (i + 1) * n]) for i in range(len(splits))]
    return [score(fit, *part[1], part[0][1]) for fit, part in zip(best, outer, strict=True)]


def _task(train: tuple, kind: str, option: dict[str, object], seed: int) -> Task:
    X, y = train
    count = min(int(option["n_centers"]), len(X))
    return Task(
        X,
        targets(y, kind),
        place_centers(X, count, seed, n_init=1),
        kind,
        lam_u=option["lam_u"],
        scale=X.shape[1] ** -0.5,
        seed=seed,
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


@dataclass(frozen=True)
class Ranks:
    """Ranks of models over tables, 1 is best, ties share.

    mean : model to mean rank, best first; n_tables : whose every model has a score
    critical : difference of mean ranks from which two models differ (Nemenyi, 5 %)
    friedman : p of equal models
    """

    mean: dict[str, float]
    n_tables: int
    critical: float
    friedman: float


def ranks(means: pd.DataFrame) -> Ranks:
    """Demsar 2006; means : one row per table, one column per model."""
    from scipy.stats import friedmanchisquare

    whole = means.dropna()
    n, k = whole.shape
    table = rankdata(-whole.to_numpy(), axis=1)
    order = np.argsort(table.mean(axis=0), kind="stable")
    mean = {whole.columns[i]: float(table[:, i].mean()) for i in order}
    critical = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n))
    p = float(friedmanchisquare(*whole.to_numpy().T).pvalue) if n > 1 and k > 2 else np.nan
    return Ranks(mean, n, float(critical), p)
