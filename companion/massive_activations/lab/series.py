r"""The published ratio beside its null: its growth, its noise, and what comes before training.

.. math:: d\log r = d\log \mathrm{top1} - d\log \mathrm{median}
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy.stats import t as student_t

from companion.corpora import zipf_tokens
from companion.massive_activations.method.measure import Measurement, measure
from companion.massive_activations.method.theory import SEQUENCE_LENGTH, hidden_state_ratio
from companion.massive_activations.sources import TABLE_2, architecture, steps
from companion.models import neox, neox_config
from companion.scale import generator, torch_generator
from companion.stats import LEVEL as CONFIDENCE
from companion.stats import Interval, over_seeds, proportion

TWO_SIDED = 1.959964
"""Standard errors of a 95 % interval whose standard deviation is known."""

NEAR = 24_000
"""A checkpoint that two of the three models at hand have; the third has 22,000."""

SHALLOW, DEEP = 3, 2
"""How many layers at either end are shallow and deep: the most that the paper's words allow, "the
first 1 to 3" and "the last 1 to 2"."""


# --------------------------------------------------------------------------- series
def ratio_series(rows: pd.DataFrame) -> pd.DataFrame:
    """The paper's series: one row per model, step and layer, averaged over sequences.

    Columns: ``ratio`` is the mean of r (the paper's value as we read it), ``ratio_of_means`` is
    mean top1 over mean median (the paper writes both), ``n`` sequences, ``relative`` is r over its
    Gaussian null, then ``depth`` and the mean ``top1``, ``top3``, ``median``.
    """
    series = (
        rows.groupby(["model", "step", "layer"], sort=False)
        .agg(
            ratio=("ratio", "mean"),
            n=("ratio", "size"),
            depth=("depth", "first"),
            top1=("top1", "mean"),
            top3=("top3", "mean"),
            median=("median", "mean"),
        )
        .reset_index()
    )
    null = series.model.map(lambda model: hidden_state_ratio(architecture(model).width))
    return series.assign(
        ratio_of_means=series.top1 / series["median"], relative=series.ratio / null
    )


def layer_profile(rows: pd.DataFrame, model: str, step: int) -> pd.DataFrame:
    """The rows of :func:`ratio_series` of one checkpoint, indexed by layer."""
    _known(rows, model, step)
    series = ratio_series(rows[(rows.model == model) & (rows.step == step)])
    return series.set_index("layer")


def _known(rows: pd.DataFrame, model: str, *wanted: int) -> None:
    known = steps(rows, model)
    if lacking := [step for step in wanted if step not in known]:
        raise ValueError(f"{model} has no step {lacking[0]}, it has {known}")


def log_changes(rows: pd.DataFrame, model: str, start: int, end: int) -> pd.DataFrame:
    """Log change of top1, median and ratio from `start` to `end`, per sequence and layer.

    Only sequences that both checkpoints have are used, so that the text is the same on both sides.
    Returns a frame indexed by (sequence, layer) with columns ``top1``, ``median``, ``ratio``.
    """
    _known(rows, model, start, end)
    mine = rows[rows.model == model]
    logs = np.log(mine.set_index(["step", "sequence", "layer"])[["top1", "median", "ratio"]])
    return (logs.loc[end] - logs.loc[start]).dropna()


def decompose(rows: pd.DataFrame, model: str, start: int, end: int) -> pd.DataFrame:
    """Numerator or denominator?  d log r = d log top1 - d log median, per layer.

    Mean over the common sequences, indexed by layer.  Columns: ``ratio`` (d log r), ``top1``,
    ``median`` (so that ratio = top1 - median), and ``median_share`` = -d log median / d log r, the
    share of the log growth that comes from the falling median.  The share means something only
    where the ratio grew.
    """
    change = log_changes(rows, model, start, end).groupby("layer").mean()
    return change.assign(median_share=-change["median"] / change.ratio)


# --------------------------------------------------------------------------- noise over texts
def relative_noise(model: str) -> float:
    """Standard deviation over input sequences, relative to the mean: the paper's Table 2."""
    return float(TABLE_2.cv_percent[architecture(model).size]) / 100


def over_texts(value: float, noise: float, n: int) -> Interval:
    """A positive mean of `n` sequences with relative `noise` each: log-normal 95 % interval.

    One sequence of a model says nothing about its own spread, so that of the paper is used.
    """
    margin = np.exp(TWO_SIDED * noise / np.sqrt(n))
    return Interval(float(value), float(value / margin), float(value * margin), None, n)


