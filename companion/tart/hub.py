"""Paper scale: the paper's module, on language models and text sets of the Hub.

Everything is read as parquet and safetensors; no code of a repository runs.  The same functions
run in the tests on models and files of a few kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import torch
from tqdm.auto import tqdm

from companion import processes
from companion.data import DataUnavailable, Missing, revision
from companion.models import models_folder
from companion.scale import device
from companion.tart.lab.cells import run_cell
from companion.tart.lab.learned import Curve, growing
from companion.tart.lab.real import method_table, prompt_table, vectors_of
from companion.tart.method.embeddings import CausalEmbedder, PromptMaker, PromptTooLong
from companion.tart.method.module import STANDARD, ReasoningModule
from companion.tart.method.training import Curriculum, HeadRecipe, LogisticTaskSampler, train_head
from companion.tart.settings import Settings
from companion.tart.sources import TASKS, TextSet, make_set, text_set

RECIPE = HeadRecipe(
    head=STANDARD,
    curriculum=Curriculum(4, 4, 18, 30, 1000),
    steps=24_000,
    lr=1e-4,
    batch=128,
)
"""The paper's module and the step of the checkpoint that its scripts use."""

ROOT = "hf://datasets"
N_ROWS = 20_000  # first rows of a table that are read
NOT_HERE = "Runs at paper scale only: it reads models and data from the Hugging Face Hub."


@dataclass(frozen=True)
class HubTask:
    """A binary task from a table of the Hub, by its parquet copy.

    repo, config, part : of the data set; text, label : columns
    positive : values of the label column that count as 1, or None for a probability above 0.5
    """

    repo: str
    config: str
    part: str
    text: str
    label: str
    positive: tuple[int, ...] | None = (1,)


HUB_TASKS = {
    "Rotten Tomatoes": HubTask(
        "cornell-movie-review-data/rotten_tomatoes", "default", "test", "text", "label"
    ),
    "SST-2": HubTask("stanfordnlp/sst2", "default", "validation", "sentence", "label"),
    "IMDB": HubTask("stanfordnlp/imdb", "plain_text", "test", "text", "label"),
    "Civil Comments": HubTask("google/civil_comments", "default", "test", "text", "toxicity", None),
    **{
        f"AG News {i}": HubTask("fancyzhx/ag_news", "default", "test", "text", "label", (i,))
        for i in range(4)
    },
    **{
        f"DBPedia {i}": HubTask(
            "fancyzhx/dbpedia_14", "dbpedia_14", "test", "content", "label", (i,)
        )
        for i in range(4)
    },
}


def read_table(task: HubTask, root: str = ROOT) -> pl.DataFrame:
    """The task's two columns; DataUnavailable where they cannot be read.

    The commit that :func:`companion.data.revision` knows of a data set is one of its branch
    ``refs/convert/parquet``, which the Hub calls ``~parquet``.
    """
    commit = revision(task.repo) if root == ROOT else "~parquet"
    address = f"{root}/{task.repo}@{commit}/{task.config}/{task.part}/*.parquet"
    try:
        frame = pl.scan_parquet(address).select(task.text, task.label).head(N_ROWS).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataUnavailable(f"{address} could not be read ({error})") from error
    if frame.is_empty():
        raise DataUnavailable(f"{address} is empty")
    return frame


def hub_texts(name: str, root: str = ROOT) -> TextSet:
    """A text set by name, from the book's data or from the Hub."""
    if name in TASKS:
        return text_set(name)
    if name not in HUB_TASKS:
        raise ValueError(f"unknown task {name!r}; known are {', '.join((*TASKS, *HUB_TASKS))}")
    task = HUB_TASKS[name]
    frame = read_table(task, root)
    values = frame[task.label].to_numpy()
    labels = values > 0.5 if task.positive is None else np.isin(values, task.positive)
    return make_set(name, frame[task.text].to_list(), labels.astype(int).tolist())


def hub_model(name: str) -> CausalEmbedder:
    """A causal language model of the Hub, in float32; DataUnavailable where it cannot be had."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    commit = revision(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=commit, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            name,
            revision=commit,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except OSError as error:
        raise DataUnavailable(f"{name} could not be loaded ({error})") from error
    return CausalEmbedder(model.to(device()), PromptMaker(tokenizer))


def run_hub(
    settings: Settings,
    seed: int,
    head: ReasoningModule,
    *,
    load: Callable[[str], CausalEmbedder] = hub_model,
    root: str = ROOT,
    progress: bool = True,
) -> pd.DataFrame | Missing:
    """Every model on every task: prompting and all methods, with a column `model`.

    A context that a model cannot read is left out; the paper's code cuts it silently.
    """
    if not settings.hub_models:
        return Missing(NOT_HERE)
    sets = {name: hub_texts(name, root) for name in settings.hub_tasks}
    tables = []
    for name in settings.hub_models:
        embedder = load(name)
        jobs = [
            (t, k, s)
            for t in sets
            for k in settings.hub_k
            for s in range(seed, seed + settings.hub_seeds)
        ]
        for task, k, s in tqdm(jobs, desc=name, disable=not progress):
            try:
                cell = run_cell(embedder, sets[task], k, s, settings.hub_queries)
            except PromptTooLong:
                continue
            found = prompt_table([cell]), method_table(vectors_of(cell), head)
            tables += [table.assign(model=name) for table in found]
    return pd.concat(tables, ignore_index=True)


def paper_head(
    settings: Settings,
    seed: int,
    *,
    recipe: HeadRecipe = RECIPE,
    folder: Path | None = None,
    progress: bool = True,
) -> ReasoningModule | Missing:
    """The paper's own module, trained here; the run goes on from its checkpoint."""
    if not settings.hub_models:
        return Missing(NOT_HERE)
    place = models_folder() if folder is None else folder
    head, _ = train_head(
        recipe,
        seed,
        checkpoint=place / f"tart-standard-{seed}.safetensors",
        device=device(),
        progress=progress,
        label="the paper's module",
    )
    return head.cpu()


def long_curve(head: ReasoningModule, settings: Settings, seed: int) -> Curve:
    """Accuracy up to the longest context of the paper's module."""
    most = head.max_context
    sizes = [k for k in (18, 32, 64, 128, 256) if k <= most] or [most]
    many = settings.n_tasks, settings.n_query
    return growing([head], LogisticTaskSampler(head.d), sizes, *many, seed, "long")


processes.together(__name__, "paper_head")
