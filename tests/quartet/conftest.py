"""Whether the published data are on this machine, and a generator per test."""

import pytest
import torch

from companion.data import locate
from companion.papers import paper


@pytest.fixture(scope="session")
def data_here() -> bool:
    return all(locate(name) is not None for name in paper("quartet").data)


@pytest.fixture
def noise():
    return torch.Generator().manual_seed(0)
