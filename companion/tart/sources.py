"""The real text sets, without duplicates, and balanced contexts and queries drawn from them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from companion import data
from companion.scale import generator

TASKS: Mapping[str, str] = MappingProxyType(
    {"SMS": "tart/sms_spam.csv", "YouTube": "tart/youtube_spam.csv"}
)
"""Task to data file; label 1 is spam in both."""

THRESHOLD = 100
"""Characters of a text that are read, as in the paper's code."""


@dataclass(frozen=True)
class TextSet:
    """Distinct texts with labels in {0, 1}.

    name : of the task; texts : cut to :data:`THRESHOLD` characters; labels : (n,)
    n_dropped : rows left out because their cut text was there already, or was empty
    """

    name: str
    texts: tuple[str, ...]
    labels: np.ndarray
    n_dropped: int


@dataclass(frozen=True)
class Split:
    """Which texts are shown with labels, in this order, and which are asked for.

    context, query : (k,) and (n,), row numbers of the set, disjoint
    """

    context: np.ndarray
    query: np.ndarray


def read_texts(name: str, path: Path) -> TextSet:
    """A set from a CSV with columns ``label`` and ``text``.

    Duplicates are dropped before any split: in a context they lower the rank, across the split
    they leak.  What counts is the cut text, because no more of it is read.

    Raises
    ------
    ValueError : a label other than 0 and 1
    """
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(lines)]
    return make_set(name, [t for t, _ in rows], [int(label) for _, label in rows])


def make_set(name: str, texts: Sequence[str], labels: Sequence[int]) -> TextSet:
    """Cut, and keep the first of equal texts."""
    if set(labels) - {0, 1}:
        raise ValueError(f"{name}: labels are 0 and 1, got {sorted(set(labels))}")
    kept: dict[str, int] = {}
    for text, label in zip(texts, labels, strict=True):
        cut = text[:THRESHOLD].strip()
        if cut and cut not in kept:
            kept[cut] = label
    array = np.array(list(kept.values()), dtype=int)
    return TextSet(name, tuple(kept), array, len(texts) - len(kept))


def text_set(name: str) -> TextSet:
    """A real set of :data:`TASKS`.

    Raises
    ------
    ValueError : no such task
    DataUnavailable : its file is not to be had
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; known are {', '.join(TASKS)}")
    return read_texts(name, data.fetch(TASKS[name]))


def split(labels: np.ndarray, k: int, n_query: int, seed: int, *names: object) -> Split:
    """A balanced context of `k` in random order, and `n_query` other rows, balanced too.

    A pure function of labels, seed and names; the first examples of a longer context with the
    same seed are another draw.

    Raises
    ------
    ValueError : k or n_query is odd, or a class has too few rows
    """
    if k < 2 or k % 2 or n_query < 2 or n_query % 2:
        raise ValueError(f"k and n_query must be even and positive, got {k} and {n_query}")
    rng = generator(seed, "tart split", *names, k)
    context, query = [], []
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) < (k + n_query) // 2:
            raise ValueError(
                f"class {label} has {len(rows)} rows, a context of {k} and {n_query} queries need "
                f"{(k + n_query) // 2}"
            )
        context.append(rows[: k // 2])
        query.append(rows[k // 2 : (k + n_query) // 2])
    return Split(rng.permutation(np.concatenate(context)), np.concatenate(query))


def nested_splits(
    labels: np.ndarray, sizes: Sequence[int], n_query: int, seed: int, *names: object
) -> dict[int, Split]:
    """Balanced contexts that grow, each within the next, asked with the same queries.

    So the effect of more examples is compared within a draw.  Queries are drawn first; the order
    of a context is random, and another at every size.

    Raises
    ------
    ValueError : a size or n_query is odd, or a class has too few rows
    """
    most = max(sizes)
    if min(sizes) < 2 or any(k % 2 for k in sizes) or n_query < 2 or n_query % 2:
        raise ValueError(f"sizes and n_query must be even and positive, got {sizes} and {n_query}")
    rng = generator(seed, "tart nested split", *names)
    classes = [rng.permutation(np.flatnonzero(labels == label)) for label in (0, 1)]
    fewest, needed = min(map(len, classes)), (most + n_query) // 2
    if fewest < needed:
        raise ValueError(
            f"a class has {fewest} rows, {most} examples and {n_query} queries need {needed}"
        )
    half = n_query // 2
    query = np.concatenate([rows[:half] for rows in classes])
    shown = {k: [rows[half : half + k // 2] for rows in classes] for k in sizes}
    return {k: Split(rng.permutation(np.concatenate(rows)), query) for k, rows in shown.items()}
