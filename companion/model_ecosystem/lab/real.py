"""What is measured on real models: rates, directions, order, ladder, documentation."""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import polars as pl

from companion.model_ecosystem.lab.cards import Thinning, card_lengths, language_counts, thinning
from companion.model_ecosystem.lab.directions import directed_pairs
from companion.model_ecosystem.lab.intervals import Rate, rate
from companion.model_ecosystem.lab.ladder import Fit, quasi_independence
from companion.model_ecosystem.method.drift import (
    Order,
    best_order,
    most_common,
    null_shares,
    transitions,
)
from companion.model_ecosystem.method.forest import Forest, components
from companion.model_ecosystem.method.rates import Values, both_declared, distance, values_of
from companion.model_ecosystem.method.threshold import real_families
from companion.model_ecosystem.settings import Settings
from companion.model_ecosystem.sources import Ecosystem
from companion.scale import generator

PRINTED_RATES = {"language": 0.2419, "license": 0.1976, "task": 0.4106}
"""Mutation rates, finetunes only; printed by the authors' current notebooks."""


class Drift(NamedTuple):
    """Directions of one trait.

    names : (k,) the most common values; counts : (k, k) transitions, each once
    order : the best order; null : (n,) shares in order of random orientations
    pairs : of `directed_pairs`, over all values
    fit, thinned : quasi-independence of all mutations, and of one per account and pair; None where
        too few values take part
    """

    names: tuple[str, ...]
    counts: np.ndarray
    order: Order
    null: np.ndarray
    pairs: pl.DataFrame
    fit: Fit | None
    thinned: Fit | None


class Growth(NamedTuple):
    """Children of the largest families over time.

    names : (k,) the heads of the families, most children first
    days : k arrays, days since 1970-01-01 on which children came, increasing
    born : k arrays, children of each such day; those without a date are left out
    families : number of models with children
    share : of all children, those in the k families
    """

    names: tuple[str, ...]
    days: tuple[np.ndarray, ...]
    born: tuple[np.ndarray, ...]
    families: int
    share: float


class Tree(NamedTuple):
    """All descendants of one model, generation by generation, without their names.

    name : of the model, which is the first of the n
    parent : (n,) place of each one's primary parent, which is smaller; -1 for the model itself
    same_license : (n,) 1 where a model declares that parent's license, 0 another one, -1 if one
        of the two declares none
    """

    name: str
    parent: np.ndarray
    same_license: np.ndarray


def traits(system: Ecosystem) -> dict[str, Values]:
    """License, languages, task, library, and whether a training template's marker is there."""
    table = system.table
    found = {
        "license": values_of(table["license"].to_list()),
        "language": values_of(table["languages"].to_list()),
        "task": values_of(table["task"].to_list()),
        "library": values_of(table["library"].to_list()),
    }
    if table["tags"].null_count() < table.height:
        marks = ["generated_from_trainer" in (tags or ()) for tags in table["tags"].to_list()]
        found["template"] = values_of(["yes" if mark else "no" for mark in marks])
    return found


def families_of(system: Ecosystem) -> pl.DataFrame:
    """The families of a sample in every trait (:func:`threshold.real_families`)."""
    return real_families(traits(system), system.graph)


def link_counts(system: Ecosystem) -> dict[str, int]:
    """Models, and what was wrong with the declared links (:class:`forest.Report`), by name."""
    return {"models": system.graph.n} | asdict(system.graph.report)


def _largest(graph: Forest, n: int) -> list[int]:
    """The n models with the most children, most first."""
    return np.argsort(-graph.n_children(), kind="stable")[:n].tolist()


def family_growth(system: Ecosystem, largest: int = 6) -> Growth:
    """Children of the largest families by day."""
    graph = system.graph
    dates = system.table["created_at"].str.slice(0, 10).str.to_date(strict=False)
    heads, d = _largest(graph, largest), graph.n_children()
    born = [
        np.unique(
            dates[graph.child[graph.parent == head]].drop_nulls().to_physical().to_numpy(),
            return_counts=True,
        )
        for head in heads
    ]
    return Growth(
        tuple(system.table["model_id"][head] for head in heads),
        tuple(days for days, _ in born),
        tuple(counts for _, counts in born),
        int((d > 0).sum()),
        float(d[heads].sum() / d.sum()),
    )


