"""What was released, and numbers of the authors' code: pairs of words for each concept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAIRS = "next-token-concepts/word_pairs.csv"
"""Counterfactual pairs of words, by concept; written for this book after the authors' concepts."""

PAPER_C = 1e-4
"""Inverse penalty of the authors' logistic regression."""

PAPER_BELOW = 0.8
"""Below this lie all mean correlations of autoencoders in the paper's Figure 4."""

FAMILIES = (
    {"verb - 3pSg", "verb - Ving", "verb - Ved", "Ving - 3pSg", "Ving - Ved", "3pSg - Ved"},
    {"adj - comparative", "adj - superlative"},
    {"English - French", "French - German", "French - Spanish", "German - Spanish"},
)
"""Concepts whose pairs are made of the same words; every other concept is a family of its own."""


def word_pairs(path: Path, n_concepts: int, n_pairs: int) -> pd.DataFrame:
    """The first pairs of evenly spaced concepts; columns concept, word0, word1. 0 means all."""
    table = pd.read_csv(path, keep_default_na=False)
    ids = table["concept_id"].unique()
    if n_concepts and n_concepts < len(ids):
        ids = ids[np.linspace(0, len(ids) - 1, n_concepts).round().astype(int)]
    table = table[table["concept_id"].isin(ids)]
    # pairs that follow each other are alike: take them from all over
    if n_pairs:
        parts = [
            g.iloc[np.linspace(0, len(g) - 1, min(n_pairs, len(g))).round().astype(int)]
            for _, g in table.groupby("concept_id", sort=False)
        ]
        table = pd.concat(parts)
    return table[["concept", "word0", "word1"]].reset_index(drop=True)


def by_family(concepts: Sequence[str], values: np.ndarray) -> np.ndarray:
    """Means of values (K,) over families of concepts, in the order of their first concept."""
    family = {name: min(one) for one in FAMILIES for name in one}
    keys = [family.get(name, name) for name in concepts]
    return pd.Series(values).groupby(keys, sort=False).mean().to_numpy()
