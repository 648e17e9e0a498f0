"""The experiments, one function a step of the notebook."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl

from companion.data import Missing
from companion.model_ecosystem import hub, sources
from companion.model_ecosystem.lab import intervals, kin, worlds
from companion.model_ecosystem.lab import speed as clocks
from companion.model_ecosystem.lab.directions import (
    Directions,
    directions,
    once_per_account,
    quasi_independence,
)
from companion.model_ecosystem.lab.intervals import Moves, Rate
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.worlds import Grid
from companion.model_ecosystem.method import dna
from companion.model_ecosystem.method.drift import most_common, transitions
from companion.model_ecosystem.method.forest import n_descendants
from companion.model_ecosystem.method.rates import distance, values_of
from companion.model_ecosystem.method.similarity import pair_types
from companion.model_ecosystem.settings import Settings
from companion.model_ecosystem.sources import Ecosystem
from companion.scale import generator
from companion.stats import Interval

BOOKKEEPING = ("base_model", "id", "createdAt", "likes", "downloads", "region")
"""Fields that say where, when and by whom a record is kept: nothing is inherited in them."""


# --------------------------------------------------------------------------- real models
def link_counts(system: Ecosystem) -> dict[str, int]:
    """Models, what was wrong with the declared links (:class:`forest.Report`), and families."""
    d = system.graph.n_children()
    return {
        "models": system.graph.n,
        **asdict(system.graph.report),
        "older_than_the_parent": system.older_children(),
        "parents": int((d > 0).sum()),
        "parents_of_several": int((d > 1).sum()),
    }


def field_gaps(system: Ecosystem) -> LeftOut:
    """The gap between siblings and parent and child without one field after the other."""
    return kin.left_out(system)


def resemblance(system: Ecosystem) -> Interval:
    """Parent and child minus random pairs, the whole string, over families."""
    return kin.lift(kin.tfidf(dna.strings(system.records)), system.graph)


def kin_types(system: Ecosystem) -> dict[str, pl.DataFrame]:
    """The paper's 24 pair types, with all fields and without the one that names the parent."""
    ways = {"all fields": (), f"without {system.child_field}": (system.child_field,)}
    return {
        words: pair_types(kin.tfidf(dna.strings(system.records, without)), system.graph)
        for words, without in ways.items()
    }


