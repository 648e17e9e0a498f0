"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

from functools import partial

import pytest
import torch

from companion.leximark.method.scores import token_moments
from companion.scale import torch_generator
from tests.clock import quickest

pytestmark = pytest.mark.bench


def as_released(logits, targets):
    """The released code of Min-K%++ (Zhang et al. 2024): softmax and its logarithm apart."""
    probs = torch.softmax(logits, -1)
    log_probs = torch.log_softmax(logits, -1)
    token = log_probs.gather(-1, targets[:, None]).squeeze(-1)
    mu = (probs * log_probs).sum(-1)
    sigma = (probs * torch.square(log_probs)).sum(-1) - torch.square(mu)
    return token, mu, sigma.sqrt()


def test_the_moments_of_a_vocabulary(ratio):
    draws = torch_generator(0, "bench")
    logits = 3 * torch.randn(128, 49_152, generator=draws)
    targets = torch.randint(0, 49_152, (128,), generator=draws)
    for mine, theirs in zip(
        token_moments(logits, targets), as_released(logits, targets), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    took, released = quickest(
        partial(token_moments, logits, targets), partial(as_released, logits, targets)
    )
    what = "moments of a vocabulary, whose variance no rounding makes negative / as released"
    ratio("leximark", what, took / released, most=2.5)
