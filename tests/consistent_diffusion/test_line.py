"""The random-feature model against finite differences, brute force, and torch."""

import numpy as np
import pytest
import torch

from companion.consistent_diffusion.lab.line import (
    LINE,
    Features,
    Noised,
    Problem,
    RandomEnergy,
    draw_features,
    line_iid,
    line_law,
    line_residual,
    line_truth,
    one_line,
)
from companion.consistent_diffusion.lab.systems import TWO_MODES, js_divergence
from companion.consistent_diffusion.method.diffusion import exact_residual
from companion.consistent_diffusion.method.networks import time_features
from companion.scale import generator


class Torch:
    """The same energy, for automatic differentiation."""

    def __init__(self, model):
        self.f, self.theta = model.features, torch.tensor(model.theta)

    def log_q(self, x, t):
        tau = time_features(t)[0]
        w, u, b = (torch.tensor(part) for part in (self.f.w, self.f.u, self.f.b))
        return torch.tanh(x @ w.T + tau @ u.T + b) @ self.theta - 0.5 * x.square().sum(1)


@pytest.fixture
def problem():
    rng = generator(0)
    features = draw_features(12, rng)
    features = Features(rng.standard_normal((12, 2)), features.u, features.b)
    return Problem(features, Noised(rng.standard_normal((40, 2)), rng))


def test_the_residual_is_that_of_automatic_differentiation(problem):
    theta = generator(1).standard_normal(12)
    model = RandomEnergy(problem.features, theta)
    d = problem.data
    expected = exact_residual(Torch(model), torch.tensor(d.x), torch.tensor(d.t)).numpy()
    assert np.allclose(problem.residual(theta, jacobian=False), expected)
    assert np.allclose(
        model.log_q(d.x, d.t), Torch(model).log_q(torch.tensor(d.x), torch.tensor(d.t)).numpy()
    )


def test_the_jacobian_against_finite_differences(problem):
    theta, h = generator(1).standard_normal(12), 1e-6
    _, jacobian = problem.residual(theta)
    for j in (0, 5, 11):
        step = np.zeros(12)
        step[j] = h
        up, down = (problem.residual(theta + s * step, jacobian=False) for s in (1, -1))
        assert np.allclose(jacobian[:, j], (up - down) / (2 * h), rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_the_definition(problem):
    theta, d = generator(1).standard_normal(12), problem.data
    x = torch.tensor(d.x, requires_grad=True)
    log_q = Torch(RandomEnergy(problem.features, theta)).log_q(x, torch.tensor(d.t))
    score = torch.autograd.grad(log_q.sum(), x)[0].numpy()
    by_hand = ((d.noise + d.sigma[:, None] * score) ** 2).mean()
    assert problem.dsm(theta) == pytest.approx(by_hand)


def penalized(problem, theta, alpha):
    """The loss that is minimized."""
    n, dim = problem.data.x.shape
    penalty = (problem.residual(theta, jacobian=False) ** 2).sum() / (n * dim**2)
    return problem.dsm(theta) + problem.ridge * theta @ theta + alpha * penalty


def test_the_solution_is_a_minimum_of_the_penalized_loss(problem):
    found = problem.solve(1e-3, steps=60)
    best = penalized(problem, found.model.theta, 1e-3)
    rng = generator(2)
    for _ in range(20):
        away = found.model.theta + 1e-2 * rng.standard_normal(12)
        assert penalized(problem, away, 1e-3) > best


@pytest.fixture(scope="module")
def line():
    return one_line(0, 6000, (0.0, 1e-3), True)


def test_the_penalty_repairs_and_a_wrong_sign_does_not(line):
    fits, controls = line
    assert fits[0.0].js > 2 * fits[1e-3].js
    assert fits[1e-3].dsm < 1.03 * fits[0.0].dsm
    assert fits[1e-3].fixed < fits[0.0].fixed / 3
    assert controls["wrong sign of the time derivative"].js > 2 * fits[1e-3].js


def test_both_models_denoise(line):
    for fit in line[0].values():
        sample = line_iid(fit.model, 0, n=2000)
        assert (sample > 0).mean() == pytest.approx(0.8, abs=0.06)
        assert np.abs(sample).mean() == pytest.approx(5, abs=0.3)


def test_the_truth_and_the_laws_are_normalized(line):
    assert line_truth().sum() == pytest.approx(1)
    assert line_truth()[LINE > 0].sum() == pytest.approx(0.8, abs=1e-6)
    law = line_law(line[0][1e-3].model)
    assert law.sum() == pytest.approx(1)
    assert js_divergence(law, line_truth()) == pytest.approx(line[0][1e-3].js)
    residual = line_residual(line[0][1e-3].model, 0.3)
    assert residual @ line_law(line[0][1e-3].model, 0.3) == pytest.approx(0, abs=1e-8)


def test_the_same_seed_gives_the_same_model():
    first, second = (one_line(3, 800, (0.0,), False)[0][0.0] for _ in range(2))
    assert (first.model.theta == second.model.theta).all()
    assert first.js != one_line(4, 800, (0.0,), False)[0][0.0].js


def test_noise_is_what_the_process_says():
    data = Noised(TWO_MODES.draw(20_000, generator(5)), generator(6), t0=0.3, t1=0.31)
    assert data.x[data.x > 0].mean() == pytest.approx(
        5 * np.exp(-0.25 * 19.9 * 0.305**2 - 0.01525), rel=0.02
    )
