"""The statistics behind what the minis say: C1, C3, C4 and C8, and the minis' side of C2, C6, C7.

Seeds are the independent units.  Layers of one run share everything, so intervals resample runs
or pair them by seed; they never count layers as if they were runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from companion.massive_activations.lab.compare import FitQuality, compare_all, fit_quality
from companion.massive_activations.lab.mini_runs import MiniRun, MiniRuns
from companion.massive_activations.lab.predict import SplitComparison, compare_splits, feature_table
from companion.massive_activations.sources.architectures import Architecture
from companion.stats import Interval, geometric_mean, t_interval


def growth(runs: Sequence[MiniRun], quantity: str = "ratio") -> np.ndarray:
    """Final over initial value in the layer that is largest at the end, one number per run.

    quantity : ``"ratio"``, ``"top1"`` or ``"median"``; the layer is always that of the ratio
    """
    factors = []
    for run in runs:
        layer = int(run.layer_series()[-1].argmax())
        series = run.layer_series(quantity)[:, layer]
        factors.append(series[-1] / series[0])
    return np.array(factors)


def growth_interval(runs: Sequence[MiniRun], rng: np.random.Generator) -> Interval:
    """Geometric mean of :func:`growth` over seeds, bootstrap interval."""
    return geometric_mean(growth(runs), rng=rng)


def final_maximum(run: MiniRun) -> float:
    """Largest layer's ratio at the last checkpoint."""
    return float(run.layer_series()[-1].max())


def arm_effect(base: Sequence[MiniRun], arm: Sequence[MiniRun]) -> Interval:
    """Final largest ratio of an arm over that of the base with the same seed.

    Geometric mean over the seeds that both have, t interval of the log.
    """
    by_seed = {run.mini.seed: final_maximum(run) for run in base}
    pairs = [
        (final_maximum(run), by_seed[run.mini.seed]) for run in arm if run.mini.seed in by_seed
    ]
    if len(pairs) < 2:
        raise ValueError(f"need two seeds that both arms have, got {len(pairs)}")
    return t_interval([np.log(changed / plain) for changed, plain in pairs]).map(np.exp)


def all_series(runs: Sequence[MiniRun]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """``"<arm>, seed <s>, layer <l>"`` -> (steps, ratio) for every layer of every run."""
    return {
        f"{_run_name(run)}, layer {layer + 1}": (run.steps.astype(float), values)
        for run in runs
        for layer, values in enumerate(run.layer_series().T)
    }


def _run_name(run: MiniRun) -> str:
    return f"{run.mini.arm}, seed {run.mini.seed}"


def curve_quality(
    runs: Sequence[MiniRun], rng: np.random.Generator
) -> tuple[FitQuality, pd.DataFrame]:
    """C4: every curve on every layer of every run, and the summary with runs as units."""
    series = all_series(runs)
    comparison = compare_all(series)
    groups = {name: name.rpartition(", layer ")[0] for name in series}
    return fit_quality(comparison, rng=rng, groups=groups), comparison


def median_share(runs: Sequence[MiniRun]) -> float:
    """Median over layers of -d log median / d log ratio, first to last checkpoint (C7).

    Negative where the median grew with the largest value, as it does in minis.
    """
    shares = []
    for run in runs:
        ratio, median = (np.log(run.layer_series(q)) for q in ("ratio", "median"))
        shares.append(-(median[-1] - median[0]) / (ratio[-1] - ratio[0]))
    return float(np.median(np.concatenate(shares)))


def depth_curvature(runs: Sequence[MiniRun]) -> Interval:
    """C2 on minis: coefficient of squared relative depth in a mixed model with seeds as groups.

    With four layers and four seeds this is a weak test; it is reported and decides nothing.
    """
    rows = [
        {"y": np.log(value), "x": (layer + 1) / run.mini.n_layers, "seed": run.mini.seed}
        for run in runs
        for layer, value in enumerate(run.layer_series()[-1])
    ]
    data = pd.DataFrame(rows).assign(x2=lambda frame: frame.x**2)
    fit = smf.mixedlm("y ~ x + x2", data, groups=data.seed).fit(reml=True)
    low, high = fit.conf_int().loc["x2"]
    estimate, p = float(fit.params["x2"]), float(fit.pvalues["x2"])
    return Interval(estimate, float(low), float(high), p, len(data))


def grid_splits(
    runs: Sequence[MiniRun], rng: np.random.Generator, name: str = "random forest"
) -> SplitComparison:
    """C6 on minis: predict the final log ratio of a layer from its architecture features.

    Random folds against leave-one-model-out, on twelve shapes of which we know that nothing but
    the shape differs.
    """
    shapes = [_shape(run) for run in runs]
    target = np.log(np.concatenate([run.layer_series()[-1] for run in runs]))
    return compare_splits(feature_table(shapes), target, name, rng=rng)


def _shape(run: MiniRun) -> Architecture:
    mini = run.mini
    name = f"L{mini.n_layers} d{mini.d_model} H{mini.n_heads}"
    return Architecture(name, mini.n_layers, mini.d_model, mini.n_heads, 4 * mini.d_model, mini.lr)


def by_arm(minis: MiniRuns) -> dict[str, list[MiniRun]]:
    """Runs by the name of their arm; an arm of which nothing finished keeps an empty list."""
    arms: dict[str, list[MiniRun]] = {}
    for run in minis.runs:
        arms.setdefault(run.mini.arm, []).append(run)
    for mini, _message in minis.failed:
        arms.setdefault(mini.arm, [])
    return arms
