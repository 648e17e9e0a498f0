"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

from functools import partial

import pytest
import torch

from companion.consistent_diffusion.lab.estimator import time_steps
from companion.consistent_diffusion.method.diffusion import (
    displacements,
    exact_residual,
    weak_residuals,
)
from companion.consistent_diffusion.method.networks import EnergyMLP
from companion.scale import torch_generator
from tests.clock import quickest

pytestmark = pytest.mark.bench


def test_a_training_step_with_the_penalty(ratio):
    took = time_steps(128, 5e-4, 31, 0)
    what = "a training step with the penalty as released / ours"
    ratio("consistent-diffusion", what, took.paper / took.penalized, least=1.1)
    what = "a training step with the penalty / without it"
    ratio("consistent-diffusion", what, took.penalized / took.plain, most=8)


def test_first_derivatives_against_second_ones(ratio):
    draws = torch_generator(0, "bench")
    model = EnergyMLP(15, (92, 92, 92), generator=draws)
    x, t = torch.randn(256, 15, generator=draws), torch.rand(256, generator=draws)
    moved = displacements(x, draws)
    with torch.no_grad():
        weak, exact = quickest(
            partial(weak_residuals, model, x, t, *moved), partial(exact_residual, model, x, t)
        )
    what = "the residual in 15 dimensions from second derivatives / from first ones"
    ratio("consistent-diffusion", what, exact / weak, least=2)
