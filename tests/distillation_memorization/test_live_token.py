"""The live figure's gradient against the chapter's losses, and what its sentences say."""

import numpy as np
import pytest
import torch

from companion.distillation_memorization.method.objectives import Cached, Objective
from companion.distillation_memorization.page import live_token


@pytest.mark.parametrize(("tau", "share"), [(1.0, 0.0), (2.0, 0.0), (3.0, 0.4), (5.0, 1.0)])
def test_the_gradient_is_that_of_the_chapters_loss(tau, share):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 6))
    z = torch.tensor(student, dtype=torch.float32, requires_grad=True)
    known = Cached(torch.tensor(teacher, dtype=torch.float32)[None], None, None, 1.0)
    objective = Objective("teacher's logits", tau, share)
    objective.loss(z[None], torch.tensor([0]), known).backward()
    found = live_token.gradient(student, teacher, tau, share)
    np.testing.assert_allclose(found, z.grad.numpy(), atol=1e-6)


def test_the_start_is_a_distribution_and_the_path_ends_at_its_target():
    start = np.log(np.array([0.07, *live_token.OTHERS]))
    assert np.exp(start).sum() == pytest.approx(1.0)
    teacher = np.log(np.array([0.4, *[0.12] * 5]))
    data = live_token.DATA | {"steps": 4000}
    student = live_token.path(start, data, teacher, 2.0, 0.0)
    np.testing.assert_allclose(student[-1], np.exp(teacher), atol=1e-3)
    baseline = live_token.path(start, data, teacher, 1.0, 1.0)
    assert baseline[-1, 0] > 0.99
    assert (np.diff(baseline[:, 0]) > 0).all()


def scene(**values):
    figure = live_token.figure()
    return figure.scene(figure.start | values, figure.data)


def test_it_opens_where_the_baseline_writes_the_token_and_the_student_does_not():
    assert "the baseline writes the true token" in scene()["headline"]
    assert "the student does not write it" in scene()["headline"]
    assert "the student writes it" in scene(sure=0.6)["headline"]
    assert "the student writes it" in scene(share=0.5)["headline"]
    assert "student never here" in scene()["detail"]


def test_with_all_of_the_text_the_student_is_the_baseline():
    marks = scene(share=1.0, tau=4.0)["panels"][1]["marks"]
    assert marks[1]["y"] == pytest.approx(marks[2]["y"])
