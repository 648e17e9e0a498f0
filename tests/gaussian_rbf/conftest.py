"""A whole small run, made once."""

from dataclasses import replace

import pytest

from companion import data
from companion.gaussian_rbf import settings
from companion.gaussian_rbf.lab import digits, nested, reduction, synthetic
from companion.gaussian_rbf.method import precision
from companion.gaussian_rbf.verdict import findings

TINY = replace(
    settings.PRESETS["toy"],
    log_steps=300,
    dead_steps=60,
    ridge_seeds=2,
    ridge_dim=4,
    ridge_rows=120,
    ridge_steps=150,
    restarts=2,
    selection_rows=100,
    selection_test=100,
    selection_steps=60,
    tables=("wine", "openml:nowhere"),
    rivals=("SVM", "nobody"),
    nested_steps=60,
    outer=3,
    inner=2,
    penalty_steps=40,
    reduction_folds=2,
    trees=10,
    permutations=1,
    bench_fits=5,
    bench_steps=20,
    ridge_sweep=((4, 120, 0.0, 0.2),),
)


@pytest.fixture(scope="session")
def tiny():
    return replace(TINY, tables=("wine",), rivals=("SVM",))


@pytest.fixture(scope="session")
def results(tiny):
    log = digits.run_log(tiny, 0)
    return findings.Results(
        log=log,
        dead=digits.run_dead_start(tiny, 0),
        ridges=synthetic.run_ridges(tiny, 0),
        selection=synthetic.run_selection(tiny, 0),
        nested=nested.run_nested(tiny, 0),
        penalties=nested.run_penalties(tiny, 0),
        reduction=reduction.run_reduction(tiny, 0),
        readings=reduction.read_tables(("wine", "diabetes"), tiny, 0),
        counterexample=precision.counterexample(),
        bench=reduction.run_bench(5, 20, 0),
    )


@pytest.fixture(scope="session")
def printed():
    return data.attempt(digits.authors_log)
