"""The whole chapter in one call, as the notebook makes it cell by cell."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl

from companion import data
from companion.data import Missing
from companion.model_ecosystem import sources
from companion.model_ecosystem.lab import benchmark, inequality, real, recovery, regimes
from companion.model_ecosystem.lab.resemblance import Resemblance, levenshtein_pairs, resemblance
from companion.model_ecosystem.lab.term_weights import card_rows
from companion.model_ecosystem.method.dna import MASKS
from companion.model_ecosystem.method.threshold import Grid, real_families, simulate_grid
from companion.model_ecosystem.settings import Settings
from companion.model_ecosystem.sources import Ecosystem
from companion.scale import generator

GRID_MU = np.linspace(0.05, 0.95, 19)
GRID_S = np.array([1.0, 0.5, 0.2])

LARGEST_WORLD = 20_000
"""Models of a world in which drift is tested: many worlds say more than large ones."""


def threshold_grid(settings: Settings, seed: int) -> Grid:
    """The grid of eq. 3 at this scale."""
    rng = generator(seed, "grid")
    return simulate_grid(GRID_MU, GRID_S, rng, n_families=settings.grid_families)


def sample_resemblance(system: Ecosystem, settings: Settings, seed: int) -> Resemblance:
    """Similarity in the real sample, cards included."""
    _, counts = sources.card_terms()
    cards = card_rows(system.table["model_id"].to_list(), counts)
    return resemblance(system, seed, settings.resamples, cards)


def drift_worlds(settings: Settings, seed: int) -> pl.DataFrame:
    """Simulated worlds with and without direction, with and without a ladder."""
    n = min(settings.models, LARGEST_WORLD)
    return recovery.drift_runs(n, settings.drift_runs, seed, settings.sim_null_orders, 200)


def levenshtein(system: Ecosystem, settings: Settings, seed: int) -> pl.DataFrame | Missing:
    """Levenshtein similarity by drawn pairs, each mask a row."""
    if not settings.levenshtein_pairs:
        return Missing(
            "No pairs are drawn for the Levenshtein similarity (levenshtein_pairs is 0)."
        )
    rows = []
    for mask in MASKS:
        rng = generator(seed, "levenshtein", mask)
        rows.append(
            {"masked": mask} | levenshtein_pairs(system, mask, rng, settings.levenshtein_pairs)
        )
    return pl.DataFrame(rows)


def hub_results(system: Ecosystem, settings: Settings, seed: int) -> dict[str, object]:
    """What the paper-scale run answers: similarity, rates, drift, the ten largest families.

    system : all relations; the analysis takes finetunes, as the paper's does
    """
    tuned = system.with_edges("finetune")
    d = system.graph.n_children()
    top = np.argsort(-d, kind="stable")[:10]
    names = system.table["model_id"]
    largest = pl.DataFrame({"model": [names[int(i)] for i in top], "children": d[top]})
    found = {
        "resemblance": resemblance(tuned, seed, settings.resamples),
        "families": real_families(real.traits(tuned), tuned.graph),
        "rates": real.mutation_rates(tuned, settings, seed),
        "drift": real.license_drift(tuned, settings, seed),
        "largest": largest,
    }
    if system.table["card_chars"].null_count() < system.table.height:
        found["cards"] = real.card_thinning(tuned, settings, seed)
    return found


def run_all(settings: Settings, seed: int) -> SimpleNamespace:
    """Every result of the chapter."""
    hub, curated = data.attempt(sources.hub_sample), data.attempt(sources.embedding_models)
    attempt = data.attempt
    return SimpleNamespace(
        grid=threshold_grid(settings, seed),
        regimes=regimes.run_regimes(settings.models, range(settings.seeds), seed),
        coverage=recovery.coverage(settings.coverage_models, settings.coverage_runs, seed, 300),
        worlds=drift_worlds(settings, seed),
        inequality=inequality.simulate_inequality(settings.models, settings.seeds, seed),
        scaling=benchmark.scaling(settings.bench_sizes, seed),
        networkx=benchmark.against_networkx(settings.networkx_models, seed),
        resemblance=attempt(sample_resemblance, hub, settings, seed),
        families=attempt(lambda system: real_families(real.traits(system), system.graph), hub),
        rates=attempt(real.mutation_rates, hub, settings, seed),
        drift=attempt(real.license_drift, hub, settings, seed),
        cards=attempt(real.card_thinning, hub, settings, seed),
        languages=attempt(real.language_thinning, curated, settings, seed),
        curated=attempt(real.license_drift, curated, settings, seed),
    )
