"""The network against its definition; gradients against finite differences and autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.gaussian_rbf.method import model
from companion.gaussian_rbf.method.model import BINARY, KINDS, MULTICLASS, Parameters


def made(kind, *, n=7, d=4, m=3, fits=2, seed=0):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    k = 3 if kind == MULTICLASS else 1
    theta = Parameters(draw(fits, d, d).triu() * 0.5, draw(fits, m, k), draw(fits, m, d))
    y = draw(fits, n, k)
    if kind == BINARY:
        y = (y > 0).double()
    if kind == MULTICLASS:
        y = torch.nn.functional.one_hot(y.argmax(2), k).double()
    return theta, draw(fits, n, d), y, torch.full((fits, n, 1), 1 / n).double()


def by_definition(theta, X):
    """f(x) with explicit loops over fits, rows and centers."""
    P = theta.U.mT @ theta.U
    out = torch.zeros(X.shape[0], X.shape[1], theta.W.shape[2], dtype=X.dtype)
    for f in range(X.shape[0]):
        for i in range(X.shape[1]):
            for m in range(theta.C.shape[1]):
                away = X[f, i] - theta.C[f, m]
                out[f, i] += theta.W[f, m] * torch.exp(-0.5 * away @ P[f] @ away)
    return out


def loss_by_definition(theta, X, y, kind):
    F = by_definition(theta, X)
    if kind == BINARY:
        return torch.nn.functional.binary_cross_entropy_with_logits(F, y, reduction="none").mean(
            (1, 2)
        )
    if kind == MULTICLASS:
        each = [
            torch.nn.functional.cross_entropy(a, b.argmax(1)) for a, b in zip(F, y, strict=True)
        ]
        return torch.stack(each)
    return ((F - y) ** 2).mean((1, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_loss_are_the_definition(kind):
    theta, X, y, row = made(kind)
    assert torch.allclose(model.predict(theta, X), by_definition(theta, X))
    found = model.evaluate(theta, X, y, row, torch.ones(2, 3, 1).double(), kind)
    assert torch.allclose(found.loss, loss_by_definition(theta, X, y, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_autograd(kind):
    theta, X, y, row = made(kind)
    found = model.evaluate(theta, X, y, row, torch.ones(2, 3, 1).double(), kind).gradient
    for part in theta:
        part.requires_grad_(True)
    U, W, C = torch.autograd.grad(loss_by_definition(theta, X, y, kind).sum(), theta)
    for ours, theirs in zip(found, (U.triu(), W, C), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_gradients_are_finite_differences(kind, seed):
    theta, X, y, row = made(kind, seed=seed, fits=1)
    mask = torch.ones(1, 3, 1).double()
    found = model.evaluate(theta, X, y, row, mask, kind).gradient
    rng = np.random.default_rng(seed)
    for name in ("U", "W", "C"):
        part = getattr(theta, name)
        step = torch.as_tensor(rng.standard_normal(part.shape))
        step = step.triu() if name == "U" else step
        ends = [
            model.evaluate(
                theta._replace(**{name: part + sign * 1e-6 * step}), X, y, row, mask, kind
            ).loss.item()
            for sign in (1, -1)
        ]
        slope = (getattr(found, name) * step).sum().item()
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_padding_changes_nothing():
    theta, X, y, row = made(MULTICLASS, fits=1)
    alone = model.evaluate(theta, X, y, row, torch.ones(1, 3, 1).double(), MULTICLASS)
    pad = torch.nn.functional.pad
    wide = Parameters(theta.U, pad(theta.W, (0, 0, 0, 2)), pad(theta.C, (0, 0, 0, 2)))
    mask = torch.tensor([[[1.0], [1], [1], [0], [0]]]).double()
    padded = model.evaluate(
        wide, pad(X, (0, 0, 0, 5)), pad(y, (0, 0, 0, 5)), pad(row, (0, 0, 0, 5)), mask, MULTICLASS
    )
    assert torch.allclose(padded.loss, alone.loss)
    assert torch.allclose(padded.gradient.U, alone.gradient.U)
    assert torch.allclose(padded.gradient.C[:, :3], alone.gradient.C)
    assert not padded.gradient.W[:, 3:].any()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="regression, binary, multiclass"):
        model.data_term(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 1), "rank")
