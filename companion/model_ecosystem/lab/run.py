"""The experiments, one function a step of the notebook."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl

from companion.data import Missing
from companion.model_ecosystem import hub, sources
from companion.model_ecosystem.lab import intervals, kin, simulate, worlds
from companion.model_ecosystem.lab.intervals import Directions, Moves, Rate, directions
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.worlds import Grid
from companion.model_ecosystem.method import similarity
from companion.model_ecosystem.method.drift import distance, most_common, values_of
from companion.model_ecosystem.method.similarity import (
    Families,
    draw_pairs,
    families,
    levenshtein,
    pair_types,
    tfidf,
)
from companion.model_ecosystem.settings import Settings
from companion.model_ecosystem.sources import Ecosystem
from companion.scale import generator
from companion.stats import Interval, t_interval

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


def texts_of(system: Ecosystem, without: tuple[str, ...] = ()) -> list[str]:
    """The strings of a table, without its masked fields and some more."""
    return similarity.strings(system.records, {*system.masked, *without})


def ways(system: Ecosystem) -> dict[str, tuple[str, ...]]:
    """Words for a string, and the fields that it leaves out: none, and "I am a child"."""
    return {"all fields": (), f"without {system.child_field}": (system.child_field,)}


def resemblance(system: Ecosystem) -> dict[str, Interval]:
    """Parent and child minus random pairs (TF-IDF), over families, for each of `ways`."""
    return {
        words: kin.lift(tfidf(texts_of(system, without)), system.graph)
        for words, without in ways(system).items()
    }


def resemblance_by_letters(system: Ecosystem, settings: Settings, seed: int) -> Interval:
    """Parent and child minus random pairs (Levenshtein), the whole string, over families.

    Random pairs are drawn, so many that their mean adds nothing to the interval.
    """
    texts, rng = texts_of(system), generator(seed, "levenshtein lift")
    first, second = draw_pairs(system.graph, rng, settings.levenshtein_pairs)["random"]
    chance = levenshtein(texts, first, second).mean()
    found = kin.levenshtein_families(texts, system.graph, rng, most=0)
    return t_interval(found.parent_child - chance)


def kin_types(system: Ecosystem) -> dict[str, pl.DataFrame]:
    """The paper's 24 pair types, with all fields and without the one that names the parent."""
    return {
        words: pair_types(tfidf(texts_of(system, without)), system.graph)
        for words, without in ways(system).items()
    }


