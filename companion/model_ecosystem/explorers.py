"""The chapter's explorers: the law, the ways of asking, a family tree, a pair of licenses."""

from __future__ import annotations

import numpy as np
import polars as pl

from companion.explore import Explorer, explorer
from companion.model_ecosystem.drift import transitions
from companion.model_ecosystem.figures import (
    comparison_frame,
    law_frame,
    pair_frame,
    tree_frame,
)
from companion.model_ecosystem.figures.kin import WORDS
from companion.model_ecosystem.here import Drift, once_per_account, traits
from companion.model_ecosystem.resemblance import UPLOADERS, WEIGHTS
from companion.model_ecosystem.sample import Ecosystem
from companion.model_ecosystem.threshold import parent_child, sibling


def law_explorer() -> Explorer:
    """Mutation, direction, share of the string that is bookkeeping: 45 frames."""

    def alt(mu: float, s: float, tagged: float) -> str:
        pc, sib = parent_child(mu, tagged), sibling(mu, s, tagged)
        return (
            f"Mutation {mu:g}, s {s:g}, bookkeeping {100 * tagged:g} percent: parent-child "
            f"{pc:.2f}, siblings {sib:.2f}."
        )

    return explorer(
        law_frame,
        name="me-law",
        alt=alt,
        labels={"mu": "mutation μ", "s": "concentration s", "tagged": "bookkeeping tags"},
        show={"tagged": lambda share: f"{100 * share:g} % of the string"},
        start={"mu": 0.2, "s": 0.5, "tagged": 0.0},
        mu=[0.1, 0.2, 0.4, 0.6, 0.8],
        s=[0.2, 0.5, 1.0],
        tagged=[0.0, 0.1, 0.2],
    )


def kin_explorer(table: pl.DataFrame) -> Explorer:
    """String, weights, uploaders: which switch makes the gap vanish?"""

    def alt(dna: str, weights: str, uploader: str) -> str:
        row = table.filter(dna=dna, weights=weights, uploader=uploader).row(0, named=True)
        return (
            f"{WORDS[dna]}, weights {weights}, uploader {uploader}: parent-child "
            f"{row['parent_child']:.2f}, sibling {row['sibling']:.2f}, gap {row['gap']:+.2f} "
            f"from {row['gap_low']:+.2f} to {row['gap_high']:+.2f}."
        )

    names = table["dna"].unique(maintain_order=True).to_list()
    return explorer(
        lambda **at: comparison_frame(table, **at),
        name="me-kin",
        alt=alt,
        labels={"dna": "string", "weights": "weight", "uploader": "uploaders"},
        show={"dna": WORDS.__getitem__},
        start={"dna": names[0], "weights": "pairs", "uploader": "any"},
        dna=names,
        weights=list(WEIGHTS),
        uploader=list(UPLOADERS),
    )


def tree_explorer(system: Ecosystem, n: int = 8) -> Explorer:
    """The largest families of the sample as radial trees."""
    graph = system.graph
    names = system.table["model_id"].to_list()
    heads = [int(i) for i in np.argsort(-graph.n_children(), kind="stable")[:n]]
    license_ = np.array(system.table["license"].fill_null("").to_list())
    kept = np.full(graph.n, -1)
    known = (license_[graph.parent] != "") & (license_[graph.child] != "")
    same = license_[graph.parent] == license_[graph.child]
    kept[graph.child[known]] = same[known]
    places = dict(zip([names[i] for i in heads], heads, strict=True))
    return explorer(
        lambda model: tree_frame(system, places[model], kept),
        name="me-tree",
        alt=lambda model: f"Radial tree of all descendants of {model}; rings are generations.",
        start={"model": names[heads[3 % len(heads)]]},
        model=list(places),
    )


def pair_explorer(system: Ecosystem, drift: Drift, n: int = 8) -> Explorer:
    """Pairs of licenses, counted three ways."""
    values = traits(system)["license"]
    all_, accounts = (transitions(values, system.graph),
                      once_per_account(values, system.graph, system.uploader))  # fmt: skip
    families = once_per_account(values, system.graph, _family(system))
    rows = {f"{r['source']} → {r['target']}": r for r in drift.pairs.head(n).iter_rows(named=True)}
    place = {name: i for i, name in enumerate(values.names)}

    def frame(pair: str):
        i, j = place[rows[pair]["source"]], place[rows[pair]["target"]]
        tables = {"mutations": all_, "accounts": accounts, "families": families}
        return pair_frame(rows[pair], {k: (int(t[i, j]), int(t[j, i])) for k, t in tables.items()})

    def alt(pair: str) -> str:
        row = rows[pair]
        return (
            f"{pair}: {row['there']} mutations, {row['back']} back, in {row['uploaders']} accounts "
            f"and {row['families']} families."
        )

    return explorer(frame, name="me-licenses", alt=alt, labels={"pair": "licenses"},
                    start={"pair": next(iter(rows))}, pair=list(rows))  # fmt: skip


def _family(system: Ecosystem) -> np.ndarray:
    from companion.model_ecosystem.forest import components

    return components(system.graph)[1]
