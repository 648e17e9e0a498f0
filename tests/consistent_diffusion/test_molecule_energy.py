"""The molecule's models: score and rate, symmetries, and what has an energy."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from companion.consistent_diffusion.lab.molecule.models import (
    MoleculeEnergy,
    MoleculeScore,
    Spread,
    spread_of,
)
from companion.consistent_diffusion.lab.molecule.peptide import N_INVARIANTS, Invariants, centered
from companion.consistent_diffusion.method.networks import automatic


def draw(n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = centered(torch.randn(n, 15, generator=generator, dtype=torch.float64))
    t = torch.linspace(0.002, 0.09, n, dtype=torch.float64)
    return x, t


def build(kind: type, t1: float = 0.1):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 15, generator=generator)
    model = kind(spread_of(x), (16, 16), generator=generator, t0=0.0, t1=t1)
    return model.double()


@pytest.mark.parametrize("t1", [0.1, 1.0])
def test_score_and_rate_are_those_of_automatic_differentiation(t1):
    model = build(MoleculeEnergy, t1)
    x, t = draw()
    ours, oracle = model.local(x, t), automatic(model, x, t)
    torch.testing.assert_close(ours.log_q.detach(), oracle.log_q)
    torch.testing.assert_close(ours.score.detach(), oracle.score)
    torch.testing.assert_close(model.score(x, t).detach(), oracle.score)
    torch.testing.assert_close(ours.rate.detach(), oracle.rate)


@pytest.mark.parametrize("kind", [MoleculeEnergy, MoleculeScore])
def test_scores_turn_with_the_molecule_and_ignore_its_place(kind):
    model = build(kind)
    x, t = draw()
    turn = torch.tensor(Rotation.random(random_state=2).as_matrix())
    score = model.score(x, t).reshape(-1, 5, 3)
    turned = (x.reshape(-1, 5, 3) @ turn.T + 0.7).reshape(-1, 15)
    torch.testing.assert_close(model.score(turned, t), (score @ turn.T).reshape(-1, 15))
    torch.testing.assert_close(score.sum(1), torch.zeros_like(score[:, 0]), atol=1e-9, rtol=0)


def test_a_mirror_image_has_another_energy():
    model = build(MoleculeEnergy)
    x, t = draw()
    mirrored = (x.reshape(-1, 5, 3) * torch.tensor([1.0, 1.0, -1.0])).reshape(-1, 15)
    assert (model.log_q(x, t) - model.log_q(mirrored, t)).abs().min() > 1e-4


def curl(model, x, t) -> float:
    """Largest antisymmetric part of the field's derivative."""
    matrix = torch.autograd.functional.jacobian(lambda y: model.score(y[None], t[:1])[0], x[0])
    return float((matrix - matrix.T).abs().max() / matrix.abs().max())


def test_only_the_energy_model_is_a_gradient():
    x, t = draw()
    assert curl(build(MoleculeEnergy), x, t) < 1e-9
    assert curl(build(MoleculeScore), x, t) > 1e-3


def test_the_spread_is_that_of_the_data():
    x = torch.randn(500, 15, generator=torch.Generator().manual_seed(1))
    found = spread_of(x)
    values = Invariants(centered(x)).values
    assert isinstance(found, Spread)
    assert found.mean.shape == found.deviation.shape == (N_INVARIANTS,)
    torch.testing.assert_close(found.mean, values.mean(0))
    torch.testing.assert_close(found.deviation, values.std(0))


def test_a_stack_is_its_models_side_by_side():
    generator = torch.Generator().manual_seed(0)
    spread = spread_of(torch.randn(200, 15, generator=generator))
    for kind in (MoleculeEnergy, MoleculeScore):
        stack = kind(spread, (9,), generator=generator, t1=0.1, seeds=2)
        x, t = draw(8)
        x, t = x.reshape(2, 4, 15), t.reshape(2, 4)
        for i in range(2):
            one = kind(spread, (9,), generator=generator, t1=0.1)
            state = stack.state_dict()
            one.load_state_dict({k: v[i] if k.startswith("net") else v for k, v in state.items()})
            found = stack.double().score(x, t)[i]
            torch.testing.assert_close(found, one.double().score(x[i], t[i]))
