"""A population of models whose laws we know: how it grows, what is inherited, what mutates.

Everything is drawn generation by generation, so that two million models take seconds.  So do
their components and generations on our arrays, which networkx's objects are timed beside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import networkx as nx
import numpy as np
import polars as pl

from companion.model_ecosystem.method.forest import RELATIONS, Forest, components, depths, forest
from companion.scale import generator

SHARES = {"finetune": 0.33, "adapter": 0.42, "quantized": 0.18, "merge": 0.07}
"""Relations of the children, about as on the Hub (189,391, 241,417, 101,921 and the rest)."""

FERTILE = {"finetune": 0.4, "adapter": 0.009, "quantized": 0.05, "merge": 0.4}
"""Share of children that can have children.  Some never get one: 7.9, 0.19 and 0.95 % do on the Hub
(15,047 of 189,391 finetunes, 458 of 241,417 adapters, 970 of 101,921 quantizations)."""

FAME = 3.2
"""Standard deviation of the log of a model's fame: the best known one gets about one child in
twenty, as FLUX.1-dev does on the Hub, and the best-known hundredth more than half."""

OLDEST = 50
"""One model in so many is there at the start, as a founder; else the first would own everything."""


@dataclass(frozen=True)
class Trait:
    """A declared property with one value per model, and how it mutates.

    name : of the trait; mutation : probability μ that a child's value differs from its parent's
    founders : (k,) distribution of the values of founders
    targets : (k,) distribution q of new values; the parent's own value is left out of it
    steps : when given, (k, k) targets per source instead of q (a ladder), rows sum to one
    spread : how much μ differs between families: standard deviation of a beta distribution, as a
        share of the largest possible; 0 gives every family the same μ
    declared : share of models that declare the trait
    declared_if_changed : the same for models whose value differs from the parent's; None makes
        declaring independent of what happened
    """

    name: str
    mutation: float
    founders: np.ndarray
    targets: np.ndarray
    steps: np.ndarray | None = None
    spread: float = 0.0
    declared: float = 1.0
    declared_if_changed: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.mutation <= 1:
            raise ValueError(f"mutation must be a probability, got {self.mutation}")
        for values in (self.founders, self.targets):
            if (np.asarray(values) < 0).any() or not np.isclose(np.sum(values), 1):
                raise ValueError(f"trait {self.name!r}: a distribution must sum to 1, got {values}")


@dataclass(frozen=True)
class Population:
    """A simulated ecosystem.

    graph : the forest; a model's number is its place in time
    generation, founder : (n,) of the primary parent's line
    values : per trait (n,) the value; declared : per trait (n,) whether it is declared
    chance : per trait (n,) the mutation probability that the model was born with, nan for founders
    account : (n,) who made each model
    """

    graph: Forest
    generation: np.ndarray
    founder: np.ndarray
    account: np.ndarray
    values: dict[str, np.ndarray] = field(default_factory=dict)
    declared: dict[str, np.ndarray] = field(default_factory=dict)
    chance: dict[str, np.ndarray] = field(default_factory=dict)

    def shown(self, trait: str) -> np.ndarray:
        """The declared values, (n,); -1 where nothing is declared."""
        return np.where(self.declared[trait], self.values[trait], -1)


def grow(
    n: int,
    rng: np.random.Generator,
    *,
    founders: float = 0.05,
    fame: float = FAME,
    fertile: Mapping[str, float] = FERTILE,
) -> Forest:
    """A forest of n models that grows one model at a time.

    A new model is a founder with probability `founders`.  Else its parent is drawn among the
    earlier models that can have children, in proportion to their fame, a log-normal number that
    each is born with.  A merge takes two parents.

    Raises
    ------
    ValueError : n below 2, or a share outside (0, 1)
    """
    if n < 2 or not 0 < founders < 1 or fame < 0:
        raise ValueError(
            f"need n >= 2, 0 < founders < 1 and fame >= 0; got {n}, {founders} and {fame}"
        )
    is_founder = rng.random(n) < founders
    is_founder[: max(1, n // OLDEST)] = True
    names = list(SHARES)
    kind = rng.choice(len(names), size=n, p=list(SHARES.values()))
    relation = np.array([RELATIONS.index(name) for name in names], np.int8)[kind]
    chances = np.array([fertile[name] for name in names])[kind]
    can = np.flatnonzero(is_founder | (rng.random(n) < chances))
    known = np.cumsum(np.exp(fame * rng.standard_normal(can.size)))
    child = np.flatnonzero(~is_founder)
    first = _parents(child, can, known, rng)
    merged = np.flatnonzero(relation[child] == RELATIONS.index("merge"))
    second = _parents(child, can, known, rng)[merged]
    return forest(
        n,
        np.concatenate([first, second]),
        np.concatenate([child, child[merged]]),
        np.concatenate([relation[child], relation[child[merged]]]),
    )


def _parents(
    child: np.ndarray, can: np.ndarray, known: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One parent per child among the models `can` that are older, by cumulative fame `known`."""
    older = np.searchsorted(can, child)
    chosen = np.searchsorted(known, rng.random(child.size) * known[older - 1], side="right")
    return can[np.minimum(chosen, older - 1)]


