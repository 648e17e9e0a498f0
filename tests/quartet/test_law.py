"""The law: derivatives, recovery of known constants, the authors' numbers, the map."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from companion.quartet import sources
from companion.quartet.lab import budgets, refit, reruns
from companion.quartet.method import law, optimal
from companion.quartet.page.explorers import PRINTED_LAW

TRUE = law.Law(np.array([12.0, 0.6, 13.0, 0.55, 0.3, 0.3]), 0.0)


@pytest.fixture
def runs():
    N = np.repeat([3e7, 5e7, 1e8, 2e8], 6)
    D = np.tile([25, 50, 100, 200, 400, 800], 4) * N
    return law.Runs(N, D, TRUE.loss(N, D))


def test_derivatives_by_finite_differences(runs):
    _, slopes = law._log_loss(TRUE.theta, runs.N, runs.D)
    for i in (0, 7, 23):
        numeric = approx_fprime(
            TRUE.theta, lambda t, i=i: law._log_loss(t, runs.N, runs.D)[0][i], 1e-7
        )
        assert slopes[i] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_known_constants_and_efficiencies_are_recovered(runs):
    found = law.fit_law(runs, 6)
    assert found.theta == pytest.approx(TRUE.theta, rel=1e-3)
    spoiled = runs._replace(loss=TRUE.loss(runs.N, runs.D, 0.6, 0.9))
    assert law.fit_efficiency(TRUE, spoiled, "both") == pytest.approx((0.6, 0.9), rel=1e-5)
    only_n = runs._replace(loss=TRUE.loss(runs.N, runs.D, 0.6))
    assert law.fit_efficiency(TRUE, only_n, "N") == pytest.approx((0.6, 1.0), rel=1e-5)
    assert law.fit_efficiency(TRUE, runs, "D") == pytest.approx((1.0, 1.0), rel=1e-5)
    with pytest.raises(ValueError, match="'N', 'D' or 'both'"):
        law.fit_efficiency(TRUE, runs, "E")
    with pytest.raises(ValueError, match="cannot determine 6"):
        law.fit_law(runs.take(np.arange(4)), 2)


def test_a_nested_law_fits_no_better(runs):
    full, small = law.fit_law(runs, 6), law.fit_law(runs, 6, "gamma = 1")
    assert small.theta[5] == 1
    assert full.cost < small.cost


def test_the_authors_numbers_come_back():
    table = sources.released_losses()
    found = refit.run_refit(table, 6, 12, 0, progress=False)
    assert found.n_base == 23
    assert found.efficiency["eff_N QuEST"] == pytest.approx(0.648, abs=5e-4)
    assert found.efficiency["eff_N RTN"] == pytest.approx(0.608, abs=5e-4)
    assert found.efficiency["eff_D SR"] == pytest.approx(0.892, abs=5e-4)
    assert found.efficiency["eff_D RTN, broken signs"] == pytest.approx(0.927, abs=5e-4)
    assert found.costs["full"] < 1.9e-6  # the authors' notebook prints 1.88e-6
    with_outlier = sources.select(table, "SR AbsMax", "none", suspect=True)
    assert with_outlier.loss.size == 6
    assert law.fit_efficiency(found.law, with_outlier, "N")[0] == pytest.approx(0.435, abs=5e-4)
    assert found.interval("alpha").low < 0.589 < found.interval("alpha").high
    assert refit.nested_test(found).p < 1e-6


def test_speed_of_training_is_that_of_table_1():
    speed = optimal.Speed()
    expected = {"FP8:FP8": (1, 1), "FP4:FP8": (2, 1.2), "FP8:FP4": (1, 1.5), "FP4:FP4": (2, 2)}
    for precision, pair in expected.items():
        assert speed.of(precision) == pytest.approx(pair)


def test_map_is_the_cheapest_of_four_and_free_precision_is_taken():
    quality = optimal.Quality(0.64, 0.9)
    found = budgets.optimality_map(PRINTED_LAW, optimal.Speed(), quality, 12)
    y, x = 3, 8
    losses = [
        float(
            optimal.loss_at_budget(
                PRINTED_LAW, found.size[y], found.ratio[x], p, optimal.Speed(), quality
            )
        )
        for p in optimal.PRECISIONS
    ]
    assert found.best[y, x] == np.argmin(losses)
    assert found.margin[y, x] == pytest.approx(losses[0] - min(losses))
    free = budgets.optimality_map(PRINTED_LAW, optimal.Speed(), optimal.Quality(1, 1), 6)
    assert free.share("FP8:FP8") == 0  # what costs nothing is taken, in one pass or in both
    assert free.margin.min() > 0
    useless = budgets.optimality_map(PRINTED_LAW, optimal.Speed(1, 1), quality, 6)
    assert useless.share("FP8:FP8") == 1
    with pytest.raises(ValueError, match="unknown precision"):
        optimal.loss_at_budget(PRINTED_LAW, 1e9, 100, "FP6", optimal.Speed(), quality)


def test_crossover_is_where_the_losses_meet():
    speed, quality = optimal.Speed(), optimal.Quality(0.64, 0.9)
    at = optimal.crossover(PRINTED_LAW, 1e9, speed, quality)
    both, backward = (
        float(optimal.loss_at_budget(PRINTED_LAW, 1e9, at, p, speed, quality))
        for p in ("FP4:FP4", "FP8:FP4")
    )
    assert both == pytest.approx(backward, abs=1e-9)
    assert np.isnan(optimal.crossover(PRINTED_LAW, 1e9, optimal.Speed(1, 1), quality))


def test_measured_speed_interpolates():
    at = sources.measured_speed()
    assert at(102760448) == pytest.approx((0.9617, 0.48751))
    assert at(1.0) == at(102760448)
    with pytest.raises(ValueError, match="unknown kernels"):
        sources.measured_speed("future")


def test_the_reruns_regression_against_numpy():
    frame = reruns.table()
    found = reruns.regress(frame)
    for side, slope in (("after", found.after), ("before", found.before)):
        part = frame[frame["arm"] == f"RTN, signs {side}"]
        expected = np.polyfit(np.log2(part["ratio"]), part["gap"], 1)[0]
        assert slope.estimate == pytest.approx(expected)
    assert found.difference.estimate == pytest.approx(found.after.estimate - found.before.estimate)
    assert found.after.p == pytest.approx(0.001, abs=2e-4)
    rng = np.random.default_rng(0)
    same = frame.assign(gap=0.01 + 1e-4 * rng.standard_normal(len(frame)))
    assert reruns.regress(same).difference.p > 0.05  # no bug, no interaction


def test_settings_are_frozen_and_checked():
    from companion.quartet.settings import PRESETS

    toy = PRESETS["toy"]
    assert set(PRESETS) == {"toy", "book", "paper"}
    assert PRESETS["book"].train_seeds >= 4
    assert PRESETS["paper"].hub_recipes
    for change, message in (
        ({"product_counts": (1, 2)}, "must hold 1 and 64"),
        ({"depth_d_model": 48}, "multiple of 32"),
        ({"recipes": ("int8",)}, "unknown recipes"),
        ({"train_steps": 5}, "at least 21"),
        ({"average_counts": (2, 4)}, "start at 1"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(toy, **change)
