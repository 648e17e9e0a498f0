"""The losses against cross-entropy, closed forms, finite differences, and brute force."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from companion.distillation_memorization.method.objectives import (
    SOFT,
    UNREAD,
    Cached,
    Objective,
    distillation_loss,
    objectives,
    top_k_loss,
)


def random_logits(seed, *shape):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_one_hot_teacher_is_cross_entropy():
    student = random_logits(0, 4, 7, 11).requires_grad_()
    targets = torch.randint(11, (4, 7), generator=torch.Generator().manual_seed(1))
    one_hot = torch.zeros(4, 7, 11).scatter_(-1, targets[..., None], 1e4)
    gradients = []
    for loss in (
        distillation_loss(student, one_hot, 1.0),
        cross_entropy(student.flatten(0, 1), targets.flatten()),
    ):
        gradients.append((loss, *torch.autograd.grad(loss, student)))
    (soft, soft_gradient), (plain, plain_gradient) = gradients
    assert soft.item() == pytest.approx(plain.item(), abs=1e-5)
    torch.testing.assert_close(soft_gradient, plain_gradient, atol=1e-5, rtol=0)


@given(st.integers(0, 1000), st.floats(0.5, 8))
@settings(deadline=None, max_examples=25)
def test_a_student_that_is_its_teacher_has_no_loss(seed, tau):
    z = random_logits(seed, 3, 5)
    assert abs(float(distillation_loss(z, z.clone(), tau))) < 1e-6
    shifted = z + 7.0  # softmax does not see a constant
    assert abs(float(distillation_loss(shifted, z, tau))) < 1e-5


@given(st.integers(0, 1000), st.sampled_from([1.0, 2.0, 4.0]))
@settings(deadline=None, max_examples=25)
def test_the_loss_is_the_sum_of_its_definition(seed, tau):
    s, t = random_logits(seed, 2, 3, 6).double(), random_logits(seed + 1, 2, 3, 6).double()
    total = 0.0
    for zs, zt in zip(s.reshape(-1, 6).tolist(), t.reshape(-1, 6).tolist(), strict=True):
        ps, pt = ([math.exp(v / tau) for v in z] for z in (zs, zt))
        ps, pt = ([v / sum(p) for v in p] for p in (ps, pt))
        total += sum(q * math.log(q / p) for p, q in zip(ps, pt, strict=True))
    assert float(distillation_loss(s, t, tau)) == pytest.approx(tau**2 * total / 6, rel=1e-4)


def test_the_gradient_is_tau_times_the_difference_of_probabilities():
    tau, s, t = 2.0, random_logits(0, 1, 9).requires_grad_(), random_logits(1, 1, 9)
    (gradient,) = torch.autograd.grad(distillation_loss(s, t, tau), s)
    expected = tau * ((s / tau).softmax(-1) - (t / tau).softmax(-1))
    torch.testing.assert_close(gradient, expected.detach(), atol=1e-6, rtol=1e-5)


def test_the_direction_is_teacher_first():
    s, t = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]])
    forward = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(distillation_loss(s, t, 1.0)) == pytest.approx(forward, rel=1e-5)


@given(st.integers(0, 500), st.integers(1, 9))
@settings(deadline=None, max_examples=25)
def test_top_k_is_below_the_full_loss_and_exact_with_all_but_one(seed, k):
    s, t, tau = random_logits(seed, 4, 10), random_logits(seed + 1, 4, 10), 2.0
    full = float(distillation_loss(s, t, tau))
    top = (t / tau).log_softmax(-1).topk(k, -1)
    part = float(top_k_loss(s, top.indices, top.values, tau))
    assert part <= full + 1e-4
    if k == 9:
        assert part == pytest.approx(full, rel=1e-3, abs=1e-4)


def test_a_share_of_the_text_mixes_both_losses():
    s, t = random_logits(0, 5, 8), random_logits(1, 5, 8)
    y = torch.arange(5)
    known = Cached(t, None, None, 1.0)
    mixed = Objective("teacher's logits", 2.0, share=0.25).loss(s, y, known)
    expected = 0.25 * cross_entropy(s, y) + 0.75 * distillation_loss(s, t, 2.0)
    assert float(mixed) == pytest.approx(float(expected), rel=1e-6)
    whole = Objective("teacher's logits", 2.0, share=1.0).loss(s, y, known)
    assert float(whole) == pytest.approx(float(Objective("text").loss(s, y, None)), rel=1e-6)


def test_wrong_objectives_are_refused():
    with pytest.raises(ValueError, match="unknown kind"):
        Objective("gossip")
    with pytest.raises(ValueError, match="temperature"):
        Objective("teacher's logits", 0.0)
    with pytest.raises(ValueError, match="share"):
        Objective("teacher's logits", share=1.5)
    s, y = random_logits(0, 2, 4), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="needs the teacher"):
        Objective("teacher's logits").loss(s, y, None)
    kept = Cached(None, torch.zeros(2, 1, dtype=torch.int32), torch.zeros(2, 1), 2.0)
    with pytest.raises(ValueError, match="tau 2"):
        Objective("teacher's logits", 4.0).loss(s, y, kept)


def test_arms_are_the_papers_and_the_control():
    arms = objectives((1.0, 2.0))
    assert list(arms) == ["baseline", "soft, tau 1", SOFT, "hard", UNREAD]
    assert UNREAD not in objectives((2.0,), control=False)
    assert arms[SOFT] == Objective("teacher's logits", 2.0)
