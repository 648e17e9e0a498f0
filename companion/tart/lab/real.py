"""Real vectors: every method on every context, and how often each decides as the module does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from torch import nn

from companion.encoder import minilm
from companion.scale import generator
from companion.tart.lab.cells import Cell
from companion.tart.lab.classifier import TartClassifier
from companion.tart.lab.learned import IDEAL, MODULE
from companion.tart.lab.nulls import LOGISTIC, MEAN, NULLS, accuracy, agreement, null_scores
from companion.tart.method.theory import ideal
from companion.tart.method.whitening import Whitening, shrinkage
from companion.tart.sources import TASKS, Split, nested_splits, split, text_set

P_TEXT, P_IMAGE = 16, 8
"""Whitened coordinates; those of images are given to the module twice, as in the paper."""

DIGITS = ("3v8", "4v9")

COLUMNS = ("data", "k", "seed", "vectors", "method", "accuracy", "agrees")


@dataclass(frozen=True)
class Vectors:
    """One context with queries, as vectors: what every method gets.

    data, seed, name : where it comes from; `name` is the protocol or the encoder
    context, labels, query, query_labels : (k, width), (k,), (n, width), (n,)
    p, filling : of the whitening
    """

    data: str
    seed: int
    name: str
    context: np.ndarray
    labels: np.ndarray
    query: np.ndarray
    query_labels: np.ndarray
    p: int = P_TEXT
    filling: str = "zero"

    @property
    def k(self) -> int:
        """Examples."""
        return len(self.labels)

    @property
    def where(self) -> dict[str, object]:
        """The first columns of a table."""
        return {"data": self.data, "k": self.k, "seed": self.seed, "vectors": self.name}

    def white(self) -> tuple[np.ndarray, np.ndarray]:
        """White coordinates of context and queries."""
        fitted = Whitening.fit(self.context, self.p)
        return fitted.transform(self.context), fitted.transform(self.query)


def classifier(head: nn.Module, v: Vectors, **options: object) -> TartClassifier:
    """The module, fitted to one context."""
    options = {"n_components": v.p, "filling": v.filling} | options
    return TartClassifier(head, **options).fit(v.context, v.labels)


def method_table(
    vectors: Sequence[Vectors],
    head: nn.Module,
    ideal_k: Sequence[int] = (),
    samples: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """All methods on all vectors: one row an accuracy.

    ideal_k : sizes at which the ideal learner of eq. 2 is asked, too, with `samples` of each chain
    agrees : share of the queries that the method and the module decide alike
    """
    rows = []
    best = _ideal_scores([v for v in vectors if v.k in ideal_k], samples, seed)
    for v in vectors:
        z, queries = v.white()
        found = {name: null_scores(name, z, v.labels, queries) for name in NULLS}
        if v.k <= head.max_context:
            found[MODULE] = classifier(head, v).decision_function(v.query)
        if id(v) in best:
            found[IDEAL] = best[id(v)]
        rows += [
            v.where
            | {
                "method": name,
                "accuracy": accuracy(scores, v.query_labels),
                "agrees": agreement(scores, found[MODULE]) if MODULE in found else np.nan,
            }
            for name, scores in found.items()
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _ideal_scores(vectors: Sequence[Vectors], samples: int, seed: int) -> dict[int, np.ndarray]:
    """By the identity of the vectors: probability of label 1 minus one half, (n,)."""
    groups: dict[tuple, list[tuple[Vectors, np.ndarray, np.ndarray]]] = {}
    for v in vectors:
        z, queries = v.white()
        groups.setdefault((v.data, v.name, v.k, z.shape[1], len(queries)), []).append(
            (v, z, queries)
        )
    found = {}
    for name, group in groups.items():
        rng = generator(seed, "tart ideal", *name)
        given = (
            np.stack([z for _, z, _ in group]),
            np.stack([v.labels for v, _, _ in group]),
            np.stack([q for _, _, q in group]),
        )
        p = ideal(*given, samples, rng).mean(0)
        found |= {id(v): row - 0.5 for (v, _, _), row in zip(group, p, strict=True)}
    return found


def vectors_of(cell: Cell) -> list[Vectors]:
    """A cell's protocols."""
    return [
        Vectors(cell.task, cell.seed, name, e.context, cell.labels, e.query, cell.query_labels)
        for name, e in cell.vectors.items()
    ]


