"""What the authors released: pairs of words for each concept, and a number of their code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = "next-token-concepts/word_pairs.csv"
"""Counterfactual pairs of words, by concept."""

PAPER_C = 1e-4
"""Inverse penalty of the authors' logistic regression."""


def word_pairs(path: Path, n_concepts: int, n_pairs: int) -> pd.DataFrame:
    """The first pairs of evenly spaced concepts; columns concept, word0, word1. 0 means all."""
    table = pd.read_csv(path, keep_default_na=False)
    ids = table["concept_id"].unique()
    if n_concepts and n_concepts < len(ids):
        ids = ids[np.linspace(0, len(ids) - 1, n_concepts).round().astype(int)]
    table = table[table["concept_id"].isin(ids)]
    # every second pair trains the direction, the next one the probe: take them from all over
    if n_pairs:
        parts = [
            g.iloc[np.linspace(0, len(g) - 1, min(n_pairs, len(g))).round().astype(int)]
            for _, g in table.groupby("concept_id", sort=False)
        ]
        table = pd.concat(parts)
    return table[["concept", "word0", "word1"]].reset_index(drop=True)
