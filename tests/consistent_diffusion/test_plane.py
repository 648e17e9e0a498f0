"""Mixtures, Muller-Brown, grids, and metrics against closed forms and brute force."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from companion.consistent_diffusion.lab import systems as mb
from companion.consistent_diffusion.lab.systems import (
    REFERENCE,
    TWO_MODES,
    TWO_MODES_2D,
    Grid,
    Mixture,
    exact_curve,
    js_divergence,
    js_error,
    pmf_error,
    two_for_one_curve,
)
from companion.consistent_diffusion.method.diffusion import (
    Dynamics,
    alpha,
    beta,
    denoise,
    displacements,
    exact_residual,
    sigma,
    simulate,
    weak_residuals,
)
from companion.scale import generator, torch_generator


@pytest.mark.parametrize("mixture", [TWO_MODES, TWO_MODES_2D])
@pytest.mark.parametrize("t", [0.001, 0.05, 0.5, 0.95])
def test_the_mixture_solves_the_fokker_planck_equation(mixture, t):
    x = torch.tensor(mixture.draw(20, generator(0)))
    times = torch.full((20,), t, dtype=x.dtype)
    scale = 0.5 * beta(times) * (mixture.score(x, times).square().sum(1) + mixture.dim)
    assert (exact_residual(mixture, x, times).abs() < 1e-4 * scale).all()


def test_the_mixture_is_the_convolution_of_its_data():
    """log p_t against the numerical integral over x_0."""
    t = torch.tensor([0.2], dtype=torch.float64)
    a, s = float(alpha(t)), float(sigma(t))
    x0 = np.linspace(-12, 12, 48_001)
    p0 = 0.2 * norm.pdf(x0, -5) + 0.8 * norm.pdf(x0, 5)
    for x in (-3.0, 0.5, 4.0):
        expected = np.trapezoid(p0 * norm.pdf(x, a * x0, s), x0)
        found = TWO_MODES.log_q(torch.tensor([[x]], dtype=torch.float64), t)
        assert float(found.exp()) == pytest.approx(expected, rel=1e-6)


def test_the_score_is_the_gradient_and_draws_have_the_law():
    x, t = torch.randn(9, 2, dtype=torch.float64), torch.linspace(0.01, 0.9, 9).double()
    local = TWO_MODES_2D.local(x, t)
    assert torch.allclose(local.score, TWO_MODES_2D.score(x, t))
    sample = TWO_MODES.draw(20_000, generator(1))
    assert (sample > 0).mean() == pytest.approx(0.8, abs=0.01)
    assert sample[sample > 0].std() == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="add to 1"):
        Mixture([0.5, 0.6], [[0.0], [1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="same length"):
        Mixture([0.5, 0.5], [[0.0]], [1.0])


def test_the_weak_product_of_an_exact_density_is_zero_on_average():
    x = torch.tensor(TWO_MODES_2D.draw(4, generator(2))).repeat_interleave(4000, 0)
    t = torch.full((len(x),), 0.1, dtype=x.dtype)
    v1, v2 = displacements(x, torch_generator(2))
    product = weak_residuals(TWO_MODES_2D, x, t, v1, v2, rate="difference").square.reshape(4, -1)
    error = product.std(1) / math.sqrt(4000)
    assert (product.mean(1).abs() < 4 * error).all()


def test_denoising_and_simulating_the_exact_score_hit_the_floor():
    """Two near modes, so that chains cross; what perfection scores is the sampling floor."""
    mixture = Mixture([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.0]], [0.6, 0.6])
    n, rng = 4000, generator(3)

    def error(one, other):
        return js_error(one, other, bins=12, limits=((-3, 3), (-2, 2)))

    floor = np.mean([error(mixture.draw(n, rng), mixture.draw(n, rng)) for _ in range(3)])
    truth = mixture.draw(n, rng)
    draws = torch_generator(3)
    iid = denoise(mixture.score, (n, 2), draws, steps=150).samples
    start = torch.tensor(mixture.draw(200, rng))
    chains = simulate(
        mixture.score, start, Dynamics(1.0, 1.0, 0.05, 1.0, steps=2000, every=80), draws
    )
    assert error(truth, iid) < 2 * floor
    assert error(truth, chains.pooled()[:n]) < 2 * floor


def test_the_force_of_muller_brown_is_minus_the_gradient():
    points = generator(0).uniform(-1, 1, (20, 2))
    h = 1e-6
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = h
        slope = (mb.potential(points + step) - mb.potential(points - step)) / (2 * h)
        assert np.allclose(mb.force(points)[:, axis], -slope, rtol=1e-5, atol=1e-4)


def test_muller_brown_has_its_known_minimum_and_populations():
    minimum = np.array([[-0.55828, 1.44169]])  # where the paper's run begins
    assert mb.potential(minimum)[0] == pytest.approx(-146.7, abs=0.1)
    assert np.abs(mb.force(minimum)).max() < 0.1
    grid, exact = mb.fine_grid()
    assert exact[:, grid.axes[1] > 0.8].sum() == pytest.approx(0.742, abs=0.002)


def test_the_reference_run_has_the_boltzmann_law():
    frames = mb.reference_run(generator(0), n_chains=300, steps=3000, every=50)
    assert frames.shape == (60, 300, 2)
    grid = Grid((-1.8, 1.3), (-0.6, 2.2), 12)
    counts, _, _ = np.histogram2d(*frames.reshape(-1, 2).T, bins=12, range=[grid.x, grid.y])
    fine = Grid(grid.x, grid.y, 240)
    exact = mb.boltzmann(fine).reshape(12, 20, 12, 20).sum((1, 3))
    assert js_divergence(counts, exact) < 0.01
    again = mb.reference_run(generator(0), n_chains=300, steps=50, every=50)
    assert (again[0] == frames[0]).all()


def test_grid_masses_of_a_gaussian():
    grid = Grid((-6, 6), (-5, 5), 200)
    mixture = Mixture([1.0], [[0.5, -0.3]], [0.8])
    assert grid.log_z(grid.log_q(mixture)) == pytest.approx(0, abs=1e-4)
    masses = grid.masses(grid.log_q(mixture))
    assert masses.sum() == pytest.approx(1)
    assert (masses.sum(1) @ grid.axes[0]) == pytest.approx(0.5, abs=1e-4)
    assert (masses.sum(0) @ grid.axes[1]) == pytest.approx(-0.3, abs=1e-4)
    assert max(grid.divergences(grid.log_q(mixture)[None], masses)) < 1e-12
    drawn = grid.draw(masses, 20_000, generator(0))
    assert np.allclose(drawn.mean(0), [0.5, -0.3], atol=0.03)


def test_diffused_masses_are_those_of_the_diffused_mixture():
    """Blur and shrink on the grid against the closed form."""
    grid = Grid((-4, 4), (-4, 4), 200)
    mixture = Mixture([0.4, 0.6], [[-1.0, 0.5], [1.2, -0.4]], [0.3, 0.5])
    start = grid.masses(grid.log_q(mixture, 1e-9))
    for t in (0.01, 0.1):
        expected = grid.masses(grid.log_q(mixture, t))
        assert js_divergence(grid.diffused(start, t), expected) < 2e-5


def test_the_exact_curve_has_its_reference_values():
    curve = exact_curve()
    assert curve.deviation < 0.02
    assert (np.diff(curve.js) > 0).all()
    assert set(REFERENCE) <= set(curve.times)
    grid = Grid((-3.0, 2.0), (-1.5, 3.0), 200)
    coarse = two_for_one_curve(grid, mb.boltzmann(grid), np.array([0.02, 0.05]))
    assert np.allclose(coarse, [REFERENCE[0.02], REFERENCE[0.05]], rtol=0.03)


def test_divergence_of_two_coins():
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    middle = (p + q) / 2
    by_hand = 0.5 * (p * np.log(p / middle)).sum() + 0.5 * (q * np.log(q / middle)).sum()
    assert js_divergence(p, 7 * q) == pytest.approx(by_hand)
    assert js_divergence([1, 0], [0, 1]) == pytest.approx(math.log(2))
    assert js_divergence([1, 1e-200, 0], [1, 0, 1e-310]) == pytest.approx(0)


def test_histogram_divergence():
    rng = generator(0)
    sample = rng.standard_normal((500, 2))
    assert js_error(sample, sample, bins=10) == 0
    far = js_error(sample, sample + 100, bins=10)
    assert far == pytest.approx(math.log(2))
    limits = ((-3, 3), (-3, 3))
    shifted = np.vstack([sample + 1, [[1e6, 1e6]]])
    assert js_error(sample, shifted, bins=10, limits=limits) > 0.05
    assert js_error(sample, shifted, bins=10) < 0.01  # one outlier, and all else shares a bin


def test_pmf_error_by_hand():
    """Two bins with frequencies 1/2, 1/2 and 3/4, 1/4."""
    limits = ((0.0, 1.0), (0.0, 1.0))
    low, high = [0.25, 0.5], [0.75, 0.5]
    one = np.array([low, low, high, high])
    other = np.array([low, low, low, high])
    p, q = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    by_hand = (0.5 * (p + q) * np.log(p / q) ** 2).sum()
    assert pmf_error(one, other, limits=limits, n_bins=4) == pytest.approx(by_hand)
    assert pmf_error(one, one, limits=limits) == 0
    assert pmf_error(one, one + 9, limits=limits) > 50


def test_pmf_error_of_the_authors_example():
    """Printed by the released code: empty bins count as 1e-6 in the weights, too."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 500, 2)) * 0.5
    limits = ((-1.8, 1.1), (-0.5, 2.0))
    edges = [np.r_[-np.inf, np.linspace(*ends, 63), np.inf] for ends in limits]
    p, q = (np.histogram2d(*part.T, bins=edges)[0] / 500 for part in (one, other))
    kept = (p > 0) | (q > 0)
    p, q = (np.maximum(part[kept], 1e-6) for part in (p, q))  # their order: fill, then weigh
    weights = (p + q) / (p + q).sum()
    expected = (weights * (np.log(p) - np.log(q)) ** 2).sum()
    assert pmf_error(one, other, limits=limits) == pytest.approx(expected, rel=1e-12)
