"""Weights of tokens and pairs of tokens, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

TERMS = 512
"""Tokens that are kept, the most frequent ones; the paper's setting."""


def tfidf(texts: Sequence[str]) -> sparse.csr_array:
    """Unit rows (n, at most 512): words and word pairs, as the paper's code weighs them."""
    made = TfidfVectorizer(lowercase=True, ngram_range=(1, 2), max_features=TERMS)
    return sparse.csr_array(made.fit_transform(texts))


def card_rows(names: Sequence[str], counts: pl.DataFrame) -> tuple[np.ndarray, sparse.csr_array]:
    """TF-IDF rows of model cards from a long table model_id, term, count.

    Returns : has_card (n,) boolean, and rows (n, terms), empty where there is no card
    """
    place = {name: i for i, name in enumerate(names)}
    known = counts.filter(pl.col("model_id").is_in(list(place)))
    row = np.array([place[name] for name in known["model_id"]], int)
    terms, column = np.unique(known["term"].to_numpy(), return_inverse=True)
    shape = (len(names), terms.size)
    matrix = sparse.csr_array((known["count"].to_numpy().astype(float), (row, column)), shape=shape)
    has = np.bincount(row, minlength=len(names)) > 0
    kept = sparse.csr_array(TfidfTransformer().fit_transform(sparse.csr_matrix(matrix[has])))
    back = sparse.csr_array(
        (np.ones(has.sum()), (np.flatnonzero(has), np.arange(has.sum()))),
        shape=(len(names), int(has.sum())),
    )
    return has, sparse.csr_array(back @ kept)
