"""The statistics behind the claims: those that need no model of our own, and what the minis say.

The statistics behind the claims that need no model of our own: C1 to C3 and C5 to C7.

Each function returns the measured quantities of one claim by name, the main one first, as
intervals that :func:`companion.claims.judge` compares with the criteria.  Nothing here knows a
criterion: the thresholds stand in the chapter's ``claims`` module and were fixed before any run.

The excerpt holds one to three of ten sequences and one run of each model.  Counts of layers are
exact.  Everything else is an estimate, with a t interval over the sequences; of one sequence there
is none.  Neither speaks about other seeds of the same model.

The statistics behind what the minis say: C1, C3, C4 and C8, and the minis' side of C2, C6, C7.

Seeds are the independent units.  Layers of one run share everything, so intervals resample runs
or pair them by seed; they never count layers as if they were runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy.stats import t as student_t

from companion.massive_activations.lab.competitors import FitQuality, compare_all, fit_quality
from companion.massive_activations.lab.identifiability import Boundedness, Refits
from companion.massive_activations.lab.mini_runs import MiniRun, MiniRuns
from companion.massive_activations.lab.predict import (
    Leakage,
    SplitComparison,
    compare_splits,
    feature_table,
)
from companion.massive_activations.lab.ratios import (
    decompose,
    layer_profile,
    log_changes,
    magnitude,
    ratio_series,
)
from companion.massive_activations.sources import Architecture, architecture, models, steps
from companion.stats import (
    LEVEL,
    Interval,
    bootstrap,
    exact,
    geometric_mean,
    over_seeds,
    proportion,
    t_interval,
)

# ----------------------------------------------------------------------------------------- evidence
Evidence = dict[str, Interval]
"""Name of a quantity to its interval; the first entry is the claim's main quantity."""

EARLY = 64
"""Steps up to which the learning rate has barely begun its warm-up of 1430 steps."""
NULL_BAND = (0.75, 1.1)
"""Ratios, relative to the Gaussian null, that count as "no massive activation"."""


def absent_then_learned(excerpt: pd.DataFrame) -> Evidence:
    """C1: ratio over Gaussian null, early and at the last checkpoint of each model.

    ``smallest final maximum`` : over models, of the largest layer's relative ratio at the end
    ``share at the null`` : of all (model, step, layer) up to step 64, inside :data:`NULL_BAND`;
        a count of the rows at hand
    ``final maximum, <model>`` : largest layer's relative ratio at that model's last checkpoint
    """
    series = ratio_series(excerpt)
    early = series[series.step <= EARLY].relative
    final = {f"final maximum, {model}": _final_maximum(excerpt, model) for model in models(excerpt)}
    return {
        "smallest final maximum": min(final.values(), key=lambda interval: interval.estimate),
        "share at the null": exact(early.between(*NULL_BAND).sum() / len(early), len(early)),
        **final,
    }


def _final_maximum(excerpt: pd.DataFrame, model: str) -> Interval:
    """Largest layer's ratio over its null at the last checkpoint, over sequences."""
    step = steps(excerpt, model)[-1]
    profile = layer_profile(excerpt, model, step)
    layer = profile.relative.idxmax()
    null = profile.ratio[layer] / profile.relative[layer]
    rows = excerpt[(excerpt.model == model) & (excerpt.step == step) & (excerpt.layer == layer)]
    return over_seeds(rows.ratio / null)


def middle_layers_largest(excerpt: pd.DataFrame, model: str, step: int | None = None) -> Evidence:
    """C2: least squares of log ratio on relative depth x and its square, one checkpoint.

    step : checkpoint; default the last

    ``curvature`` : coefficient of x squared with its 95 % interval
    ``curvature, HAC`` : the same with Newey-West errors of lag 2, as neighbors are correlated
    ``vertex`` : depth x at which the parabola peaks, with a delta-method interval
    ``depth of the largest ratio`` : of the data themselves
    """
    profile = layer_profile(excerpt, model, steps(excerpt, model)[-1] if step is None else step)
    data = pd.DataFrame({"y": np.log(profile.ratio), "x": profile.depth})
    ols = smf.ols("y ~ x + I(x**2)", data)
    plain, robust = ols.fit(), ols.fit(cov_type="HAC", cov_kwds={"maxlags": 2}, use_t=True)
    name = "I(x ** 2)"
    slope, curvature = plain.params["x"], plain.params[name]
    vertex = -slope / (2 * curvature)
    gradient = np.array([0.0, -1 / (2 * curvature), slope / (2 * curvature**2)])
    error = float(np.sqrt(gradient @ plain.cov_params().to_numpy() @ gradient))
    margin = float(student_t.ppf((1 + LEVEL) / 2, plain.df_resid)) * error
    return {
        "curvature": _coefficient(plain, name),
        "curvature, HAC": _coefficient(robust, name),
        "vertex": Interval(vertex, vertex - margin, vertex + margin, None, len(data)),
        "depth of the largest ratio": Interval(profile.depth[profile.ratio.idxmax()]),
    }


