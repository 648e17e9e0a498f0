"""Two million models on a laptop: time and memory of every step, and of a graph library."""

from __future__ import annotations

import time
from collections.abc import Callable

import networkx as nx
import numpy as np
import polars as pl
import psutil
from scipy import sparse

from companion.model_ecosystem.lab.simulate import Trait, grow, populate
from companion.model_ecosystem.method.drift import transitions
from companion.model_ecosystem.method.forest import Forest, components, depths, n_descendants
from companion.model_ecosystem.method.rates import values_of_codes
from companion.model_ecosystem.method.similarity import families, random_pair, unit_rows
from companion.model_ecosystem.method.threshold import concentrated
from companion.scale import generator

STEPS = ("simulate", "components", "depths", "sizes", "similarity", "mutations")
"""What is timed, in order."""

K = 14
"""Licenses of the simulated models."""


def measure(n: int, seed: int) -> dict[str, float]:
    """Simulate and analyze a forest of n models.

    The string compared has the license and, in children, the parent's name.

    Returns : seconds per step, total, microseconds per model (`per_model`), `peak_mb` (largest
    memory of the process seen after a step), and what was found: families, deepest, edges
    """
    clock, peak, out = time.perf_counter, 0.0, {"n": n}

    def step(name: str, function: Callable[[], object]) -> object:
        nonlocal peak
        start = clock()
        result = function()
        out[name] = clock() - start
        peak = max(peak, psutil.Process().memory_info().rss / 1e6)
        return result

    rng = generator(seed, "benchmark", n)
    trait = Trait("license", 0.2, concentrated(0.2, K), np.roll(concentrated(0.4, K), 1))

    def simulate():
        graph = grow(n, rng)
        return graph, populate(graph, (trait,), rng)

    graph, world = step("simulate", simulate)
    count, _ = step("components", lambda: components(graph))
    parent = graph.primary()
    generation, _ = step("depths", lambda: depths(parent))
    size = step("sizes", lambda: n_descendants(parent))
    values = values_of_codes(world.shown("license"), range(K))

    def similarity():
        named = sparse.csr_array(
            (np.ones(graph.parent.size), (graph.child, graph.parent)), shape=(n, n)
        )
        x = unit_rows(sparse.csr_array(sparse.hstack([values.rows, named])))
        return families(x, graph), random_pair(x)

    step("similarity", similarity)
    counts = step("mutations", lambda: transitions(values, graph))
    total = sum(out[name] for name in STEPS)
    return out | {
        "total": total,
        "per_model": 1e6 * total / n,
        "peak_mb": peak,
        "families": count,
        "deepest": int(generation.max()),
        "edges": graph.parent.size,
        "largest": int(size.max()),
        "changed": float(counts.sum()),
    }


def scaling(sizes: tuple[int, ...], seed: int) -> pl.DataFrame:
    """`measure` for several sizes, smallest first, the best of three where that is quick."""
    measure(1_000, seed)  # imports and caches
    rows = []
    for n in sizes:
        runs = [measure(n, seed) for _ in range(3 if n <= 100_000 else 1)]
        rows.append(min(runs, key=lambda row: row["total"]))
    return pl.DataFrame(rows)


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


def against_networkx(n: int, seed: int) -> dict[str, float]:
    """Components and depths of n models, both ways, in one process.

    Returns : seconds of networkx and ours (best of three), ratio, equal (1 if all answers agree)
    """
    graph = grow(n, generator(seed, "networkx", n))
    first = graph.primary()
    tree = graph.tree()
    made, clock = networkx_graph(tree), time.perf_counter
    slow, fast = [], []
    for _ in range(3):
        start = clock()
        theirs = networkx_answers(made)
        slow.append(clock() - start)
        start = clock()
        ours = components(tree)[0], depths(first)[0]
        fast.append(clock() - start)
    same = theirs[0] == ours[0] and np.array_equal(theirs[1], ours[1])
    return {
        "n": n,
        "networkx": min(slow),
        "ours": min(fast),
        "ratio": min(slow) / min(fast),
        "equal": float(same),
    }
