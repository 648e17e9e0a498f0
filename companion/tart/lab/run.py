"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
from torch import nn

from companion.data import DataUnavailable, Missing, attempt
from companion.scale import one_thread
from companion.tart import hub as paper_scale
from companion.tart.lab import real, synthetic
from companion.tart.lab.cells import Cell, check_cells, load_cells, run_cells
from companion.tart.lab.real import Vectors
from companion.tart.lab.shipped import ShippedHead
from companion.tart.lab.synthetic import Controls, Curve, Live, Noise
from companion.tart.settings import Settings

train_live = synthetic.train_live

PLAIN_STEPS = 1_000


@one_thread()
def paper_tokens(settings: Settings, seed: int, *, progress: bool = True) -> Live:
    """One module with the paper's own label tokens, all else as the live module's.

    At most :data:`PLAIN_STEPS` steps, to compare the beginning.
    """
    recipe = settings.live_recipe
    steps = min(recipe.steps, PLAIN_STEPS)
    recipe = replace(recipe, head=replace(recipe.head, repeats=False), steps=steps)
    return synthetic.train_modules(recipe, [seed], progress=progress)


@one_thread()
def curve(trained: Live, settings: Settings, seed: int) -> Curve:
    """Claim 1."""
    return synthetic.live_curve(trained, settings, seed)


@one_thread()
def shipped_curve(shipped: ShippedHead | Missing, settings: Settings, seed: int) -> Curve | Missing:
    """Claim 4's background: the shipped module on synthetic tasks, among all null models."""
    if isinstance(shipped, Missing):
        return shipped
    return synthetic.shipped_curve(shipped.module, settings, seed)


@one_thread()
def noise(trained: Live, settings: Settings, seed: int) -> Noise:
    """Robustness to another noise level."""
    return synthetic.noise_curve(trained, settings, seed)


@one_thread()
def controls(trained: Live, settings: Settings, seed: int) -> Controls:
    """Claim 8."""
    return synthetic.run_controls(trained, settings, seed)


def module_of(shipped: ShippedHead | Missing) -> nn.Module | None:
    """The shipped module, or None."""
    return None if isinstance(shipped, Missing) else shipped.module


def read_cells(settings: Settings, seed: int) -> tuple[list[Cell], str]:
    """The language model's cells, and in words where they come from.

    seed : added to the seeds of the plan; the stored cells are what they are

    Raises
    ------
    DataUnavailable : neither stored cells nor what it takes to compute them
    StaleCache : stored vectors are not what the code computes
    """
    if settings.cells:
        plan = [(k, seed + s) for k, s in settings.cells]
        found = run_cells(plan, settings.cell_queries, n_swapped=settings.n_swapped)
        return found, f"{len(found)} cells computed in this run."
    found = load_cells()
    try:
        off = check_cells(found)
    except DataUnavailable:
        return found, f"{len(found)} stored cells; model or texts are not here to check them."
    return found, f"{len(found)} stored cells; three vectors computed again differ by {off:.1e}."


def tuned(settings: Settings, seed: int) -> pd.DataFrame | Missing:
    """Fine-tuned accuracies, or why there are none."""
    if not settings.tune_seeds:
        return Missing("The language model is fine-tuned at book scale only.")
    return real.tuned_table(settings, seed)


class PaperScale(NamedTuple):
    """What only the paper scale has: curve of the paper's module, texts, images and sound."""

    long: Curve | Missing
    hub: pd.DataFrame | Missing
    media: pd.DataFrame | Missing


def paper(settings: Settings, seed: int) -> PaperScale:
    """Train the paper's module, then plug it onto models of the Hub.

    Texts, and images with sound, are tried each by itself: what cannot be reached is missing alone.
    """
    head = paper_scale.paper_head(settings, seed)
    if isinstance(head, Missing):
        return PaperScale(head, head, head)
    return PaperScale(
        paper_scale.long_curve(head, settings, seed),
        attempt(paper_scale.run_hub, settings, seed, head),
        attempt(paper_scale.run_media, settings, seed, head),
    )


def ablation_vectors(*groups: Sequence[Vectors] | Missing, k: int, most: int = 5) -> list[Vectors]:
    """Vectors with `k` examples, at most `most` seeds a data set; missing groups are left out."""
    found, counts = [], {}
    for group in groups:
        for v in () if isinstance(group, Missing) else group:
            if v.k == k and counts.get(v.data, 0) < most:
                counts[v.data] = counts.get(v.data, 0) + 1
                found.append(v)
    return found


def provenance(shipped: ShippedHead | Missing) -> dict[str, str]:
    """What a record keeps about inputs that are not in the register."""
    made = "none" if isinstance(shipped, Missing) else str(shipped.record["sha256"])
    return {"shipped module (SHA-256)": made}
