"""Gaussian integrals, simulations, and averaged products against independent answers."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from companion.quartet.lab import rounding
from companion.quartet.method.linear import Recipe
from companion.quartet.method.mxfp4 import MAGNITUDES
from companion.quartet.method.quantizers import QUEST_SCALE

GRID = np.array(sorted({*MAGNITUDES, *(-m for m in MAGNITUDES)}))


def q(x, scale):
    return GRID[np.abs(x / scale - GRID).argmin()] * scale


@pytest.mark.parametrize("scale", [0.3, 0.487, 0.9])
def test_closed_forms_are_the_integrals(scale):
    ends = np.sort([*((GRID[1:] + GRID[:-1]) / 2 * scale)])
    options = {"points": ends, "limit": 400}
    mse = quad(lambda x: (q(x, scale) - x) ** 2 * norm.pdf(x), -9, 9, **options)[0]
    kept = quad(lambda x: q(x, scale) * x * norm.pdf(x), -9, 9, **options)[0]
    assert rounding.gaussian_mse(scale) == pytest.approx(mse, abs=1e-7)
    assert rounding.gaussian_misalignment(scale) == pytest.approx(1 - kept, abs=1e-7)


def test_the_optimum_is_the_published_constant():
    best = rounding.optimal_scale()
    assert best.scale == pytest.approx(0.4870792, abs=1e-6)
    assert best.mse == pytest.approx(0.012684904, abs=1e-8)
    assert best.misalignment == pytest.approx(best.mse, abs=1e-6)  # orthogonality
    assert pytest.approx(best.scale, abs=1e-6) == QUEST_SCALE


def test_rules_have_period_one_and_their_range():
    s = np.linspace(0, 3, 301)
    ranges = {"floor": (0.5, 1), "ceil": (1, 2), "nearest": (2**-0.5, 2**0.5), "none": (1, 1)}
    for rule, (low, high) in ranges.items():
        factor = rounding.factor_of_rule(s, rule)
        assert low - 1e-9 <= factor.min() <= factor.max() <= high + 1e-9
        assert rounding.factor_of_rule(s + 1, rule) == pytest.approx(factor, abs=1e-9)


REFERENCE = {
    "RTN": (1.366e-2, 9.46e-3),
    "SR": (2.777e-2, 0.0),
    "RTN OCP": (1.335e-2, 2.17e-2),
    "QuEST": (2.24e-2, 5.2e-2),
    "QuEST nearest": (1.337e-2, 1.50e-2),
    "QuEST ceil": (1.55e-2, 8.8e-3),
    "QuEST fp32 scale": (1.238e-2, 1.16e-2),
}
"""From a numpy program written independently of this package."""


@pytest.mark.parametrize("name", REFERENCE)
def test_simulated_table(name):
    found = rounding.simulate(name, 1 << 16, seed=1)
    mse, misalignment = REFERENCE[name]
    assert found.mse.mean() == pytest.approx(mse, rel=0.015)
    assert found.misalignment.mean() == pytest.approx(misalignment, abs=8e-4)


def test_without_headroom_or_at_one_size_the_table_does_not_come_out():
    clipped = rounding.simulate("SR OCP", 1 << 15, seed=1).interval("misalignment")
    assert clipped.low > 0.012
    fixed = rounding.simulate("RTN", 1 << 18, seed=1, spread=0).interval("mse")
    assert fixed.low > 1.368e-2 * 1.01


def test_closed_form_and_simulation_agree_for_a_float32_scale():
    found = rounding.simulate("QuEST fp32 scale", 1 << 15, seed=2)
    # the deviation of 32 numbers is not that of the distribution: a few percent
    assert found.mse.mean() == pytest.approx(rounding.gaussian_mse(QUEST_SCALE), rel=0.04)


COUNTS = (1, 2, 4, 8, 16, 32, 64)


@pytest.fixture(scope="module")
def averages():
    return rounding.run_products(32, 256, COUNTS, 4, seed=3)


def test_averages_behave_as_derived(averages):
    stuck = averages.errors["RTN, signs after"]
    assert (stuck[:, -1] / stuck[:, 0]) == pytest.approx(1, abs=1e-12)
    assert averages.identical["RTN, signs after"]
    assert not averages.identical["RTN, signs before"]
    decay = rounding.fit_decay(averages.counts, averages.errors["RTN, signs before"])
    assert decay.bias.estimate == pytest.approx(averages.bias.mean(), rel=0.25)
    noise = rounding.fit_decay(averages.counts, averages.errors["SR, signs before"])
    assert noise.v.estimate == pytest.approx(2 * 2.777e-2, rel=0.1)  # two operands


def test_the_fit_recovers_a_known_curve():
    k = np.array(COUNTS, float)
    rng = np.random.default_rng(0)
    errors = (0.03 / k + 4e-4) * (1 + 0.02 * rng.standard_normal((5, k.size)))
    fit = rounding.fit_decay(k, errors)
    assert fit.v.low < 0.03 < fit.v.high
    assert fit.bias.low < 4e-4 < fit.bias.high
    assert fit.bias.high - fit.bias.low < 2e-4
    with pytest.raises(ValueError, match="positive finite"):
        rounding.fit_decay(k, errors * np.nan)


def test_control_is_biased():
    found = rounding.run_products(32, 256, (1, 64), 2, 0, rounding.CONTROL_ARMS)
    ends = {arm: errors[:, -1].mean() for arm, errors in found.errors.items()}
    assert ends["SR, OCP scale"] > 1.5 * ends["SR, 3/4 of the input"]


def test_products_are_repeatable():
    a, b = rounding.operands(8, 64, 0)
    recipe = Recipe(backward="SR")
    first, again = (rounding.averaged_error(a, b, recipe, (1, 3), 5) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, rounding.averaged_error(a, b, recipe, (1, 3), 6))
    assert torch.equal(rounding.operands(8, 64, 0)[0], a)
