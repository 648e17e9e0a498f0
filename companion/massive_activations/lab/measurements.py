"""Where the Pythia measurements come from: the excerpt at hand, or the Hub."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from transformers import AutoTokenizer

from companion import data
from companion.corpora import python_topics
from companion.massive_activations.hub import measure_series, windows
from companion.massive_activations.sources.excerpt import check_excerpt, load_excerpt
from companion.massive_activations.sources.stats_files import download_stats, read_folder
from companion.models import models_folder
from companion.scale import device

EXCERPT = "massive-activations/pythia_stats_excerpt.csv"
SOURCES = ("excerpt", "hub")


def authors_measurements(source: str) -> pd.DataFrame | data.Missing:
    """The authors' measurements as one frame, or why they are not here.

    source : ``"excerpt"``, a few checkpoints of three models; ``"hub"``, the whole published data
    set (a download; every analysis of the excerpt then runs on all of it)
    """
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    if source == "excerpt":
        return data.load(EXCERPT, load_excerpt)
    try:
        folder = download_stats()
    except (data.DataUnavailable, OSError) as error:
        return data.Missing(f"The authors' data set could not be downloaded: {error}")
    frame = read_folder(folder)
    return check_excerpt(
        frame[["model", "step", "sequence", "layer", "top1", "top2", "top3", "median"]]
    )


def our_measurements(
    models: tuple[str, ...],
    *,
    owner: str = "EleutherAI",
    results: Path | None = None,
    **options: object,
) -> pd.DataFrame | data.Missing:
    """Our own hooks on the published checkpoints of these models, in the same form.

    models : names without owner; none of them stands for "not at this scale"
    results : folder of finished steps, which are not run again; default below the cache
    options : passed on to :func:`companion.massive_activations.hub.measure_series`

    The text is the help topics of the running Python, not the authors' sample of web pages: the
    ratio depends little on the text (4 to 7 %, paper Table 2).
    """
    if not models:
        return data.Missing("Measuring the Pythia checkpoints is part of the paper scale.")
    folder = results or models_folder().parent / "massive-activations"
    frames = []
    for model in models:
        repo_id = f"{owner}/{model}"
        place = {key: options[key] for key in ("cache_dir", "local_files_only") if key in options}
        tokenizer = AutoTokenizer.from_pretrained(repo_id, **place)
        tokens = windows(tokenizer, [python_topics().text])
        frames.append(measure_series(repo_id, tokens, folder, **({"device": device()} | options)))
    return pd.concat(frames, ignore_index=True)
