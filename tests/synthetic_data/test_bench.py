"""The speed that the chapter promises, as a ratio in one process."""

import pytest

from companion.synthetic_data.lab.bilinear import make_world, measure_speed

pytestmark = pytest.mark.bench


def test_one_batch_is_ten_times_faster_and_equal():
    found = measure_speed(make_world(0), 0, repeats=3)
    assert found.difference < 5e-6  # float32; in float64 the two agree to 1e-6 (test_bilinear)
    assert found.autograd >= 10 * found.batched
    assert found.single >= 1.5 * found.batched
