r"""The published ratio beside its null, and whether our measurement is the authors'.

What ratio of largest to median magnitude does a network without massive activations show?

The paper follows :math:`r = \max|h| / \operatorname{median}|h|` through training.  Even N
independent Gaussian scalars have r near 7, and r grows with N, so a ratio means little before it
is divided by this null value.  The chapter calls an activation massive only relative to it.

Intuition: the median of N half-normal values is almost exactly the population median, and the
largest of them is a high quantile, so the null is a ratio of two quantiles.

Series of the published ratio beside its null, and its growth in numerator and denominator.

.. math:: d\log r = d\log \mathrm{top1} - d\log \mathrm{median}

Is our measurement the authors' measurement?  Before training, it can be checked exactly.

A GPT-NeoX of the 14M shape with Pythia's initialization needs no download.  Its hidden states at
step 0 must have the medians that the authors published for their step 0.  One number per layer
catches a wrong hook, a wrong initialization, a missing parallel residual and a final LayerNorm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from transformers import AutoTokenizer

from companion import data
from companion.corpora import python_topics, zipf_tokens
from companion.massive_activations.hub import measure_series, windows
from companion.massive_activations.method.measure import Measurement, measure
from companion.massive_activations.sources import (
    _of,
    architecture,
    check_excerpt,
    download_stats,
    load_excerpt,
    read_folder,
    steps,
)
from companion.models import models_folder, neox, neox_config
from companion.scale import device, generator, torch_generator
from companion.stats import Interval, over_seeds

# --------------------------------------------------------------------------------------------- null
SEQUENCE_LENGTH = 2048
"""Tokens in one input window of the paper's measurement."""


def gaussian_ratio(n: ArrayLike, quantile: ArrayLike = 0.5) -> np.ndarray | float:
    r"""A quantile of max/median over `n` independent Gaussian magnitudes.

    .. math:: r_q(N) = \frac{\Phi^{-1}\big((1 + q^{1/N}) / 2\big)}{\Phi^{-1}(3/4)}

    The numerator is exact: the maximum of N half-normals lies below m with probability
    :math:`(2\Phi(m) - 1)^N`.  The denominator replaces the sample median by the population
    median, whose relative error is about :math:`1.2 / \sqrt N` (0.2 % at the smallest N of the
    paper).  The scale of the Gaussian cancels.

    Parameters
    ----------
    n : number of scalars, at least 1; tokens times width for a hidden state
    quantile : probability in (0, 1); 0.5 gives the null value used in the chapter

    Returns
    -------
    array of the broadcast shape, or a float for two scalars

    Raises
    ------
    ValueError
        If a count is below 1 or a quantile lies outside (0, 1).

    Examples
    --------
    >>> round(float(gaussian_ratio(2048 * 128)), 2)
    6.96
    """
    count, q = np.asarray(n, dtype=float), np.asarray(quantile, dtype=float)
    if not (np.isfinite(count).all() and (count >= 1).all()):
        raise ValueError(f"n counts scalars and must be at least 1, got {n!r}")
    if not ((q > 0) & (q < 1)).all():
        raise ValueError(f"quantile must lie strictly between 0 and 1, got {quantile!r}")
    # upper tail (1 - q^(1/N)) / 2 through expm1: q^(1/N) rounds to 1 for large N
    tail = -np.expm1(np.log(q) / count) / 2
    ratio = norm.isf(tail) / norm.ppf(0.75)
    return float(ratio) if np.ndim(ratio) == 0 else ratio


def hidden_state_ratio(width: ArrayLike, seq: int = SEQUENCE_LENGTH) -> np.ndarray | float:
    """The null ratio of a hidden state with `seq` tokens and `width` dimensions.

    width : int or array of ints, d of the model
    seq : tokens per sequence; the default is the paper's
    """
    return gaussian_ratio(np.asarray(width) * seq)


# ------------------------------------------------------------------------------------------- ratios
def ratio_series(excerpt: pd.DataFrame) -> pd.DataFrame:
    """The paper's series: one row per model, step and layer, averaged over sequences.

    Columns: ``ratio`` is the mean of r (the paper's value as we read it), ``ratio_of_means`` is
    mean top1 over mean median (the paper writes both), ``sem`` the standard error of ``ratio``
    over the ``n`` sequences (nan for one), ``relative`` is r over its Gaussian null, then ``depth``
    and the mean ``top1``, ``top2``, ``top3``, ``median``.
    """
    series = (
        excerpt.groupby(["model", "step", "layer"], sort=False)
        .agg(
            ratio=("ratio", "mean"),
            sem=("ratio", "sem"),
            n=("ratio", "size"),
            depth=("depth", "first"),
            top1=("top1", "mean"),
            top2=("top2", "mean"),
            top3=("top3", "mean"),
            median=("median", "mean"),
        )
        .reset_index()
    )
    null = series.model.map(lambda model: hidden_state_ratio(architecture(model).width))
    return series.assign(
        ratio_of_means=series.top1 / series["median"], relative=series.ratio / null
    )


