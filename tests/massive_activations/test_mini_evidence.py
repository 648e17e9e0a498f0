from dataclasses import replace

import numpy as np
import pytest

from companion.massive_activations.lab.mini_runs import MiniRuns
from companion.massive_activations.lab.minis import Mini
from companion.massive_activations.method.curve import CurveParams, damped_log
from companion.massive_activations.verdict import evidence

from .made import STEPS, mini_run, rising


def test_growth_is_final_over_initial_in_the_layer_that_ends_largest():
    ratio = rising(10.0)
    ratio[:, 1] = rising(40.0, 1)[:, 0]
    ratio[0, 2] = 100.0  # large at the start only: not the layer that is followed
    median = np.linspace(1, 3, len(STEPS))[:, None] * np.ones(3)
    run = mini_run(ratio, median=median)
    assert evidence.growth([run]) == pytest.approx([8.0])
    assert evidence.growth([run], "median") == pytest.approx([3.0])
    assert evidence.growth([run], "top1") == pytest.approx([24.0])


def test_growth_interval_is_geometric():
    runs = [mini_run(rising(5.0 * factor), seed=i) for i, factor in enumerate((2.0, 8.0))]
    interval = evidence.growth_interval(runs, np.random.default_rng(0))
    assert interval.estimate == pytest.approx(4.0)
    assert (interval.low, interval.high) == pytest.approx((2.0, 8.0))


def test_arms_are_paired_by_seed():
    base = [mini_run(rising(final), seed=i) for i, final in enumerate((10.0, 20.0, 40.0))]
    arm = [mini_run(rising(f / 2), seed=i, arm="relu") for i, f in ((2, 40.0), (0, 10.0))]
    effect = evidence.arm_effect(base, arm)
    assert effect.estimate == pytest.approx(0.5)
    assert not effect.has_interval  # halved in every pair: no spread
    arm[0] = mini_run(rising(30.0), seed=2, arm="relu")
    effect = evidence.arm_effect(base, arm)
    assert effect.estimate == pytest.approx(np.sqrt(0.5 * 0.75))
    assert effect.high / effect.estimate == pytest.approx(
        np.exp(12.706 * np.log(1.5) / 2), rel=1e-3
    )
    with pytest.raises(ValueError, match="two seeds"):
        evidence.arm_effect(base, arm[:1])


def test_noise_free_damped_logs_are_recognized():
    turning = CurveParams(40.0, 0.5, 0.05, 1.0, 5.0)
    values = damped_log(STEPS, *turning)
    run = mini_run(np.repeat(values[:, None], 2, axis=1))
    again = run._replace(mini=replace(run.mini, seed=1))
    quality, comparison = evidence.curve_quality([run, again], np.random.default_rng(0))
    assert quality.mean_r2.estimate > 0.999
    assert quality.beats_steps.estimate == 1.0
    assert "base, seed 0, layer 1" in set(comparison.series)
    assert comparison.series.nunique() == 4


def test_median_share_splits_the_growth():
    ratio = np.exp(np.linspace(0, 2, len(STEPS)))[:, None]  # log ratio grows by 2
    falling = np.exp(np.linspace(0, -0.5, len(STEPS)))[:, None]  # log median falls by 0.5
    assert evidence.median_share([mini_run(ratio, median=falling)]) == pytest.approx(0.25)


def test_depth_curvature_recovers_a_parabola():
    rng = np.random.default_rng(0)
    runs = []
    for seed in range(6):
        x = np.arange(1, 7) / 6
        final = np.exp(1 + rng.normal() + 6 * x - 5 * x**2 + 0.05 * rng.normal(size=6))
        ratio = np.repeat(final[None], len(STEPS), axis=0)
        runs.append(mini_run(ratio, seed=seed))
    interval = evidence.depth_curvature(runs)
    assert interval.low < -5 < interval.high
    assert interval.high < -4


def test_grid_splits_see_no_transfer_where_levels_are_random():
    rng = np.random.default_rng(1)
    runs = []
    for n_layers in (2, 4):
        for d_model, n_heads in ((64, 2), (64, 4), (96, 3), (96, 6)):
            level = np.exp(rng.normal())
            final = level * np.exp(0.01 * rng.normal(size=n_layers))
            ratio = np.repeat(final[None], len(STEPS), axis=0)
            runs.append(mini_run(ratio, arm="grid", d_model=d_model, n_heads=n_heads))
    splits = evidence.grid_splits(runs, np.random.default_rng(2))
    assert splits.random_r2 > splits.grouped_r2 + 0.3
    assert splits.excess_error.estimate > 0


def test_by_arm_keeps_order():
    runs = [mini_run(rising(9.0), arm=arm, seed=i) for i, arm in enumerate("aba")]
    lost = Mini(arm="c")
    arms = evidence.by_arm(MiniRuns(tuple(runs), ((lost, "loss is nan"),)))
    assert list(arms) == ["a", "b", "c"]
    assert arms["c"] == []
    assert [run.mini.seed for run in arms["a"]] == [0, 2]
