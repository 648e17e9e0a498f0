"""The one-line rule and the ideal learner against quadrature, closed forms, and a free lunch."""

import numpy as np
import pytest

from companion.tart.method.theory import ideal, mean_difference
from companion.tart.method.training import LogisticTaskSampler, knows_the_weights


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def by_quadrature(x, y, queries, alpha, n=321, reach=5.0):
    """The same average over a grid in the plane."""
    axis = np.linspace(-reach, reach, n)
    w = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    fit = -np.logaddexp(0, -alpha * (w @ x.T) * (2 * y - 1)).sum(1) - 0.5 * (w**2).sum(1)
    p = np.exp(fit - fit.max())
    return (sigmoid(alpha * queries @ w.T) * p).sum(1) / p.sum()


@pytest.mark.parametrize(("k", "alpha"), [(3, 10.0), (8, 10.0), (8, 1.0)])
def test_the_ideal_learner_is_the_average_over_directions(k, alpha):
    rng = np.random.default_rng(k)
    x, q = rng.standard_normal((2, k, 2)), rng.standard_normal((2, 9, 2))
    y = (rng.random((2, k)) < 0.5).astype(float)
    # side by side, 15 times the same tasks: as many samples as of one long chain
    many = [np.concatenate([part] * 15) for part in (x, y, q)]
    found = ideal(*many, 200, np.random.default_rng(0), alpha)
    assert found.shape == (2, 30, 9)
    mean = found.reshape(2, 15, 2, 9).mean((0, 1))
    for t in range(2):
        expected = by_quadrature(x[t], y[t], q[t], alpha)
        np.testing.assert_allclose(mean[t], expected, atol=0.03)


def test_without_information_it_says_one_half():
    x = np.zeros((20, 4, 3))
    p = ideal(x, np.ones((20, 4)), np.ones((20, 2, 3)), 100, np.random.default_rng(0))
    np.testing.assert_allclose(p.mean(1), 0.5, atol=0.05)


def test_it_is_above_the_one_line_rule_on_its_own_tasks_and_below_who_knows():
    x, y, w = (part.double().numpy() for part in LogisticTaskSampler(8).tasks(40, 140, 3))
    k = 40
    p = ideal(x[:, :k], y[:, :k], x[:, k:], 150, np.random.default_rng(0)).mean(0)
    best = ((p > 0.5) == (y[:, k:] == 1)).mean()
    line = np.mean(
        [
            ((mean_difference(x[t, :k], y[t, :k], x[t, k:]) > 0) == (y[t, k:] == 1)).mean()
            for t in range(40)
        ]
    )
    import torch

    known = knows_the_weights(*(torch.as_tensor(v) for v in (x[:, k:], w[:, None]))).numpy()
    assert line + 0.03 < best < (known == y[:, k:]).mean()


def test_its_chains_begin_apart_and_end_together():
    x, y, _ = (part.double().numpy() for part in LogisticTaskSampler(4).tasks(6, 60, 5))
    p = ideal(x[:, :20], y[:, :20], x[:, 20:], 1500, np.random.default_rng(1))
    assert 0 < np.abs(p[0] - p[1]).max() < 0.15
    assert ((p[0] > 0.5) != (p[1] > 0.5)).mean() < 0.03


def test_one_line_by_a_loop():
    rng = np.random.default_rng(0)
    z, y, q = rng.standard_normal((7, 3)), rng.integers(0, 2, 7), rng.standard_normal((4, 3))
    by_loop = [sum((2 * y[i] - 1) * float(z[i] @ one) for i in range(7)) for one in q]
    np.testing.assert_allclose(mean_difference(z, y, q), by_loop)


def test_one_line_is_the_first_step_of_logistic_regression():
    import torch

    rng = np.random.default_rng(1)
    z, y, q = rng.standard_normal((9, 3)), rng.integers(0, 2, 9), rng.standard_normal((5, 3))
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    logits = torch.as_tensor(z) @ w
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.as_tensor(y).double(), reduction="sum"
    )
    loss.backward()
    np.testing.assert_allclose(mean_difference(z, y, q), 2 * q @ -w.grad.numpy())
