"""A whole small run, made once."""

from dataclasses import replace

import pytest

from companion import data
from companion import gaussian_rbf as grbf

TINY = replace(
    grbf.PRESETS["toy"], log_steps=300, dead_steps=60, ridge_seeds=2, ridge_dim=4, ridge_rows=120,
    ridge_steps=150, restarts=2, selection_rows=100, selection_test=100, selection_steps=60,
    tables=("wine", "openml:nowhere"), rivals=("SVM", "nobody"), nested_steps=60, outer=3, inner=2,
    penalty_steps=40, reduction_folds=2, trees=10, permutations=1, bench_fits=5, bench_steps=20,
    ridge_sweep=((4, 120, 0.0, 0.2),),
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny():
    return replace(TINY, tables=("wine",), rivals=("SVM",))


@pytest.fixture(scope="session")
def results(tiny):
    log = grbf.run_log(tiny, 0)
    return grbf.Results(
        log=log,
        dead=grbf.run_dead_start(tiny, 0),
        ridges=grbf.run_ridges(tiny, 0),
        selection=grbf.run_selection(tiny, 0),
        nested=grbf.run_nested(tiny, 0),
        penalties=grbf.run_penalties(tiny, 0),
        reduction=grbf.run_reduction(tiny, 0),
        readings=grbf.read_tables(("wine", "diabetes"), tiny, 0),
        counterexample=grbf.counterexample(),
        bench=grbf.run_bench(5, 20, 0),
    )


@pytest.fixture(scope="session")
def printed():
    return data.attempt(grbf.authors_log)
