"""Synthetic tasks against what their distribution says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tart.method.training import LogisticTaskSampler, knows_the_weights


def test_labels_have_the_probability_of_the_model():
    sampler = LogisticTaskSampler(3, alpha=2.0)
    x, y, w = sampler.tasks(400, 200, 0)
    p = torch.sigmoid((x * w[:, None]).sum(-1))
    for low in np.arange(0, 1, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert abs(float(y[inside].mean() - p[inside].mean())) < 0.02


def test_bayes_accuracy_is_that_of_the_paper_setting():
    x, y, w = LogisticTaskSampler(16, alpha=10.0).tasks(300, 200, 0)
    assert float((knows_the_weights(x, w[:, None]) == y).float().mean()) == pytest.approx(
        0.985, abs=0.004
    )


def test_a_huge_alpha_leaves_no_noise():
    x, y, w = LogisticTaskSampler(4, alpha=1e8).tasks(20, 50, 1)
    assert torch.equal(y, knows_the_weights(x, w[:, None]))


@given(st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_the_curriculum_zeroes_the_tail_of_x_only(d, used):
    used = min(d, used)
    x, _, w = LogisticTaskSampler(d).draw(3, 5, torch.Generator().manual_seed(0), d_used=used)
    assert (x[..., used:] == 0).all()
    assert (x[..., :used] != 0).all()
    assert (w != 0).all()


def test_tasks_are_a_pure_function_of_the_seed():
    sampler = LogisticTaskSampler(4)
    first, second = sampler.tasks(3, 5, 7, "a"), sampler.tasks(3, 5, 7, "a")
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], sampler.tasks(3, 5, 7, "b")[0])


def test_variable_alphas_are_whole_numbers():
    rng = torch.Generator().manual_seed(0)
    w = LogisticTaskSampler(1, alpha=3, variable=True).weights(20_000, rng)
    # a mixture of N(0, a^2) over a = 1, 2, 3
    assert float((w**2).mean()) == pytest.approx((1 + 4 + 9) / 3, rel=0.05)


@pytest.mark.parametrize(
    "bad",
    [{"d": 0}, {"d": 2, "alpha": 0}, {"d": 2, "alpha": 0.5, "variable": True}],
)
def test_bad_samplers_are_refused(bad):
    with pytest.raises(ValueError):
        LogisticTaskSampler(**bad)


def test_more_dimensions_than_there_are_are_refused():
    with pytest.raises(ValueError, match="d_used"):
        LogisticTaskSampler(2).draw(1, 1, torch.Generator(), d_used=3)
