r"""The language model's side: cells of vectors and answers, and fine-tuning on the k examples.

Training the language model on the k examples: what the representation gap is measured against.

The model learns to say the label word after ``Sentence: {text}\nLabel:``.  On a laptop only the
last blocks are trained (the states below them are computed once); ``blocks=0`` trains all.

One cell of the real experiment: a task, a context size, a seed; all vectors and answers.

Cells are the expensive part.  Those of the toy scale are stored with the package, as safetensors,
and the toy run computes a few of their vectors again to see that they are still what the code
gives.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from companion.data import DataUnavailable
from companion.models import smollm2
from companion.scale import n_cores, one_thread, torch_generator
from companion.sweep import sweep
from companion.tart.lab.nulls import Answers, accuracy
from companion.tart.method.embeddings import PROTOCOLS, WORDS, CausalEmbedder, Embedded, PromptMaker
from companion.tart.sources import TASKS, TextSet, split, text_set


# ----------------------------------------------------------------------------------------- finetune
@dataclass(frozen=True)
class FineTuning:
    """blocks : trained last blocks, 0 for the whole model; lr, epochs, batch : of AdamW."""

    blocks: int = 2
    lr: float = 1e-4
    epochs: int = 8
    batch: int = 8

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.lr <= 0 or min(self.epochs, self.batch) < 1:
            raise ValueError(f"need blocks >= 0, lr > 0, epochs and batch >= 1, got {self}")


def fine_tune(
    embedder: CausalEmbedder, texts: TextSet, k: int, seed: int, n_query: int, how: FineTuning
) -> float:
    """Accuracy on the queries of the same split that the other methods see."""
    chosen = split(texts.labels, k, n_query, seed, texts.name)
    labels = texts.labels[chosen.context]
    prompts = [_prompt(embedder, texts.texts[i]) for i in chosen.context]
    asked = [_prompt(embedder, texts.texts[i]) for i in chosen.query]
    tuned = _Tuned(embedder, how)
    tuned.fit(prompts, labels, torch_generator(seed, "tart fine-tuning", texts.name, k))
    return accuracy(tuned.scores(asked), texts.labels[chosen.query])


def _prompt(embedder: CausalEmbedder, text: str) -> list[int]:
    query = embedder.maker.query(text)
    return [*embedder.maker.start, *query.sentence, *query.ask]


class _Tuned:
    """A copy of the model (or of its last blocks) that learns two words."""

    def __init__(self, embedder: CausalEmbedder, how: FineTuning) -> None:
        self.embedder, self.how, self.model = embedder, how, embedder.model
        self.blocks: nn.ModuleList | None = None
        if how.blocks:
            first, last, norm = _last(self.model, how.blocks)
            self.first = first
            self.blocks, self.norm = copy.deepcopy(nn.ModuleList(last)), copy.deepcopy(norm)
            self.trained = nn.ModuleList([*self.blocks, self.norm])
        else:
            self.trained = self.model = copy.deepcopy(embedder.model)
        self.trained.requires_grad_(True)

    def fit(self, prompts: Sequence[list[int]], labels: np.ndarray, rng: torch.Generator) -> None:
        """AdamW on the cross-entropy of the label's token alone, in nats."""
        words = torch.tensor(self.embedder.maker.label_ids)
        wanted = words[torch.from_numpy(np.asarray(labels))]
        optimizer = torch.optim.AdamW(self.trained.parameters(), lr=self.how.lr, weight_decay=0.0)
        logits_of = self._reader(prompts)
        self.trained.train()
        for _ in range(self.how.epochs):
            for rows in torch.randperm(len(prompts), generator=rng).split(self.how.batch):
                logits = logits_of(rows)
                loss = nn.functional.cross_entropy(logits, wanted[rows].to(logits.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.trained.eval()

    @torch.no_grad()
    def scores(self, prompts: Sequence[list[int]]) -> np.ndarray:
        """Logit of label 1 minus that of label 0: (n,)."""
        low, high = self.embedder.maker.label_ids
        logits_of = self._reader(prompts)
        logits = torch.cat([logits_of(rows) for rows in torch.arange(len(prompts)).split(16)])
        return (logits[:, high] - logits[:, low]).float().cpu().numpy()

    def _reader(self, prompts: Sequence[list[int]]) -> Callable[[Tensor], Tensor]:
        """A function of row numbers that gives the logits (rows, vocabulary) after each prompt.

        All prompts are padded at the end to one length; a causal model ignores that.
        """
        longest = max(map(len, prompts))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in prompts])
        ids = ids.to(self.embedder.model.device)
        last = torch.tensor([len(row) - 1 for row in prompts], device=ids.device)
        head = self.model.get_output_embeddings()
        below = self._below(ids) if self.blocks is not None else None

        def logits_of(rows: Tensor) -> Tensor:
            if below is None:
                states = self.model.base_model(input_ids=ids[rows], use_cache=False)[0]
            else:
                states = self._above(*below, rows)
            return head(states[torch.arange(len(rows), device=ids.device), last[rows]])

        return logits_of

    @torch.no_grad()
    def _below(self, ids: Tensor) -> tuple[Tensor, dict[str, object]]:
        """What reaches the first trained block: states (rows, seq, width), other arguments."""
        seen: list[tuple[tuple, dict]] = []
        hook = self.first.register_forward_pre_hook(
            lambda _, args, options: seen.append((args, options)), with_kwargs=True
        )
        try:
            self.model.base_model(input_ids=ids, use_cache=False)
        finally:
            hook.remove()
        args, options = seen[0]
        options = dict(options)
        states = args[0] if args else options.pop("hidden_states")
        return states, options

    def _above(self, states: Tensor, options: dict[str, object], rows: Tensor) -> Tensor:
        """Final states of some rows, through the trained blocks."""
        n = len(states)
        mine = {
            name: value[rows] if torch.is_tensor(value) and n > 1 and len(value) == n else value
            for name, value in options.items()
        }
        h = states[rows]
        for block in self.blocks or ():
            out = block(h, **mine)
            h = out[0] if isinstance(out, tuple) else out
        return self.norm(h)


def _last(model: nn.Module, n: int) -> tuple[nn.Module, list[nn.Module], nn.Module]:
    """First of the last `n` blocks, all of them, and the final normalization."""
    base = model.base_model
    for blocks, norm in (("layers", "norm"), ("layers", "final_layer_norm"), ("h", "ln_f")):
        if hasattr(base, blocks) and hasattr(base, norm):
            last = list(getattr(base, blocks)[-n:])
            return last[0], last, getattr(base, norm)
    raise ValueError(f"{type(base).__name__} has no blocks that are known here; use blocks=0")


# -------------------------------------------------------------------------------------------- cells
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
