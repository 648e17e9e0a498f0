"""Files that the chapter ships and that take too long for a notebook: ``companion make tart WHAT``.

``head`` trains the reasoning module, ``cells`` computes the stored vectors of SmolLM2.  Both go on
where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from companion.scale import one_thread
from companion.tart.lab import cells
from companion.tart.lab.cells import FineTuning
from companion.tart.lab.shipped import make_head
from companion.tart.sources import text_set

Say = Callable[[str], None]


@one_thread()
def make_cells(
    scratch: Path, say: Say, target: Path = cells.CACHE, n_query: int = cells.QUERIES
) -> Path:
    """Compute the stored cells one by one; each is kept in `scratch` until all are there."""
    embedder = None
    parts = []
    for task, seed in cells.STORED:
        part = scratch / f"{task}-{cells.K}-{seed}-{n_query}.safetensors"
        parts.append(part)
        if part.is_file():
            say(f"{task}, seed {seed}: there")
            continue
        embedder = cells.language_model() if embedder is None else embedder
        tuning = FineTuning() if seed in cells.TUNED else None
        made = cells.run_cell(embedder, text_set(task), cells.K, seed, n_query, tuning)
        cells.save_cells([made], part)
        say(f"{task}, seed {seed}: done")
    cells.save_cells([cell for part in parts for cell in cells.load_cells(part)], target)
    off = cells.check_cells(cells.load_cells(target))
    say(f"{target} ({target.stat().st_size:,} bytes); the first one computed again: {off:.1e} off")
    return target


MAKERS: Mapping[str, Callable[[Path, Say], Path]] = MappingProxyType(
    {"head": make_head, "cells": make_cells}
)
"""What to make -> function of a folder for checkpoints and of a way to say what happens."""
