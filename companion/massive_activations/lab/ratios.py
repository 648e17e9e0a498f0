r"""Series of the published ratio beside its null, and its growth in numerator and denominator.

.. math:: d\log r = d\log \mathrm{top1} - d\log \mathrm{median}
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.massive_activations.lab.null import hidden_state_ratio
from companion.massive_activations.sources.architectures import architecture
from companion.massive_activations.sources.excerpt import _of, steps


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