def layer_profile(excerpt: pd.DataFrame, model: str, step: int) -> pd.DataFrame:
    """The rows of :func:`ratio_series` of one checkpoint, indexed by layer."""
    if step not in (known := steps(excerpt, model)):
        raise ValueError(f"{model} has no step {step} in the excerpt, it has {known}")
    series = ratio_series(_of(excerpt, model))
    return series[series.step == step].set_index("layer")


def log_changes(excerpt: pd.DataFrame, model: str, start: int, end: int) -> pd.DataFrame:
    """Log change of top1, median and ratio from `start` to `end`, per sequence and layer.

    Only sequences that both checkpoints have are used, so that the text is the same on both sides.
    Returns a frame indexed by (sequence, layer) with columns ``top1``, ``median``, ``ratio``.
    """
    rows = _of(excerpt, model)
    for step in (start, end):
        if step not in (known := steps(excerpt, model)):
            raise ValueError(f"{model} has no step {step} in the excerpt, it has {known}")
    logs = np.log(rows.set_index(["step", "sequence", "layer"])[["top1", "median", "ratio"]])
    return (logs.loc[end] - logs.loc[start]).dropna()


def decompose(excerpt: pd.DataFrame, model: str, start: int, end: int) -> pd.DataFrame:
    """Numerator or denominator?  d log r = d log top1 - d log median, per layer.

    Mean over the common sequences, indexed by layer.  Columns: ``ratio`` (d log r), ``top1``,
    ``median`` (so that ratio = top1 - median), and ``median_share`` = -d log median / d log r, the
    share of the log growth that comes from the falling median.  The share means something only
    where the ratio grew: above 1 the numerator fell, for shrinking ratios its sign flips.
    """
    change = log_changes(excerpt, model, start, end).groupby("layer").mean()
    return change.assign(median_share=-change["median"] / change.ratio)


# ----------------------------------------------------------------------------------------- pipeline
MODEL = "pythia-14m"
VOCAB_SIZE = 50_304
"""Pythia's 50,277 tokens, padded."""


def untrained(seed: int, *, n_sequences: int = 3, model: str = MODEL) -> Measurement:
    """Measure a freshly initialized model of one of Pythia's shapes on Zipf-distributed tokens.

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
    tokens = zipf_tokens(
        n_sequences, SEQUENCE_LENGTH, VOCAB_SIZE, generator(seed, "untrained tokens", model)
    )
    return measure(fresh, tokens, batch_size=1)


def against_authors(measurements: list[Measurement], excerpt: pd.DataFrame) -> dict[str, Interval]:
    """C0: distance of our untrained models from the authors' step 0, worst layer.

    The mean over seeds with its t interval, of the layer whose interval reaches furthest from 0.

    ``median`` : relative deviation of the layer medians from the authors' rows, without its sign
    ``ratio`` : the same of the ratio from the Gaussian null
    """
    theirs = layer_profile(excerpt, MODEL, 0)["median"].to_numpy()
    null = hidden_state_ratio(architecture(MODEL).width)
    medians = np.stack([m.median.mean(axis=0) for m in measurements])  # (n_seeds, n_layers)
    ratios = np.stack([m.mean_ratio for m in measurements])
    return {"median": _furthest(medians / theirs - 1), "ratio": _furthest(ratios / null - 1)}


def _furthest(deviations: np.ndarray) -> Interval:
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


# ------------------------------------------------------------------------------------- measurements
EXCERPT = "massive-activations/pythia_stats_excerpt.csv"
SOURCES = ("excerpt", "hub")


def authors_measurements(source: str) -> pd.DataFrame | data.Missing:
    """The authors' measurements as one frame, or why they are not here.

    source : ``"excerpt"``, a few checkpoints of three models; ``"hub"``, the whole published data
    set (a download; every analysis of the excerpt then runs on all of it)
    """
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    if source == "excerpt":
        return data.load(EXCERPT, load_excerpt)
    try:
        folder = download_stats()
    except (data.DataUnavailable, OSError) as error:
        return data.Missing(f"The authors' data set could not be downloaded: {error}")
    frame = read_folder(folder)
    return check_excerpt(
        frame[["model", "step", "sequence", "layer", "top1", "top2", "top3", "median"]]
    )


def our_measurements(
    models: tuple[str, ...],
    *,
    owner: str = "EleutherAI",
    results: Path | None = None,
    **options: object,
) -> pd.DataFrame | data.Missing:
    """Our own hooks on the published checkpoints of these models, in the same form.

    models : names without owner; none of them stands for "not at this scale"
    results : folder of finished steps, which are not run again; default below the cache
    options : passed on to :func:`companion.massive_activations.hub.measure_series`

    The text is the help topics of the running Python, not the authors' sample of web pages: the
    ratio depends little on the text (4 to 7 %, paper Table 2).
    """
    if not models:
        return data.Missing("Measuring the Pythia checkpoints is part of the paper scale.")
    folder = results or models_folder().parent / "massive-activations"
    frames = []
    for model in models:
        repo_id = f"{owner}/{model}"
        place = {key: options[key] for key in ("cache_dir", "local_files_only") if key in options}
        tokenizer = AutoTokenizer.from_pretrained(repo_id, **place)
        tokens = windows(tokenizer, [python_topics().text])
        frames.append(measure_series(repo_id, tokens, folder, **({"device": device()} | options)))
    return pd.concat(frames, ignore_index=True)