def prompt_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """Prompting and fine-tuning, by answer: one row an accuracy, with the columns of the others."""
    rows = []
    for cell in cells:
        asked, y = cell.answers, cell.query_labels
        found = {
            "ICL": asked.exact(y),
            "ICL, contextual": asked.contextual(y),
            "ICL, own examples": asked.from_examples(y),
            "ICL, median": asked.median(y),
            "fine-tuned": cell.tuned,
        }
        where = {"data": cell.task, "k": cell.k, "seed": cell.seed, "vectors": "prompt"}
        rows += [
            where | {"method": name, "accuracy": value, "agrees": np.nan}
            for name, value in found.items()
            if np.isfinite(value)
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def digit_vectors(sizes: Sequence[int], n_seeds: int, n_query: int, seed: int) -> list[Vectors]:
    """Pixels of two digits, contexts of every size; needs no data and no model."""
    images, digits = load_digits(return_X_y=True)
    found = []
    for name in DIGITS:
        low, high = (int(c) for c in name.split("v"))
        rows = np.flatnonzero((digits == low) | (digits == high))
        x, y = images[rows] / 16.0, (digits[rows] == high).astype(int)
        for k in sizes:
            for s in range(seed, seed + n_seeds):
                chosen = split(y, k, n_query, s, name)
                taken = taken_from(x, y, chosen, name, s, "pixels")
                found.append(replace(taken, p=P_IMAGE, filling="repeat"))
    return found


def sentence_vectors(sizes: Sequence[int], n_seeds: int, n_query: int, seed: int) -> list[Vectors]:
    """Sentence vectors of the text sets; each text is encoded once.

    With one seed the contexts are nested and the queries the same.

    Raises
    ------
    DataUnavailable : texts or encoder are not to be had
    """
    sets = {name: text_set(name) for name in TASKS}
    encoder = minilm()
    found = []
    for name, texts in sets.items():
        plan = {
            (k, s): chosen
            for s in range(seed, seed + n_seeds)
            for k, chosen in nested_splits(texts.labels, sizes, n_query, s, name, "encoder").items()
        }
        used = np.unique(np.concatenate([np.r_[c.context, c.query] for c in plan.values()]))
        x = np.zeros((len(texts.texts), encoder.width), dtype=np.float32)
        x[used] = encoder.encode([texts.texts[i] for i in used])
        found += [
            taken_from(x, texts.labels, chosen, name, s, "MiniLM")
            for (_, s), chosen in plan.items()
        ]
    return found


def taken_from(
    x: np.ndarray, y: np.ndarray, chosen: Split, data: str, seed: int, name: str
) -> Vectors:
    """The rows of a split."""
    return Vectors(
        data, seed, name, x[chosen.context], y[chosen.context], x[chosen.query], y[chosen.query]
    )


def pick(
    table: pd.DataFrame, method: str, vectors: str | None = None, column: str = "accuracy"
) -> pd.Series:
    """A method's column by (data, k, seed), and by model where the table has several."""
    rows = table[table["method"] == method]
    if vectors is not None:
        rows = rows[rows["vectors"] == vectors]
    keys = [key for key in ("model", "data", "k", "seed") if key in table.columns]
    return rows.set_index(keys)[column].sort_index()


def difference(
    table: pd.DataFrame, a: tuple[str, str | None], b: tuple[str, str | None]
) -> pd.Series:
    """Accuracy of method a minus method b, paired by (data, k, seed).

    a, b : (method, vectors); vectors None where there is one kind only
    """
    first, second = pick(table, *a), pick(table, *b)
    first, second = first.align(second, join="inner")
    return first - second


VARIANTS = {
    "as trained": {},
    "scores, not whitened": {"mode": "scores"},
    "coordinates x 0.3": {"scale": 0.3},
    "coordinates x 3": {"scale": 3.0},
    "mean over 8 orders": {"n_orders": 8},
}
"""Ways to hand the coordinates over."""


def variant_table(vectors: Sequence[Vectors], head: nn.Module) -> pd.DataFrame:
    """Accuracy by variant, of the module and of two null models on the same coordinates.

    Columns data, seed, variant, method, accuracy; the order of the examples is the module's alone
    """
    rows = []
    for v in vectors:
        for name, options in VARIANTS.items():
            model = classifier(head, v, **options)
            found = {MODULE: model.decision_function(v.query)}
            queries = model.coordinates(v.query)
            found |= {
                n: null_scores(n, model.context_, v.labels, queries) for n in (MEAN, LOGISTIC)
            }
            rows += [
                {
                    "data": v.data,
                    "seed": v.seed,
                    "variant": name,
                    "method": method,
                    "accuracy": accuracy(scores, v.query_labels),
                }
                for method, scores in found.items()
            ]
    return pd.DataFrame(rows)


def order_table(
    vectors: Sequence[Vectors], head: nn.Module, n_orders: int, seed: int
) -> pd.DataFrame:
    """Spread of the module's probabilities over orders of the same examples.

    Columns data, seed, spread (mean over queries of the standard deviation over orders),
    turned (share of queries whose label some order turns), best, worst (accuracies)
    """
    rows = []
    for v in vectors:
        rng = generator(seed, "tart order table", v.data, v.seed)
        p, hit = [], []
        for _ in range(n_orders):
            order = rng.permutation(v.k)
            shuffled = replace(v, context=v.context[order], labels=v.labels[order])
            p.append(classifier(head, shuffled).predict_proba(v.query)[:, 1])
            hit.append(accuracy(p[-1] - 0.5, v.query_labels))
        p = np.array(p)
        sides = (p > 0.5).mean(axis=0)
        rows.append(
            {
                "data": v.data,
                "seed": v.seed,
                "spread": p.std(axis=0).mean(),
                "turned": ((sides > 0) & (sides < 1)).mean(),
                "best": max(hit),
                "worst": min(hit),
            }
        )
    return pd.DataFrame(rows)


def shrinkage_table(vectors: Sequence[Vectors]) -> pd.DataFrame:
    """Mean squared white coordinate of queries: columns data, vectors, k, shrinkage."""
    rows = [v.where | {"shrinkage": shrinkage(v.context, v.query, v.p)} for v in vectors]
    table = pd.DataFrame(rows).drop(columns="seed")
    return table.groupby(["data", "vectors", "k"], as_index=False, sort=False).mean()
