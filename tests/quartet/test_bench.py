"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

import pytest

from companion.quartet.lab.speed import MATRIX, measure_matrix, measure_steps

pytestmark = pytest.mark.bench


def test_quantizing_a_matrix_is_fast():
    took = measure_matrix(2048, n=7)
    copy, kernel, ours, bucketize, plain, _ = (took[name] for name in MATRIX)
    assert kernel >= 4 * ours
    assert bucketize >= 2 * plain
    assert plain <= 20 * copy


def test_a_quantized_training_step_costs_at_most_six_plain_ones():
    steps = measure_steps(("QuEST:RTN", "QuEST:SR"), n=15)
    plain = steps.pop("none:none")
    assert max(steps.values()) <= 6 * plain
