"""Batches equal single fits; early stopping; penalties; structures; what a batch saves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.gaussian_rbf.method.model import (
    DIAGONAL,
    ISOTROPIC,
    STRUCTURES,
    Recipe,
    Task,
    best_of,
    restarts,
    start,
)
from companion.gaussian_rbf.method.training import _Batch, fit_many


def task(n=40, d=3, m=4, seed=0, **options):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = np.sin(X[:, :1]) + 0.1 * rng.standard_normal((n, 1))
    return Task(X, y, X[:m].copy(), seed=seed, **{"scale": 0.5} | options)


def test_a_batch_of_different_tasks_equals_each_alone():
    tasks = [
        task(
            n=30 + 7 * i,
            m=3 + i % 3,
            seed=i,
            structure=STRUCTURES[i % 3],
            train_centers=bool(i % 2),
            squared=bool(i % 4 == 3),
            lam_u=10.0 ** -(1 + i % 3),
        )
        for i in range(9)
    ]
    recipe = Recipe(steps=80, lr=0.05, double=True, tol=0.02, patience=6)
    together = fit_many(tasks, recipe)
    assert len({fit.steps for fit in together}) > 2  # they stop at different times
    for one, fit in zip(tasks, together, strict=True):
        alone = fit_many([one], recipe)[0]
        assert fit.steps == alone.steps
        assert np.abs(fit.predict(one.X) - alone.predict(one.X)).max() < 1e-9
    for one, fit, other in zip(tasks, together, fit_many(tasks, recipe, chunk=200), strict=True):
        assert np.abs(fit.predict(one.X) - other.predict(one.X)).max() < 1e-9


def test_groups_of_different_shape_come_back_in_order():
    tasks = [task(d=3), task(d=5), task(d=3, seed=1)]
    assert [len(fit.U) for fit in fit_many(tasks, Recipe(steps=2))] == [3, 5, 3]


def test_adam_is_that_of_torch():
    """The same objective, by autograd and torch.optim.Adam."""
    one = task(lam_u=0.05, lam_w=0.01, lam_c=0.02)
    fit = fit_many([one], Recipe(steps=100, patience=0, double=True, log_every=1))[0]
    U0, W0 = start(one)
    U, W, C = (torch.tensor(v, requires_grad=True) for v in (U0, W0, one.centers))
    X, y = torch.tensor(one.X), torch.tensor(one.y)
    optimizer = torch.optim.Adam([U, W, C], lr=0.01)
    for step in range(100):
        optimizer.zero_grad()
        T = U.triu()
        away = X[:, None] - C[None]
        phi = torch.exp(-0.5 * (away @ T.mT).square().sum(2))
        data = ((phi @ W - y) ** 2).mean()
        loss = data + 0.05 * T.norm() + 0.01 * W.norm() + 0.02 * C.norm()
        assert fit.objective[step] == pytest.approx(loss.item(), rel=1e-8)
        loss.backward()
        optimizer.step()


def test_structures_keep_their_form():
    full, diagonal, isotropic = (
        fit_many([task(structure=s)], Recipe(steps=50))[0].U for s in STRUCTURES
    )
    assert np.abs(full[np.triu_indices(3)]).min() > 0
    assert not np.tril(full, -1).any()
    assert np.count_nonzero(diagonal - np.diag(np.diag(diagonal))) == 0
    assert len(set(np.diag(diagonal))) == 3
    assert np.allclose(isotropic, np.eye(3) * isotropic[0, 0])


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_gradient_of_the_objective_is_a_finite_difference(structure, squared):
    one = task(structure=structure, squared=squared, lam_u=0.3, lam_w=0.2, lam_c=0.1)
    batch = _Batch([one], torch.float64)
    gradient = batch.objective()[2]
    rng = np.random.default_rng(0)
    step = torch.as_tensor(rng.standard_normal(batch.theta.shape)) * batch.mask
    if structure == ISOTROPIC:
        step[0, :9] = (torch.eye(3) * 0.7).flatten()
        gradient[0, :9] = (torch.eye(3) * gradient[0, 0] / 3).flatten()
    U = batch.split(step).U
    U.copy_(U.triu())
    ends = []
    for sign in (1, -1):
        moved = _Batch([one], torch.float64)
        moved.theta += sign * 1e-6 * step
        ends.append(moved.objective()[0].item())
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx((gradient * step).sum().item(), rel=1e-5)


def test_fixed_centers_stay():
    one = task(train_centers=False)
    assert np.allclose(fit_many([one], Recipe(steps=30))[0].C, one.centers, atol=1e-6)
    moved = fit_many([replace(one, train_centers=True)], Recipe(steps=30))[0]
    assert np.abs(moved.C - one.centers).max() > 0.01


def test_the_best_parameters_are_kept():
    one = task(lam_u=0.0, lam_w=0.0)
    fit = fit_many([one], Recipe(steps=300, lr=0.3, patience=0, log_every=1, double=True))[0]
    assert fit.loss == pytest.approx(fit.objective.min())
    assert ((fit.predict(one.X) - one.y) ** 2).mean() == pytest.approx(fit.data_loss, rel=1e-9)


def asleep(**options):
    """64 features from the authors' start: no Gaussian reaches a row."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 64))
    y = (X[:, :1] > 0).astype(float)
    return Task(X, y, X[:3] + 1, "binary", seed=0, **options)


def test_early_stopping_survives_the_plateau():
    """With lambda_u = 1e-5 the objective hardly falls while the network is asleep."""
    recipe = Recipe(steps=600, patience=10, tol=1e-3, log_every=1)
    fit = fit_many([asleep(lam_u=1e-5, lam_w=0.0)], recipe)[0]
    assert fit.steps > 100
    assert fit.awake
    assert fit.data_loss < 0.6


def test_without_a_penalty_it_never_wakes_up_and_says_so():
    fit = fit_many([asleep(lam_u=0.0, lam_w=0.0)], Recipe(steps=100, patience=10))[0]
    assert not fit.awake
    assert fit.steps == 100
    assert fit.data_loss == pytest.approx(np.log(2), abs=1e-6)


def test_a_fit_that_blows_up_is_marked_and_loses():
    one = task()
    broken = replace(one, y=one.y * np.inf)
    fits = fit_many([one, broken], Recipe(steps=20))
    assert [fit.diverged for fit in fits] == [False, True]
    assert best_of(fits[::-1]) is fits[0]


def test_restarts_share_centers_and_differ_in_start():
    first, second = restarts(task(), 2)
    assert first.centers is second.centers
    assert not np.array_equal(start(first)[0], start(second)[0])
    assert np.array_equal(start(first)[0], start(restarts(task(), 2)[0])[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kind": "rank"}, "unknown kind"), ({"structure": "round"}, "unknown structure")],
)
def test_bad_tasks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        task(**options)
    with pytest.raises(ValueError, match="got"):
        Task(np.zeros((3, 2)), np.zeros((4, 1)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        Recipe(steps=0)


def test_diagonal_is_what_its_name_says():
    assert np.count_nonzero(start(task(structure=DIAGONAL))[0]) == 3
