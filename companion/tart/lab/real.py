"""Real vectors: every method on every cell, with the null models beside the module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from torch import nn

from companion.encoder import minilm
from companion.scale import one_thread
from companion.tart.lab.cells import Cell, fine_tune, language_model
from companion.tart.lab.classifier import TartClassifier
from companion.tart.lab.nulls import NULLS, accuracy, null_scores
from companion.tart.method.whitening import Whitening, shrinkage
from companion.tart.settings import Settings
from companion.tart.sources import Split, nested_splits, split, text_set

MODULE = "module"
P_TEXT, P_IMAGE = 16, 8
"""Whitened coordinates; those of images are given to the module twice, as in the paper."""

DIGITS = ("3v8", "4v9")

COLUMNS = ("data", "k", "seed", "vectors", "method", "accuracy")


@dataclass(frozen=True)
class Vectors:
    """One context with queries, as vectors: what every method gets.

    data, k, seed, name : where it comes from; `name` is the protocol or the encoder
    context, labels, query, query_labels : (k, width), (k,), (n, width), (n,)
    p, filling : of the whitening
    """

    data: str
    k: int
    seed: int
    name: str
    context: np.ndarray
    labels: np.ndarray
    query: np.ndarray
    query_labels: np.ndarray
    p: int = P_TEXT
    filling: str = "zero"


def classifier(head: nn.Module, v: Vectors, **options: object) -> TartClassifier:
    """The module, fitted to one context."""
    options = {"n_components": v.p, "filling": v.filling} | options
    return TartClassifier(head, **options).fit(v.context, v.labels)


def rows_of(v: Vectors, head: nn.Module | None) -> list[dict[str, object]]:
    """Accuracy of all null models, and of the module where there is one."""
    where = {"data": v.data, "k": v.k, "seed": v.seed, "vectors": v.name}
    fitted = Whitening.fit(v.context, v.p)
    z, queries = fitted.transform(v.context), fitted.transform(v.query)
    found = {
        name: accuracy(null_scores(name, z, v.labels, queries), v.query_labels) for name in NULLS
    }
    if head is not None and v.k <= head.max_context:
        found[MODULE] = accuracy(classifier(head, v).decision_function(v.query), v.query_labels)
    return [where | {"method": name, "accuracy": value} for name, value in found.items()]


def vectors_of(cell: Cell) -> list[Vectors]:
    """A cell's protocols."""
    return [
        Vectors(
            cell.task, cell.k, cell.seed, name, e.context, cell.labels, e.query, cell.query_labels
        )
        for name, e in cell.vectors.items()
    ]


@one_thread()
def cell_table(cells: Sequence[Cell], head: nn.Module | None) -> pd.DataFrame:
    """Prompting and all methods on all vectors of the language model: one row an accuracy."""
    rows = []
    for cell in cells:
        where = {"data": cell.task, "k": cell.k, "seed": cell.seed, "vectors": "prompt"}
        asked, y = cell.answers, cell.query_labels
        found = {
            "ICL": asked.exact(y),
            "ICL, contextual": asked.contextual(y),
            "ICL, median": asked.median(y),
        }
        if cell.swapped is not None:
            found["ICL, words swapped"] = cell.swapped.exact(y)
        rows += [where | {"method": name, "accuracy": value} for name, value in found.items()]
        for v in vectors_of(cell):
            rows += rows_of(v, head)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def digit_vectors(settings: Settings, seed: int) -> list[Vectors]:
    """Pixels of two digits, contexts of every size; needs no data and no model."""
    images, digits = load_digits(return_X_y=True)
    found = []
    for name in DIGITS:
        low, high = (int(c) for c in name.split("v"))
        rows = np.flatnonzero((digits == low) | (digits == high))
        x, y = images[rows] / 16.0, (digits[rows] == high).astype(int)
        for k in settings.digits_k:
            for s in range(seed, seed + settings.digits_seeds):
                chosen = split(y, k, 200, s, name)
                found.append(_pick(name, "pixels", x, y, chosen, k, s, p=P_IMAGE, filling="repeat"))
    return found


def stream_vectors(settings: Settings, seed: int) -> list[Vectors]:
    """Sentence vectors of the text sets; each text is encoded once.

    With one seed the contexts are nested and the queries the same.

    Raises
    ------
    DataUnavailable : texts or encoder are not to be had
    """
    sets = {name: text_set(name) for name in settings.stream_tasks}
    encoder = minilm()
    found = []
    for name, texts in sets.items():
        plan = {
            (k, s): chosen
            for s in range(seed, seed + settings.stream_seeds)
            for k, chosen in nested_splits(
                texts.labels, settings.stream_k, settings.stream_queries, s, name, "encoder"
            ).items()
        }
        used = np.unique(np.concatenate([np.r_[c.context, c.query] for c in plan.values()]))
        x = np.zeros((len(texts.texts), encoder.width), dtype=np.float32)
        x[used] = encoder.encode([texts.texts[i] for i in used])
        found += [
            _pick(name, "MiniLM", x, texts.labels, chosen, k, s) for (k, s), chosen in plan.items()
        ]
    return found


def _pick(
    data: str,
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    chosen: Split,
    k: int,
    seed: int,
    **options: object,
) -> Vectors:
    return Vectors(
        data,
        k,
        seed,
        name,
        x[chosen.context],
        y[chosen.context],
        x[chosen.query],
        y[chosen.query],
        **options,
    )


@one_thread()
def method_table(vectors: Sequence[Vectors], head: nn.Module | None) -> pd.DataFrame:
    """All methods on all vectors: one row an accuracy."""
    rows = [row for v in vectors for row in rows_of(v, head)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tuned_table(settings: Settings, seed: int) -> pd.DataFrame:
    """Accuracy of the fine-tuned language model: columns data, k, seed, accuracy."""
    embedder = language_model()
    rows = [
        {
            "data": name,
            "k": settings.tune_k,
            "seed": s,
            "accuracy": fine_tune(
                embedder, text_set(name), settings.tune_k, s, settings.cell_queries, settings.tuning
            ),
        }
        for name in ("SMS", "YouTube")
        for s in range(seed, seed + settings.tune_seeds)
    ]
    return pd.DataFrame(rows, columns=["data", "k", "seed", "accuracy"])


def pick(table: pd.DataFrame, method: str, vectors: str | None = None) -> pd.Series:
    """Accuracies of one method by (data, k, seed), and by model where the table has several."""
    rows = table[table["method"] == method]
    if vectors is not None:
        rows = rows[rows["vectors"] == vectors]
    keys = [key for key in ("model", "data", "k", "seed") if key in table.columns]
    return rows.set_index(keys)["accuracy"].sort_index()


def difference(
    table: pd.DataFrame, a: tuple[str, str | None], b: tuple[str, str | None]
) -> pd.Series:
    """Accuracy of method a minus method b, paired by (data, k, seed).

    a, b : (method, vectors); vectors None where there is one kind only
    """
    first, second = pick(table, *a), pick(table, *b)
    first, second = first.align(second, join="inner")
    return first - second


@one_thread()
def query_shrinkage(vectors: Sequence[Vectors]) -> pd.DataFrame:
    """Mean squared white coordinate of queries: columns data, vectors, k, shrinkage."""
    rows = [
        {
            "data": v.data,
            "vectors": v.name,
            "k": v.k,
            "shrinkage": shrinkage(v.context, v.query, v.p),
        }
        for v in vectors
    ]
    table = pd.DataFrame(rows, columns=["data", "vectors", "k", "shrinkage"])
    return table.groupby(["data", "vectors", "k"], as_index=False, sort=False).mean()
