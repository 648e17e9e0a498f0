"""Families of known shape."""

import numpy as np
import pytest

from companion.scaling_laws.lab.trained import lawful_family
from companion.scaling_laws.method.law import ScalingLaw, points

TRUE = ScalingLaw.of(E=1.7, A=400, B=1500, alpha=0.34, beta=0.36)


@pytest.fixture(scope="session")
def exact_points():
    """Noise-free points of TRUE: five sizes, thirty checkpoints each."""
    N = np.repeat([7e7, 1.6e8, 4.1e8, 1e9, 2.8e9], 30)
    D = np.tile(np.geomspace(1e9, 3e11, 30), 5)
    return points(N, D, TRUE.predict(N, D))


@pytest.fixture(scope="session")
def noisy_family():
    return lawful_family(TRUE, np.random.default_rng(1), noise=0.01)
