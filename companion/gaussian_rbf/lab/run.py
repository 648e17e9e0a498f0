"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from functools import partial

import pandas as pd

from companion.gaussian_rbf.lab import digits, nested, penalties, reduction, speed, synthetic
from companion.gaussian_rbf.method.model import Recipe
from companion.gaussian_rbf.settings import Settings
from companion.scale import device
from companion.sweep import sweep

APART = 500
"""The draws of feature selection stand this far from the other seeds: the length of training was
chosen on draws that are not among them."""


def authors_example(settings: Settings, seed: int) -> digits.LogResult:
    """The authors' digits example, logged as they log it."""
    return digits.run_log(range(seed, seed + settings.log_seeds), settings.log_steps)


def authors_notebooks(log: digits.LogResult, seed: int) -> dict[str, tuple[float, float]]:
    """Training and test accuracy of the authors' three examples."""
    return digits.run_examples(log, seed)


def dead_starts(settings: Settings, seed: int) -> digits.DeadStart:
    """The start in which nothing can be learned, and what wakes it up (C7)."""
    seeds = range(seed, seed + settings.dead_seeds)
    return digits.run_dead_start(seeds, settings.dead_lams, settings.dead_steps, 1)


def ridges(settings: Settings, seed: int) -> pd.DataFrame:
    """Full, diagonal and isotropic precision on ridges (C2, C3); one row a network."""
    point = settings.ridge_dim, settings.ridge_rows, settings.ridge_lam, synthetic.SCALE
    seeds = range(seed, seed + settings.ridge_seeds)
    shapes = range(seed, seed + min(settings.shape_seeds, settings.ridge_seeds))
    todo = synthetic.cases(point, seeds, shapes)
    return synthetic.run_ridges(todo, settings.ridge_steps, settings.restarts)


def ridge_sweep(settings: Settings, seed: int) -> pd.DataFrame:
    """The full precision at other penalties, sizes, and starts; one row a network."""
    seeds = range(seed, seed + settings.sweep_seeds)
    todo = synthetic.sweep_cases(settings.ridge_sweep, seeds)
    return synthetic.run_ridges(todo, settings.ridge_steps, settings.restarts)


def readings(settings: Settings, seed: int) -> list[reduction.Reading]:
    """One network for each table that the chapter reads."""
    return reduction.read_tables(
        settings.reading_tables, settings.reading_steps, settings.restarts, seed
    )


def spectra(settings: Settings, seed: int) -> pd.DataFrame:
    """Shares of the eigenvalues over folds of digits and of wine (C4)."""
    return reduction.run_spectra(
        ("digits 3v8", "wine"),
        settings.reading_folds,
        settings.reading_steps,
        settings.restarts,
        seed,
    )


def selection(settings: Settings, seed: int) -> pd.DataFrame:
    """Importance of features by each formula and rival (C5, C11, C12); one row a method."""
    first = seed + APART
    draws = [
        synthetic.draw(problem, one, settings.selection_rows, settings.selection_test)
        for problem in synthetic.PROBLEMS
        for one in range(first, first + settings.selection_seeds)
    ]
    steps = dict.fromkeys(synthetic.PROBLEMS, settings.selection_steps)
    return synthetic.run_selection(
        draws,
        steps | {"additive regression": settings.additive_steps},
        settings.restarts,
        trees=settings.trees,
        permutations=settings.permutations,
        lassonet=range(first, first + settings.selector_seeds),
    )


def nested_folds(settings: Settings, seed: int) -> nested.Nested:
    """Nested cross-validation of the network and its rivals, a table at a time (C1)."""
    plan = nested.Plan(
        settings.outer,
        settings.inner,
        nested.grid(settings.nested_lams, settings.nested_centers),
        Recipe(steps=settings.nested_steps, device=device() if settings.gpu else "cpu"),
        min(settings.restarts, 2),
        settings.rivals,
        seed,
    )
    run = partial(nested.run_table, plan=plan)
    return nested.together(sweep(run, settings.tables, n_jobs=settings.jobs, label="tables"))


def both_penalties(settings: Settings, seed: int) -> list[penalties.Surface]:
    """Log-loss over a grid of both penalties (C6, C10)."""
    return penalties.run_penalties(
        settings.penalty_tables,
        settings.penalty_lams,
        settings.penalty_folds,
        settings.penalty_steps,
        seed,
    )


def pairs_of_digits(settings: Settings, seed: int) -> pd.DataFrame:
    """Two coordinates for pairs of digits: the network's, PCA's, NCA's (C9)."""
    return reduction.run_pairs(
        settings.pairs, settings.reading_steps, min(settings.restarts, 2), seed
    )


def speeds(settings: Settings, seed: int) -> speed.Speed:
    """One fit, and a stack of them, beside the method as published."""
    return speed.run_speed(settings.bench_steps, seed)
