import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.scaling_laws.lab.designs import (
    BEST,
    CUT_10B,
    LARGE,
    LEAST_SUBSETS,
    TREATMENTS,
    Design,
    draw_subsets,
    monte_carlo,
    plans,
    pool_runs,
    practitioner_table,
    select,
    targets,
    thrown,
    training_set,
)
from companion.scaling_laws.lab.trained import lawful_family
from tests.scaling_laws.conftest import TRUE

SIZES = (4e7, 5e7, 6e7, 7e7, 8e7, 9e7, 1.0e8, 1.1e8, 4e8, 5e8, 9e8, 1e9, 1.9e9, 2e9)


@pytest.fixture(scope="module")
def stones():
    return lawful_family(TRUE, np.random.default_rng(5), sizes=SIZES, n_tokens=3.5e11, noise=0.003)


@given(st.integers(1, 9), st.integers(1, 40))
def test_subsets_are_distinct_and_of_the_right_size(k, n_draws):
    subsets = draw_subsets(9, k, n_draws, np.random.default_rng(0))
    assert len(set(subsets)) == len(subsets)
    assert all(len(set(subset)) == k and max(subset) < 9 for subset in subsets)


def test_all_subsets_where_there_are_few():
    assert len(draw_subsets(5, 2, 100, np.random.default_rng(0))) == 10
    assert draw_subsets(5, 5, 100, np.random.default_rng(0)) == [(0, 1, 2, 3, 4)]
    with pytest.raises(ValueError, match="cannot draw 6 of 5 runs"):
        draw_subsets(5, 6, 1, np.random.default_rng(0))


def test_targets_are_never_trained_on(stones):
    assert {run.N for run in pool_runs(stones, "1.05B")} == set(SIZES[:-2])
    assert len(pool_runs(stones, "120M")) == 8
    window, final = targets(stones)
    assert set(window.N) == {1.9e9, 2e9}
    assert final.N.size == 2
    assert final.D.tolist() == pytest.approx([3.5e11] * 2)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_treatments_choose_their_checkpoints(stones, treatment):
    data = training_set(Design("1.05B", 4, 1e11, treatment), pool_runs(stones, "1.05B")[:4])
    assert data.D.max() <= 1.005e11
    if treatment in (CUT_10B, BEST):
        low = 1e10
    elif treatment.startswith("cut"):
        low = 1e11 * float(treatment.split()[1]) / 100
    if treatment.startswith("final"):
        assert data.D.size == 4
        assert np.unique(data.D).size == 1
    else:
        assert low < data.D.min()
        seen = pool_runs(stones, "1.05B")[0].D
        assert data.D.min() == seen[seen > low].min()


def test_unknown_designs_are_refused():
    with pytest.raises(ValueError, match=r"pools are 120M, 545M, 1.05B"):
        Design("7B", 3, 1e11, CUT_10B)
    with pytest.raises(ValueError, match="treatments are cut 0 %, cut 10 %"):
        Design("120M", 3, 1e11, "half")


def test_designs_see_the_same_subsets_and_nothing_is_dropped(stones):
    designs = [Design("1.05B", 4, 1e11, name) for name in (thrown(0), CUT_10B, BEST)]
    table = monte_carlo(stones, designs, 6, seed=0)
    assert len(table) == 18
    flops = table.pivot_table(index="draw", columns="treatment", values="flop")
    assert (flops.std(axis=1) == 0).all()
    law = select(table, treatment=CUT_10B)["are"].mean()
    assert law < 2  # a true law, three quarters of a percent of noise
    assert select(table, treatment=BEST)["are"].mean() > 2 * law
    with pytest.raises(ValueError, match="no rows with"):
        select(table, treatment="final, 3 parameters")


def test_large_runs_only(stones):
    assert [run.N for run in pool_runs(stones, LARGE)] == [5e8, 9e8, 1e9]


def test_a_subset_names_its_runs(stones):
    table = monte_carlo(stones, [Design("1.05B", 4, 1e11, BEST)], 6, seed=0)
    for row in table.itertuples():
        chosen = [run for i, run in enumerate(stones.runs) if row.runs >> i & 1]
        assert row.flop == pytest.approx(6 * 1e11 * sum(run.N for run in chosen))
        assert len(chosen) == 4


def test_the_table_chooses_on_one_half_and_reports_the_other():
    n = 4 * LEAST_SUBSETS
    half = np.arange(n) % 2

    def design(pool, k, errors, flop):
        return pd.DataFrame(
            {
                "pool": pool,
                "k": k,
                "tokens": 1e11,
                "draw": range(n),
                "runs": [1 << i % 5 for i in range(n)],
                "are": errors,
                "bias": errors,
                "flop": flop,
            }
        )

    lucky = design("120M", 5, np.where(half == 0, 1.0, 9.0), 10.0)
    steady = design("545M", 5, np.full(n, 2.0) + 0.01 * half, 20.0)
    few = design("1.05B", 12, np.full(n, 0.1), 5.0).iloc[:3]
    table = practitioner_table(pd.concat([lucky, steady, few]), 100.0, (0.01, 0.1, 0.5))
    assert table["budget"].tolist() == [0.1, 0.5]  # nothing costs less than 1 %
    assert table["pool"].tolist() == ["120M", "120M"]  # chosen on the even draws
    assert table["are"].tolist() == pytest.approx([9.0, 9.0])  # reported on the odd ones
    assert table["spent"].tolist() == pytest.approx([0.1, 0.1])
    assert table["bad"].tolist() == [0.0, 0.0]
    worse = pd.concat([lucky.assign(are=np.where(half == 0, 1.0, 10.1)), steady])
    bad = practitioner_table(worse, 100.0, (0.1,)).iloc[0]
    assert bad["bad"] == 100
    assert np.isnan(bad["bad_low"])  # all alike, so nothing is known about other runs


def test_both_plans_stand_side_by_side(stones):
    designs = [Design("1.05B", k, 1e11, thrown(0.1)) for k in (4, 6)]
    draws = monte_carlo(stones, designs, 2 * LEAST_SUBSETS, seed=0)
    table = plans(draws, stones, (0.1, 1.0))
    own = table[table["plan"].str.startswith("the target's own first 10 %")]
    assert len(own) == 1
    assert own["are"].item() < 5
    assert table["plan"].str.contains("runs of at most 1.05B, 100B tokens each").any()
