"""Four worlds with known laws: which of them make siblings the closer pair?"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from companion.model_ecosystem.lab.simulate import Population, Trait, grow, populate
from companion.model_ecosystem.method.rates import values_of_codes
from companion.model_ecosystem.method.similarity import families, random_pair, unit_rows
from companion.model_ecosystem.method.threshold import concentrated, critical_mutation
from companion.scale import generator

N_TRAITS, N_VALUES = 12, 12
"""Traits in the string of a simulated model, and values of each."""

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
    q = concentrated(s, N_VALUES)
    uniform = np.full(N_VALUES, 1 / N_VALUES)
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

    Columns: regime, seed, mu, threshold, random, parent_child, sibling (trio-star weights), gap,
    gap_families (families weighted equally).
    """
    rows = []
    for one in seeds:
        rng = generator(seed, "regimes", one)
        graph = grow(n, rng)
        for name, (_, mu, s, tagged) in REGIMES.items():
            world = populate(graph, traits_of(mu, s), generator(seed, "regime", name, one))
            arms = {name: tagged} | ({f"{name}, masked": False} if tagged else {})
            for arm, shown in arms.items():
                x = unit_rows(dna_counts(world, tagged=shown))
                found = families(x, graph)
                many = found.d > 1
                w = (found.d * (found.d - 1))[many].astype(float)
                pc, sib = found.parent_child[many], found.sibling[many]
                mean_pc, mean_sib = np.average(pc, weights=w), np.average(sib, weights=w)
                rows.append(
                    {
                        "regime": arm,
                        "seed": one,
                        "mu": mu,
                        "threshold": critical_mutation(s),
                        "random": random_pair(x),
                        "parent_child": mean_pc,
                        "sibling": mean_sib,
                        "gap": mean_sib - mean_pc,
                        "gap_families": float((sib - pc).mean()),
                    }
                )
    return pl.DataFrame(rows)
