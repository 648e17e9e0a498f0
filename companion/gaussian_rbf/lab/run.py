"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

import pandas as pd

from companion.gaussian_rbf.lab import digits, nested, reduction, synthetic
from companion.gaussian_rbf.settings import Settings


def run_bench(settings: Settings, seed: int) -> reduction.Bench:
    """How much time a batch of fits saves over one fit after another."""
    return reduction.run_bench(settings.bench_fits, settings.bench_steps, seed)


def run_log(settings: Settings, seed: int) -> digits.LogResult:
    """The authors' digits example, logged as they log it."""
    return digits.run_log(settings, seed)


def run_examples(log: digits.LogResult, seed: int) -> pd.DataFrame:
    """The authors' three example notebooks beside what they print."""
    return digits.run_examples(log, seed)


def run_dead_start(settings: Settings, seed: int) -> digits.DeadStart:
    """The start in which nothing can be learned, and what wakes it up."""
    return digits.run_dead_start(settings, seed)


def run_ridges(settings: Settings, seed: int) -> pd.DataFrame:
    """Full, diagonal and isotropic precision on rotated ridges; one row a network."""
    return synthetic.run_ridges(settings, seed)


def run_readings(settings: Settings, seed: int) -> list[reduction.Reading]:
    """One network for each table that the chapter reads."""
    return reduction.read_tables(settings.reading_tables, settings, seed)


def run_selection(settings: Settings, seed: int) -> pd.DataFrame:
    """Importance of features by each formula and rival; one row a draw and method."""
    return synthetic.run_selection(settings, seed)


def run_nested(settings: Settings, seed: int) -> nested.Nested:
    """Nested cross-validation of the network and its rivals."""
    return nested.run_nested(settings, seed)


def run_penalties(settings: Settings, seed: int) -> nested.Penalties:
    """Cross-validated scores over a grid of both penalties."""
    return nested.run_penalties(settings, seed)


def run_reduction(settings: Settings, seed: int) -> reduction.Reduction:
    """Two coordinates for each table: the network's, PCA's, NCA's."""
    return reduction.run_reduction(settings, seed)
