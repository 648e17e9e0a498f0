"""Published by others: the ten Pythia shapes, the excerpt, the authors' files, the paper's tables.

The shapes are facts from the training configurations of github EleutherAI/pythia, the tables are
those printed in the paper (arXiv 2508.03616v2).  A row of the authors' measurements is one block
output of one model at one checkpoint on one input sequence.  Their stats files, one per checkpoint
(``pythia_<size>/stats/exp2_pythia_<size>_step<N>``), are text: for every input sequence one array
of shape (4, n_layers) as numpy prints it, with the rows top1, top2, top3 and median.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from huggingface_hub import snapshot_download

from companion.data import DataUnavailable, revision
from companion.massive_activations.method.curve import CurveParams
from companion.massive_activations.method.measure import Measurement


# ------------------------------------------------------------------------------------ architectures
class Architecture(NamedTuple):
    """One model.

    model : name on the Hub, without the owner
    layers, width, heads, mlp_width : L, d, H and d_ff
    peak_lr : highest learning rate of the schedule; it falls to a tenth by cosine
    in_paper : whether the paper fits this model (31m is left out)
    """

    model: str
    layers: int
    width: int
    heads: int
    mlp_width: int
    peak_lr: float
    in_paper: bool = True

    @property
    def size(self) -> str:
        """The name in the paper's tables, e.g. ``"160m"``."""
        return self.model.removeprefix("pythia-")


ARCHITECTURES = (
    Architecture("pythia-14m", 6, 128, 4, 512, 1.0e-3),
    Architecture("pythia-31m", 6, 256, 8, 1024, 1.0e-3, in_paper=False),
    Architecture("pythia-70m", 6, 512, 8, 2048, 1.0e-3),
    Architecture("pythia-160m", 12, 768, 12, 3072, 6.0e-4),
    Architecture("pythia-410m", 24, 1024, 16, 4096, 3.0e-4),
    Architecture("pythia-1b", 16, 2048, 8, 8192, 2.5e-4),
    Architecture("pythia-1.4b", 24, 2048, 16, 8192, 2.0e-4),
    Architecture("pythia-2.8b", 32, 2560, 32, 10240, 1.6e-4),
    Architecture("pythia-6.9b", 32, 4096, 32, 16384, 1.2e-4),
    Architecture("pythia-12b", 36, 5120, 40, 20480, 1.2e-4),
)


def architecture(model: str) -> Architecture:
    """The row of one model; ValueError lists the names when there is none."""
    for row in ARCHITECTURES:
        if row.model == model:
            return row
    names = ", ".join(row.model for row in ARCHITECTURES)
    raise ValueError(f"unknown model {model!r}; known are {names}")


def paper_models() -> tuple[Architecture, ...]:
    """The nine models of the paper, smallest first."""
    return tuple(row for row in ARCHITECTURES if row.in_paper)


# ------------------------------------------------------------------------------------ paper numbers
SIZES = ("14m", "70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")
"""The nine models, in the order of the paper's column heads."""

TABLE_1 = dict(
    zip(
        SIZES, (0.9307, 0.9681, 0.9831, 0.9937, 0.9922, 0.9956, 0.9686, 0.9954, 0.9829), strict=True
    )
)
"""Mean over layers of the best R2 of eq. 9."""

TABLE_2 = pd.DataFrame(
    {
        "cv_percent": (6.95, 7.0, 6.98, 4.64, 6.57, 5.19, 6.46, 5.78, 4.22),
        "sem_percent": (2.2, 2.21, 2.21, 1.47, 2.08, 1.64, 2.04, 1.83, 1.34),
        "ci95_percent": (4.97, 5.0, 4.99, 3.32, 4.7, 3.71, 4.62, 4.13, 3.02),
    },
    index=SIZES,
)
"""Spread over the ten input sequences, in percent of the mean."""

TABLE_3 = pd.DataFrame(
    {
        "ridge": (0.077, 0.031, 0.056, 0.100, 0.405),
        "lasso": (0.195, -0.015, -0.006, 0.017, 0.316),
        "random forest": (0.476, 0.643, 0.055, 0.447, 0.803),
        "gradient boosting": (0.274, 0.506, -1.571, 0.266, 0.824),
        "xgboost": (0.244, 0.664, -0.089, 0.387, 0.847),
    },
    index=("A", "lam", "gamma", "t0", "K"),
)
"""Test R2 of predicting each parameter of eq. 9 from architecture, random 80/20 split."""

TABLE_5_AS_PRINTED = pd.DataFrame(
    {
        "eq. 9": (0.9951, 0.9829, 0.8068, 0.9832, 0.9922, 0.9666, 0.9928, 0.9947, 0.9659),
        "reparametrized": (0.9956, 0.9825, 0.9307, 0.9831, 0.9922, 0.9630, 0.9936, 0.9954, 0.9681),
        "step 1": (0.8008, 0.6177, -0.6833, 0.2592, 0.6183, 0.3134, 0.8202, 0.8774, -0.3587),
        "step 2": (0.9754, 0.9682, 0.6316, 0.9071, 0.9760, 0.9619, 0.9816, 0.9774, 0.8031),
    },
    index=SIZES,
)
"""Mean R2 of each hypothesis under the printed column heads; see :func:`relabel`."""


