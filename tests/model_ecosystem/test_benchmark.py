"""Ratios of run times in one process; never seconds."""

import pytest

from companion.model_ecosystem.lab.benchmark import STEPS, against_networkx, measure, scaling


@pytest.mark.bench
def test_ten_times_faster_than_networkx_with_equal_answers():
    found = against_networkx(100_000, 0)
    assert found["equal"] == 1
    # 46 to 75 on the machines tried; a loop over models in Python anywhere would cost all of it
    assert found["ratio"] >= 10


@pytest.mark.bench
def test_cost_per_model_does_not_grow_with_the_forest():
    table = scaling((10_000, 100_000, 2_000_000), 0)
    cost = table["per_model"]
    assert cost.max() < 4 * cost.min()  # caches cost a factor, a worse law would cost two hundred
    assert table["peak_mb"].max() < 4_000


def test_a_small_forest_is_measured_step_by_step():
    found = measure(2_000, 1)
    assert all(found[name] >= 0 for name in STEPS)
    assert found["total"] == pytest.approx(sum(found[name] for name in STEPS))
    assert found["families"] < 2_000 < found["edges"] + 200
    assert found["changed"] > 0
    assert against_networkx(2_000, 0)["equal"] == 1
