"""Which value turns into which, and whether all directions fit one order."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from companion.model_ecosystem.forest import Forest, components
from companion.model_ecosystem.rates import Values, both_declared


class Order(NamedTuple):
    """The best order of k values.

    places : (k,) values from first to last
    agree, pairs : oriented pairs that point forward, and all oriented pairs
    forward : share of all transitions that go forward
    """

    places: np.ndarray
    agree: int
    pairs: int
    forward: float

    @property
    def share(self) -> float:
        """Share of the oriented pairs that point forward; nan without a pair."""
        return self.agree / self.pairs if self.pairs else float("nan")


def transitions(values: Values, graph: Forest, *, doubled: bool = False) -> np.ndarray:
    """Counts (k, k) of value i in the parent giving way to value j in the child.

    doubled : the paper's count, which for parent set A and child set B adds one for each pair in
        A × (B∖A) and one for each in (A∖B) × B.  A trait with one value is then counted twice per
        mutation, and a kept value counts as the target of every dropped one.  Ours counts the
        pairs in (A∖B) × (B∖A), once.
    """
    graph = both_declared(values, graph)
    old, new = values.rows[graph.parent], values.rows[graph.child]
    added, removed = (sparse.csr_array((a - b).maximum(0)) for a, b in ((new, old), (old, new)))
    if not doubled:
        return np.asarray((removed.T @ added).todense())
    return np.asarray((old.T @ added + removed.T @ new).todense())


def most_common(values: Values, top: int, without: tuple[str, ...] = ("other", "unknown")):
    """Indices of the `top` values that most models declare, in the order of their names."""
    count = np.asarray(values.rows.sum(axis=0)).ravel().copy()
    count[[i for i, name in enumerate(values.names) if name in without]] = -1
    best = np.argsort(-count, kind="stable")[:top]
    return np.sort(best[count[best] > 0])


def best_order(counts: np.ndarray, *, by_traffic: bool = False) -> Order:
    """The linear order that most oriented pairs agree with, as an integer program.

    x_ij = 1 if i stands before j; for i < j < k the sum x_ij + x_jk − x_ik is 0 or 1, which rules
    out circles.  A pair is oriented by the sign of T_ij − T_ji; ties are dropped.

    counts : (k, k) transitions; by_traffic : weigh a pair by |T_ij − T_ji| instead of one

    Raises
    ------
    ValueError : counts that are no square matrix of at least two values
    RuntimeError : the solver finds no proven optimum
    """
    counts = np.asarray(counts, float)
    k = len(counts)
    if counts.ndim != 2 or counts.shape[1] != k or k < 2:
        raise ValueError(f"transitions need shape (k, k) with k >= 2, got {counts.shape}")
    net = counts - counts.T
    gain = net if by_traffic else np.sign(net)
    first, second = np.triu_indices(k, 1)
    result = milp(
        -gain[first, second],
        integrality=np.ones(first.size),
        bounds=Bounds(0, 1),
        constraints=_no_circles(k) if k > 2 else (),
    )
    if not result.success:
        raise RuntimeError(f"the order of {k} values was not solved: {result.message}")
    before = np.zeros((k, k))
    before[first, second] = np.round(result.x)
    before[second, first] = 1 - before[first, second]
    places = np.argsort(-before.sum(axis=1), kind="stable")
    return order_of(counts, places)


def _no_circles(k: int) -> LinearConstraint:
    number = np.zeros((k, k), int)
    number[np.triu_indices(k, 1)] = np.arange(k * (k - 1) // 2)
    triples = np.array(list(combinations(range(k), 3)))
    i, j, m = triples.T
    columns = np.column_stack([number[i, j], number[j, m], number[i, m]])
    rows = np.repeat(np.arange(len(triples)), 3)
    data = np.tile([1.0, 1.0, -1.0], len(triples))
    shape = (len(triples), k * (k - 1) // 2)
    return LinearConstraint(sparse.csr_array((data, (rows, columns.ravel())), shape=shape), 0, 1)


def order_of(counts: np.ndarray, places: np.ndarray) -> Order:
    """How well a given order (values from first to last) agrees with the transitions."""
    sorted_counts = np.asarray(counts, float)[np.ix_(places, places)]
    net = (sorted_counts - sorted_counts.T)[np.triu_indices(len(places), 1)]
    off = sorted_counts.sum() - np.trace(sorted_counts)
    forward = np.triu(sorted_counts, 1).sum() / off if off else float("nan")
    return Order(np.asarray(places), int((net > 0).sum()), int((net != 0).sum()), float(forward))


def exhaustive_order(counts: np.ndarray, *, by_traffic: bool = False) -> float:
    """The best attainable gain by trying every order; for up to eight values."""
    if (k := len(counts)) > 8:
        raise ValueError(f"{k} values have too many orders; use best_order")
    net = np.asarray(counts, float) - np.asarray(counts, float).T
    gain = net if by_traffic else np.sign(net)
    return max(
        float(np.triu(gain[np.ix_(order, order)], 1).clip(0).sum())
        for order in permutations(range(k))
    )


def null_shares(counts: np.ndarray, rng: np.random.Generator, n: int = 200) -> np.ndarray:
    """Share in order of the best order when every oriented pair points a random way, (n,).

    This is what has to be beaten, not one half: the best of k! orders agrees with much of anything.
    """
    counts = np.asarray(counts, float)
    oriented = np.triu(counts != counts.T, 1)
    shares = np.empty(n)
    for i in range(n):
        way = oriented & (rng.random(counts.shape) < 0.5)
        shares[i] = best_order(np.where(way, 1.0, 0.0) + (oriented & ~way).T).share
    return shares


def directed_pairs(
    values: Values,
    graph: Forest,
    uploader: np.ndarray,
    rng: np.random.Generator,
    *,
    n_permutations: int = 2000,
) -> pl.DataFrame:
    """Pairs of values with a direction, each mutation counted once.

    uploader : (n,) label of the account of each model

    The permutation turns all mutations of a block around at once.  Blocks are a child's uploader,
    or all that descends from one founder: below a founder with value i most mutations start at
    i, whatever the direction, so a large family says one thing however many models it has.

    Columns: source, target, there, back, uploaders, families, p_binomial, p_adjusted
    (Benjamini-Hochberg over all pairs), p_uploaders, p_families (sign flips of blocks).
    """
    _, tree = components(graph)
    graph = both_declared(values, graph)
    swaps = _swaps(values, graph)
    accounts = np.unique(uploader[graph.child], return_inverse=True)[1]
    edge = swaps["edge"].to_numpy()
    swaps = swaps.with_columns(
        pl.Series("account", accounts[edge]), pl.Series("tree", tree[graph.child][edge])
    )
    schema = {"source": pl.Utf8, "target": pl.Utf8, "there": pl.Int64, "back": pl.Int64,
              "uploaders": pl.Int64, "families": pl.Int64, "p_binomial": pl.Float64,
              "p_adjusted": pl.Float64, "p_uploaders": pl.Float64,
              "p_families": pl.Float64}  # fmt: skip
    if not swaps.height:
        return pl.DataFrame(schema=schema)
    rows = []
    for (i, j), part in swaps.group_by("low", "high", maintain_order=True):
        net = part["sign"].to_numpy()
        there, back = int((net > 0).sum()), int((net < 0).sum())
        if there < back:
            i, j, there, back = j, i, back, there
        (n_accounts, p_accounts), (n_families, p_families) = (
            _flip_test(net, part[block].to_numpy(), rng, n_permutations)
            for block in ("account", "tree")
        )
        exact = binomtest(there, there + back, 0.5).pvalue
        names = (values.names[i], values.names[j])
        rows.append((*names, there, back, n_accounts, n_families, exact, 1.0, p_accounts,
                     p_families))  # fmt: skip
    table = pl.DataFrame(rows, schema=schema, orient="row")
    adjusted = multipletests(table["p_binomial"].to_numpy(), method="fdr_bh")[1]
    return table.with_columns(pl.Series("p_adjusted", adjusted)).sort(
        "p_adjusted", "there", descending=[False, True]
    )


def _swaps(values: Values, graph: Forest) -> pl.DataFrame:
    """Every mutation; columns edge, low, high (values), sign (+1 from low to high)."""
    old, new = values.rows[graph.parent], values.rows[graph.child]
    lost, won = ((a - b).maximum(0).tocoo() for a, b in ((old, new), (new, old)))
    left = pl.DataFrame({"edge": lost.coords[0], "source": lost.coords[1]})
    right = pl.DataFrame({"edge": won.coords[0], "target": won.coords[1]})
    return left.join(right, on="edge", maintain_order="left").select(
        pl.col("edge"),
        pl.min_horizontal("source", "target").alias("low"),
        pl.max_horizontal("source", "target").alias("high"),
        pl.when(pl.col("source") < pl.col("target")).then(1).otherwise(-1).alias("sign"),
    ).sort("low", "high", "edge")  # fmt: skip


def _flip_test(
    net: np.ndarray, label: np.ndarray, rng: np.random.Generator, n: int
) -> tuple[int, float]:
    """Blocks that take part, and the p-value of |Σ net| under random signs of the blocks."""
    _, place = np.unique(label, return_inverse=True)
    sums = np.bincount(place, weights=net)
    # blocks of one size are alike: how many of them turn positive is binomial
    size, count = np.unique(np.abs(sums), return_counts=True)
    flips = (2 * rng.binomial(count, 0.5, size=(n, count.size)) - count) @ size
    return sums.size, float((1 + (np.abs(flips) >= abs(sums.sum()) - 1e-9).sum()) / (1 + n))


def least_p(pairs: pl.DataFrame) -> float:
    """The smallest adjusted p that whole families could give, if all of them agreed.

    A pair that occurs in k families has p of at least 2^(1 - k), whichever way they point.
    """
    if not pairs.height:
        return 1.0
    bounds = 2.0 ** (1 - pairs["families"].to_numpy().astype(float))
    return float(multipletests(bounds, method="fdr_bh")[1].min())


def n_directed(pairs: pl.DataFrame, blocks: str) -> int:
    """Pairs with binomial p < 0.01 and block p < 0.05; blocks: uploaders or families.

    Both are adjusted for the number of pairs (Benjamini-Hochberg): without that, most worlds
    without direction have a pair that passes.
    """
    if not pairs.height:
        return 0
    p_blocks = multipletests(pairs[f"p_{blocks}"].to_numpy(), method="fdr_bh")[1]
    return int(((pairs["p_adjusted"].to_numpy() < 0.01) & (p_blocks < 0.05)).sum())
