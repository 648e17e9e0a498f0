"""The graph transformer: symmetries, size, and gradients, none of them taken from its code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from companion.consistent_diffusion.method.networks import (
    EdgeAttention,
    GatedResidual,
    GraphEnergy,
    GraphScore,
    turned,
)
from companion.training import n_parameters

KINDS = torch.arange(5)


def small(kind: type, kinds: torch.Tensor = KINDS, width: int = 12, **named):
    torch.manual_seed(0)
    return kind(kinds, width, 2, **named).double()


def points(n: int = 4, dim: int = 15) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return x, torch.linspace(0.01, 0.9, n, dtype=torch.float64)


def test_number_of_weights_of_the_paper_s_network_by_hand():
    attention = 3 * (96 * 512 + 512) + (96 * 512 + 512) + (512 * 96 + 96) + 3 * 96
    forward = (96 * 384 + 384) + (384 * 96 + 96) + 3 * 96
    trunk = (9 * 96 + 96) + (3 * 96 + 96) + 2 * (attention + forward + 2 * (2 * 96))
    assert n_parameters(GraphEnergy(KINDS)) == trunk + 97 == 647_585
    assert n_parameters(GraphScore(KINDS)) == trunk + 5 * 96 * 15 + 15


@pytest.mark.parametrize("kind", [GraphEnergy, GraphScore])
def test_moving_the_molecule_changes_nothing(kind):
    model = small(kind)
    x, t = points()
    moved = (x.reshape(-1, 5, 3) + torch.tensor([3.0, -1.0, 0.5])).reshape(x.shape)
    assert model.score(x, t).shape == x.shape
    torch.testing.assert_close(model.score(moved, t), model.score(x, t))


def test_turning_the_molecule_changes_its_energy():
    model = small(GraphEnergy)
    x, t = points()
    other = model.log_q(turned(x, torch.Generator().manual_seed(2)), t)
    assert (other - model.log_q(x, t)).abs().min() > 1e-6


def test_beads_of_one_kind_can_be_exchanged_and_others_cannot():
    x, t = points()
    swapped = x.reshape(-1, 5, 3)[:, [3, 1, 2, 0, 4]].reshape(x.shape)
    same = small(GraphEnergy, torch.tensor([0, 1, 2, 0, 3]))
    torch.testing.assert_close(same.log_q(swapped, t), same.log_q(x, t))
    different = small(GraphEnergy)
    assert (different.log_q(swapped, t) - different.log_q(x, t)).abs().min() > 1e-6


def test_score_and_rate_are_slopes_of_log_q():
    model = small(GraphEnergy)
    x, t = points()
    found, step = model.local(x, t), 1e-5
    for k in range(15):
        move = step * torch.eye(15, dtype=torch.float64)[k]
        slope = (model.log_q(x + move, t) - model.log_q(x - move, t)) / (2 * step)
        torch.testing.assert_close(found.score[:, k], slope, atol=1e-7, rtol=1e-6)
    rate = (model.log_q(x, t + step) - model.log_q(x, t - step)) / (2 * step)
    torch.testing.assert_close(found.rate, rate, atol=1e-7, rtol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(model.score(x, t), found.score)


def test_the_score_can_be_trained():
    model = small(GraphEnergy)
    x, t = points()
    model.score(x, t).square().sum().backward()
    assert all(p.grad is not None for n, p in model.named_parameters() if n != "head.bias")
    assert float(model.trunk.edge.weight.grad.abs().sum()) > 0


def test_attention_is_the_sum_over_neighbors_written_out():
    torch.manual_seed(1)
    attention = EdgeAttention(6).double()
    nodes = torch.randn(1, 3, 6, dtype=torch.float64)
    edges = torch.randn(1, 3, 3, 6, dtype=torch.float64)
    mixed = torch.zeros(3, 8, 64, dtype=torch.float64)
    for i in range(3):
        q = attention.query(nodes[0, i]).reshape(8, 64)
        k = [
            (attention.key(nodes[0, j]) + attention.edge(edges[0, i, j])).reshape(8, 64)
            for j in range(3)
        ]
        v = [
            (attention.value(nodes[0, j]) + attention.edge(edges[0, i, j])).reshape(8, 64)
            for j in range(3)
        ]
        for head in range(8):
            logits = torch.stack([q[head] @ k[j][head] for j in range(3)]) / 8.0
            for j, weight in enumerate(torch.softmax(logits, 0)):
                mixed[i, head] += weight * v[j][head]
    torch.testing.assert_close(attention(nodes, edges)[0], attention.out(mixed.reshape(3, 512)))


def test_a_gate_of_zero_weights_is_the_mean():
    gate = GatedResidual(4)
    torch.nn.init.zeros_(gate.gate.weight)
    a, b = torch.ones(1, 2, 4), 3 * torch.ones(1, 2, 4)
    torch.testing.assert_close(gate(a, b), 2 * torch.ones(1, 2, 4))


def test_turns_are_rotations_and_uniform():
    x = torch.zeros(20_000, 9, dtype=torch.float64)
    x[:, 0], x[:, 4], x[:, 8] = 1.0, 1.0, 1.0  # the three axes
    matrices = turned(x, torch.Generator().manual_seed(0)).reshape(-1, 3, 3)
    eye = torch.eye(3, dtype=torch.float64).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.mT, eye)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(20_000, dtype=torch.float64))
    # a coordinate of a uniform direction is uniform on [-1, 1]
    cosines = np.sort(matrices[:, 0, 0].numpy())
    assert np.abs(cosines - np.linspace(-1, 1, 20_000)).max() < 0.05