def ways_of_asking(
    system: Ecosystem, settings: Settings, seed: int, card_terms: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Siblings against parent and child for each string, weight, and rule about accounts.

    card_terms : counts of :func:`sources.card_terms`; with them the cards are one string more

    Columns: string ("all fields", "without ...", and "card"), accounts,
    weights, and those of :func:`kin.compare`.
    """
    strings = {
        words: (system.graph, kin.tfidf(dna.strings(system.records, without)))
        for words, without in (
            ("all fields", ()),
            (f"without {system.child_field}", (system.child_field,)),
            ("without bookkeeping", BOOKKEEPING),
        )
    }
    if card_terms is not None:
        has, rows = kin.card_rows(system.table["model_id"].to_list(), card_terms)
        keep = has[system.graph.parent] & has[system.graph.child]
        strings["card"] = (system.graph.where(keep), rows)
    table = []
    for name, (graph, x) in strings.items():
        for accounts in kin.ACCOUNTS:
            for weights in kin.WEIGHTS:
                rng = generator(seed, "asking", name, accounts, weights)
                labels = system.account if accounts == "different" else None
                found = kin.compare(
                    x, graph, rng, weights=weights, account=labels, n_resamples=settings.resamples
                )
                table.append({"string": name, "accounts": accounts, "weights": weights} | found)
    return pl.DataFrame(table)


def drawn_similarity(system: Ecosystem, settings: Settings, seed: int) -> pl.DataFrame | Missing:
    """Levenshtein similarity by drawn pairs, with all fields and without the parent's name."""
    if not settings.levenshtein_pairs:
        return Missing("No pairs are drawn (levenshtein_pairs is 0).")
    rows = []
    for words, without in (("all fields", ()), ("without base_model", ("base_model",))):
        texts, rng = dna.strings(system.records, without), generator(seed, "levenshtein", words)
        found = kin.levenshtein(texts, system.graph, rng, settings.levenshtein_pairs)
        rows.append({"string": words} | found)
    return pl.DataFrame(rows)


def trait_kin(system: Ecosystem) -> TraitKin:
    """Siblings against parent and child, trait by trait, in families with different accounts."""
    return kin.trait_kin(system)


def mutation_rates(system: Ecosystem, settings: Settings, seed: int) -> dict[str, Rate]:
    """Rate of each trait with the naive and the family interval.

    A trait that fewer than two edges declare at both ends has no rate and is left out.
    """
    graph, found = system.graph, {}
    for name in sources.TRAITS:
        change = distance(values_of(system.column(name)), graph)
        if np.isfinite(change).sum() > 1:
            rng = generator(seed, "rate", name)
            found[name] = intervals.rate(change, graph.parent, rng, settings.resamples)
    return found


def license_moves(system: Ecosystem) -> Moves:
    """Families that leave restrictive licenses for open ones, and back."""
    kind = [sources.license_class(one[0]) if one else -1 for one in system.column("license")]
    return intervals.moves(np.array(kind), system.graph, system.account)


def language_moves(system: Ecosystem) -> Moves:
    """Families that go from several languages to English alone, and back."""
    kind = [sources.language_class(one) if one else -1 for one in system.column("language")]
    return intervals.moves(np.array(kind), system.graph, system.account)


def card_votes(system: Ecosystem) -> dict[str, np.ndarray]:
    """What happens to cards, a number a family, other accounts than the parent's.

    Returns : ``length``, log of the child's length over the parent's; ``template``, share of
    automatic cards among the children minus the parent's
    """
    graph = system.graph
    length = np.array([one or np.nan for one in system.column("card_chars")], float)
    template = np.array(
        [np.nan if one is None else one for one in system.column("auto_card")], float
    )
    template[~np.isfinite(length)] = np.nan
    changes = {
        "length": np.log(length[graph.child] / length[graph.parent]),
        "template": template[graph.child] - template[graph.parent],
    }
    return {
        name: intervals.family_votes(change, graph, system.account)
        for name, change in changes.items()
    }


def family_sizes(system: Ecosystem) -> np.ndarray:
    """Children of each model that has any, most first."""
    d = system.graph.n_children()
    return np.sort(d[d > 0])[::-1]


def top_tenth(system: Ecosystem, settings: Settings, seed: int) -> Interval:
    """Share of the children in the largest tenth of the families, 95 % over resampled families."""
    sizes = family_sizes(system)

    def share(some: np.ndarray) -> float:
        some = np.sort(some)[::-1]
        return float(some[: max(1, round(some.size / 10))].sum() / some.sum())

    rng = generator(seed, "sizes", system.name)
    draws = [share(rng.choice(sizes, sizes.size)) for _ in range(settings.resamples)]
    low, high = np.quantile(draws, intervals.TAILS)
    return Interval(share(sizes), float(low), float(high), None, sizes.size)


def orders(
    system: Ecosystem, settings: Settings, seed: int, top: int = 20
) -> dict[str, Directions]:
    """Directions and best orders of licenses, languages, and tasks, the most common values.

    ``other`` and ``unknown`` are left out, and values without a direction to any other.
    """
    found = {}
    for trait in sources.PRINTED_ORDER:
        values = values_of(system.column(trait))
        chosen = most_common(values, top)
        counts = transitions(values, system.graph)[np.ix_(chosen, chosen)]
        oriented = (counts != counts.T).any(axis=1)
        chosen, counts = chosen[oriented], counts[np.ix_(oriented, oriented)]
        if len(chosen) > 2:
            rng, names = generator(seed, "order", trait), tuple(values.names[i] for i in chosen)
            found[trait] = directions(counts, names, rng, settings.null_orders)
    return found


def target_test(system: Ecosystem, settings: Settings, seed: int) -> float:
    """p of quasi-independence of licenses, one mutation per account, source and target."""
    counts = once_per_account(values_of(system.column("license")), system.graph, system.account)
    rng = generator(seed, "targets")
    return quasi_independence(counts, rng, min(settings.resamples, 1_000)).p


def generations(system: Ecosystem) -> np.ndarray:
    """Descendants of each model that has any, all generations, most first."""
    size = n_descendants(system.graph.primary())
    return np.sort(size[size > 0])[::-1]


# --------------------------------------------------------------------------- simulated worlds
def threshold_grid(settings: Settings, seed: int) -> Grid:
    """The grid of eq. 3 at this scale."""
    rng = generator(seed, "grid")
    n = settings.grid_families
    return worlds.simulate_grid(worlds.GRID_MU, worlds.GRID_S, rng, n_families=n)


def four_worlds(settings: Settings, seed: int) -> pl.DataFrame:
    """Slow, fast, fast and directed, and slow with the parent's name in the string."""
    return worlds.run_regimes(settings.models, range(settings.seeds), seed)


def coverage(settings: Settings, seed: int) -> pl.DataFrame:
    """Intervals of known mutation rates."""
    return worlds.coverage(settings.coverage_models, settings.coverage_runs, seed, 300)


def drift_worlds(settings: Settings, seed: int) -> pl.DataFrame:
    """Worlds with and without direction, with and without a ladder."""
    n, runs = settings.drift_models, settings.drift_runs
    return worlds.drift_runs(n, runs, seed, settings.sim_null_orders, 200)


def speed(settings: Settings, seed: int) -> pl.DataFrame:
    """Seconds for components and generations, ours and networkx's."""
    sizes = settings.speed_sizes
    return clocks.speed(sizes, sizes[1], seed)


# --------------------------------------------------------------------------- the whole Hub
def whole_hub(settings: Settings) -> Ecosystem | Missing:
    """The Hub, at paper scale or for the live families that the settings name."""
    return hub.read_hub(settings)


def hub_results(system: Ecosystem, settings: Settings, seed: int) -> dict[str, object]:
    """What the paper-scale run answers, by the names of the notebook's results."""
    tuned = system.with_edges("finetune")
    found = {
        "fields": kin.left_out(tuned),
        "lift": resemblance(tuned),
        "asking": ways_of_asking(tuned, settings, seed),
        "traits": kin.trait_kin(tuned),
        "rates": mutation_rates(tuned, settings, seed),
        "licenses": license_moves(tuned),
        "languages": language_moves(tuned),
        "orders": orders(tuned, settings, seed),
    }
    if "card_chars" in system.table.columns:
        found["cards"] = card_votes(tuned)
    return found