def relabel(printed: pd.DataFrame) -> pd.DataFrame:
    """Read a table's columns in alphabetical order of the model names.

    Table 5 contradicts Table 1 under its printed heads.  A script that sorted the names as
    strings (1.4b, 12b, 14m, 160m, ...) and printed the values under heads sorted by size would do
    exactly that.

    printed : rows indexed by :data:`SIZES`, in the printed order.  Returns the same rows under
    the names they belong to, again in the order of size.
    """
    return printed.set_axis(sorted(SIZES)).loc[list(SIZES)]


TABLE_5 = relabel(TABLE_5_AS_PRINTED)
"""Table 5 under the names it belongs to."""


def table_5_gap(table: pd.DataFrame) -> float:
    """Largest difference, over models, between Table 1 and the better of a table's two forms.

    Table 1 averages the better form of each layer, so it can exceed the better average a little;
    a large gap means that the columns are not the models they claim to be.
    """
    best = table[["eq. 9", "reparametrized"]].max(axis=1)
    return float((best - pd.Series(TABLE_1)).abs().max())


def layer_weighted_mean(values: Mapping[str, float]) -> float:
    """Mean over the 188 layers of a number that is given per model (keys :data:`SIZES`)."""
    layers = {row.size: row.layers for row in paper_models()}
    return sum(values[size] * layers[size] for size in SIZES) / sum(layers.values())


# ------------------------------------------------------------------------------------------ excerpt
EXCERPT_COLUMNS = ("model", "step", "sequence", "layer", "top1", "top2", "top3", "median")
_KEY = ["model", "step", "sequence", "layer"]


class ExcerptError(ValueError):
    """The file is not the excerpt: a column, a layer or the order of magnitudes is wrong."""


def load_excerpt(path: str | PathLike[str]) -> pd.DataFrame:
    """Read and check the excerpt.

    path : CSV with :data:`EXCERPT_COLUMNS`; magnitudes in model units, layers from 1, output of the
        block after both residual additions and before any final LayerNorm

    Returns the rows sorted by model size, step, sequence and layer, with two columns added:
    ``ratio`` = top1 / median and ``depth`` = l/L.

    Raises
    ------
    ExcerptError
        A column is missing, a magnitude is not positive and finite, top1 >= top2 >= top3 > median
        is violated, or a block of layers is incomplete.  The message names the first bad row.
    """
    frame = pd.read_csv(path)
    if missing := [name for name in EXCERPT_COLUMNS if name not in frame]:
        raise ExcerptError(
            f"{path} lacks the columns {missing}; expected {', '.join(EXCERPT_COLUMNS)}"
        )
    return check_excerpt(frame[list(EXCERPT_COLUMNS)])


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
    rows = excerpt[excerpt.model == model]
    if rows.empty:
        raise ValueError(f"no model {model!r} in the excerpt, it has {models(excerpt)}")
    return sorted(int(step) for step in rows.step.unique())


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


# -------------------------------------------------------------------------------------- stats files
DATASET = "Aimpoint-Digital/pythia-massive-activations"
"""The authors' measurements on the Hub (MIT)."""

ROWS = ("top1", "top2", "top3", "median")
COLUMNS = ("model", "step", "sequence", "layer", *ROWS)

_NAME = re.compile(r"exp2_pythia_(?P<size>.+)_step(?P<step>\d+)(?:\.\w+)?")
# a number that is not the tail of a word, so that "float32" is none
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\bnan\b|\binf\b")


class BadStats(ValueError):
    """A stats file that does not have the layout; the message says what is wrong."""


def stats_path(model: str, step: int) -> Path:
    """Relative path of one file.

    Examples
    --------
    >>> stats_path("pythia-14m", 512).as_posix()
    'pythia_14m/stats/exp2_pythia_14m_step512'
    """
    size = model.removeprefix("pythia-")
    return Path(f"pythia_{size}") / "stats" / f"exp2_pythia_{size}_step{step}"


def layers_of(model: str) -> int:
    """Number of blocks of a Pythia model, of one of its further seeds or of its deduped twin.

    Examples
    --------
    >>> layers_of("pythia-14m-seed3")
    6
    """
    return architecture(re.sub(r"-(seed\d+|deduped)$", "", model)).layers


def parse_stats(text: str, n_layers: int) -> np.ndarray:
    """The numbers of one file: float64 of shape (n_sequences, 4, n_layers).

    Raises
    ------
    BadStats
        Numbers are missing or abbreviated, are not finite, or the rows are not in the order
        top1 >= top2 >= top3 >= median >= 0.
    """
    if "..." in text:
        raise BadStats("numpy abbreviated the array with '...'; print it in full")
    numbers = np.array([float(token) for token in _NUMBER.findall(text)])
    if not numbers.size or numbers.size % (4 * n_layers):
        raise BadStats(
            f"{numbers.size} numbers are no whole number of arrays of shape (4, {n_layers})"
        )
    blocks = numbers.reshape(-1, 4, n_layers)
    if not np.isfinite(blocks).all():
        raise BadStats("some numbers are not finite")
    if (blocks < 0).any() or (np.diff(blocks, axis=1) > 0).any():
        raise BadStats(
            "rows are not in the order top1 >= top2 >= top3 >= median >= 0: "
            f"wrong number of layers (now {n_layers}) or another row order"
        )
    return blocks


