"""One cell of the real experiment: a task, a context size, a seed; all vectors and answers.

Cells are the expensive part.  Those of the toy scale are stored with the package, as safetensors,
and the toy run computes a few of their vectors again to see that they are still what the code
gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from companion.data import DataUnavailable
from companion.models import smollm2
from companion.scale import n_cores, one_thread
from companion.sweep import sweep
from companion.tart.lab.icl import Answers
from companion.tart.method.embeddings import PROTOCOLS, CausalEmbedder, Embedded
from companion.tart.method.prompts import WORDS, PromptMaker
from companion.tart.sources import TASKS, TextSet, split, text_set

ASSETS = Path(str(files("companion.tart"))) / "assets"
CACHE = ASSETS / "cells.safetensors"
CACHED_CELLS = tuple((task, 18, seed) for task in ("SMS", "YouTube") for seed in (0, 1))
CACHED_QUERIES = 60

NO_CONTENT = "N/A"

DRIFT = 2e-2
"""Largest relative distance of a recomputed vector from the stored half-precision one."""


class StaleCache(RuntimeError):
    """A stored vector is not what the code computes: the cells must be made again."""


@dataclass(frozen=True)
class Cell:
    """All that the language model gives for one context and its queries.

    task, k, seed : name of the cell
    labels, query_labels : (k,) and (n,); vectors : protocol -> context and query vectors
    answers : of the prompted model; swapped : with the label words turned around, where asked
    """

    task: str
    k: int
    seed: int
    labels: np.ndarray
    query_labels: np.ndarray
    vectors: Mapping[str, Embedded]
    answers: Answers
    swapped: Answers | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """(task, k, seed)."""
        return self.task, self.k, self.seed


def language_model() -> CausalEmbedder:
    """SmolLM2-135M-Instruct, ready to embed; ``ModelUnavailable`` where it is not to be had."""
    model, tokenizer = smollm2()
    return CausalEmbedder(model, PromptMaker(tokenizer))


def run_cell(
    embedder: CausalEmbedder,
    texts: TextSet,
    k: int,
    seed: int,
    n_query: int,
    *,
    swap: bool = False,
) -> Cell:
    """Embed and ask: one task, one context.

    swap : ask once more with the words of the two labels exchanged
    """
    chosen = split(texts.labels, k, n_query, seed, texts.name)
    labels, query_labels = texts.labels[chosen.context], texts.labels[chosen.query]
    context = [texts.texts[i] for i in chosen.context]
    query = [texts.texts[i] for i in chosen.query]
    maker = embedder.maker
    examples = [maker.example(t, label) for t, label in zip(context, labels, strict=True)]
    found, answers = _ask(embedder, examples, query)
    vectors = {
        "stream": Embedded(embedder.stream(context), embedder.stream(query)),
        "vanilla": Embedded(embedder.vanilla(examples), found),
        "LOO": Embedded(embedder.leave_one_out(examples), found),
    }
    swapped = None
    if swap:
        other = CausalEmbedder(embedder.model, PromptMaker(maker.tokenizer, WORDS[::-1]))
        turned = [other.maker.example(t, y) for t, y in zip(context, labels, strict=True)]
        swapped = _ask(other, turned, query)[1]
    return Cell(texts.name, k, seed, labels, query_labels, vectors, answers, swapped)


def _ask(
    embedder: CausalEmbedder, examples: Sequence, texts: Sequence[str]
) -> tuple[np.ndarray, Answers]:
    maker = embedder.maker
    queries = [maker.query(text) for text in (*texts, NO_CONTENT)]
    vectors, logits, first = embedder.ask(examples, queries)
    return vectors[:-1], Answers(logits[:-1], first[:-1], maker.label_ids, logits[-1])


def run_cells(
    plan: Sequence[tuple[int, int]],
    n_query: int,
    *,
    n_swapped: int = 0,
    sets: Mapping[str, TextSet] | None = None,
    embedder: CausalEmbedder | None = None,
    progress: bool = True,
) -> list[Cell]:
    """All tasks at every (k, seed) of the plan, two cells side by side, each on one thread.

    n_swapped : of every task, how many cells are asked with swapped words too
    embedder : a model that is here already; SmolLM2 otherwise, loaded once per process
    """
    sets = {name: text_set(name) for name in TASKS} if sets is None else sets
    jobs = [(name, k, seed) for name in sets for k, seed in plan]
    order = sorted(range(len(jobs)), key=lambda i: -jobs[i][1])  # the long ones first
    if embedder is None:
        language_model()  # says what is missing, and prepares the model once for all processes
    calls = [
        {"texts": sets[name], "k": k, "seed": seed, "swap": (k, seed) in plan[:n_swapped]}
        for name, k, seed in (jobs[i] for i in order)
    ]
    done = sweep(
        partial(_one, embedder, n_query=n_query),
        calls,
        n_jobs=1 if embedder is not None else min(2, n_cores()),
        label="language model" if progress else "",
        unpack=True,
        keep=embedder is None,
    )
    found = dict(zip(order, done, strict=True))
    return [found[i] for i in range(len(jobs))]


@one_thread()
def _one(
    embedder: CausalEmbedder | None, texts: TextSet, k: int, seed: int, n_query: int, swap: bool
) -> Cell:
    """One cell in a process of its own."""
    embedder = _loaded() if embedder is None else embedder
    return run_cell(embedder, texts, k, seed, n_query, swap=swap)


@cache
def _loaded() -> CausalEmbedder:
    return language_model()


def save_cells(cells: Sequence[Cell], path: Path) -> None:
    """Write cells, vectors in half precision; a reader never sees half a file."""
    tensors: dict[str, np.ndarray] = {}
    for i, cell in enumerate(cells):
        tensors |= {f"{i}/labels": cell.labels, f"{i}/query_labels": cell.query_labels}
        for name, found in cell.vectors.items():
            tensors[f"{i}/{name}/context"] = found.context.astype(np.float16)
            if name != "LOO":  # the query vectors of vanilla
                tensors[f"{i}/{name}/query"] = found.query.astype(np.float16)
        tensors |= {
            f"{i}/answers/logits": cell.answers.logits.astype(np.float32),
            f"{i}/answers/first": cell.answers.first,
            f"{i}/answers/free": cell.answers.free.astype(np.float32),
        }
    keys = [[*cell.key, list(map(int, cell.answers.label_ids))] for cell in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    save_file(tensors, str(fresh), metadata={"cells": json.dumps(keys)})
    fresh.replace(path)


def load_cells(path: Path = CACHE) -> list[Cell]:
    """Stored cells.

    Raises
    ------
    DataUnavailable : they have not been made
    """
    if not path.is_file():
        raise DataUnavailable(
            "The stored vectors of SmolLM2 are not here; where model and texts are, "
            "companion make tart cells makes them. Or run at book scale."
        )
    with safe_open(str(path), framework="np") as file:
        keys = json.loads(file.metadata()["cells"])
        t = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    cells = []
    for i, (task, k, seed, ids) in enumerate(keys):
        vectors = {
            name: Embedded(
                t[f"{i}/{name}/context"].astype(np.float32),
                t[f"{i}/{'vanilla' if name == 'LOO' else name}/query"].astype(np.float32),
            )
            for name in PROTOCOLS
        }
        answers = Answers(
            t[f"{i}/answers/logits"].astype(float),
            t[f"{i}/answers/first"],
            tuple(ids),
            t[f"{i}/answers/free"].astype(float),
        )
        cells.append(
            Cell(task, k, seed, t[f"{i}/labels"], t[f"{i}/query_labels"], vectors, answers)
        )
    return cells


def check_cells(cells: Sequence[Cell], n_query: int = CACHED_QUERIES, n: int = 3) -> float:
    """Compute `n` stream vectors of the first cell again; the largest relative distance.

    Raises
    ------
    StaleCache : one of them is further than :data:`DRIFT` from the stored one
    DataUnavailable : model or texts are not to be had
    """
    cell = cells[0]
    texts = text_set(cell.task)
    chosen = split(texts.labels, cell.k, n_query, cell.seed, texts.name)
    fresh = language_model().stream([texts.texts[i] for i in chosen.context[:n]])
    stored = cell.vectors["stream"].context[:n]
    off = float((np.linalg.norm(fresh - stored, axis=1) / np.linalg.norm(fresh, axis=1)).max())
    if not off < DRIFT:
        raise StaleCache(
            f"stored vectors differ from fresh ones by {off:.3f} of their length: make them again "
            "with `companion make tart cells`"
        )
    return off
