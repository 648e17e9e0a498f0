"""Who descends from whom, as arrays.

Two million models are two million rows: a parent is an integer, not an object.  Everything that
the chapter asks of the graph (components, generations, sizes) is a few passes over such arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from companion import contracts

RELATIONS = ("finetune", "quantized", "adapter", "merge", "untyped")
"""How a child was made; where a pair declares several, the last of these that is typed wins."""

_CIRCLE = "the parents run in a circle; build the forest with `forest`, which cuts it"

UNTYPED = RELATIONS.index("untyped")


@dataclass(frozen=True)
class Report:
    """What was wrong with the declared links, and what was done about it.

    given : links as declared; kept : edges of the forest
    renamed : link ends that were found under another name
    missing_parents : links whose parent is not in the table (dropped, as the paper does)
    missing_children : links whose child is not in the table (dropped)
    self_loops : models that name themselves (dropped)
    repeated : further links of one pair (merged into one edge)
    cyclic : edges inside a cycle, which do not say who came first (dropped)
    several_parents : models that keep more than one parent (kept, and counted)
    """

    given: int
    kept: int
    renamed: int = 0
    missing_parents: int = 0
    missing_children: int = 0
    self_loops: int = 0
    repeated: int = 0
    cyclic: int = 0
    several_parents: int = 0


@dataclass(frozen=True)
class Forest:
    """Models and the edges parent → child, without cycles.

    n : number of models, named 0 to n-1
    parent, child : integer arrays of shape (edges,), sorted by child
    relation : int8 array of shape (edges,), index into RELATIONS
    """

    n: int
    parent: np.ndarray
    child: np.ndarray
    relation: np.ndarray
    report: Report

    def only(self, *relations: str) -> Forest:
        """The same models with the edges of some relations only."""
        return self.where(np.isin(self.relation, [RELATIONS.index(name) for name in relations]))

    def where(self, keep: np.ndarray) -> Forest:
        """The same models with the edges of a boolean mask (edges,)."""
        return Forest(self.n, self.parent[keep], self.child[keep], self.relation[keep], self.report)

    def tree(self) -> Forest:
        """One edge per model, from its primary parent."""
        return self.where(self.parent == self.primary()[self.child])

    def children(self, values: np.ndarray | None = None) -> sparse.csr_array:
        """Matrix of shape (n, n) with a one, or the edge's value, at (parent, child)."""
        data = np.ones(self.parent.size) if values is None else values
        return sparse.csr_array((data, (self.parent, self.child)), shape=(self.n, self.n))

    def n_children(self) -> np.ndarray:
        """Children of each model, shape (n,)."""
        return np.bincount(self.parent, minlength=self.n)

    def n_parents(self) -> np.ndarray:
        """Declared parents of each model, shape (n,)."""
        return np.bincount(self.child, minlength=self.n)

    def primary(self) -> np.ndarray:
        """One parent each, shape (n,): of several the first by relation; n stands for none."""
        first = np.full(self.n + 1, self.n)
        order = np.lexsort((self.parent, self.relation))[::-1]
        first[self.child[order]] = self.parent[order]  # the last one written is the first in order
        return first[:-1]


def forest(
    n: int,
    parent: Sequence[int],
    child: Sequence[int],
    relation: Sequence[int] | None = None,
    **counted: int,
) -> Forest:
    """A forest from declared links between models 0 to n-1, made acyclic.

    relation : index into RELATIONS per link; finetune if missing
    counted : counts of the report that were made before (``renamed``, ``missing_parents``, ...)

    Raises
    ------
    ValueError : arrays of different lengths, or an index outside 0 to n-1
    """
    parent, child = np.asarray(parent, dtype=np.int64), np.asarray(child, dtype=np.int64)
    relation = np.zeros(parent.size, np.int8) if relation is None else np.asarray(relation, np.int8)
    if not parent.shape == child.shape == relation.shape:
        raise ValueError(
            f"links need equal lengths, got {parent.size} parents, {child.size} children and "
            f"{relation.size} relations"
        )
    for name, ends in (("parent", parent), ("child", child)):
        if ends.size and not (ends.min() >= 0 and ends.max() < n):
            raise ValueError(f"{name} must be in 0 to {n - 1}, got {ends.min()} to {ends.max()}")
    given = counted.pop("given", parent.size)
    loops = parent == child
    parent, child, relation = parent[~loops], child[~loops], relation[~loops]
    # a typed relation beats the untyped one, a later one beats an earlier one
    strength = np.where(relation == UNTYPED, -1, relation)
    order = np.lexsort((strength, parent, child))
    parent, child, relation = parent[order], child[order], relation[order]
    last = np.ones(parent.size, bool)
    last[:-1] = (parent[1:] != parent[:-1]) | (child[1:] != child[:-1])
    repeated = int((~last).sum())
    parent, child, relation = parent[last], child[last], relation[last]
    cyclic = _inside_cycles(n, parent, child)
    parent, child, relation = parent[~cyclic], child[~cyclic], relation[~cyclic]
    report = Report(
        given=given,
        kept=parent.size,
        self_loops=int(loops.sum()),
        repeated=repeated,
        cyclic=int(cyclic.sum()),
        several_parents=int((np.bincount(child, minlength=1) > 1).sum()),
        **counted,
    )
    return Forest(n, parent, child, relation, report)