def _coefficient(fit: object, name: str) -> Interval:
    low, high = fit.conf_int(1 - LEVEL).loc[name]
    return Interval(
        float(fit.params[name]), float(low), float(high), float(fit.pvalues[name]), int(fit.nobs)
    )


def two_shapes(excerpt: pd.DataFrame) -> Evidence:
    """C3: outer layers fall or stand still while middle layers rise, as factors of the ratio.

    Factors are exp of the mean log change over the sequences, with its t interval, and each entry
    is the layer that comes closest to breaking the claim.  Three neighboring windows of text tell
    little, and one tells nothing about the next.

    ``14M deep layers, largest factor`` : layers 5 and 6, steps 22,000 to 66,000
    ``14M other layers, smallest factor`` : layers 1 to 4, the same steps
    ``1B shallow layers, largest change`` : of |factor - 1|, layers 1 to 3, 24,000 to 100,000
    ``1B middle layers, smallest factor`` : layers 4 to 14, the same steps
    """
    small, large = (_by_layer(log_changes(excerpt, *where).ratio) for where in (_SMALL, _LARGE))
    change = _by_layer(np.expm1(log_changes(excerpt, *_LARGE).ratio))
    return {
        "14M deep layers, largest factor": _largest(small, range(5, 7)).map(np.exp),
        "14M other layers, smallest factor": _smallest(small, range(1, 5)).map(np.exp),
        "1B shallow layers, largest change": _largest(
            {layer: magnitude(one) for layer, one in change.items()}, range(1, 4)
        ),
        "1B middle layers, smallest factor": _smallest(large, range(4, 15)).map(np.exp),
    }


_SMALL, _LARGE = ("pythia-14m", 22_000, 66_000), ("pythia-1b", 24_000, 100_000)


def _by_layer(values: pd.Series) -> dict[int, Interval]:
    """Mean over sequences of each layer; `values` are indexed by (sequence, layer)."""
    return {
        int(layer): over_seeds(group.to_numpy()) for layer, group in values.groupby(level="layer")
    }


def _largest(found: dict[int, Interval], layers: range) -> Interval:
    """The layer whose interval reaches highest, among equals the largest estimate."""
    return max((found[layer] for layer in layers), key=lambda one: (one.high, one.estimate))


def _smallest(found: dict[int, Interval], layers: range) -> Interval:
    """The layer whose interval reaches lowest, among equals the smallest estimate."""
    return min((found[layer] for layer in layers), key=lambda one: (one.low, one.estimate))


def shrinking_median(excerpt: pd.DataFrame) -> Evidence:
    """C7: how much of the growing ratio is a falling median, over sequences.

    ``1B median share`` : mean over layers 4 to 15 of the median's share of the log growth from
        24,000 to 100,000
    ``1B smallest share`` and ``1B largest share`` : of the layers that reach furthest
    ``160M layers whose top-1 falls`` : share of layers 4 to 12, 40,000 to 80,000; a count
    ``160M layers whose ratio rises`` : the same layers and steps: a larger ratio beside a smaller
        activation
    """
    change = log_changes(excerpt, *_LARGE)
    share = (-change["median"] / change.ratio).loc[(slice(None), slice(4, 15))]
    each = _by_layer(share)
    middle = decompose(excerpt, "pythia-160m", 40_000, 80_000).loc[4:12]
    n = len(middle)
    return {
        "1B median share": over_seeds(share.groupby(level="sequence").mean()),
        "1B smallest share": _smallest(each, range(4, 16)),
        "1B largest share": _largest(each, range(4, 16)),
        "160M layers whose top-1 falls": exact((middle.top1 < 0).sum() / n, n),
        "160M layers whose ratio rises": exact((middle.ratio > 0).sum() / n, n),
    }


