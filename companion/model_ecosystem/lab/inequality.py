"""How unequal families are."""

from __future__ import annotations

import numpy as np
import polars as pl

from companion.model_ecosystem.lab.simulate import grow
from companion.model_ecosystem.method.forest import RELATIONS, Forest
from companion.scale import generator

PRINTED_REPRODUCE = {
    "finetune": 15_047 / 189_391,
    "quantized": 970 / 101_921,
    "adapter": 458 / 241_417,
}
"""Share of the children that have children, by how they were made; from the authors' notebooks."""


def top_share(graph: Forest, part: float = 0.01) -> float:
    """Share of all edges that belong to the `part` of the parents with most children."""
    d = np.sort(graph.n_children())[::-1]
    d = d[d > 0]
    return float(d[: max(1, round(part * d.size))].sum() / d.sum()) if d.size else float("nan")


def reproducing(graph: Forest) -> dict[str, float]:
    """Share of the children of each relation that have children themselves."""
    has = graph.n_children() > 0
    shares = {}
    for code, name in enumerate(RELATIONS):
        born = np.unique(graph.child[graph.relation == code])
        if born.size:
            shares[name] = float(has[born].mean())
    return shares


def simulate_inequality(n: int, seeds: int, seed: int) -> pl.DataFrame:
    """Forests of n models: top_share, largest (share of the largest family), and reproduction."""
    rows = []
    for one in range(seeds):
        graph = grow(n, generator(seed, "inequality", one))
        d = graph.n_children()
        rows.append(
            {
                "seed": one,
                "top_share": top_share(graph),
                "parents": int((d > 0).sum()),
                "largest": float(d.max() / d.sum()),
                **reproducing(graph),
            }
        )
    return pl.DataFrame(rows)
