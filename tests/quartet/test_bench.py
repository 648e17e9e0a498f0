"""Ratios of processor times in one process, with floors that a loaded machine keeps, too."""

import pytest

from companion.quartet.lab.speed import MATRIX, measure_matrix, measure_steps

pytestmark = pytest.mark.bench


def test_quantizing_a_matrix_is_fast(ratio):
    took = measure_matrix(2048, n=3)
    copy, kernel, ours, bucketize, plain, _ = (took[name] for name in MATRIX)
    ratio("quartet", "the authors' kernel on a processor / our quantizer", kernel / ours, least=4)
    ratio("quartet", "a search in the grid / rounding in closed form", bucketize / plain, least=2)
    ratio("quartet", "rounding a matrix / copying it", plain / copy, most=20)


def test_a_quantized_training_step_costs_at_most_six_plain_ones(ratio):
    steps = measure_steps(("QuEST:RTN", "QuEST:SR"), n=4)
    plain = steps.pop("none:none")
    slowest = max(steps.values())
    ratio("quartet", "a quantized training step / an unquantized one", slowest / plain, most=6)