def late_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Factor of the ratio from the checkpoint nearest to 24,000 to the last, every layer.

    Columns: ``model``, ``layer``, ``part`` (shallow, middle, deep), ``start``, ``end``,
    ``factor``, ``low``, ``high``: 95 %, with the noise of two independent draws of text, which is
    more than that of one text at two checkpoints.
    """
    table = []
    for model in rows.model.unique():
        known, depth = steps(rows, model), architecture(model).layers
        start, end = min(known, key=lambda step: abs(step - NEAR)), known[-1]
        change = log_changes(rows, model, start, end).ratio.groupby("layer").agg(["mean", "size"])
        for layer, (mean, n) in change.iterrows():
            noise = np.sqrt(2) * relative_noise(model)
            found = over_texts(np.exp(mean), noise, int(n))
            part = "shallow" if layer <= SHALLOW else "deep" if layer > depth - DEEP else "middle"
            table.append((model, layer, part, start, end, *found[:3]))
    columns = ["model", "layer", "part", "start", "end", "factor", "low", "high"]
    return pd.DataFrame(table, columns=columns)


# --------------------------------------------------------------------------- before training
MODEL = "pythia-14m"
VOCAB_SIZE = 50_304
"""Pythia's 50,277 tokens, padded."""


def untrained(seed: int, *, n_sequences: int = 3, model: str = MODEL) -> Measurement:
    """Measure a freshly initialized model of one of Pythia's shapes on Zipf-distributed tokens.

    Its medians must be those that the authors published for step 0: one number a layer catches a
    wrong hook, a wrong initialization, a missing parallel residual and a final LayerNorm.

    n_sequences : of 2048 tokens; the excerpt has three for the 14M model
    """
    shape = architecture(model)
    config = neox_config(
        n_layers=shape.layers,
        d_model=shape.width,
        n_heads=shape.heads,
        vocab_size=VOCAB_SIZE,
        seq=SEQUENCE_LENGTH,
    )
    fresh = neox(config, torch_generator(seed, "untrained", model)).eval()
    rng = generator(seed, "untrained tokens", model)
    tokens = zipf_tokens(n_sequences, SEQUENCE_LENGTH, VOCAB_SIZE, rng)
    return measure(fresh, tokens, batch_size=1)


# -------------------------------------------------------------------------------------- over layers
def share_that_falls(factors: pd.Series, fall: int, rise: int) -> Interval:
    """Share of layers whose factor is below 1; a layer within the noise may do both.

    Low end: Wilson's for the layers that surely ``fall``; high end: for those that do not surely
    ``rise``.
    """
    n = len(factors)
    low, high = proportion(fall, n).low, proportion(n - rise, n).high
    return Interval(float((factors < 1).mean()), low, high, None, n)


def parabola(profile: pd.DataFrame) -> tuple[Interval, Interval]:
    """(curvature, vertex) of log ratio over relative depth, least squares over layers.

    The vertex has a delta-method interval.
    """
    data = pd.DataFrame({"y": np.log(profile.ratio), "x": profile.depth})
    found = smf.ols("y ~ x + I(x**2)", data).fit()
    name = "I(x ** 2)"
    low, high = found.conf_int(1 - CONFIDENCE).loc[name]
    slope, curvature = float(found.params["x"]), float(found.params[name])
    vertex = -slope / (2 * curvature)
    gradient = np.array([0.0, -1 / (2 * curvature), slope / (2 * curvature**2)])
    error = float(np.sqrt(gradient @ found.cov_params().to_numpy() @ gradient))
    margin = float(student_t.ppf((1 + CONFIDENCE) / 2, found.df_resid)) * error
    n = len(data)
    return (
        Interval(curvature, float(low), float(high), float(found.pvalues[name]), n),
        Interval(vertex, vertex - margin, vertex + margin, None, n),
    )


def furthest(deviations: np.ndarray) -> Interval:
    """Of the layers, the size of the deviation that may be largest; shape (n_seeds, n_layers)."""
    sizes = [magnitude(over_seeds(layer)) for layer in deviations.T]
    return max(sizes, key=lambda size: (size.high, size.estimate))


def magnitude(signed: Interval) -> Interval:
    """Size of a quantity whatever its sign, from the interval of the signed quantity."""
    low, high = signed.low, signed.high
    if signed.has_interval:
        ends = sorted((abs(low), abs(high)))
        low, high = (0.0 if low <= 0 <= high else ends[0]), ends[1]
    return signed._replace(estimate=abs(signed.estimate), low=low, high=high, p=None)
