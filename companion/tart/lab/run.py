"""The experiments, one function a step of the notebook: settings in, results out.

`weights` is the hash of the shipped module's weights: what a stored result depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from companion.data import Missing, attempt
from companion.scale import one_thread
from companion.tart import hub
from companion.tart.lab import cells as language
from companion.tart.lab import learned, real
from companion.tart.lab.cells import Cell
from companion.tart.lab.learned import Curve, Learned
from companion.tart.lab.shipped import module_with
from companion.tart.method.module import HeadConfig
from companion.tart.method.training import Curriculum, HeadRecipe
from companion.tart.settings import Settings


class Pixels(NamedTuple):
    """Handwritten digits: table of methods, what breaks the module, spread over orders."""

    table: pd.DataFrame
    variants: pd.DataFrame
    orders: pd.DataFrame


class Sentences(NamedTuple):
    """Sentence vectors: table of methods, mean squared white coordinate of queries."""

    table: pd.DataFrame
    shrinkage: pd.DataFrame


class PaperScale(NamedTuple):
    """What only the paper scale has: curve of the paper's module, and the Hub's models."""

    long: Curve | Missing
    table: pd.DataFrame | Missing


def recipe_of(settings: Settings) -> HeadRecipe:
    """How the run's own modules are trained, up to the falling rate."""
    return HeadRecipe(
        head=HeadConfig(
            settings.live_d,
            settings.live_pairs,
            settings.live_embd,
            settings.live_layers,
            2,
            repeats=True,
        ),
        curriculum=Curriculum(2, 2, 6, 6, settings.live_every),
        steps=settings.live_steps,
        lr=settings.live_lr,
        batch=32,
    )


@one_thread()
def learn(settings: Settings, seed: int) -> Learned:
    """Modules trained in this run, on synthetic tasks alone (C1, O4)."""
    asked = learned.Asked(
        settings.live_k,
        settings.n_tasks,
        settings.n_query,
        settings.alphas,
        settings.n_controls,
        settings.n_first,
    )
    return learned.learn(
        recipe_of(settings),
        settings.live_falling,
        range(seed, seed + settings.live_seeds),
        settings.plain_steps,
        asked,
    )


@one_thread()
def why_a_tie(weights: str, settings: Settings, seed: int) -> learned.Tie:
    """The shipped module among its rivals on synthetic tasks, drawn and whitened (O2, O3)."""
    return learned.compare(
        module_with(weights),
        settings.tie_k,
        settings.tie_tasks,
        settings.n_query,
        settings.samples,
        seed,
    )


def stored_cells(settings: Settings) -> list[Cell]:
    """The language model's contexts, as many of each text set as the scale asks for."""
    tasks = len({task for task, _ in language.STORED})
    return language.load_cells()[: tasks * settings.cells]


def together(*tables: pd.DataFrame | Missing) -> pd.DataFrame | Missing:
    """Tables as one; the first one decides whether there are any, later ones may be missing."""
    if isinstance(tables[0], Missing):
        return tables[0]
    return pd.concat([one for one in tables if not isinstance(one, Missing)], ignore_index=True)


def prompts(cells: Sequence[Cell]) -> pd.DataFrame:
    """What the language model answers, by threshold, and fine-tuned (C3, C4, O1)."""
    return real.prompt_table(cells)


@one_thread()
def probes(cells: Sequence[Cell], weights: str, settings: Settings, seed: int) -> pd.DataFrame:
    """All methods on the language model's vectors, by protocol (C3 to C7, O1, O2, O5)."""
    vectors = [v for cell in cells for v in real.vectors_of(cell)]
    # the ideal learner reads what claims are judged on: contexts made as the queries are
    best = [v for v in vectors if v.name == "LOO"]
    rest = [v for v in vectors if v.name != "LOO"]
    head = module_with(weights)
    asked = settings.ideal_k, settings.samples, seed
    return pd.concat(
        [real.method_table(best, head, *asked), real.method_table(rest, head)], ignore_index=True
    )


@one_thread()
def pixels(weights: str, settings: Settings, seed: int) -> Pixels:
    """Digits as raw pixels: all methods, and what breaks the module (O5)."""
    head = module_with(weights)
    vectors = real.digit_vectors(
        settings.digits_k, settings.digits_seeds, settings.digits_queries, seed
    )
    few = [v for v in vectors if v.k == 32 and v.seed < seed + 5]
    return Pixels(
        real.method_table(vectors, head, settings.ideal_k, settings.samples, seed),
        real.variant_table(few, head),
        real.order_table(few, head, settings.orders, seed),
    )


@one_thread()
def sentences(weights: str, settings: Settings, seed: int) -> Sentences:
    """Sentence vectors of MiniLM: all methods (C5, C6, O2, O5, O6).

    Raises
    ------
    DataUnavailable : texts or encoder are not to be had
    """
    head = module_with(weights)
    vectors = real.sentence_vectors(
        settings.stream_k, settings.stream_seeds, settings.stream_queries, seed
    )
    return Sentences(
        real.method_table(vectors, head, settings.ideal_k, settings.samples, seed),
        real.shrinkage_table(vectors),
    )


def paper(settings: Settings, seed: int) -> PaperScale:
    """Train the paper's module, then plug it onto models of the Hub.

    What cannot be reached is missing alone.
    """
    head = hub.paper_head(settings, seed)
    if isinstance(head, Missing):
        return PaperScale(head, head)
    return PaperScale(
        hub.long_curve(head, settings, seed), attempt(hub.run_hub, settings, seed, head)
    )
