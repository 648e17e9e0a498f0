"""The chapter's experiments at the size that the settings ask for, ready for figures and claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.data import Missing
from companion.scale import generator
from companion.scaling_laws.lab import designs, released, solvers, trained
from companion.scaling_laws.lab.designs import (
    BEST,
    CUT_10B,
    FIVE,
    LARGE,
    NESTED,
    THREE,
    WHOLE,
    Design,
    large_runs,
    monte_carlo,
    thrown,
)
from companion.scaling_laws.lab.facts import (
    SIZES,
    Extrapolation,
    Gap,
    extrapolate,
    hot_cool_gaps,
)
from companion.scaling_laws.method.protocol import CUT, Family, are, training_points
from companion.scaling_laws.method.recipe import fit_one_model
from companion.scaling_laws.settings import Settings
from companion.scaling_laws.sources import (
    SEVEN,
    gemstones,
    ladder_names,
    released_family,
    schedule_curves,
)


# --------------------------------------------------------------------------- released families
def heat_maps() -> pd.DataFrame:
    """The grids of the families that can be reproduced; rows as in :mod:`released`."""
    tables = [released.one_model(released_family("OPT"))]
    for name in released.REPRODUCIBLE:
        family = released_family(name)
        tables += [released.n_vs_q(family, cut=cut) for cut in (0.0, CUT)]
    return pd.concat(tables, ignore_index=True)


def both_units() -> list[tuple[Family, Family]]:
    """The seven families, each in the unit that the paper fits and in nats."""
    return [(released_family(name), released_family(name, "nats")) for name in SEVEN]


def judge_rules() -> pd.DataFrame:
    """Both arms of every rule on the seven families, by both recipes."""
    return released.over_families(released.rule_errors, both_units())


def sweep_cuts(settings: Settings) -> pd.DataFrame:
    """Errors by the share of each run that is thrown away, on the seven released."""
    return released.over_families(released.cut_sweep, both_units(), settings.shares)


def five_smallest() -> pd.Series:
    """Error of the law of the five smallest models by family, the paper's way, percent."""
    found = {}
    for name in SEVEN:
        family = released_family(name)
        if len(family.runs) > 5:
            table = released.n_vs_q(family, shares=(1.0,), least=5)
            found[name] = table.loc[table["n"] == 5, "are"].item()
    return pd.Series(found, name="are")


def single_runs() -> pd.DataFrame:
    """Single runs with a borrowed size term: the seven families, OLMo, and Gemstones.

    Columns as in :func:`released.single_errors`; every Gemstones run predicts all three targets.
    """
    one = [(released_family(name),) for name in (*SEVEN, "olmo")]
    table = released.over_families(released.single_errors, one)
    stones = gemstones()
    large, (window, _) = large_runs(stones), designs.targets(stones)
    rows = [
        {
            "family": "gemstones",
            "model": run.model,
            "N": run.N,
            "is_target": False,
            "scale_up": float(np.mean([target.N for target in large])) / run.N,
            "are": are(fit_one_model(training_points([run], cut=CUT)).law, window),
            "several": released.several_error(stones.runs, run, window),
        }
        for run in stones.runs
        if run not in large
    ]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)


def all_freedom(settings: Settings, seed: int) -> released.Freedom:
    """The laws of every released family, for the question how many parameters are free."""
    laws = [released_family(name) for name in ladder_names()]
    return released.freedom(laws, settings.permutations, generator(seed, "unrelated parameters"))


def benchmark_solvers(settings: Settings, seed: int, *, progress: bool = True) -> pd.DataFrame:
    """Three ways to fit the same cells of the seven families; see :mod:`solvers`."""
    found = solvers.problems([released_family(n) for n in SEVEN], settings.bench_fits, seed)
    starts = settings.bench_starts
    return solvers.compare_solvers(found, n_starts=starts, seed=seed, progress=progress)


# --------------------------------------------------------------------------- Gemstones
def claim_designs(settings: Settings) -> list[Design]:
    """The Gemstones designs that the claims and their figures need."""
    ways = [thrown(share) for share in sorted(settings.shares)]
    found = [Design(pool, k, WHOLE, CUT_10B) for pool in NESTED for k in settings.subset_sizes]
    found += [Design(pool, 8, WHOLE, way) for pool in NESTED for way in ways]
    found += [Design("1.05B", 8, WHOLE, way) for way in (FIVE, THREE, BEST)]
    found.append(Design(LARGE, 5, WHOLE, CUT_10B))
    return found


def run_designs(settings: Settings, seed: int) -> pd.DataFrame:
    """Monte Carlo of :func:`claim_designs`, without signed error and cost."""
    found = monte_carlo(
        gemstones(),
        claim_designs(settings),
        settings.draws,
        seed,
        n_jobs=settings.n_jobs,
        label="designs",
    )
    return found.drop(columns=["bias", "flop"])


def practitioner_plans(settings: Settings, seed: int) -> pd.DataFrame:
    """Budget in, runs to train out; see :func:`designs.plans`."""
    found = monte_carlo(
        gemstones(),
        designs.candidate_designs(settings.table_sizes, settings.table_tokens),
        settings.table_draws,
        seed,
        n_jobs=settings.n_jobs,
        label="designs for the table",
    )
    return designs.plans(found, gemstones(), settings.budgets)


# --------------------------------------------------------------------------- schedules and seeds
def schedule_results() -> tuple[list[Gap], list[Extrapolation]]:
    """(gaps between hot and cooled Gemstones runs, extrapolations of two schedules by size)."""
    curves = schedule_curves()
    ends = [
        extrapolate(curves, size, schedule)
        for size in SIZES
        for schedule in ("constant_72000", "wsd_20000_24000")
    ]
    return hot_cool_gaps(gemstones("hot"), gemstones("cool_end")), ends


def train_seeds(settings: Settings, seed: int, *, progress: bool = True) -> pd.DataFrame | Missing:
    """Final losses of tiny models over seeds; see :func:`trained.train_seeds`."""
    if not settings.tiny_seeds:
        return Missing("The tiny models are trained at book scale; tiny_seeds says how often.")
    return trained.train_seeds(
        settings.tiny_shapes,
        range(seed, seed + settings.tiny_seeds),
        trained.Recipe(settings.tiny_steps, settings.tiny_batch),
        n_jobs=settings.n_jobs,
        progress=progress,
    )


# --------------------------------------------------------------------------- known truth
def known_truth(settings: Settings, seed: int) -> pd.DataFrame:
    """Laws in worlds whose irreducible loss is known; rows as in :func:`trained.run_lab`."""
    worlds = range(seed, seed + settings.worlds)
    seeds = range(seed, seed + settings.world_seeds)
    return trained.run_lab(worlds, seeds, n_tokens=1_000_000, n_checkpoints=40)


def lawful_ratios(settings: Settings, seed: int) -> pd.DataFrame:
    """The negative control; see :func:`trained.lawful_ratios`."""
    return trained.lawful_ratios(settings.control_families, seed)
