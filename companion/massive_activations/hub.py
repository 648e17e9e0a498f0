"""Paper scale: the authors' whole data set, and their models, checkpoint after checkpoint.

A model of the Pythia suite is a repository on the Hub with one revision per checkpoint.  A series
of 36 checkpoints of the four smallest models is about 56 GB of downloads, so each revision is
deleted after it was measured.  Each result is a file in the authors' layout, written at once: a
series that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import torch
from huggingface_hub import scan_cache_dir
from huggingface_hub.constants import HF_HUB_CACHE
from tqdm.auto import tqdm
from transformers import AutoTokenizer, GPTNeoXForCausalLM, PreTrainedTokenizerBase

from companion import data
from companion.corpora import king_james
from companion.massive_activations.method.measure import Measurement, measure
from companion.massive_activations.sources import (
    COLUMNS,
    as_blocks,
    check_excerpt,
    download_stats,
    layers_of,
    load_excerpt,
    read_folder,
    read_params,
    read_stats,
    stats_path,
    write_stats,
)
from companion.models import ModelUnavailable, models_folder
from companion.scale import device as best_device

EXCERPT = "massive-activations/pythia_stats_excerpt.csv"
SOURCES = ("excerpt", "hub")

FINAL_STEP = 143_000

SERIES_STEPS = (
    0,
    *(2**k for k in range(10)),
    *(1000, 2000, 4000, 6000, 8000),
    *range(10_000, FINAL_STEP + 1, 7000),
)
"""36 of the 154 checkpoints, dense where things move; the paper's own list is not published."""


# --------------------------------------------------------------------------- the authors' data
def authors_measurements(source: str) -> pd.DataFrame | data.Missing:
    """The authors' measurements as one frame, or why they are not here.

    source : ``"excerpt"``, a few checkpoints of three models; ``"hub"``, the whole published data
        set of nine models and 188 layers (a download); every analysis of the excerpt then runs on
        all of it
    """
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    if source == "excerpt":
        return data.load(EXCERPT, load_excerpt)
    folder = data.attempt(download_stats)
    return folder if isinstance(folder, data.Missing) else measurements_in(folder)


def measurements_in(folder: Path) -> pd.DataFrame:
    """All stats files below `folder`, checked like the excerpt."""
    return check_excerpt(read_folder(folder)[list(COLUMNS)])


def authors_plateaus(source: str) -> pd.DataFrame | data.Missing:
    """The authors' own fitted K of every layer (:func:`sources.read_params`), at paper scale."""
    if source != "hub":
        return data.Missing("The authors' fitted parameters are part of the paper scale.")
    folder = data.attempt(download_stats)
    return folder if isinstance(folder, data.Missing) else read_params(folder)


# --------------------------------------------------------------------------- the authors' models


def windows(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], n: int = 10, seq: int = 2048
) -> torch.Tensor:
    """The first `n` windows of `seq` tokens of all texts joined by blank lines: shape (n, seq).

    As in the authors' base code: no special tokens, neighboring windows, so the `n` sequences are
    not independent documents.
    """
    ids = tokenizer("\n\n".join(texts), add_special_tokens=False)["input_ids"]
    if len(ids) < n * seq:
        raise ValueError(f"{n} windows of {seq} tokens need {n * seq} tokens, got {len(ids)}")
    return torch.tensor(ids[: n * seq]).reshape(n, seq)


def private_cache() -> Path:
    """A Hub cache of the book's own, from which revisions may be deleted."""
    return models_folder() / "hub"


