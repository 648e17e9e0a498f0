r"""What four bits do to Gaussian numbers, to a product of two matrices, and to gradients.

Two numbers describe a quantizer: the relative squared error, and the **misalignment**, how much
shorter the quantized vector is along the original.  For rounding to nearest both are sums of
Gaussian integrals over the bins of the grid.

A randomized quantized product is the exact one, plus noise that differs from draw to draw, plus a
bias that does not.  Averaging K draws removes the noise as 1/K and leaves the bias:

    relative squared error(K) = v / K + b^2.

Signs on the wrong side of the Hadamard matrix multiply both operands after the rotation.  RTN is
odd, so they come out of the rounding unchanged, and s_j s_j = 1 cancels in the product: every draw
is the same draw.

Of gradients the forward pass stays exact, so that what is seen comes from the backward products.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeWarning, curve_fit, minimize_scalar
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from companion import contracts
from companion.quartet.lab.llama import Shape, TinyLlama
from companion.quartet.lab.training import batch, step_once
from companion.quartet.method.linear import Recipe, quantized_product, random_signs, rotate
from companion.quartet.method.mxfp4 import GROUP, MAGNITUDES
from companion.quartet.method.quantizers import QUEST_SCALE, SCHEMES, Scheme, quantize
from companion.scale import derive_seed, one_thread
from companion.stats import Interval, t_interval
from companion.training import TrainingSettings, learning_rate, make_optimizer

# --------------------------------------------------------------------------- numbers
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


# --------------------------------------------------------------------------- products
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
    """Whether products with two different sign vectors agree in every element."""
    noise = torch.Generator().manual_seed(derive_seed(seed, "two draws"))
    results = []
    for signs in (random_signs(noise), random_signs(noise)):
        results.append(quantized_product(a, b, SCHEMES[recipe.backward], recipe, signs, noise))
    return torch.equal(*results)


class Averages(NamedTuple):
    """counts : (k,) numbers of averaged draws

    errors : arm -> (replicates, k); identical : arm -> two draws agree in every element, in all
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


# --------------------------------------------------------------------------- gradients
EXACT = Recipe()
DEPTH_ARMS = {name: Recipe(backward=name) for name in ("RTN", "SR", "QuEST")}


def briefly_trained(shape: Shape, steps: int, n_windows: int, seed: int) -> TinyLlama:
    """A model of one seed after a few exact updates, so that gradients are those of training."""
    noise = torch.Generator().manual_seed(derive_seed(seed, "gradient noise"))
    model = TinyLlama(shape, EXACT, [derive_seed(seed, "gradient weights")], noise)
    settings = TrainingSettings(steps=max(1, steps), lr=3e-3, warmup=0.1)
    optimizer = make_optimizer(model, settings)
    for step in range(steps):
        tokens = batch([seed], step, n_windows, shape.seq)
        step_once(model, optimizer, tokens, learning_rate(step, settings))
    return model


def stream_gradients(model: TinyLlama, recipe: Recipe, tokens: Tensor) -> list[Tensor]:
    """Gradient of the loss by the residual stream, top first: depth + 1 tensors (tokens, d).

    Entry i belongs to the stream i blocks below the top; entry 0 is exact under every recipe,
    because the head is not quantized.
    """
    model.set_recipe(recipe)
    states = model.hidden_states(tokens)
    loss = model.losses_of(states[-1], tokens).sum()
    gradients = torch.autograd.grad(loss, states)
    model.set_recipe(EXACT)
    return [g.flatten(0, -2) for g in reversed(gradients)]


class Depth(NamedTuple):
    """cosine, misalignment : arm -> (batches, depths), means over tokens; depth 0 is the top"""

    cosine: dict[str, np.ndarray]
    misalignment: dict[str, np.ndarray]


def run_depth(model: TinyLlama, n_batches: int, n_windows: int, seed: int) -> Depth:
    """Every arm of DEPTH_ARMS against the exact gradient, on the same batches."""
    cosine = {arm: [] for arm in DEPTH_ARMS}
    misalignment = {arm: [] for arm in DEPTH_ARMS}
    for i in range(n_batches):
        # steps far beyond training: fresh windows of the same text
        tokens = batch([seed], 1_000_000 + i, n_windows, model.shape.seq)
        exact = stream_gradients(model, EXACT, tokens)
        for arm, recipe in DEPTH_ARMS.items():
            found = stream_gradients(model, recipe, tokens)
            pairs = [compare(q, g) for q, g in zip(found, exact, strict=True)]
            cosine[arm].append([pair[0] for pair in pairs])
            misalignment[arm].append([pair[1] for pair in pairs])
    return Depth(
        {arm: np.array(rows) for arm, rows in cosine.items()},
        {arm: np.array(rows) for arm, rows in misalignment.items()},
    )


def compare(q: Tensor, g: Tensor) -> tuple[float, float]:
    """(cosine, misalignment 1 - <q, g> / <g, g>) of rows, averaged over rows with a gradient.

    q, g : (tokens, d).  The last token of a window has no target and a zero gradient at the top.
    """
    q, g = q.double(), g.double()
    size = g.square().sum(1)
    kept = size > 0
    inner = (q * g).sum(1)[kept]
    cosine = inner / (size[kept] * q.square().sum(1)[kept]).sqrt()
    return float(cosine.nanmean()), float(1 - (inner / size[kept]).mean())


def weight_gradient(model: TinyLlama, recipe: Recipe, tokens: Tensor) -> Tensor:
    """Gradient of the loss by all weights of the blocks, as one float64 vector."""
    model.set_recipe(recipe)
    weights = [layer.weight for block in model.blocks for layer in block.values()]
    gradients = torch.autograd.grad(model.losses(tokens).sum(), weights)
    model.set_recipe(EXACT)
    return torch.cat([g.flatten() for g in gradients]).double()


class ModelAverages(NamedTuple):
    """counts : (k,); errors : arm -> (replicates, k), relative squared error of the mean"""

    counts: np.ndarray
    errors: dict[str, np.ndarray]


def run_model_averages(
    model: TinyLlama, counts: tuple[int, ...], n_replicates: int, n_windows: int, seed: int
) -> ModelAverages:
    """Average K full-model gradients of one batch, for the arms of the sign experiment."""
    errors = {arm: np.empty((n_replicates, len(counts))) for arm in ARMS}
    for i in range(n_replicates):
        tokens = batch([seed], 2_000_000 + i, n_windows, model.shape.seq)
        exact = weight_gradient(model, EXACT, tokens)
        for arm, recipe in ARMS.items():
            total, n = torch.zeros_like(exact), 0
            for j, k in enumerate(counts):
                while n < k:
                    total += weight_gradient(model, recipe, tokens)
                    n += 1
                errors[arm][i, j] = float((total / n - exact).square().sum() / exact.square().sum())
    return ModelAverages(np.array(counts), errors)


def log_slope(counts: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Least-squares slope of log error on log K per replicate: (replicates,)."""
    x = np.log(counts) - np.log(counts).mean()
    y = np.log(errors)
    return (y @ x) / (x @ x)


class Gradients(NamedTuple):
    """What one briefly trained model says of its gradients."""

    depth: Depth
    averages: ModelAverages


contracts.guard(
    __name__,
    {
        "gaussian_mse": {"scale": contracts.NOT_NEGATIVE},
        "gaussian_misalignment": {"scale": contracts.NOT_NEGATIVE},
    },
)
