"""Ratios of processor time within one process, on one thread."""

import pytest

from companion.gaussian_rbf.lab.speed import run_speed

pytestmark = pytest.mark.bench


def test_one_fit_and_a_stack_against_the_method_as_published():
    found = run_speed(150, 0, repeats=4)
    assert found.published / found.one >= 1.3
    assert found.in_turn / found.stack >= 5
