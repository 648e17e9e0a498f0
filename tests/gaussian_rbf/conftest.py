"""A whole small run, made once."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from companion import data
from companion.gaussian_rbf import settings, sources
from companion.gaussian_rbf.lab import run as lab
from companion.gaussian_rbf.method import theory

TINY = replace(
    settings.PRESETS["toy"],
    log_steps=150,
    dead_steps=30,
    ridge_seeds=2,
    ridge_dim=4,
    ridge_rows=120,
    ridge_steps=60,
    ridge_sweep=((4, 120, 0.0, 0.2),),
    selection_rows=100,
    selection_test=100,
    selection_steps=30,
    additive_steps=30,
    nested_steps=30,
    inner=2,
    penalty_steps=20,
    penalty_tables=("wine", "iris"),
    reading_folds=2,
    reading_steps=40,
    reading_tables=("wine", "diabetes"),
    pairs=((3, 8), (1, 7), (4, 9)),
    trees=10,
    bench_steps=20,
)


@pytest.fixture(scope="session")
def tiny():
    return TINY


@pytest.fixture(scope="session")
def log(tiny):
    return lab.authors_example(tiny, 0)


@pytest.fixture(scope="session")
def results(tiny):
    return SimpleNamespace(
        ridges=lab.ridges(tiny, 0),
        spectra=lab.spectra(tiny, 0),
        selection=lab.selection(tiny, 0),
        nested=lab.nested_folds(tiny, 0),
        surfaces=lab.both_penalties(tiny, 0),
        dead=lab.dead_starts(tiny, 0),
        example=theory.counterexample(),
        readings=lab.readings(tiny, 0),
        pairs=lab.pairs_of_digits(tiny, 0),
    )


@pytest.fixture(scope="session")
def printed():
    return data.attempt(sources.authors_log)