def largest_trees(system: Ecosystem, n: int = 8) -> tuple[Tree, ...]:
    """The families of the n models with the most children."""
    graph, tree = system.graph, system.graph.tree()
    license_ = system.table["license"].fill_null("").to_numpy()
    above, below = license_[tree.parent], license_[tree.child]
    known = (above != "") & (below != "")
    same = np.full(graph.n, -1, np.int8)
    same[tree.child[known]] = (above == below)[known]
    kids: dict[int, list[int]] = {}
    for parent, child in zip(tree.parent.tolist(), tree.child.tolist(), strict=True):
        kids.setdefault(parent, []).append(child)
    found = []
    for head in _largest(graph, n):
        nodes, parent = [head], [-1]
        for place, node in enumerate(nodes):  # grows while it is read, generation by generation
            next_ones = kids.get(node, [])
            nodes += next_ones
            parent += [place] * len(next_ones)
        found.append(Tree(system.table["model_id"][head], np.array(parent), same[nodes]))
    return tuple(found)


def pair_counts(system: Ecosystem, drift: Drift, n: int = 8) -> np.ndarray:
    """The first n pairs of licenses of `drift` counted three ways, integers (n, 3, 2).

    Second axis: mutations, accounts that make them, families in which they are made.  Third axis:
    from source to target, and back.
    """
    values, graph = traits(system)["license"], system.graph
    ways = np.stack(
        [
            transitions(values, graph),
            once_per_account(values, graph, system.uploader),
            once_per_account(values, graph, components(graph)[1]),
        ]
    )
    place = {name: i for i, name in enumerate(values.names)}
    rows = drift.pairs.head(n)
    i, j = ([place[name] for name in rows[side]] for side in ("source", "target"))
    return np.stack([ways[:, i, j], ways[:, j, i]], axis=-1).swapaxes(0, 1).astype(int)


def silent_share(system: Ecosystem) -> float:
    """Share of the children of a parent with a license that declare none."""
    declared, graph = traits(system)["license"].declared, system.graph
    return float((~declared[graph.child[declared[graph.parent]]]).mean())


def mutation_rates(system: Ecosystem, settings: Settings, seed: int) -> dict[str, Rate]:
    """Rate of each trait with the naive and the family interval.

    A trait that fewer than two edges declare at both ends has no rate and is left out.
    """
    graph, found = system.graph, {}
    for name, values in traits(system).items():
        change = distance(values, graph)
        if np.isfinite(change).sum() > 1:
            rng = generator(seed, "rate", name)
            found[name] = rate(change, graph.parent, rng, settings.resamples)
    return found


def license_drift(system: Ecosystem, settings: Settings, seed: int, top: int = 20) -> Drift:
    """Directions and order of the most common licenses, ``other`` and ``unknown`` left out."""
    values, graph = traits(system)["license"], system.graph
    rng = generator(seed, "drift")
    all_counts = transitions(values, graph)
    chosen = most_common(values, top)
    counts = all_counts[np.ix_(chosen, chosen)]
    return Drift(
        tuple(values.names[i] for i in chosen),
        counts,
        best_order(counts),
        null_shares(counts, rng, settings.null_orders),
        directed_pairs(values, graph, system.uploader, rng, n_permutations=settings.permutations),
        _ladder_test(all_counts, rng, settings),
        _ladder_test(once_per_account(values, graph, system.uploader), rng, settings),
    )


def _ladder_test(counts: np.ndarray, rng: np.random.Generator, settings: Settings) -> Fit | None:
    used = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    if used.sum() < 3:
        return None
    return quasi_independence(counts, rng, min(settings.resamples, 1_000))


def once_per_account(values: Values, graph: Forest, uploader: np.ndarray) -> np.ndarray:
    """Transitions (k, k) of a trait with one value, one per account, source and target."""
    graph = both_declared(values, graph)
    first = values.rows.indptr[:-1]
    old, new = (values.rows.indices[first[side]] for side in (graph.parent, graph.child))
    who = np.unique(uploader[graph.child], return_inverse=True)[1]
    keys = np.unique(np.column_stack([who, old, new])[old != new], axis=0)
    counts = np.zeros((len(values.names),) * 2)
    np.add.at(counts, (keys[:, 1], keys[:, 2]), 1)
    return counts


def card_thinning(system: Ecosystem, settings: Settings, seed: int) -> Thinning:
    """Card lengths of parents and children."""
    rng = generator(seed, "cards")
    return thinning(system, card_lengths(system), rng, settings.resamples)


def language_thinning(system: Ecosystem, settings: Settings, seed: int) -> Thinning:
    """Numbers of languages of parents and children."""
    rng = generator(seed, "languages")
    return thinning(system, language_counts(system), rng, settings.resamples)
