r"""Distances between two samples, or between two densities on a grid.  All are errors: 0 is best.

Every one of them that looks at samples has a floor: two samples of the *same* law are not at
distance 0.  Show :func:`floor_of` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def floor_of(
    error: Callable[[np.ndarray, np.ndarray], float],
    draw: Callable[[int, np.random.Generator], np.ndarray],
    n: int,
    rng: np.random.Generator,
    *,
    repeats: int = 3,
) -> float:
    """Mean error of two independent samples of size n of the same law: what perfection scores.

    draw : ``draw(n, rng)`` gives n independent points
    """
    return float(np.mean([error(draw(n, rng), draw(n, rng)) for _ in range(repeats)]))


def autocorrelation_time(series: np.ndarray, *, window: float = 5.0) -> float:
    """Integrated autocorrelation time in frames, by Sokal's window.

    series : (n_frames, n_chains), finite; 1 for independent frames
    """
    centered = series - series.mean()
    n = len(series)
    spectrum = np.abs(np.fft.rfft(centered, 2 * n, axis=0)) ** 2
    correlation = np.fft.irfft(spectrum, axis=0)[:n].mean(1) / np.arange(n, 0, -1)
    total = 2 * np.cumsum(correlation / correlation[0]) - 1
    enough = np.arange(n) >= window * total
    return float(total[enough.argmax()] if enough.any() else total[-1])
