r"""Distances between two samples, or between two densities on a grid.  All are errors: 0 is best.

Every one of them that looks at samples has a floor: two samples of the *same* law are not at
distance 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

Limits = Sequence[tuple[float, float]]


def js_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two arrays of masses, natural log: 0 to log 2."""
    p, q = (np.ravel(mass) / np.sum(mass) for mass in (p, q))
    # masses that are next to nothing would be divided by an underflow
    p, q = (np.where(mass > 1e-100, mass, 0.0) for mass in (p, q))
    return float(jensenshannon(p, q) ** 2)


def js_error(
    reference: np.ndarray, sample: np.ndarray, *, bins: int, limits: Limits | None = None
) -> float:
    """Divergence of two-dimensional histograms with equal bins.

    reference, sample : (n, 2)
    limits : ((low, high), (low, high)); what lies outside falls into the border bins.  None takes
        the joint range, the paper's definition, in which one outlier changes all bins.
    """
    if limits is None:
        both = np.concatenate([reference, sample])
        limits = list(zip(both.min(0), both.max(0), strict=True))
    counts = [_histogram(points, bins, limits) for points in (reference, sample)]
    return js_divergence(*counts)


def _histogram(points: np.ndarray, bins: int, limits: Limits) -> np.ndarray:
    low, high = np.array(limits, dtype=float).T
    clipped = np.clip(points, low, high)
    return np.histogram2d(clipped[:, 0], clipped[:, 1], bins=bins, range=list(limits))[0]


def pmf_error(
    reference: np.ndarray, sample: np.ndarray, *, limits: Limits, n_bins: int = 64
) -> float:
    """Weighted squared difference of the free energies -ln p, the paper's "PMF error".

    limits : ((low, high), (low, high)); 63 edges between them, and a bin beyond each end.
    Empty bins count as 1e-6; the weights are the mean of both frequencies.  No square root.
    """
    edges = [
        np.concatenate([[-np.inf], np.linspace(low, high, n_bins - 1), [np.inf]])
        for low, high in limits
    ]
    p, q = (
        np.histogram2d(points[:, 0], points[:, 1], bins=edges)[0] / len(points)
        for points in (reference, sample)
    )
    seen = (p > 0) | (q > 0)
    p, q = p[seen], q[seen]
    weight = (p + q) / (p + q).sum()
    p, q = (np.where(mass > 0, mass, 1e-6) for mass in (p, q))
    return float((weight * np.log(p / q) ** 2).sum())


def w1_error(reference: np.ndarray, sample: np.ndarray) -> float:
    """Wasserstein distance of two one-dimensional samples, in their unit."""
    return float(wasserstein_distance(reference, sample))