def as_frame(model: str, step: int, blocks: np.ndarray) -> pd.DataFrame:
    """One row per sequence and layer (from 1), columns :data:`COLUMNS`.

    blocks : shape (n_sequences, 4, n_layers)
    """
    n_sequences, _, n_layers = blocks.shape
    sequence, layer = np.indices((n_sequences, n_layers))
    table = {
        "model": model,
        "step": step,
        "sequence": sequence.ravel(),
        "layer": layer.ravel() + 1,
        **{row: blocks[:, i].ravel() for i, row in enumerate(ROWS)},
    }
    return pd.DataFrame(table, columns=list(COLUMNS))


def as_blocks(measurement: Measurement) -> np.ndarray:
    """A measurement in the authors' shape (n_sequences, 4, n_layers)."""
    return np.stack([getattr(measurement, row) for row in ROWS], axis=1)


def write_stats(path: Path, blocks: np.ndarray) -> None:
    """Write one file in the authors' layout, exactly and at once.

    blocks : shape (n_sequences, 4, n_layers)
    """
    options = {"threshold": blocks.size + 1, "floatmode": "unique", "max_line_width": 120}
    text = "\n".join(np.array2string(block, **options) for block in blocks)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text + "\n", encoding="utf-8")
    os.replace(fresh, path)


def read_stats(path: Path, n_layers: int | None = None) -> pd.DataFrame:
    """One file as a table, model and step taken from its name.

    n_layers : default, that of the Pythia model in the name
    """
    match = _NAME.fullmatch(path.name)
    if not match:
        raise BadStats(f"{path.name} is not named exp2_pythia_<size>_step<N>")
    model = f"pythia-{match['size']}"
    layers = layers_of(model) if n_layers is None else n_layers
    try:
        blocks = parse_stats(path.read_text(encoding="utf-8"), layers)
    except BadStats as error:
        raise BadStats(f"{path}: {error}") from None
    return as_frame(model, int(match["step"]), blocks)


def read_folder(folder: Path, n_layers: int | None = None) -> pd.DataFrame:
    """All stats files below `folder`, ordered by model, step, sequence and layer.

    Raises BadStats when there is none.
    """
    paths = [p for p in Path(folder).rglob("exp2_pythia_*") if _NAME.fullmatch(p.name)]
    if not paths:
        raise BadStats(f"no file exp2_pythia_<size>_step<N> below {folder}")
    table = pd.concat([read_stats(path, n_layers) for path in paths], ignore_index=True)
    return table.sort_values(list(COLUMNS[:4]), ignore_index=True)


def read_params(folder: Path) -> pd.DataFrame:
    """The authors' fitted parameters below `folder`: ``*/params/*.json``, ratio series only.

    A file is a list over layers of records, each with one or more fits (``"original"`` and the
    reparametrized one) that have ``param_names``, ``popt`` and ``r2``; the better R2 counts, as in
    the paper.  Returns columns ``model``, ``layer`` (from 1), ``K`` and ``r2``; no rows where no
    file is there.
    """
    rows = []
    for path in sorted(Path(folder).rglob("params/*.json")):
        size = path.parent.parent.name.removeprefix("pythia_")
        if "ratio" not in path.stem:
            continue
        for layer, record in enumerate(json.loads(path.read_text(encoding="utf-8")), 1):
            fits = [one for one in record.values() if isinstance(one, dict) and "popt" in one]
            if not fits:
                raise BadStats(f"{path}: layer {layer} has no fit with 'popt'")
            best = max(fits, key=lambda one: one["r2"])
            K = dict(zip(best["param_names"], best["popt"], strict=True))["K"]
            rows.append((f"pythia-{size}", layer, float(K), float(best["r2"])))
    return pd.DataFrame(rows, columns=["model", "layer", "K", "r2"])


def download_stats(cache_dir: Path | None = None) -> Path:
    """The authors' stats and fitted parameters, downloaded from the Hub; the local folder.

    Raises
    ------
    DataUnavailable : neither on this machine nor to be had now, or no commit of it is named
        (:func:`companion.data.revision`)
    """
    commit = revision(DATASET)
    try:
        folder = snapshot_download(
            DATASET,
            repo_type="dataset",
            revision=commit,
            allow_patterns=["*/stats/*", "*/params/*.json"],
            cache_dir=cache_dir,
        )
    except OSError as error:
        raise DataUnavailable(
            f"{DATASET} could not be downloaded ({error}); connect to the Hugging Face Hub, or "
            "use the excerpt massive-activations/pythia_stats_excerpt.csv"
        ) from error
    return Path(folder)
