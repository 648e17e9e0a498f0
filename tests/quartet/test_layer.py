"""Rotations and the layer: orthogonality, the sign bug, and gradients by hand."""

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard as sylvester

from companion.quartet.method.linear import (
    VERSION_4,
    QuantizedMatmul,
    QuartetLinear,
    Recipe,
    hadamard,
    quantized_product,
    random_signs,
    rotate,
    rotate_back,
)
from companion.quartet.method.mxfp4 import NotFinite, NotWholeGroups
from companion.quartet.method.quantizers import SCHEMES, quantize


def test_the_matrix_is_orthogonal_and_symmetric():
    matrix = hadamard().double()
    assert torch.allclose(matrix @ matrix.mT, torch.eye(32, dtype=torch.float64), atol=1e-6)
    assert torch.equal(matrix, matrix.mT)


def test_rotation_by_definition(noise):
    x, signs = torch.randn(5, 64, generator=noise), random_signs(noise)
    matrix = sylvester(32) / np.sqrt(32)
    groups, s = x.double().numpy().reshape(-1, 32), signs.double().numpy()
    by_side = {
        "before": (groups * s) @ matrix,
        "after": (groups @ matrix) * s,
        "none": groups @ matrix,
    }
    for side, expected in by_side.items():
        assert np.allclose(rotate(x, signs, side).numpy().reshape(-1, 32), expected, atol=1e-5)
    assert torch.allclose(rotate_back(rotate(x)), x, atol=1e-5)
    with pytest.raises(ValueError, match="unknown side 'left'"):
        rotate(x, signs, "left")
    with pytest.raises(NotWholeGroups):
        rotate(torch.ones(3, 33))


@pytest.mark.parametrize("side", ["before", "after", "none"])
def test_a_product_survives_the_rotation_of_both_operands(side, noise):
    a, b = (torch.randn(7, 96, generator=noise) for _ in range(2))
    signs = random_signs(noise)
    rotated = rotate(a, signs, side) @ rotate(b, signs, side).mT
    assert torch.allclose(rotated, a @ b.mT, atol=1e-4)


def test_signs_are_both_and_fresh(noise):
    draws = torch.stack([random_signs(noise) for _ in range(200)])
    assert set(draws.unique().tolist()) == {-1.0, 1.0}
    assert draws.mean().abs() < 0.1
    assert len({tuple(row.tolist()) for row in draws}) == 200


def two_products(scheme, side, noise):
    a, b = (torch.randn(16, 128, generator=noise) for _ in range(2))
    recipe = Recipe(backward=scheme, side=side)
    draws = [
        quantized_product(a, b, SCHEMES[scheme], recipe, random_signs(noise), noise)
        for _ in range(2)
    ]
    return torch.equal(*draws)


def test_the_bug_makes_rtn_deterministic_and_the_fix_does_not(noise):
    assert two_products("RTN", "after", noise)
    assert not two_products("RTN", "before", noise)
    assert not two_products("SR", "after", noise)
    assert two_products("RTN", "none", noise)


def test_recipes_are_checked():
    for wrong in ({"side": "left"}, {"backward": "int8"}, {"forward": "int4"}):
        with pytest.raises(ValueError, match="unknown"):
            Recipe(**wrong)


def by_hand(x, w, dy, signs):
    """Algorithm 1 of version 4 in float64, written out."""
    matrix = torch.tensor(sylvester(32) / np.sqrt(32))

    def turn(t, s=None):
        groups = t.double().reshape(-1, 32)
        groups = groups if s is None else groups * s.double()
        return (groups @ matrix).reshape(t.shape)

    def q(t, name):
        return quantize(t.float(), name, with_mask=True)

    x_q, w_q = q(turn(x), "QuEST"), q(turn(w), "QuEST")
    g, v = (q(turn(t, signs), "RTN").values.double() for t in (dy, w_q.values.mT.contiguous()))
    dx = turn((g @ v.mT) * x_q.mask)
    g, v = (
        q(turn(t, signs), "RTN").values.double()
        for t in (dy.mT.contiguous(), x_q.values.mT.contiguous())
    )
    dw = turn((g @ v.mT) * w_q.mask)
    return x_q.values.double() @ w_q.values.double().mT, dx, dw