def measure_checkpoint(
    repo_id: str,
    step: int,
    input_ids: torch.Tensor,
    *,
    cache_dir: Path,
    device: str = "cpu",
    local_files_only: bool = False,
    batch_size: int = 1,
) -> Measurement:
    """Load revision ``step<N>`` in float32 and measure it.

    input_ids : int64 of shape (n_sequences, seq)

    Raises
    ------
    ModelUnavailable
        The revision cannot be had, or has no safetensors (pickled weights are not loaded).
    """
    try:
        model = GPTNeoXForCausalLM.from_pretrained(
            repo_id,
            revision=f"step{step}",
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except OSError as error:
        raise ModelUnavailable(
            f"{repo_id} at step{step} could not be loaded ({error}); connect to the Hugging Face "
            "Hub. A revision with pickled weights only is not loaded: convert it to safetensors"
        ) from error
    return measure(model.to(device).eval(), input_ids, batch_size=batch_size)


def forget_checkpoint(repo_id: str, step: int, cache_dir: Path) -> int:
    """Delete one revision from a Hub cache; the number of bytes that this frees.

    Files that another revision shares stay.  The user's own Hub cache is refused.
    """
    _refuse_shared(cache_dir)
    cache = scan_cache_dir(cache_dir)
    commits = [
        revision.commit_hash
        for repo in cache.repos
        if repo.repo_id == repo_id and repo.repo_type == "model"
        for revision in repo.revisions
        if f"step{step}" in revision.refs
    ]
    strategy = cache.delete_revisions(*commits)
    strategy.execute()
    return strategy.expected_freed_size


def _refuse_shared(cache_dir: Path) -> None:
    if Path(cache_dir).resolve() == Path(HF_HUB_CACHE).resolve():
        raise ValueError(
            f"{cache_dir} is the shared Hub cache; revisions are deleted from another folder "
            "only: leave cache_dir out, or keep the revisions"
        )


def measure_series(
    repo_id: str,
    input_ids: torch.Tensor,
    results: Path,
    *,
    steps: Sequence[int] = SERIES_STEPS,
    cache_dir: Path | None = None,
    keep: bool = False,
    device: str = "cpu",
    local_files_only: bool = False,
    batch_size: int = 1,
    n_layers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure `steps` of one model; a table with the columns of the authors' data.

    Parameters
    ----------
    repo_id : e.g. ``"EleutherAI/pythia-14m"``
    input_ids : int64 of shape (n_sequences, seq), see :func:`windows`
    results : folder for one stats file per step; a step whose file is there is not run again
    cache_dir : where revisions are downloaded to; default :func:`private_cache`
    keep : leave the revisions in the cache
    n_layers : needed for a model that is not one of Pythia's sizes

    Raises
    ------
    ModelUnavailable : see :func:`measure_checkpoint`; finished steps keep their files
    """
    folder = private_cache() if cache_dir is None else Path(cache_dir)
    if not keep:
        _refuse_shared(folder)
    model = repo_id.rpartition("/")[2]
    n_layers = layers_of(model) if n_layers is None else n_layers
    for step in tqdm(steps, desc=model, disable=not progress):
        path = results / stats_path(model, step)
        if path.exists():
            continue
        measurement = measure_checkpoint(
            repo_id,
            step,
            input_ids,
            cache_dir=folder,
            device=device,
            local_files_only=local_files_only,
            batch_size=batch_size,
        )
        write_stats(path, as_blocks(measurement))
        if not keep:
            forget_checkpoint(repo_id, step, folder)
    tables = [read_stats(results / stats_path(model, step), n_layers) for step in sorted(steps)]
    return pd.concat(tables, ignore_index=True)


def our_measurements(
    models: tuple[str, ...],
    *,
    owner: str = "EleutherAI",
    results: Path | None = None,
    **options: object,
) -> pd.DataFrame | data.Missing:
    """Our own hooks on the published checkpoints of these models, in the authors' form.

    models : names without owner; none of them stands for "not at this scale"
    results : folder of finished steps, which are not run again; default below the cache
    options : passed on to :func:`measure_series`

    The text is the King James Bible, not the authors' sample of web pages: the ratio depends
    little on the text (4 to 7 %, paper Table 2).
    """
    if not models:
        return data.Missing("Measuring the Pythia checkpoints is part of the paper scale.")
    folder = results or models_folder().parent / "massive-activations"
    frames = []
    for model in models:
        repo_id = f"{owner}/{model}"
        place = {key: options[key] for key in ("cache_dir", "local_files_only") if key in options}
        tokenizer = AutoTokenizer.from_pretrained(
            repo_id, revision=data.revision(repo_id), trust_remote_code=False, **place
        )
        tokens = windows(tokenizer, [king_james().text])
        options = {"device": best_device()} | options
        frames.append(measure_series(repo_id, tokens, folder, **options))
    return pd.concat(frames, ignore_index=True)
