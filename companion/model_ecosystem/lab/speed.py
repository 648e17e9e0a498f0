"""Components and generations of large forests: our arrays against networkx's objects."""

from __future__ import annotations

import time

import networkx as nx
import numpy as np
import polars as pl

from companion.model_ecosystem.lab.simulate import grow
from companion.model_ecosystem.method.forest import Forest, components, depths
from companion.scale import generator


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
