"""Forests and rows made by hand."""

import numpy as np
from scipy import sparse

from companion.model_ecosystem.method.forest import Forest, forest
from companion.model_ecosystem.method.similarity import unit_rows


def random_forest(seed: int, n: int = 25, second: float = 0.2) -> Forest:
    """A small forest in which some models have two parents."""
    rng = np.random.default_rng(seed)
    parent, child = [], []
    for t in range(1, n):
        for _ in range(1 + (rng.random() < second)):
            if rng.random() < 0.9:
                parent.append(int(rng.integers(0, min(t, 6 + t // 4))))
                child.append(t)
    return forest(n, parent, child)


def random_rows(seed: int, n: int = 25) -> sparse.csr_array:
    counts = np.random.default_rng(seed + 100).poisson(0.7, (n, 9)).astype(float)
    return unit_rows(sparse.csr_array(counts))
