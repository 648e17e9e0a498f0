"""A generator per test."""

import pytest
import torch


@pytest.fixture
def noise():
    return torch.Generator().manual_seed(0)