def inherit(trait: Trait, parent: np.ndarray, generation: np.ndarray, rng: np.random.Generator):
    """Values of one trait, generation by generation: kept, or drawn anew and different.

    parent : (n,) primary parent, n for none; generation : (n,)

    Returns : values (n,), chance (n,) the mutation probability at birth, nan for founders
    """
    n, k = parent.size, len(trait.founders)
    values = rng.choice(k, size=n, p=trait.founders)
    chance = np.full(n, np.nan)
    born = generation > 0
    chance[born] = _family_rates(trait, n, rng)[parent[born]]
    changed = born & (rng.random(n) < chance)
    rows = np.tile(trait.targets, (k, 1)) if trait.steps is None else np.array(trait.steps, float)
    np.fill_diagonal(rows, 0)
    whole = rows.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(np.divide(rows, whole, out=np.zeros_like(rows), where=whole > 0), axis=1)
    draw = rng.random(n)
    order = np.argsort(generation, kind="stable")
    ends = np.cumsum(np.bincount(generation))
    for start, stop in pairwise(ends):
        now = order[start:stop]
        old = values[parent[now]]
        new = np.minimum((draw[now, None] > cumulative[old]).sum(axis=1), k - 1)
        stays = ~changed[now] | (whole[old, 0] == 0)  # nowhere to go: the end of a ladder
        values[now] = np.where(stays, old, new)
    return values, chance


def _family_rates(trait: Trait, n: int, rng: np.random.Generator) -> np.ndarray:
    """μ of the family that each model may found, (n,)."""
    if trait.spread == 0 or trait.mutation in (0, 1):
        return np.full(n, trait.mutation)
    total = 1 / trait.spread**2 - 1  # variance μ(1-μ) / (total + 1) of a beta distribution
    return rng.beta(trait.mutation * total, (1 - trait.mutation) * total, size=n)


def populate(
    graph: Forest,
    traits: tuple[Trait, ...],
    rng: np.random.Generator,
    *,
    batch: float = 3.0,
) -> Population:
    """Traits and accounts for a forest whose models are numbered in time.

    batch : mean number of consecutive children of a parent that one account makes
    """
    parent = graph.primary()
    generation, founder = depths(parent)
    values, declared, chance = {}, {}, {}
    for trait in traits:
        values[trait.name], chance[trait.name] = inherit(trait, parent, generation, rng)
        share = np.full(graph.n, trait.declared)
        if trait.declared_if_changed is not None:
            old = np.append(values[trait.name], -1)[parent]
            share[(parent < graph.n) & (old != values[trait.name])] = trait.declared_if_changed
        declared[trait.name] = rng.random(graph.n) < share
    # within a family, in order of time, a new account comes with probability 1 / batch
    order = np.lexsort((np.arange(graph.n), parent))
    new = rng.random(graph.n) < 1 / batch
    new[1:] |= parent[order][1:] != parent[order][:-1]
    new[0] = True
    account = np.empty(graph.n, np.int64)
    account[order] = np.cumsum(new | (parent[order] == graph.n))
    return Population(graph, generation, founder, account, values, declared, chance)


# -------------------------------------------------------------------------------------------- speed
def networkx_graph(graph: Forest) -> nx.DiGraph:
    """The same forest as objects."""
    made = nx.DiGraph()
    made.add_nodes_from(range(graph.n))
    made.add_edges_from(zip(graph.parent.tolist(), graph.child.tolist(), strict=True))
    return made


def networkx_answers(made: nx.DiGraph) -> tuple[int, np.ndarray]:
    """Components, and depth of every model below its founder, for a graph with one parent each."""
    count = nx.number_weakly_connected_components(made)
    depth = np.zeros(made.number_of_nodes(), int)
    for node in nx.topological_sort(made):
        for parent in made.predecessors(node):
            depth[node] = depth[parent] + 1
    return count, depth


def speed(sizes: tuple[int, ...], largest: int, seed: int) -> pl.DataFrame:
    """Seconds of both for forests of some sizes, best of three runs.

    largest : size beyond which networkx is left out (nan)

    Columns: n, edges, families, ours, networkx, equal (whether all answers agree; null beyond)

    """
    rows, clock = [], time.perf_counter
    for n in sizes:
        graph = grow(n, generator(seed, "speed", n))
        tree, first = graph.tree(), graph.primary()
        fast, slow, equal = [], [np.nan], None
        for _ in range(3):
            start = clock()
            ours = components(tree)[0], depths(first)[0]
            fast.append(clock() - start)
        if n <= largest:
            made = networkx_graph(tree)
            start = clock()
            theirs = networkx_answers(made)
            slow = [clock() - start]
            equal = theirs[0] == ours[0] and np.array_equal(theirs[1], ours[1])
        rows.append(
            {
                "n": n,
                "edges": graph.parent.size,
                "families": ours[0],
                "ours": min(fast),
                "networkx": min(slow),
                "equal": equal,
            }
        )
    return pl.DataFrame(rows)
