"""The authors' published measurements, as far as they could be recovered: loading and checks.

Each row is one block output of one model at one checkpoint on one input sequence: its three
largest magnitudes and its median magnitude.
"""

from __future__ import annotations

import json
from os import PathLike
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.massive_activations.method.curve import CurveParams
from companion.massive_activations.sources.architectures import architecture

COLUMNS = ("model", "step", "sequence", "layer", "top1", "top2", "top3", "median")
_KEY = ["model", "step", "sequence", "layer"]


class ExcerptError(ValueError):
    """The file is not the excerpt: a column, a layer or the order of magnitudes is wrong."""


def load_excerpt(path: str | PathLike[str]) -> pd.DataFrame:
    """Read and check the excerpt.

    path : CSV with :data:`COLUMNS`; magnitudes in model units, layers from 1, output of the block
        after both residual additions and before any final LayerNorm

    Returns the rows sorted by model size, step, sequence and layer, with two columns added:
    ``ratio`` = top1 / median and ``depth`` = l/L.

    Raises
    ------
    ExcerptError
        A column is missing, a magnitude is not positive and finite, top1 >= top2 >= top3 > median
        is violated, or a block of layers is incomplete.  The message names the first bad row.
    """
    frame = pd.read_csv(path)
    if missing := [name for name in COLUMNS if name not in frame]:
        raise ExcerptError(f"{path} lacks the columns {missing}; expected {', '.join(COLUMNS)}")
    return check_excerpt(frame[list(COLUMNS)])


def check_excerpt(frame: pd.DataFrame) -> pd.DataFrame:
    """The checks of :func:`load_excerpt`, for a frame that is already in memory."""
    shapes = {model: architecture(str(model)) for model in frame.model.unique()}
    sizes = ["top1", "top2", "top3", "median"]
    values = frame[sizes].to_numpy(dtype=float)
    good = np.isfinite(values).all(axis=1) & (values > 0).all(axis=1)
    _refuse(frame, ~good, "magnitudes must be positive and finite")
    good = (frame.top1 >= frame.top2) & (frame.top2 >= frame.top3) & (frame.top3 > frame["median"])
    _refuse(frame, ~good, "top1 >= top2 >= top3 > median is violated")
    _refuse(frame, frame.duplicated(_KEY), "a measurement occurs twice")
    for (model, step, sequence), block in frame.groupby(_KEY[:3]):
        layers = shapes[model].layers
        if sorted(block.layer) != list(range(1, layers + 1)):
            raise ExcerptError(
                f"{model}, step {step}, sequence {sequence}: expected layers 1 to {layers}, "
                f"got {sorted(block.layer)}"
            )
    n_layers = frame.model.map(lambda model: shapes[model].layers)
    frame = frame.assign(ratio=frame.top1 / frame["median"], depth=frame.layer / n_layers)
    order = frame.assign(_size=frame.model.map(lambda model: shapes[model].width))
    order = order.sort_values(["_size", *_KEY], kind="stable")
    return order.drop(columns="_size").reset_index(drop=True)


def _refuse(frame: pd.DataFrame, bad: pd.Series | np.ndarray, why: str) -> None:
    if (bad := np.asarray(bad)).any():
        row = frame.loc[frame.index[bad.argmax()]]
        raise ExcerptError(f"{why}, first at {row.to_dict()} ({int(bad.sum())} rows)")


def models(excerpt: pd.DataFrame) -> list[str]:
    """Models of the excerpt, smallest first."""
    return list(excerpt.model.unique())


def steps(excerpt: pd.DataFrame, model: str) -> list[int]:
    """Checkpoints of one model, in order; ValueError if the excerpt has no such model."""
    return sorted(int(step) for step in _of(excerpt, model).step.unique())


def _of(excerpt: pd.DataFrame, model: str) -> pd.DataFrame:
    rows = excerpt[excerpt.model == model]
    if rows.empty:
        raise ValueError(f"no model {model!r} in the excerpt, it has {models(excerpt)}")
    return rows


class FitRecord(NamedTuple):
    """One of the authors' own fits.

    params : eq. 9, t in steps
    covariance : (5, 5), order of `params`
    r2 : share of variance explained
    """

    params: CurveParams
    covariance: np.ndarray
    r2: float


def load_fit_record(path: str | PathLike[str]) -> FitRecord:
    """Read the published fit record (Pythia-410M, layer 1, median series)."""
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    if record.get("param_names") != ["A", "lambda", "gamma", "t0", "K"]:
        raise ExcerptError(f"{path} names the parameters {record.get('param_names')}")
    return FitRecord(
        CurveParams(*record["popt"]), np.array(record["pcov"], dtype=float), float(record["r2"])
    )
