import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from companion.massive_activations.sources import (
    SIZES,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_5,
    TABLE_5_AS_PRINTED,
    layer_weighted_mean,
    relabel,
    table_5_gap,
)


def test_the_headline_is_the_layer_weighted_mean_of_table_1():
    assert layer_weighted_mean(TABLE_1) == pytest.approx(0.9843, abs=5e-5)


def test_table_2_agrees_with_itself():
    # ten sequences: SEM = CV / sqrt(10), and the interval uses Student's t with nine degrees
    assert (TABLE_2.sem_percent - TABLE_2.cv_percent / np.sqrt(10)).abs().max() < 0.01
    half_width = student.ppf(0.975, 9) * TABLE_2.cv_percent / np.sqrt(10)
    assert (TABLE_2.ci95_percent - half_width).abs().max() < 0.02


def test_the_best_score_of_table_3_is_the_one_the_paper_leads_with():
    assert TABLE_3.max(axis=1).idxmax() == "K"
    assert TABLE_3.loc["K"].idxmax() == "xgboost"
    assert TABLE_3.shape == (5, 5)


def test_table_5_fits_table_1_only_in_alphabetical_order():
    assert table_5_gap(TABLE_5) <= 0.0021
    assert table_5_gap(TABLE_5_AS_PRINTED) > 0.02
    rng = np.random.default_rng(0)
    for _ in range(200):  # no other order does as well
        order = rng.permutation(SIZES)
        if list(order) != sorted(SIZES):
            assert table_5_gap(TABLE_5_AS_PRINTED.set_axis(order).loc[list(SIZES)]) > 0.0021


def test_relabelling_by_hand():
    printed = pd.DataFrame({"x": range(9)}, index=SIZES)
    moved = relabel(printed).x
    # alphabetical: 1.4b, 12b, 14m, 160m, 1b, 2.8b, 410m, 6.9b, 70m
    assert [moved[size] for size in ("1.4b", "12b", "14m", "70m")] == [0, 1, 2, 8]
    assert list(moved.index) == list(SIZES)


def test_layer_weighted_means_of_table_5():
    means = {name: layer_weighted_mean(TABLE_5[name]) for name in TABLE_5}
    expected = {"eq. 9": 0.9796, "reparametrized": 0.9832, "step 1": 0.564, "step 2": 0.952}
    assert means == pytest.approx(expected, abs=5e-4)