def test_the_layer_is_algorithm_1(noise):
    x = torch.randn(64, 96, generator=noise, requires_grad=True)
    w = torch.randn(32, 96, generator=noise, requires_grad=True)
    dy = torch.randn(64, 32, generator=noise)
    draws = torch.Generator().manual_seed(7)
    signs = random_signs(torch.Generator().manual_seed(7))
    y = QuantizedMatmul.apply(x, w, VERSION_4, draws)
    y.backward(dy)
    expected = by_hand(x.detach(), w.detach(), dy, signs)
    for ours, theirs in zip((y, x.grad, w.grad), expected, strict=True):
        difference = (ours.double() - theirs).norm() / theirs.norm()
        assert difference < 2e-3  # a float32 rotation may move a number over a rounding threshold


def test_without_schemes_the_gradients_are_those_of_autograd(noise):
    x = torch.randn(32, 64, generator=noise, requires_grad=True)
    w = torch.randn(96, 64, generator=noise, requires_grad=True)
    dy = torch.randn(32, 96, generator=noise)
    QuantizedMatmul.apply(x, w, Recipe(), noise).backward(dy)
    assert torch.allclose(x.grad, dy @ w, atol=1e-4)
    assert torch.allclose(w.grad, dy.mT @ x, atol=1e-4)


def test_unbiased_backward_products_average_to_the_exact_gradient(noise):
    x = torch.randn(64, 64, generator=noise)
    w = torch.randn(32, 64, generator=noise, requires_grad=True)
    dy = torch.randn(64, 32, generator=noise)
    exact = dy.mT @ x
    for scheme, closer in (("SR", True), ("SR OCP", False)):
        w.grad = None
        for _ in range(400):
            QuantizedMatmul.apply(x, w, Recipe(backward=scheme), noise).backward(dy)
        error = (w.grad / 400 - exact).norm() / exact.norm()
        assert (error < 0.02) == closer, (scheme, error)


def test_the_mask_drops_gradients_of_clipped_elements(noise):
    x = torch.randn(32, 32, generator=noise)
    w = torch.randn(32, 32, generator=noise)
    dy = torch.randn(32, 32, generator=noise)
    gradients = {}
    for masked in (True, False):
        leaf = x.clone().requires_grad_()
        recipe = Recipe(forward="QuEST", masked=masked)
        QuantizedMatmul.apply(leaf, w, recipe, noise).backward(dy)
        gradients[masked] = rotate(leaf.grad)
    mask = quantize(rotate(x), "QuEST", with_mask=True).mask
    assert not mask.all()
    assert torch.allclose(gradients[True][~mask], torch.zeros(1), atol=1e-5)
    assert torch.allclose(gradients[True][mask], gradients[False][mask], atol=1e-4)


def test_leading_axes_are_independent_copies(noise):
    x, w = (torch.randn(3, 32, 64, generator=noise) for _ in range(2))
    together = QuantizedMatmul.apply(x, w, VERSION_4, noise)
    for i in range(3):
        alone = QuantizedMatmul.apply(x[i], w[i], VERSION_4, noise)
        assert torch.allclose(together[i], alone, atol=1e-5)


def test_layer_refuses_what_it_cannot_group(noise):
    with pytest.raises(NotWholeGroups, match="inputs K is 48"):
        QuartetLinear(48, 32, generator=noise)
    with pytest.raises(NotWholeGroups, match="outputs O is 40"):
        QuartetLinear(64, 40, generator=noise)
    plain = QuartetLinear(48, 40, recipe=Recipe(), generator=noise)  # without groups any width
    assert plain(torch.ones(3, 48)).shape == (3, 40)
    layer = QuartetLinear(64, 32, generator=noise)
    with pytest.raises(NotWholeGroups, match="tokens T is 33"):
        layer(torch.ones(33, 64)).sum().backward()
    with pytest.raises(NotFinite):
        layer(torch.full((32, 64), float("nan")))
