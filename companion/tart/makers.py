"""Files that the chapter ships and that take too long for a notebook: ``companion make tart WHAT``.

``head`` trains the reasoning module, ``cells`` computes the stored vectors of SmolLM2.  Both go on
where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from companion.tart.lab.cells import (
    CACHE,
    CACHED_CELLS,
    CACHED_QUERIES,
    language_model,
    load_cells,
    run_cell,
    save_cells,
)
from companion.tart.lab.shipped import make_head
from companion.tart.sources import text_set

Say = Callable[[str], None]


def make_cells(
    scratch: Path, say: Say, target: Path = CACHE, n_query: int = CACHED_QUERIES
) -> Path:
    """Compute the stored cells one by one; each is kept in `scratch` until all are there."""
    embedder = None
    parts = []
    for task, k, seed in CACHED_CELLS:
        part = scratch / f"{task}-{k}-{seed}-{n_query}.safetensors"
        parts.append(part)
        if part.is_file():
            say(f"{task}, {k} examples, seed {seed}: there")
            continue
        embedder = language_model() if embedder is None else embedder
        save_cells([run_cell(embedder, text_set(task), k, seed, n_query)], part)
        say(f"{task}, {k} examples, seed {seed}: done")
    save_cells([cell for part in parts for cell in load_cells(part)], target)
    say(f"{target} ({target.stat().st_size:,} bytes)")
    return target


MAKERS: Mapping[str, Callable[[Path, Say], Path]] = MappingProxyType(
    {"head": make_head, "cells": make_cells}
)
"""What to make -> function of a folder for checkpoints and of a way to say what happens."""
