"""Paper scale: give Pythia the loss that its released numbers lack.

Checkpoints of published models are loaded one at a time from the Hub and evaluated on one text,
for the language-modelling loss, and on LAMBADA, for the number that the paper fits.  A checkpoint
that is on disk in the Hub's own cache layout loads without a network.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pooch
import torch
from torch.nn import functional as F
from tqdm.auto import tqdm

from companion.data import Missing, revision
from companion.models import ModelUnavailable
from companion.scale import device
from companion.scaling_laws.lab.released import n_vs_q
from companion.scaling_laws.method.protocol import CUT, Family
from companion.scaling_laws.settings import Settings
from companion.scaling_laws.sources import family

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PYTHIA_TOKENIZER = "EleutherAI/pythia-70m"
WIKITEXT, LAMBADA = "Salesforce/wikitext", "EleutherAI/lambada_openai"

TOKENS_PER_STEP = 2_097_152
"""Pythia's batch: 1,024 sequences of 2,048 tokens."""


@dataclass(frozen=True)
class Evaluation:
    """What a checkpoint is evaluated on.

    windows : int64 tensor of shape (n, seq), held-out text
    cloze : pairs of (context tokens, target tokens), LAMBADA's last words; may be empty
    """

    windows: torch.Tensor
    cloze: tuple[tuple[list[int], list[int]], ...] = ()


def load_checkpoint(
    repository: str,
    revision: str,
    *,
    cache: Path | None = None,
    offline: bool = False,
    device: str = "cpu",
) -> PreTrainedModel:
    """One checkpoint, in evaluation mode; half precision on a GPU, float32 elsewhere.

    Only safetensors are read, and no code of the repository runs.

    Raises
    ------
    ModelUnavailable : neither on disk nor to be had from the Hub
    """
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            repository,
            revision=revision,
            cache_dir=cache,
            local_files_only=offline,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float16 if device == "cuda" else torch.float32,
        )
    except OSError as error:
        raise ModelUnavailable(
            f"{repository} at {revision} is not on this machine and could not be had from the Hub "
            f"({error}); connect to the network or pass the folder of a cache that holds it"
        ) from error
    return model.to(device).eval()


@torch.no_grad()
def window_loss(model: PreTrainedModel, windows: torch.Tensor, *, batch: int = 8) -> float:
    """Mean cross-entropy of each token given those before it, in nats per token.

    windows : int64 of shape (n, seq)
    """
    total, count = 0.0, 0
    for part in windows.split(batch):
        part = part.to(model.device)
        scores = model(part).logits[:, :-1].float()
        total += F.cross_entropy(
            scores.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"
        ).item()
        count += part[:, 1:].numel()
    return total / count


@torch.no_grad()
def cloze_loss(model: PreTrainedModel, cloze: Sequence[tuple[list[int], list[int]]]) -> float:
    """Mean negative log-likelihood of a whole target word, in nats per word.

    Its exponential is the LAMBADA perplexity of the usual evaluation harness.

    Raises
    ------
    ValueError : no examples, or one with an empty context or target
    """
    if not cloze or not all(context and target for context, target in cloze):
        raise ValueError("the cloze task needs examples with a context and a target each")
    losses = []
    for context, target in cloze:
        tokens = torch.tensor([context + target], device=model.device)
        scores = model(tokens).logits[0, len(context) - 1 : -1].float()
        expected = torch.tensor(target, device=model.device)
        losses.append(F.cross_entropy(scores, expected, reduction="sum").item())
    return float(np.mean(losses))


def count_parameters(model: PreTrainedModel) -> int:
    """All parameters, as the nominal sizes of Pythia count them."""
    return sum(parameter.numel() for parameter in model.parameters())


