r"""The sign bug in its smallest form: average K randomized products and look at what is left.

A quantized product is the exact one, plus noise that differs from draw to draw, plus a bias that
does not.  Averaging K draws removes the noise as 1/K and leaves the bias:

    relative squared error(K) = v / K + b^2.

Signs on the wrong side of the Hadamard matrix multiply both operands after the rotation.  RTN is
odd, so they come out of the rounding unchanged, and s_j s_j = 1 cancels in the product: every draw
is the same draw, bit for bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import t as student
from torch import Tensor

from companion.quartet.method.hadamard import random_signs, rotate
from companion.quartet.method.linear import Recipe, quantized_product
from companion.quartet.method.quantizers import SCHEMES, quantize
from companion.scale import derive_seed
from companion.stats import Interval

ARMS = {
    "RTN, signs after": Recipe(backward="RTN", side="after"),
    "RTN, signs before": Recipe(backward="RTN", side="before"),
    "SR, signs before": Recipe(backward="SR", side="before"),
}
"""Scheme and place of the signs; ``after`` is the released bug."""

CONTROL_ARMS = {
    "SR, 3/4 of the input": Recipe(backward="SR"),
    "SR, OCP scale": Recipe(backward="SR OCP"),
}
"""Negative control: without the factor 3/4 the largest elements clip, and SR is biased."""


def operands(rows: int, depth: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two Gaussian matrices (rows, depth) whose rows have deviations 2^u, u uniform in [0, 1)."""
    source = torch.Generator().manual_seed(derive_seed(seed, "matrices", rows, depth))
    made = []
    for _ in range(2):
        sigma = torch.rand(rows, 1, generator=source).exp2_()
        made.append(torch.randn(rows, depth, generator=source).mul_(sigma))
    return made[0], made[1]


def draw_product(a: Tensor, b: Tensor, recipe: Recipe, noise: torch.Generator) -> Tensor:
    """One randomized quantized a b^T: fresh signs, fresh rounding."""
    return quantized_product(a, b, SCHEMES[recipe.backward], recipe, random_signs(noise), noise)


def averaged_error(
    a: Tensor, b: Tensor, recipe: Recipe, counts: tuple[int, ...], seed: int
) -> np.ndarray:
    """Relative squared error of the mean of K products, for each K: shape (counts,).

    Each K has its own draws, so that its errors are independent of those of the others.
    """
    exact = a.double() @ b.double().mT
    errors = []
    for k in counts:
        noise = torch.Generator().manual_seed(derive_seed(seed, "draws", k))
        total = torch.zeros_like(exact)
        for _ in range(k):
            total += draw_product(a, b, recipe, noise)
        errors.append(float((total / k - exact).square().sum() / exact.square().sum()))
    return np.array(errors)


def predicted_bias(a: Tensor, b: Tensor, seed: int, n_draws: int = 32) -> float:
    r"""b^2 = (1 - (1 - m_a)(1 - m_b))^2 from the operands' misalignments.  Chapter eq. 10.

    Nothing here looks at a product: m is how much each operand shrinks along itself.
    """
    noise = torch.Generator().manual_seed(derive_seed(seed, "shrinkage"))
    kept = np.zeros(2)
    for _ in range(n_draws):
        signs = random_signs(noise)
        for i, x in enumerate((a, b)):
            turned = rotate(x, signs)
            q = quantize(turned, "RTN").values
            kept[i] += float((q * turned).sum() / turned.square().sum()) / n_draws
    return float((1 - kept[0] * kept[1]) ** 2)


def draws_are_identical(a: Tensor, b: Tensor, recipe: Recipe, seed: int) -> bool:
    """Whether products with two different sign vectors agree bit for bit."""
    noise = torch.Generator().manual_seed(derive_seed(seed, "two draws"))
    results = []
    for signs in (random_signs(noise), random_signs(noise)):
        results.append(quantized_product(a, b, SCHEMES[recipe.backward], recipe, signs, noise))
    return torch.equal(*results)


class Averages(NamedTuple):
    """counts : (k,) numbers of averaged draws

    errors : arm -> (replicates, k); identical : arm -> two draws agree bit for bit, in all
    replicates; bias : (replicates,) predicted b^2 of RTN with the signs on the right side
    """

    counts: np.ndarray
    errors: dict[str, np.ndarray]
    identical: dict[str, bool]
    bias: np.ndarray


def run_products(
    rows: int,
    depth: int,
    counts: tuple[int, ...],
    n_replicates: int,
    seed: int,
    arms: Mapping[str, Recipe] = ARMS,
) -> Averages:
    """All arms on the same matrices, `n_replicates` pairs of them."""
    errors = {arm: [] for arm in arms}
    identical, bias = dict.fromkeys(arms, True), []
    for i in range(n_replicates):
        a, b = operands(rows, depth, derive_seed(seed, "pair", i))
        bias.append(predicted_bias(a, b, seed))
        for arm, recipe in arms.items():
            here = derive_seed(seed, arm, i)
            errors[arm].append(averaged_error(a, b, recipe, counts, here))
            identical[arm] &= draws_are_identical(a, b, recipe, here)
    return Averages(
        np.array(counts),
        {arm: np.array(rows_) for arm, rows_ in errors.items()},
        identical,
        np.array(bias),
    )


class Decay(NamedTuple):
    """Fit of v / K + b^2: both with 99 % t intervals, because their verdict is whether they contain
    a value, and a right program misses it as often as the interval says."""

    v: Interval
    bias: Interval


def fit_decay(counts: np.ndarray, errors: np.ndarray) -> Decay:
    """Nonlinear least squares of v / K + b^2 on relative residuals.

    errors : (replicates, k), at least three points in all.  b^2 may come out negative: nothing
    keeps it above zero, or its interval could not contain zero.
    """
    k = np.tile(np.asarray(counts, float), len(errors))
    y = errors.ravel()
    if y.size < 3 or not np.isfinite(y).all() or (y <= 0).any():
        raise ValueError(f"need three or more positive finite errors, got {y}")
    start = (y[k == k.min()].mean(), 0.0)
    scale = np.interp(np.log(k), np.log(counts), errors.mean(0))
    with warnings.catch_warnings():  # a constant error leaves v without a scale of its own
        warnings.simplefilter("ignore", OptimizeWarning)
        best, covariance = curve_fit(lambda k, v, bias: v / k + bias, k, y, p0=start, sigma=scale)
    half = student.ppf(0.995, y.size - 2) * np.sqrt(np.diag(covariance))
    v, bias = (
        Interval(float(m), float(m - h), float(m + h), None, y.size)
        for m, h in zip(best, half, strict=True)
    )
    return Decay(v, bias)
