"""Small worlds, and whether the published data are on this machine."""

import numpy as np
import pytest

from companion.data import locate
from companion.papers import paper


@pytest.fixture(scope="session")
def data_here() -> bool:
    return all(locate(name) is not None for name in paper("model-ecosystem").data)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
