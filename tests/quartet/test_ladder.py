"""From a loss to a share of parameters or tokens: laws with known answers, and coverage."""

import numpy as np
import pytest

from companion.quartet.lab.training import (
    Ladder,
    Rates,
    compare_rates,
    pseudo_values,
    share,
    train_ladder,
)
from companion.quartet.method.law import Law
from companion.quartet.method.linear import BASELINE
from companion.stats import over_seeds

SIZES = np.array([6736, 15096, 26784, 41800])
STEPS = np.array([400, 800, 1600, 2400]) * 256
LAW = Law(np.array([5.0, 0.55, 6.0, 0.5, 0.2, 0.5]), 0.0)
"""As steep as our ladders: half a nat and more from end to end."""


def made(eff_n=0.6, eff_d=0.9, noise=0.0, n=8, seed=0):
    """A ladder whose losses are the law's, with independent noise on every run."""
    rng = np.random.default_rng(seed)

    def runs(*losses):
        exact = np.array(losses)[:, None]
        return exact + noise * rng.standard_normal((len(losses), n))

    here, tokens = SIZES[2], STEPS[2]
    by_size = runs(*LAW.loss(SIZES, tokens))
    by_length = runs(*LAW.loss(here, STEPS))
    by_length[2] = by_size[2]
    final = {
        BASELINE: by_size[2],
        "QuEST:none": runs(LAW.loss(here, tokens, eff_n))[0],
        "none:RTN": runs(LAW.loss(here, tokens, 1.0, eff_d))[0],
    }
    return Ladder(np.arange(n), here, tokens, SIZES, by_size, STEPS, by_length, final)


@pytest.mark.parametrize(("eff_n", "eff_d"), [(0.4, 0.8), (0.6, 0.93), (0.95, 1.05), (1.0, 1.0)])
def test_a_law_gives_back_its_efficiencies(eff_n, eff_d):
    ladder = made(eff_n, eff_d, noise=1e-9)
    assert ladder.efficiency("QuEST:none", "N").estimate == pytest.approx(eff_n, rel=0.02)
    assert ladder.efficiency("none:RTN", "D").estimate == pytest.approx(eff_d, rel=0.02)


def test_a_parabola_is_inverted_exactly():
    ladder = np.array([0.25, 0.5, 1.0, 1.5])
    losses = 2.0 - 0.1 * np.log(ladder) + 0.02 * np.log(ladder) ** 2
    for wanted in (0.3, 0.8, 1.7):
        loss = 2.0 - 0.1 * np.log(wanted) + 0.02 * np.log(wanted) ** 2
        assert share(ladder, losses, loss) == pytest.approx(wanted)


@pytest.mark.parametrize("loss", [9.0, -9.0, np.nan])
def test_beyond_the_ladder_nothing_is_said(loss):
    ladder = np.array([0.25, 0.5, 1.0, 1.5])
    assert np.isnan(share(ladder, 2 - 0.1 * np.log(ladder), loss))


def test_a_curve_that_rises_has_no_share():
    ladder = np.array([0.25, 0.5, 1.0, 1.5])
    assert np.isnan(share(ladder, 2 + 0.1 * np.log(ladder), 2.0))


def test_pseudo_values_of_a_mean_are_the_sample():
    sample = np.array([1.0, 4.0, 2.0])
    found = pseudo_values(lambda pick: float(sample[pick].mean()), 3)
    assert found == pytest.approx(sample)
    assert pseudo_values(lambda pick: 7.0, 1).tolist() == [7.0]


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """200 ladders with the noise of ours; 95 % means at least 180 of them."""
    inside = {"N": 0, "D": 0}
    for seed in range(200):
        ladder = made(0.6, 0.9, noise=0.01, seed=seed)
        for of, recipe, truth in (("N", "QuEST:none", 0.6), ("D", "none:RTN", 0.9)):
            found = ladder.efficiency(recipe, of)
            inside[of] += found.low <= truth <= found.high
    assert min(inside.values()) >= 180


def test_one_seed_that_fails_leaves_no_interval():
    ladder = made(noise=0.01)
    ladder.final["QuEST:none"][3] = np.nan
    assert ladder.n_diverged() == 1
    found = ladder.efficiency("QuEST:none", "N")
    assert np.isnan(found.estimate)
    assert np.isinf(found.high)
    assert np.isfinite(ladder.efficiency("none:RTN", "D").high)


def test_a_ladder_of_runs_shares_its_rungs():
    ladder = train_ladder(
        ["SR:none"],
        width=32,
        steps=23,
        widths=(16, 24, 32),
        lengths=(21, 22, 23),
        seeds=range(2),
        n_held_out=640,
        progress=False,
    )
    assert ladder.sizes.tolist() == SIZES[:3].tolist()
    assert ladder.lengths.tolist() == [21 * 256, 22 * 256, 23 * 256]
    assert np.array_equal(ladder.by_size[2], ladder.final[BASELINE])
    assert np.array_equal(ladder.by_length[2], ladder.final[BASELINE])
    assert ladder.by_size[0].mean() > ladder.by_size[2].mean()
    assert ladder.gap(BASELINE).tolist() == [0.0, 0.0]


def test_gains_of_a_rate_are_beyond_those_of_the_unquantized_run():
    losses = {
        BASELINE: np.array([[2.0], [1.9], [1.8]]),
        "SR:none": np.array([[2.2], [2.0], [1.95]]),
    }
    rates = Rates(np.array([5e-4, 1e-3, 2e-3]), losses)
    assert rates.gained("SR:none").ravel() == pytest.approx([-0.1, 0.0, -0.05])
    assert rates.gained(BASELINE).ravel().tolist() == [0.0, 0.0, 0.0]
    ladder = made(n=1)._replace(final={BASELINE: np.array([2.5])})
    about = {"width": 32, "steps": 21, "n_held_out": 640, "progress": False}
    found = compare_rates((), (1e-3, 2e-3, 4e-3), ladder, **about)
    assert found.final[BASELINE].shape == (3, 1)
    assert found.final[BASELINE][1] == [2.5]  # of the ladder, not trained again
    assert (found.final[BASELINE][[0, 2]] != 2.5).all()
    assert np.isinf(over_seeds(found.gained(BASELINE)[0]).high)
