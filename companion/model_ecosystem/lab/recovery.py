"""Do the estimators find what was put in?  Rates and their intervals, orders, ladders."""

from __future__ import annotations

import numpy as np
import polars as pl

from companion.model_ecosystem.lab.directions import directed_pairs, n_directed
from companion.model_ecosystem.lab.intervals import rate
from companion.model_ecosystem.lab.ladder import (
    agreement,
    bradley_terry,
    ladder_steps,
    quasi_independence,
    target_shares,
)
from companion.model_ecosystem.lab.simulate import Trait, grow, populate
from companion.model_ecosystem.method.drift import best_order, null_shares, transitions
from companion.model_ecosystem.method.rates import distance, values_of_codes
from companion.model_ecosystem.method.threshold import concentrated
from companion.scale import generator

RATES = {"language": 0.242, "license": 0.198, "task": 0.411}
"""Mutation probabilities of the simulated traits: the paper's, finetunes only."""

K = 12
"""Values of a simulated trait."""

WORLDS = ("two populations", "ladder", "no direction")


def coverage(n: int, runs: int, seed: int, n_resamples: int, fame: float = 2.5) -> pl.DataFrame:
    """Intervals of mutation rates on `runs` small ecosystems of n models with the known rates.

    Families differ (a beta distribution around the rate), and 70 % of the models declare a trait.
    Columns: trait, run, truth, estimate, naive_low, naive_high, low, high, effective.
    """
    rows = []
    for run in range(runs):
        rng = generator(seed, "coverage", run)
        graph = grow(n, rng, fame=fame)
        q = concentrated(0.5, K)
        traits = tuple(
            Trait(name, mu, np.full(K, 1 / K), q, spread=0.3, declared=0.7)
            for name, mu in RATES.items()
        )
        world = populate(graph, traits, rng)
        tree = graph.tree()  # a merge inherits from one parent
        for trait in traits:
            values = values_of_codes(world.shown(trait.name), range(K))
            found = rate(distance(values, tree), tree.parent, rng, n_resamples)
            rows.append(
                {
                    "trait": trait.name,
                    "run": run,
                    "truth": trait.mutation,
                    "estimate": found.clustered.estimate,
                    "naive_low": found.naive.low,
                    "naive_high": found.naive.high,
                    "low": found.clustered.low,
                    "high": found.clustered.high,
                    "effective": found.effective,
                }
            )
    return pl.DataFrame(rows)


def covered(table: pl.DataFrame) -> dict[str, float]:
    """Share of intervals that contain the truth, naive and by families."""
    truth = pl.col("truth")
    return {
        "naive": table.select(truth.is_between("naive_low", "naive_high").mean()).item(),
        "families": table.select(truth.is_between("low", "high").mean()).item(),
    }


def drifting_trait(world: str, rng: np.random.Generator) -> tuple[Trait, np.ndarray | None]:
    """A trait of one of WORLDS, and the true position of its values (None where there is none).

    Two populations: founders and mutations choose from different distributions.  Ladder: targets
    lie below their source.  No direction: founders and mutations choose evenly, so
    that i turns into j as often as j into i.

    Raises
    ------
    ValueError : unknown world
    """
    a, b = rng.dirichlet(np.full(K, 2.0)), rng.dirichlet(np.full(K, 2.0))
    if world == "two populations":
        return Trait("license", 0.3, a, b), None
    if world == "ladder":
        steps = ladder_steps(K)
        return Trait("license", 0.3, a, b, steps=steps), np.arange(K, dtype=float)
    if world == "no direction":
        even = np.full(K, 1 / K)
        return Trait("license", 0.3, even, even), None
    raise ValueError(f"unknown world {world!r}; choose one of {', '.join(WORLDS)}")


def drift_runs(n: int, runs: int, seed: int, n_null: int, n_resamples: int) -> pl.DataFrame:
    """Order, ladder test and directions in simulated worlds.

    Columns: world, run, p (quasi-independence), share, forward, null (97.5 % quantile of the share
    in order of random orientations), pairs, by_uploaders and by_families (pairs with a
    direction by either kind of block), tau (Kendall, positions found by
    Bradley-Terry against the true ones), s, s_true (Σq² of targets).
    """
    rows = []
    for world in WORLDS:
        for run in range(runs):
            rng = generator(seed, "drift", world, run)
            trait, places = drifting_trait(world, rng)
            graph = grow(n, rng, fame=2.0)
            people = populate(graph, (trait,), rng)
            tree = graph.tree()
            values = values_of_codes(people.shown("license"), [str(i) for i in range(K)])
            counts = transitions(values, tree)
            order = best_order(counts)
            fit = quasi_independence(counts, rng, n_resamples)
            if places is None:  # the direction of a pair is that of b_j / a_j
                used = np.array([counts[i].sum() + counts[:, i].sum() > 0 for i in range(K)])
                off = np.where(used, _log_odds(fit.expected, used), np.nan)
                places = off
            found = directed_pairs(values, tree, people.uploader, rng, n_permutations=999)
            s, s_true = np.nan, np.nan
            if world != "ladder":
                s, s_true = (target_shares(fit.expected) ** 2).sum(), (trait.targets**2).sum()
            null = null_shares(counts, rng, n_null)
            rows.append(
                {
                    "world": world,
                    "run": run,
                    "p": fit.p,
                    "share": order.share,
                    "forward": order.forward,
                    "null": float(np.quantile(null, 0.975)),
                    "pairs": order.pairs,
                    "by_uploaders": n_directed(found, "uploaders"),
                    "by_families": n_directed(found, "families"),
                    "tau": agreement(bradley_terry(counts), places),
                    "s": s,
                    "s_true": s_true,
                }
            )
    return pl.DataFrame(rows)


def _log_odds(expected: np.ndarray, used: np.ndarray) -> np.ndarray:
    """log b/a of the values from the fitted table, nan for unused ones."""
    out = np.full(used.size, np.nan)
    b = target_shares(expected)
    a = target_shares(expected.T)
    both = (a > 0) & (b > 0)  # a value that only gains or only loses has no finite position
    out[np.flatnonzero(used)[both]] = np.log(b[both] / a[both])
    return out
