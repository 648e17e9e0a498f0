"""The chapter's part that wants the Hub and a GPU: Pythia's losses, measured."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pooch

from companion.data import Missing
from companion.scale import device
from companion.scaling_laws.hub import evaluate_checkpoints, evaluated_family, pythia_evaluation
from companion.scaling_laws.lab.heatmaps import n_vs_q
from companion.scaling_laws.method.protocol import CUT
from companion.scaling_laws.settings import Settings


def evaluate_pythia(settings: Settings) -> pd.DataFrame | Missing:
    """Both losses of the checkpoints that the settings name; a Missing if they name none.

    Rows are kept in the user's cache as they are made, so a run that stops goes on there.
    """
    if not settings.hub_models:
        return Missing(
            "Pythia's checkpoints are evaluated at paper scale only: set SCALE to 'paper' on a "
            "machine with a GPU, a network and 50 GB of disk."
        )
    cache = Path(os.environ.get("COMPANION_CACHE") or pooch.os_cache("runnable-papers"))
    return evaluate_checkpoints(
        settings.hub_models,
        settings.hub_steps,
        pythia_evaluation(n_windows=settings.hub_windows),
        results=cache / "scaling-laws" / "pythia.jsonl",
        device=device(),
    )


def law_of_two_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Error of the law on language-modelling loss and on LAMBADA, all models.

    Columns: metric, q, are, bias, status.
    """
    parts = []
    for metric in ("text", "cloze"):
        rows = n_vs_q(evaluated_family(table, metric), cut=CUT, least=3)
        rows = rows[rows["n"] == rows["n"].max()]
        parts.append(rows.assign(metric=metric)[["metric", "q", "are", "bias", "status"]])
    return pd.concat(parts, ignore_index=True)
