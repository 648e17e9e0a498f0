"""Which pairs of values have a direction, tested with whole accounts and whole families."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from companion.model_ecosystem.method.forest import Forest, components
from companion.model_ecosystem.method.rates import Values, both_declared


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
    schema = {
        "source": pl.Utf8,
        "target": pl.Utf8,
        "there": pl.Int64,
        "back": pl.Int64,
        "uploaders": pl.Int64,
        "families": pl.Int64,
        "p_binomial": pl.Float64,
        "p_adjusted": pl.Float64,
        "p_uploaders": pl.Float64,
        "p_families": pl.Float64,
    }
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
        rows.append(
            (*names, there, back, n_accounts, n_families, exact, 1.0, p_accounts, p_families)
        )
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
    return (
        left.join(right, on="edge", maintain_order="left")
        .select(
            pl.col("edge"),
            pl.min_horizontal("source", "target").alias("low"),
            pl.max_horizontal("source", "target").alias("high"),
            pl.when(pl.col("source") < pl.col("target")).then(1).otherwise(-1).alias("sign"),
        )
        .sort("low", "high", "edge")
    )


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
