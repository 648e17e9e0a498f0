"""The chapter's explorers: the law, the ways of asking, a family tree, a pair of licenses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from companion.explore import Explorer, explorer
from companion.model_ecosystem.lab.real import Drift, Tree
from companion.model_ecosystem.lab.resemblance import UPLOADERS, WEIGHTS
from companion.model_ecosystem.method.threshold import parent_child, sibling
from companion.model_ecosystem.page.figures import (
    comparison_frame,
    law_frame,
    pair_frame,
    tree_frame,
)
from companion.model_ecosystem.page.figures.kin import WORDS


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


def tree_explorer(trees: Sequence[Tree]) -> Explorer:
    """The largest families of the sample as radial trees.

    trees : two or more, the largest first
    """
    of_name = {tree.name: tree for tree in trees}
    return explorer(
        lambda model: tree_frame(of_name[model]),
        name="me-tree",
        alt=lambda model: f"Radial tree of all descendants of {model}; rings are generations.",
        start={"model": trees[3 % len(trees)].name},
        model=list(of_name),
    )


def pair_explorer(drift: Drift, counts: np.ndarray) -> Explorer:
    """Pairs of licenses, counted three ways.

    counts : (n, 3, 2) of the first pairs of `drift`, of :func:`here.pair_counts`
    """
    pairs = drift.pairs.head(len(counts)).iter_rows(named=True)
    rows = {f"{row['source']} → {row['target']}": row for row in pairs}
    counted = dict(zip(rows, counts.tolist(), strict=True))

    def frame(pair: str):
        ways = zip(("mutations", "accounts", "families"), counted[pair], strict=True)
        return pair_frame(rows[pair], {name: (there, back) for name, (there, back) in ways})

    def alt(pair: str) -> str:
        row = rows[pair]
        return (
            f"{pair}: {row['there']} mutations, {row['back']} back, in {row['uploaders']} accounts "
            f"and {row['families']} families."
        )

    return explorer(
        frame,
        name="me-licenses",
        alt=alt,
        labels={"pair": "licenses"},
        start={"pair": next(iter(rows))},
        pair=list(rows),
    )
