"""Ours beside the authors' kernel, written down step by step: the same numbers."""

import pytest
import torch

from companion.quartet.lab.speed import by_bucketize, published, rotate_and_quantize
from companion.quartet.method.linear import hadamard
from companion.quartet.method.quantizers import quantize


@pytest.mark.parametrize("name", ["QuEST", "RTN"])
def test_a_million_numbers_are_those_of_the_kernel(name, noise):
    x = (
        torch.randn(1024, 1024, generator=noise)
        * torch.rand(1024, 1, generator=noise).mul(8).exp2()
    )
    ours, theirs = rotate_and_quantize(x, name), published(x, name)
    groups = (x.view(-1, 32) @ hadamard()).view(x.shape)
    apart = ours != theirs
    # two ways to round a float32 scale or quotient may part at a threshold, by one grid step
    assert apart.sum() <= 4
    assert (ours - theirs).abs()[apart].le(groups.abs()[apart]).all()


def test_ties_are_the_one_difference():
    """Three quarters of a scale of 4/3 is 1: so 0.75 times 4/3 sits between 0.5 and 1."""
    x = torch.zeros(1, 32)
    x[0, :3] = torch.tensor([4.0, 1.0, -1.0])  # scale 4/3, z = 3, 0.75, -0.75
    ours = quantize(x, "RTN").values[0, :3] * 0.75
    assert ours.tolist() == pytest.approx([3.0, 1.0, -1.0])  # the even mantissa
    lower = by_bucketize(x)[0, :3] * 0.75
    assert lower.tolist() == pytest.approx([3.0, 0.5, -0.5])  # the smaller magnitude


def test_bucketize_gives_the_same_numbers(noise):
    x = torch.randn(512, 512, generator=noise)
    assert torch.equal(by_bucketize(x), quantize(x, "RTN").values)
