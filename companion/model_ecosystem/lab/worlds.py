"""Worlds whose laws are known: what do the measures say there?"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from scipy.stats import norm as normal

from companion.model_ecosystem.lab.intervals import TAILS, moves, null_shares, rate
from companion.model_ecosystem.lab.simulate import Population, Trait, grow, populate
from companion.model_ecosystem.method.drift import (
    best_order,
    distance,
    transitions,
    values_of_codes,
)
from companion.model_ecosystem.method.similarity import families, unit_rows
from companion.model_ecosystem.method.theory import (
    concentrated,
    parent_child,
    sibling,
)
from companion.scale import generator
from companion.sweep import sweep

K = 12
"""Values of a simulated trait."""

# --------------------------------------------------------------------------- the law of families
GRID_MU = np.linspace(0.05, 0.95, 19)
GRID_S = np.array([1.0, 0.5, 0.2])


CLEAR = 0.02
"""Predicted gap from which a sign is asked for: some ten standard errors at book scale."""


class Grid(NamedTuple):
    """Simulated families on a grid of laws.

    mu : (m,); s : (t,); gap, predicted : (t, m) sibling minus parent-child
    """

    mu: np.ndarray
    s: np.ndarray
    gap: np.ndarray
    predicted: np.ndarray

    def agreement(self, least: float = CLEAR) -> tuple[int, int]:
        """(points with the predicted sign, points) where the predicted gap exceeds `least`."""
        clear = np.abs(self.predicted) > least
        same = np.sign(self.gap) == np.sign(self.predicted)
        return int((clear & same).sum()), int(clear.sum())


def simulate_grid(
    mu: np.ndarray,
    s: np.ndarray,
    rng: np.random.Generator,
    *,
    n_families: int = 2000,
    n_children: int = 10,
    k: int = 60,
) -> Grid:
    """Families of one parent under each law, with k values besides the parent's."""
    shape = (len(s), len(mu))
    gap, expected = np.empty(shape), np.empty(shape)
    for i, concentration in enumerate(s):
        edges = np.cumsum(concentrated(concentration, k))
        for j, chance in enumerate(mu):
            new = np.searchsorted(edges, rng.random((n_families, n_children))) + 1
            kept = rng.random((n_families, n_children)) >= chance
            value = np.where(kept, 0, np.minimum(new, k))
            gap[i, j] = (_siblings(value) - kept.mean(axis=1)).mean()
            expected[i, j] = sibling(chance, concentration) - parent_child(chance)
    return Grid(np.asarray(mu), np.asarray(s), gap, expected)


def _siblings(value: np.ndarray) -> np.ndarray:
    """Share of equal pairs among the columns of each row."""
    rows, d = value.shape
    ordered = np.sort(value, axis=1)
    # pairs inside runs of equal values: each element pairs with those before it in its run
    place = np.zeros((rows, d))
    for j in range(1, d):
        place[:, j] = np.where(ordered[:, j] == ordered[:, j - 1], place[:, j - 1] + 1, 0)
    return 2 * place.sum(axis=1) / (d * (d - 1))


# --------------------------------------------------------------------------- four worlds
N_TRAITS = 12
"""Traits in the string of a simulated model, each with K values."""

NAME_TOKENS = 5
"""Tokens that a parent's name adds to its child's string; on the Hub its words and pairs, twice."""

REGIMES = {
    "A": ("slow", 0.15, 0.2, False),
    "B": ("fast, undirected", 0.7, 0.15, False),
    "C": ("fast and directed", 0.7, 0.9, False),
    "D": ("slow, with the tag", 0.15, 0.2, True),
}
"""Name to (words, μ, s, whether the string names the parent)."""


def traits_of(mu: float, s: float) -> tuple[Trait, ...]:
    """Twelve traits of one law; founders are uniform, each trait has its own favored value."""
    q, uniform = concentrated(s, K), np.full(K, 1 / K)
    return tuple(Trait(f"trait {i}", mu, uniform, np.roll(q, i)) for i in range(N_TRAITS))


def dna_counts(world: Population, *, tagged: bool) -> sparse.csr_array:
    """Tokens of each model (n, tokens): one per trait, and the parent's name if `tagged`."""
    parts = []
    for name, values in world.values.items():
        shown = np.where(world.declared[name], values, -1)
        parts.append(values_of_codes(shown, range(values.max() + 1)).rows)
    if tagged:
        graph = world.graph
        ones, n = np.ones(graph.parent.size), graph.n
        name = sparse.csr_array((ones, (graph.child, graph.parent)), shape=(n, n))
        parts += [name] * NAME_TOKENS
    return sparse.csr_array(sparse.hstack(parts))


def run_regimes(n: int, seeds: range, seed: int) -> pl.DataFrame:
    """Every regime, and D with the tag masked, on forests of n models.

    The similarity is the cosine of token counts, so that it is the share of traits that agree.

    Columns: regime, seed, gap (siblings minus parent and child, families weighted equally).
    """
    rows = []
    for one in seeds:
        graph = grow(n, generator(seed, "regimes", one))
        for name, (_, mu, s, tagged) in REGIMES.items():
            world = populate(graph, traits_of(mu, s), generator(seed, "regime", name, one))
            arms = {name: tagged} | ({f"{name}, masked": False} if tagged else {})
            for arm, shown in arms.items():
                x = unit_rows(dna_counts(world, tagged=shown))
                found = families(x, graph)
                many = found.d > 1
                gap = (found.sibling - found.parent_child)[many].mean()
                rows.append({"regime": arm, "seed": one, "gap": gap})
    return pl.DataFrame(rows)


# --------------------------------------------------------------------------- intervals
RATES = {"language": 0.242, "license": 0.198, "task": 0.411}
"""Mutation probabilities of the simulated traits: the paper's, finetunes only."""


