"""Ratios of run times in one process, with the limits that the chapter promises."""

import pytest
import torch

from companion.quartet.lab.speed import measure_matrix, measure_steps, quantize_by_search
from companion.quartet.method.quantizers import quantize

pytestmark = pytest.mark.bench


def test_search_gives_the_same_numbers():
    x = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    assert torch.equal(quantize_by_search(x), quantize(x, "RTN").values)


def test_quantizing_a_matrix_is_fast():
    clone, search, quantized = measure_matrix(4096, n=7)
    assert search >= 5 * quantized["RTN"]
    assert quantized["RTN"] <= 20 * clone


def test_a_quantized_training_step_costs_at_most_four_plain_ones():
    steps = measure_steps(("QuEST:RTN", "QuEST:SR"), n=15)
    plain = steps.pop("none:none")
    assert max(steps.values()) <= 4 * plain