def evaluate_checkpoints(
    repositories: Sequence[str],
    steps: Iterable[int],
    evaluation: Evaluation,
    *,
    results: Path | None = None,
    cache: Path | None = None,
    offline: bool = False,
    device: str = "cpu",
    keep_downloads: bool = True,
    progress: bool = True,
) -> pd.DataFrame:
    """Losses of every repository at every step, one row per checkpoint.

    results : JSON-lines file to which each row is appended at once; rows that are in it are not
        evaluated again, so an interrupted run goes on where it stopped
    keep_downloads : False removes each repository's folder from `cache` after its last step; a
        folder that the caller did not name is never removed

    Columns: model, num_params, step, tokens, text (nats per token), cloze (nats per word; nan
    without examples).
    """
    done = _read_rows(results)
    jobs = [(repository, step) for repository in repositories for step in steps]
    for repository, step in tqdm(jobs, desc="checkpoints", disable=not progress):
        if (repository, step) in done:
            continue
        model = load_checkpoint(
            repository, f"step{step}", cache=cache, offline=offline, device=device
        )
        row = {
            "model": repository,
            "num_params": count_parameters(model),
            "step": step,
            "tokens": float(step * TOKENS_PER_STEP),
            "text": window_loss(model, evaluation.windows),
            "cloze": cloze_loss(model, evaluation.cloze) if evaluation.cloze else math.nan,
        }
        done[repository, step] = row
        if results is not None:
            results.parent.mkdir(parents=True, exist_ok=True)
            with results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        if not keep_downloads and cache is not None and step == jobs[-1][1]:
            folder = cache / f"models--{repository.replace('/', '--')}"
            shutil.rmtree(folder, ignore_errors=True)
    return pd.DataFrame([done[job] for job in jobs])


def _read_rows(results: Path | None) -> dict[tuple[str, int], dict[str, object]]:
    if results is None or not results.is_file():
        return {}
    rows = {}
    for line in results.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:  # the line that was being written when the run stopped
            continue
        rows[row["model"], row["step"]] = row
    return rows


def evaluated_family(table: pd.DataFrame, metric: str = "text") -> Family:
    """The evaluated checkpoints as a family, in nats; metric is ``text`` or ``cloze``."""
    if metric not in ("text", "cloze"):
        raise ValueError(f"unknown metric {metric!r}; choose text or cloze")
    return family(f"evaluated, {metric}", table.assign(loss=table[metric]), "nats")


def pythia_evaluation(*, n_windows: int, seq: int = 1024, n_cloze: int = 500) -> Evaluation:
    """WikiText-103 and LAMBADA from the Hub, as tokens of Pythia; needs a network.

    n_windows * seq tokens of text, the first of the test part
    """
    from huggingface_hub import hf_hub_download
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        PYTHIA_TOKENIZER, revision=revision(PYTHIA_TOKENIZER), trust_remote_code=False
    )
    wikitext = hf_hub_download(
        WIKITEXT,
        "wikitext-103-raw-v1/test-00000-of-00001.parquet",
        repo_type="dataset",
        revision=revision(WIKITEXT),
    )
    text = "".join(pd.read_parquet(wikitext)["text"])
    tokens = tokenizer(text)["input_ids"][: n_windows * seq]
    windows = torch.tensor(tokens[: len(tokens) // seq * seq]).reshape(-1, seq)
    lambada = hf_hub_download(
        LAMBADA, "data/lambada_test_en.jsonl", repo_type="dataset", revision=revision(LAMBADA)
    )
    lines = Path(lambada).read_text(encoding="utf-8").splitlines()[:n_cloze]
    cloze = []
    for line in lines:
        context, word = json.loads(line)["text"].rsplit(" ", 1)
        cloze.append((tokenizer(context)["input_ids"], tokenizer(f" {word}")["input_ids"]))
    return Evaluation(windows, tuple(cloze))


def evaluate_pythia(settings: Settings) -> pd.DataFrame | Missing:
    """Both losses of the checkpoints that the settings name; a Missing if they name none.

    Rows are kept in the user's cache as they are made, so a run that stops goes on there.
    """
    if not settings.hub_models:
        return Missing(
            "Pythia's checkpoints are evaluated at paper scale only: set SCALE to 'paper' on a "
            "machine with a GPU, a network and 50 GB of disk."
        )
    cache = Path(os.environ.get("COMPANION_CACHE") or pooch.os_cache("runnable-papers"))
    return evaluate_checkpoints(
        settings.hub_models,
        settings.hub_steps,
        pythia_evaluation(n_windows=settings.hub_windows),
        results=cache / "scaling-laws" / "pythia.jsonl",
        device=device(),
    )


def law_of_two_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Error of the law on language-modelling loss and on LAMBADA, all models.

    Columns: metric, q, are, status.
    """
    parts = []
    for metric in ("text", "cloze"):
        rows = n_vs_q(evaluated_family(table, metric), cut=CUT, least=3)
        rows = rows[rows["n"] == rows["n"].max()]
        parts.append(rows.assign(metric=metric)[["metric", "q", "are", "status"]])
    return pd.concat(parts, ignore_index=True)
