"""Runs that end at different token counts: does the law want the short ones?"""

from __future__ import annotations

import pandas as pd

from companion.scaling_laws.method.law import Points, points
from companion.scaling_laws.method.protocol import are
from companion.scaling_laws.method.varpro import fit_varpro

DATASETS = ("c4_original", "rpj", "rw_original")
TARGET_SIZE = 1.3e9
"""Models above this (1.4 and 6.9 billion parameters) are predicted."""


def split_runs(table: pd.DataFrame, dataset: str, least: float) -> tuple[Points, Points]:
    """(training runs, targets): finished runs, C4 validation loss in nats.

    least : multiples of the Chinchilla ratio (20 tokens per parameter) below which a run is left
        out of the training set

    Raises
    ------
    ValueError : unknown dataset; the message lists them
    """
    if dataset not in DATASETS:
        raise ValueError(f"unknown dataset {dataset!r}; choose one of {', '.join(DATASETS)}")
    rows = table[table["dataset"] == dataset]
    is_target = rows["num_params"] > TARGET_SIZE
    kept = ~is_target & (rows["chinchilla_multiplier"] >= least * (1 - 1e-6))
    return _points(rows[kept]), _points(rows[is_target])


def _points(rows: pd.DataFrame) -> Points:
    return points(rows["num_params"], rows["tokens"], rows["loss_c4_val"])


def short_run_errors(table: pd.DataFrame, least: tuple[float, ...] = (0.0, 1.0)) -> pd.DataFrame:
    """ARE on the targets with and without the short runs: dataset, least, are, n_runs."""
    rows = []
    for dataset in DATASETS:
        for multiple in least:
            training, target = split_runs(table, dataset, multiple)
            law = fit_varpro(training).law
            rows.append(
                {
                    "dataset": dataset,
                    "least": multiple,
                    "are": are(law, target),
                    "n_runs": training.N.size,
                }
            )
    return pd.DataFrame(rows)
