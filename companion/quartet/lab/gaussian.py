r"""What a quantizer does to Gaussian numbers: closed forms, and the paper's table by simulation.

Two numbers describe a quantizer: the relative squared error, and the **misalignment**, how much
shorter the quantized vector is along the original.  For rounding to nearest both are sums of
Gaussian integrals over the bins of the grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from companion.quartet.method.mxfp4 import GROUP, MAGNITUDES
from companion.quartet.method.quantizers import QUEST_SCALE, Scheme, quantize
from companion.scale import derive_seed, one_thread
from companion.stats import Interval, t_interval

N_BATCHES = 16
"""Batches of a simulation; intervals are t intervals over their means."""


def _bins(scale: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nonnegative grid points, lower and upper ends of their bins: (..., 8) each."""
    grid = np.asarray(scale, float)[..., None] * np.array(MAGNITUDES)
    middle = (grid[..., 1:] + grid[..., :-1]) / 2
    low = np.concatenate([np.zeros_like(grid[..., :1]), middle], axis=-1)
    high = np.concatenate([middle, np.full_like(grid[..., :1], np.inf)], axis=-1)
    return grid, low, high


def gaussian_mse(scale: ArrayLike) -> np.ndarray:
    r"""E (q(x) - x)^2 for x ~ N(0, 1), rounding to nearest with clipping.  Chapter eq. 8.

    .. math:: 1 - 4 \sum_i g_i (\varphi(b_i) - \varphi(b_{i+1}))
              + 2 \sum_i g_i^2 (\Phi(b_{i+1}) - \Phi(b_i))

    over the nonnegative grid points g_i, whose bins are (b_i, b_{i+1}).
    scale : any shape, in standard deviations; the result has the same shape
    """
    grid, low, high = _bins(scale)
    first = np.sum(grid * (norm.pdf(low) - norm.pdf(high)), axis=-1)
    second = np.sum(grid**2 * (norm.cdf(high) - norm.cdf(low)), axis=-1)
    return 1 - 4 * first + 2 * second


def gaussian_misalignment(scale: ArrayLike) -> np.ndarray:
    r"""1 - E x q(x) for x ~ N(0, 1), of the shape of `scale`.  Chapter eq. 9."""
    grid, low, high = _bins(scale)
    return 1 - 2 * np.sum(grid * (norm.pdf(low) - norm.pdf(high)), axis=-1)


class Optimum(NamedTuple):
    """scale : with the least error, in standard deviations; mse, misalignment : there"""

    scale: float
    mse: float
    misalignment: float


def optimal_scale() -> Optimum:
    """The scale that QuEST aims at, by numerical minimization of :func:`gaussian_mse`."""
    found = minimize_scalar(gaussian_mse, bounds=(0.2, 1.0), options={"xatol": 1e-10})
    return Optimum(float(found.x), float(found.fun), float(gaussian_misalignment(found.x)))


def factor_of_rule(log2_sigma: np.ndarray, rule: str) -> np.ndarray:
    """Scale over the wanted scale, for groups of deviation 2^log2_sigma: shape of the input.

    The real-number definition, independent of the bit tricks in ``scales``.
    """
    exponent = np.log2(QUEST_SCALE) + np.asarray(log2_sigma, float)
    snapped = {"floor": np.floor, "nearest": np.rint, "ceil": np.ceil}.get(rule, np.asarray)
    return 2.0 ** (snapped(exponent) - exponent)


class ScanPoint(NamedTuple):
    """mse, misalignment : arrays over log2_sigma, for one rule"""

    log2_sigma: np.ndarray
    mse: np.ndarray
    misalignment: np.ndarray


def scan(rule: str, n: int = 240, octaves: float = 3.0) -> ScanPoint:
    """Exact error and misalignment of QuEST against the size of the numbers, by closed form."""
    log2_sigma = (np.arange(n) + 0.5) / n * octaves
    scales = QUEST_SCALE * factor_of_rule(log2_sigma, rule)
    return ScanPoint(log2_sigma, gaussian_mse(scales), gaussian_misalignment(scales))


def octave_means(rule: str, n: int = 2000) -> tuple[float, float]:
    """(MSE, misalignment) averaged over one octave of sizes: the midpoint rule."""
    points = scan(rule, n, 1.0)
    return float(points.mse.mean()), float(points.misalignment.mean())


class Simulated(NamedTuple):
    """Means over batches of groups of Gaussian numbers whose deviation is 2^u, u uniform.

    mse, misalignment : arrays (batches,)
    """

    mse: np.ndarray
    misalignment: np.ndarray

    def interval(self, name: str) -> Interval:
        """Mean of ``"mse"`` or ``"misalignment"`` with its interval over batches."""
        return t_interval(getattr(self, name))


@one_thread()
def simulate(
    chosen: Scheme | str, n_groups: int, seed: int, *, spread: float = 1.0, tile: int = 1 << 14
) -> Simulated:
    """Quantize `n_groups` Gaussian groups of 32 and measure both numbers, in 16 batches.

    spread : octaves over which the deviation is log-uniform; 0 fixes it at 1, where the answer
        is another one, because power-of-two scales make the error depend on the size
    """
    per_batch = max(1, n_groups // N_BATCHES)
    sums = np.zeros((N_BATCHES, 2))
    for i in range(N_BATCHES):
        # the same numbers for every scheme, so that ratios of schemes are paired
        source = torch.Generator().manual_seed(derive_seed(seed, "octave", i))
        noise = torch.Generator().manual_seed(derive_seed(seed, "octave rounding", i))
        for start in range(0, per_batch, tile):
            n = min(tile, per_batch - start)
            sigma = torch.rand(n, 1, generator=source).mul_(spread).exp2_()
            x = torch.randn(n, GROUP, generator=source).mul_(sigma)
            q = quantize(x, chosen, generator=noise).values
            size = x.square().sum(1)
            sums[i, 0] += ((q - x).square().sum(1) / size).sum().item() / per_batch
            sums[i, 1] += (1 - (q * x).sum(1) / size).sum().item() / per_batch
    return Simulated(sums[:, 0], sums[:, 1])
