r"""The authors' stats files: reading theirs, and writing ours in the same layout.

One file per checkpoint, ``pythia_<size>/stats/exp2_pythia_<size>_step<N>``, is text: for every
input sequence one array of shape (4, n_layers) as numpy prints it, with the rows top1, top2, top3
and median.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
from huggingface_hub import snapshot_download

from companion.data import DataUnavailable
from companion.massive_activations.method.measure import Measurement
from companion.massive_activations.sources.architectures import architecture

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


def download_stats(cache_dir: Path | None = None) -> Path:
    """The authors' stats and fitted parameters, downloaded from the Hub; the local folder.

    Raises
    ------
    DataUnavailable : neither on this machine nor to be had now
    """
    try:
        folder = snapshot_download(
            DATASET,
            repo_type="dataset",
            allow_patterns=["*/stats/*", "*/params/*.json"],
            cache_dir=cache_dir,
        )
    except OSError as error:
        raise DataUnavailable(
            f"{DATASET} could not be downloaded ({error}); connect to the Hugging Face Hub, or "
            "use the excerpt massive-activations/pythia_stats_excerpt.csv"
        ) from error
    return Path(folder)
