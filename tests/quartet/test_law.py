"""The law: derivatives, recovery of known constants, the authors' numbers, the map."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from companion.quartet import sources
from companion.quartet.lab import released
from companion.quartet.method import law

from .made import PRINTED_LAW, fitted

TRUE = law.Law(np.array([12.0, 0.6, 13.0, 0.55, 0.3, 0.3]), 0.0)


@pytest.fixture(scope="module")
def refit():
    """The released runs, fitted from two starts; more of them find no lower cost."""
    return released.run_refit(sources.released_losses(), 2, 10, 0, progress=False)


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
    full, small = law.fit_law(runs, 2), law.fit_law(runs, 2, "gamma = 1")
    assert small.theta[5] == 1
    assert full.cost < small.cost


def test_the_authors_numbers_come_back(refit):
    table, found = sources.released_losses(), refit
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
    assert released.nested_test(found).p < 1e-6


def test_speed_of_training_is_that_of_table_1():
    speed = law.Speed()
    expected = {"FP8:FP8": (1, 1), "FP4:FP8": (2, 1.2), "FP8:FP4": (1, 1.5), "FP4:FP4": (2, 2)}
    for precision, pair in expected.items():
        assert speed.of(precision) == pytest.approx(pair)


def test_map_is_the_cheapest_of_four_and_free_precision_is_taken():
    quality = law.Quality(0.64, 0.9)
    found = released.optimality_map(PRINTED_LAW, law.Speed(), quality, 12)
    y, x = 3, 8
    losses = [
        float(
            law.loss_at_budget(PRINTED_LAW, found.size[y], found.ratio[x], p, law.Speed(), quality)
        )
        for p in law.PRECISIONS
    ]
    assert found.best[y, x] == np.argmin(losses)
    assert found.margin[y, x] == pytest.approx(losses[0] - min(losses))
    free = released.optimality_map(PRINTED_LAW, law.Speed(), law.Quality(1, 1), 6)
    assert free.share("FP8:FP8") == 0  # what costs nothing is taken, in one pass or in both
    assert free.margin.min() > 0
    useless = released.optimality_map(PRINTED_LAW, law.Speed(1, 1), quality, 6)
    assert useless.share("FP8:FP8") == 1
    with pytest.raises(ValueError, match="unknown precision"):
        law.loss_at_budget(PRINTED_LAW, 1e9, 100, "FP6", law.Speed(), quality)


def test_crossover_is_where_the_losses_meet():
    speed, quality = law.Speed(), law.Quality(0.64, 0.9)
    at = law.crossover(PRINTED_LAW, 1e9, speed, quality)
    both, backward = (
        float(law.loss_at_budget(PRINTED_LAW, 1e9, at, p, speed, quality))
        for p in ("FP4:FP4", "FP8:FP4")
    )
    assert both == pytest.approx(backward, abs=1e-9)
    assert np.isnan(law.crossover(PRINTED_LAW, 1e9, law.Speed(1, 1), quality))


def test_measured_speed_interpolates():
    at = sources.measured_speed()
    assert at(102760448) == pytest.approx((0.9617, 0.48751))
    assert at(1.0) == at(102760448)
    with pytest.raises(ValueError, match="unknown kernels"):
        sources.measured_speed("future")


def test_the_reruns_regression_against_numpy():
    frame = released.rerun_table()
    found = released.regress(frame)
    slopes, means = {}, {}
    for arm, part in frame.groupby("arm"):
        slopes[arm] = np.polyfit(np.log2(part["ratio"]), part["gap"], 1)[0]
        means[arm] = part["gap"].mean()
        assert found.slopes[arm].estimate == pytest.approx(slopes[arm])
    change = {
        scheme: slopes[f"{scheme}, signs after"] - slopes[f"{scheme}, signs before"]
        for scheme in ("RTN", "SR")
    }
    assert found.rtn.estimate == pytest.approx(change["RTN"])
    assert found.sr.estimate == pytest.approx(change["SR"])
    assert found.beyond_placebo.estimate == pytest.approx(change["RTN"] - change["SR"])
    fall = {
        scheme: means[f"{scheme}, signs after"] - means[f"{scheme}, signs before"]
        for scheme in ("RTN", "SR")
    }
    assert found.level.estimate == pytest.approx(fall["RTN"] - fall["SR"])
    half = {s: slopes[f"{s}, signs after"] / 2 - slopes[f"{s}, signs before"] for s in change}
    assert found.small.estimate == pytest.approx(half["RTN"])
    assert found.small_beyond_placebo.estimate == pytest.approx(half["RTN"] - half["SR"])
    assert found.small.low < found.small.estimate < found.small.high
    assert found.slopes["RTN, signs after"].p == pytest.approx(0.001, abs=2e-4)
    rng = np.random.default_rng(0)
    same = frame.assign(gap=0.01 + 1e-4 * rng.standard_normal(len(frame)))
    assert released.regress(same).beyond_placebo.p > 0.05  # no bug, no interaction


def test_a_placebo_that_changes_as_much_leaves_nothing():
    frame = released.rerun_table()
    gaps = {arm: part["gap"].to_numpy() for arm, part in frame.groupby("arm", sort=False)}
    change = gaps["RTN, signs after"] - gaps["RTN, signs before"]
    same = gaps | {"SR, signs after": gaps["SR, signs before"] + change}
    found = released.regress(frame.assign(gap=np.concatenate(list(same.values()))))
    assert found.beyond_placebo.estimate == pytest.approx(0, abs=1e-9)
    assert found.level.estimate == pytest.approx(0, abs=1e-9)
    assert found.rtn.low > 0


def test_the_held_out_law_has_not_seen_the_largest_runs(refit):
    table = sources.released_losses()
    base = sources.select(table, "none", "none")
    held = refit.held_out
    assert sorted(held.n) == [443068288, 822151168]
    assert held.loss.tolist() == [2.57078, 2.46098]
    assert held.predicted == pytest.approx([2.5881, 2.4848], abs=2e-4)
    assert np.exp(held.law.theta[4]) == pytest.approx(1.663, abs=2e-3)
    moved = base._replace(loss=np.where(base.N > released.SEEN, 9.0, base.loss))
    assert released._held_out(moved, 2).predicted == pytest.approx(held.predicted)
    assert held.law_gamma_1.theta[5] == 1


def test_leads_of_the_marked_models():
    speed, quality = law.Speed(), law.Quality(0.64, 0.9)
    leads = [D / N / law.crossover(PRINTED_LAW, N, speed, quality) for N, D in law.MODELS.values()]
    assert released.least_lead(PRINTED_LAW, quality) == pytest.approx(min(leads))
    assert released.least_lead(PRINTED_LAW, law.Quality(0.2, 0.9)) == 0  # never worth it


def test_the_map_has_version_4s_pair_and_the_printed_one_beside_it():
    refit = fitted()
    assert refit.quality == law.Quality(0.648, 0.927)
    assert released.resampled(refit)[3][1].eff_d == refit.boot["eff_D RTN, broken signs"][3]
    found = released.marked_models(refit)
    printed = released.least_lead(refit.law, law.Quality(0.65, 0.95))
    assert found.printed.estimate == pytest.approx(printed)
    assert found.all_runs.estimate == pytest.approx(
        released.least_lead(refit.law, law.Quality(0.648, 0.927))
    )
    assert found.printed.low <= printed <= found.printed.high


def test_table_3_is_what_was_released():
    """Quartet's row is of version 4; the others stand among the first release's losses."""
    table = sources.released_losses()
    for name, row in sources.TABLE_3.drop(index="Quartet").iterrows():
        runs = table[(table["forward"] == name) & (table["size"] == "30M")]
        printed = [row[f"{ratio}"] for ratio in (25, 50, 100, 200, 400)]
        printed = [value for value in printed if np.isfinite(value)]
        assert runs["c4_val_loss"].round(2).tolist() == pytest.approx(printed, abs=0.011), name


def test_earlier_recipes_are_counted_with_those_that_have_no_number():
    found = released.earlier_recipes()
    assert found.above["LUQ-INT4"].estimate == pytest.approx(
        np.mean([0.24, 0.30, 0.37, 0.19, 0.20])
    )
    assert found.diverged == {
        "LUQ-INT4": 0,
        "LUQ-FP4": 0,
        "Jetfire-FP4": 0,
        "HALO-FP4": 0,
        "LSS-INT4": 4,
    }
    assert np.isinf(found.above["LSS-INT4"].high)  # one number gives no interval
    end = sources.curve_7b().iloc[-1]
    gap = end["val_loss_quartet"] - end["val_loss_baseline"]
    assert gap == pytest.approx(0.0586, abs=1e-3)  # not the gap of Table 7
    assert np.log(sources.TABLE_7[1] / sources.TABLE_7[0]) == pytest.approx(0.080, abs=1e-3)


def test_released_tables_against_their_files():
    larger = sources.larger_models().set_index("size")
    assert list(larger.index) == ["200M", "430M", "800M"]
    assert larger.loc["800M", "hellaswag"] == pytest.approx(37.75 - 39.51)
    layers = sources.layer_speeds().set_index("layer")
    assert layers.loc["22016 to 8192", "total / BF16"] == pytest.approx(166.06268 / 56.24573)
    assert layers.loc["1024 to 1024", "backward / FP8"] == pytest.approx(1.87012 / 2.28037)
    authors = sources.gradient_alignment().set_index("backward")
    assert authors.loc["RTN AbsMax", "misalignment (%)"] == pytest.approx(14.1, abs=0.1)


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
        ({"ladder_steps": (40, 80)}, "three different rungs"),
        ({"train_width": 48}, "multiple of 32"),
        ({"rates": (1e-3,)}, "must be 0.002"),
        ({"average_counts": (2, 4)}, "start at 1"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(toy, **change)
