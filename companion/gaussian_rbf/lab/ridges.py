"""The rotated ridge: full against diagonal and isotropic precision, and the angle to the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.gaussian_rbf.lab.estimator import place_centers
from companion.gaussian_rbf.lab.synthetic import Ridge, ridge
from companion.gaussian_rbf.method.model import FULL, STRUCTURES
from companion.gaussian_rbf.method.precision import agop, principal_angle, spectrum
from companion.gaussian_rbf.method.tasks import Fit, Recipe, Task, best_of, restarts
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.settings import Settings
from companion.scale import derive_seed, generator

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


def cases(settings: Settings, seed: int) -> list[Case]:
    """Every structure on rotated and aligned data, then the sweep with the full precision."""
    s = settings
    seeds = range(seed, seed + s.ridge_seeds)
    main = [
        Case(s.ridge_dim, s.ridge_rows, s.ridge_lam, SCALE, structure, rotated, one)
        for structure in STRUCTURES
        for rotated in (True, False)
        for one in seeds
    ]
    sweep = [
        Case(int(d), int(n), lam, scale, FULL, True, one)
        for d, n, lam, scale in s.ridge_sweep
        for one in seeds
    ]
    return main + sweep


def _data(case: Case) -> tuple[Ridge, Ridge]:
    name = ("ridge", case.features, case.rows, case.rotated)
    rng = generator(case.seed, *name)
    train = ridge(rng, case.rows, case.features, rotated=case.rotated)
    return train, ridge(rng, N_TEST, case.features, rotated=case.rotated, plane=train.plane)


def run_ridges(settings: Settings, seed: int) -> pd.DataFrame:
    """One row per case; all fits in one batch per number of features.

    Columns: those of ``Case``, r2 (test), worst (lowest r2 of the restarts), objective spread of
    the restarts (`disagree`: more than 10 % above the best), angle_p and angle_agop (degrees),
    diverged.
    """
    todo = cases(settings, seed)
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
        tasks += restarts(task, settings.restarts)
    fits = fit_many(tasks, Recipe(steps=settings.ridge_steps, patience=0))
    rows, n = [], settings.restarts
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
    """The rows of the comparison of structures: features, rows, lambda_u and scale of the first."""
    first = table.iloc[0]
    same = np.logical_and.reduce(
        [table[name] == first[name] for name in ("features", "rows", "lam", "scale")]
    )
    return table[same]


def gaps(table: pd.DataFrame, *, rotated: bool, against: str) -> np.ndarray:
    """R2 of the full precision less that of another structure, one value per seed."""
    rows = main_rows(table)
    rows = rows[rows["rotated"] == rotated].pivot(index="seed", columns="structure", values="r2")
    return (rows[FULL] - rows[against]).to_numpy()
