"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

from functools import partial

import pytest
import torch

from companion.distillation_memorization.method.objectives import distillation_loss
from companion.scale import torch_generator
from tests.clock import quickest

pytestmark = pytest.mark.bench


def as_printed(student, teacher, tau):
    """The paper's formula, letter by letter: probabilities, their ratio, and its logarithm."""
    p = torch.softmax(teacher / tau, -1)
    q = torch.softmax(student / tau, -1)
    return tau**2 * (p * (p / q).log()).sum(-1).mean()


def test_the_loss_as_printed(ratio):
    draws = torch_generator(0, "bench")
    student, teacher = torch.randn(2, 2_048, 1_000, generator=draws)
    ours, printed = (loss(student, teacher, 2.0) for loss in (distillation_loss, as_printed))
    torch.testing.assert_close(ours, printed, rtol=1e-4, atol=1e-6)
    student.requires_grad_()

    def step(loss):
        student.grad = None
        loss(student, teacher, 2.0).backward()

    took, slow = quickest(partial(step, distillation_loss), partial(step, as_printed))
    what = "the distillation loss with its gradient as printed / ours"
    ratio("distillation-memorization", what, slow / took, least=1)