def loose_parameters(
    peak: Refits, rising: Refits, bounded: Boundedness, *, rng: np.random.Generator
) -> Evidence:
    """C5: scatter of refitted parameters at an excellent fit; bootstrap over noise draws.

    peak, rising : refits of the two regimes of
        :data:`companion.massive_activations.lab.identifiability.REGIMES`
    bounded : whether the data bound K, in series of the rising regime

    ``CV of A`` : standard deviation over absolute mean of A, early-peak regime.  A is so
        heavy-tailed that this grows with the number of draws; take 60 or more for an interval
    ``half-width of A`` : half of the 16 to 84 % range over the median; not moved by wild fits
    ``median R2`` : the smaller of the two regimes'
    ``range of K`` : (q90 - q10) of K over its true value, rising regime, unconverged fits included
    ``range of K, converged fits`` : without them
    ``share unconverged`` : of the rising regime
    ``share of series that bound K`` : 95 % profile interval finite on both sides
    """
    A, K = peak.values("A"), rising.values("K")
    least = min((peak, rising), key=lambda refits: float(np.median(refits.r2)))
    size = abs(rising.truth.K)
    return {
        "CV of A": bootstrap(A[np.isfinite(A)], _variation, rng=rng),
        "half-width of A": bootstrap(A[np.isfinite(A)], _half_width, rng=rng),
        "median R2": bootstrap(least.r2, np.median, rng=rng),
        "range of K": bootstrap(K / size, _decile_range, rng=rng),
        "range of K, converged fits": bootstrap(K[rising.converged] / size, _decile_range, rng=rng),
        "share unconverged": proportion(int((~rising.converged).sum()), len(K)),
        "share of series that bound K": proportion(
            int(bounded.bounded.sum()), len(bounded.bounded)
        ),
    }


def _variation(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return values.std(axis=axis) / np.abs(values.mean(axis=axis))


def _half_width(values: np.ndarray, axis: int = -1) -> np.ndarray:
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84], axis=axis)
    return (high - low) / 2 / np.abs(middle)


def _decile_range(values: np.ndarray, axis: int = -1) -> np.ndarray:
    low, high = np.quantile(values, [0.1, 0.9], axis=axis)
    return high - low


def leaking_split(leakage: Leakage, *, rng: np.random.Generator, paper_r2: float) -> Evidence:
    """C6: test R2 on targets without any architecture effect; bootstrap over draws.

    paper_r2 : what the paper reports for K on a random split

    ``median R2, random split`` and ``median R2, model left out``
    ``share of draws at least as good as the paper`` : of random splits
    """
    reached = leakage.random >= paper_r2
    return {
        "median R2, random split": bootstrap(leakage.random, np.median, rng=rng),
        "median R2, model left out": bootstrap(leakage.grouped, np.median, rng=rng),
        "share of draws at least as good as the paper": proportion(
            int(reached.sum()), reached.size
        ),
    }


def step_1_floor(excerpt: pd.DataFrame, model: str = "pythia-14m") -> float:
    r"""A lower bound on the mean R2 over layers that the paper's step-1 curve can be fitted to.

    As τ goes to 0, K (1 - exp(-t/τ)) is the constant K after step 0 and 0 at step 0.  With K the
    mean of the later points its RSS is at most TSS + y(0)^2, so least squares reaches
    :math:`R^2 \ge -y_0^2 / TSS` in every layer.  More checkpoints only raise TSS, so the bound
    from the excerpt's checkpoints also holds for the full series that contain them.  A reported
    mean below it is not a least-squares fit.
    """
    if 0 not in steps(excerpt, model):
        raise ValueError(f"the bound needs step 0 of {model}")
    series = ratio_series(excerpt)
    wide = series[series.model == model].pivot(index="step", columns="layer", values="ratio")
    total = ((wide - wide.mean()) ** 2).sum()
    if len(total) != architecture(model).layers:
        raise ValueError(f"{model} lacks layers in the excerpt")
    return float((-(wide.loc[0] ** 2) / total).mean())


# ------------------------------------------------------------------------------------ mini evidence
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