def ways_of_asking(
    system: Ecosystem, settings: Settings, seed: int, card_terms: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Siblings against parent and child for each measure, string, weight, and rule about accounts.

    card_terms : counts of :func:`sources.card_terms`; with them the cards are one string more

    Columns: measure (of MEASURES), string ("all fields", "without ...", and "card"), accounts,
    weights, and those of :func:`kin.compare`.
    """
    strings = ways(system) | {"without bookkeeping": BOOKKEEPING}
    table = []

    def ask(measure: str, string: str, accounts: str, found: Families) -> None:
        for weights in kin.WEIGHTS:
            rng = generator(seed, "asking", measure, string, accounts, weights)
            row = kin.compare(found, rng, weights=weights, n_resamples=settings.resamples)
            names = {"measure": measure, "string": string, "accounts": accounts}
            table.append(names | {"weights": weights} | row)

    rows = {words: tfidf(texts_of(system, without)) for words, without in strings.items()}
    graphs = dict.fromkeys(rows, system.graph)
    if card_terms is not None:
        has, rows["card"] = kin.card_rows(system.table["model_id"].to_list(), card_terms)
        keep = has[system.graph.parent] & has[system.graph.child]
        graphs["card"] = system.graph.where(keep)
    for accounts in kin.ACCOUNTS:
        labels = system.account if accounts == "different" else None
        for words, x in rows.items():
            ask("TF-IDF", words, accounts, families(x, graphs[words], uploader=labels))
        for words, without in ways(system).items():
            rng = generator(seed, "letters", words, accounts)
            found = kin.levenshtein_families(
                texts_of(system, without), system.graph, rng, settings.levenshtein_most, labels
            )
            ask("Levenshtein", words, accounts, found)
    return pl.DataFrame(table)


def drawn_similarity(system: Ecosystem, settings: Settings, seed: int) -> pl.DataFrame:
    """Means of pairs drawn as the paper draws them (random, and of trio stars), Levenshtein.

    Columns: string, random, parent-child, sibling.
    """
    rows = []
    for words, without in ways(system).items():
        texts, rng = texts_of(system, without), generator(seed, "levenshtein", words)
        pairs = draw_pairs(system.graph, rng, settings.levenshtein_pairs)
        means = {name: float(levenshtein(texts, *ends).mean()) for name, ends in pairs.items()}
        rows.append({"string": words} | means)
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


def task_moves(system: Ecosystem) -> Moves:
    """Families that leave filling gaps or features for classification, and back."""
    kind = [sources.task_class(one[0]) if one else -1 for one in system.column("task")]
    return intervals.moves(np.array(kind), system.graph, system.account)


def card_votes(system: Ecosystem) -> dict[str, np.ndarray]:
    """What happens to cards, a number a family, other accounts than the parent's.

    Returns : ``length``, log of the child's length over the parent's; ``template``, share of
    automatic cards among the children minus the parent's; ``drawn``, the first if every child drew
    its card from those of all models: regression to the mean, with nothing inherited
    """
    graph = system.graph
    length = np.array([one or np.nan for one in system.column("card_chars")], float)
    template = np.array(
        [np.nan if one is None else one for one in system.column("auto_card")], float
    )
    template[~np.isfinite(length)] = np.nan
    change = np.log(length[graph.child] / length[graph.parent])
    typical = np.nanmean(np.log(length)) if np.isfinite(length).any() else np.nan
    changes = {
        "length": change,
        "drawn": np.where(np.isfinite(change), typical - np.log(length[graph.parent]), np.nan),
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


def inequality(system: Ecosystem, settings: Settings, seed: int) -> Interval:
    """Gini of the family sizes minus that of equal chances, 95 % over resampled families."""
    rng = generator(seed, "sizes", system.name)
    return intervals.more_unequal(family_sizes(system), rng, settings.resamples)


TOP = 20
"""Values of a trait that are put in order, the most common ones; the paper's setting."""


def orders(system: Ecosystem, settings: Settings, seed: int) -> dict[str, Directions]:
    """Directions and best orders of licenses, languages, and tasks, the most common values.

    ``other`` and ``unknown`` are left out, and a trait with fewer than three directed values.
    """
    found = {}
    for trait in sources.PRINTED_ORDER:
        values, rng = values_of(system.column(trait)), generator(seed, "order", trait)
        chosen = most_common(values, TOP)
        sizes = settings.null_orders, settings.order_resamples
        one = directions(values, system.graph, chosen, rng, *sizes)
        if one is not None:
            found[trait] = one
    return found


# --------------------------------------------------------------------------- simulated worlds
COVERAGE_RESAMPLES = 300
"""Of each simulated interval: the ends' own error is a tenth of the interval, and cancels over
worlds."""


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
    n, runs = settings.coverage_models, settings.coverage_runs
    return worlds.coverage(n, runs, seed, COVERAGE_RESAMPLES)


def drift_worlds(settings: Settings, seed: int) -> pl.DataFrame:
    """Worlds with and without direction, with and without a ladder."""
    n, runs = settings.drift_models, settings.drift_runs
    return worlds.drift_runs(n, runs, seed, settings.sim_null_orders)


def speed(settings: Settings, seed: int) -> pl.DataFrame:
    """Seconds for components and generations, ours and networkx's."""
    sizes = settings.speed_sizes
    return simulate.speed(sizes, sizes[1], seed)


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
        "letters": resemblance_by_letters(tuned, settings, seed),
        "asking": ways_of_asking(tuned, settings, seed),
        "traits": kin.trait_kin(tuned),
        "rates": mutation_rates(tuned, settings, seed),
        "licenses": license_moves(tuned),
        "languages": language_moves(tuned),
        "tasks": task_moves(tuned),
        "sizes": inequality(tuned, settings, seed),
        "orders": orders(tuned, settings, seed),
    }
    if "card_chars" in system.table.columns:
        found["cards"] = card_votes(tuned)
    return found