def coverage(n: int, runs: int, seed: int, n_resamples: int, fame: float = 2.5) -> pl.DataFrame:
    """Intervals of mutation rates on `runs` small ecosystems of n models with the known rates.

    Families differ (a beta distribution around the rate), and 70 % of the models declare a trait.
    Columns: trait, run, truth, estimate, naive_low, naive_high, low, high, effective.
    """
    jobs = range(runs)
    one = partial(covered_run, n=n, seed=seed, n_resamples=n_resamples, fame=fame)
    found = sweep(one, jobs, n_jobs=None if runs > FEW else 1, label="intervals")
    return pl.DataFrame([row for rows in found for row in rows])


def covered_run(
    run: int, n: int, seed: int, n_resamples: int, fame: float
) -> list[dict[str, object]]:
    """One ecosystem, a row a trait."""
    rng = generator(seed, "coverage", run)
    q, uniform = concentrated(0.5, K), np.full(K, 1 / K)
    traits = tuple(
        Trait(name, mu, uniform, q, spread=0.3, declared=0.7) for name, mu in RATES.items()
    )
    world = populate(grow(n, rng, fame=fame), traits, rng)
    tree = world.graph.tree()  # a merge inherits from one parent
    rows = []
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
    return rows


def covered(table: pl.DataFrame) -> dict[str, float]:
    """Share of intervals that contain the truth, naive and by families."""
    truth = pl.col("truth")
    return {
        "naive": table.select(truth.is_between("naive_low", "naive_high").mean()).item(),
        "families": table.select(truth.is_between("low", "high").mean()).item(),
    }


# --------------------------------------------------------------------------- drift
WORLDS = ("no direction", "circle", "two populations", "ladder")
"""In the first three nothing descends: there is no ladder."""

FEW = 40
"""So many short runs are made in this process; more are worth starting others."""

CHANGES = 0.3
"""Mutation probability of the drifting trait in every world."""


def drifting_trait(world: str, rng: np.random.Generator) -> Trait:
    """A trait of one of WORLDS.

    No direction: founders and mutations choose evenly, so that i turns into j as often as j into
    i.  Circle: each value turns into the next, and the last into the first.  Two populations:
    founders and mutations choose from different distributions.  Ladder: targets lie below their
    source.

    Raises
    ------
    ValueError : unknown world
    """
    even = np.full(K, 1 / K)
    if world == "no direction":
        return Trait("license", CHANGES, even, even)
    if world == "circle":
        return Trait("license", CHANGES, even, even, steps=np.roll(np.eye(K), 1, axis=1))
    a, b = rng.dirichlet(np.full(K, 2.0)), rng.dirichlet(np.full(K, 2.0))
    if world == "two populations":
        return Trait("license", CHANGES, a, b)
    if world == "ladder":
        return Trait("license", CHANGES, a, b, steps=ladder_steps(K))
    raise ValueError(f"unknown world {world!r}; choose one of {', '.join(WORLDS)}")


def ladder_steps(k: int, *, reach: float = 0.3) -> np.ndarray:
    """Targets of a true ladder, (k, k): only downward, the next rung most likely.

    The chance of falling d rungs is proportional to reach ** (d − 1); the last rung stays.
    """
    i, j = np.indices((k, k))
    steps = np.where(j > i, float(reach) ** np.maximum(j - i - 1, 0), 0.0)
    total = steps.sum(axis=1, keepdims=True)
    return np.divide(steps, total, out=np.zeros_like(steps), where=total > 0)


def drift_runs(n: int, runs: int, seed: int, n_null: int) -> pl.DataFrame:
    """What order and votes of families say in simulated worlds of n models.

    Columns: world, run, and those of :func:`drift_run`.
    """
    one = partial(drift_run, n=n, seed=seed, n_null=n_null)
    jobs = [(world, run) for world in WORLDS for run in range(runs)]
    n_jobs = None if len(jobs) > FEW else 1
    return pl.DataFrame(sweep(one, jobs, unpack=True, n_jobs=n_jobs, label="worlds that drift"))


def drift_run(world: str, run: int, n: int, seed: int, n_null: int) -> dict[str, object]:
    """One world: pairs, share (in the best order), null (the largest share of `n_null` random
    orientations), low and high (interval of the moves from the first half of the values to the
    second, minus back, by votes of families), edges_low and edges_high (the same with every edge as
    a coin).
    """
    rng = generator(seed, "drift", world, run)
    trait = drifting_trait(world, rng)
    people = populate(grow(n, rng, fame=2.0), (trait,), rng)
    tree = people.graph.tree()
    shown = people.shown("license")
    counts = transitions(values_of_codes(shown, [str(i) for i in range(K)]), tree)
    order, null = best_order(counts), null_shares(counts, rng, n_null)
    half = (shown >= K // 2).astype(int)
    votes = moves(half, tree, people.account).difference
    edges_low, edges_high = edge_moves(half[tree.parent], half[tree.child])
    return {
        "world": world,
        "run": run,
        "pairs": order.pairs,
        "share": order.share,
        "null": float(null.max()),
        "low": votes.low,
        "high": votes.high,
        "edges_low": edges_low,
        "edges_high": edges_high,
    }


def edge_moves(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Naive 95 % interval of traffic there minus back, as a share of all moves.

    above, below : (edges,) class 0 or 1 of parent and child; every edge counts as a coin
    """
    there, back = (((above == a) & (below == 1 - a)).sum() for a in (0, 1))
    moved = max(int(there + back), 1)
    share, room = (there - back) / moved, normal.ppf(TAILS[1]) / np.sqrt(moved)
    return float(share - room), float(share + room)
