"""A ratio of run times in one process, with the limit that the chapter promises."""

import pytest

from companion.distillation_memorization.lab.run import measure_extraction

pytestmark = pytest.mark.bench


def test_batched_extraction_is_the_same_and_five_times_faster():
    found = measure_extraction()
    assert found.equal
    assert found.ratio >= 5