def _inside_cycles(n: int, parent: np.ndarray, child: np.ndarray) -> np.ndarray:
    """Edges with both ends in one strongly connected component, boolean (edges,)."""
    if not parent.size or (parent < child).all():  # older to newer: no way back
        return np.zeros(parent.size, bool)
    graph = sparse.csr_array((np.ones(parent.size, np.int8), (parent, child)), shape=(n, n))
    _, label = connected_components(graph, directed=True, connection="strong")
    return label[parent] == label[child]


def named_forest(
    names: Sequence[str], links: pl.DataFrame, renamed: Mapping[str, str] | None = None
) -> Forest:
    """A forest from links between names.

    names : the models; links : columns parent, child, relation (a name in RELATIONS)
    renamed : old name to new name.  A name that differs only in case from a model's is that model,
        as on the Hub, and counts as renamed

    Raises
    ------
    ValueError : a relation that is not in RELATIONS, or a model listed twice
    """
    if len(set(names)) != len(names):
        raise ValueError(f"{len(names) - len(set(names))} models are listed more than once")
    if unknown := set(links["relation"].unique()) - set(RELATIONS):
        raise ValueError(f"unknown relations {sorted(unknown)}; known are {RELATIONS}")
    place = {name: i for i, name in enumerate(names)}
    folded: dict[str, int] = {}
    for name, i in place.items():
        folded.setdefault(name.casefold(), i)
    moves = dict(renamed or {})

    def find(name: str) -> tuple[int, bool]:
        if name in place:
            return place[name], False
        seen = {name}
        while name in moves and moves[name] not in seen:  # a rename may be renamed again
            name = moves[name]
            seen.add(name)
        return folded.get(name.casefold(), -1), True

    ends = {name: find(name) for side in ("parent", "child") for name in links[side].unique()}
    table = {side: np.array([ends[x][0] for x in links[side]], int) for side in ("parent", "child")}
    other = {side: np.array([ends[x][1] for x in links[side]], bool) for side in table}
    code = np.array([RELATIONS.index(name) for name in links["relation"]], dtype=np.int8)
    no_child, no_parent = table["child"] < 0, table["parent"] < 0
    keep = ~no_child & ~no_parent
    return forest(
        len(names),
        table["parent"][keep],
        table["child"][keep],
        code[keep],
        given=links.height,
        renamed=int((other["parent"] & ~no_parent).sum() + (other["child"] & ~no_child).sum()),
        missing_parents=int((no_parent & ~no_child).sum()),
        missing_children=int(no_child.sum()),
    )


def components(graph: Forest) -> tuple[int, np.ndarray]:
    """Number of families (weakly connected components) and the family of each model, (n,)."""
    data = np.ones(graph.parent.size, np.int8)
    links = sparse.csr_array((data, (graph.parent, graph.child)), shape=(graph.n, graph.n))
    count, label = connected_components(links, directed=True, connection="weak")
    return int(count), label


def depths(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Generation and founder of every model by pointer jumping, p ← p[p].

    parent : shape (n,), the one parent of each model, n where there is none

    Each round doubles the distance, so the longest chain of a million links takes twenty rounds.

    Returns : depth (n,), 0 for a founder; root (n,)

    Raises
    ------
    ValueError : the pointers run in a circle
    """
    n = parent.size
    jump = np.append(np.where(parent == n, np.arange(n), parent), n)
    depth = np.append((parent != n).astype(np.int64), 0)
    for _ in range(max(n, 1).bit_length() + 1):
        after = jump[jump]
        if np.array_equal(after, jump):
            break
        depth += depth[jump]
        jump = after
    root = jump[:-1]
    if (parent[root] != n).any():  # a fixed point that has a parent lies on a circle
        raise ValueError(_CIRCLE)
    return depth[:-1], root


contracts.guard_public(__name__)
