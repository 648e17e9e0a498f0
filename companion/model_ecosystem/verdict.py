"""What the paper claims, and what a run says of it: C1 to C10; six checks of our own, O1 to O6.

Every measurement takes results of the notebook by name.  Of real models: ``lift``, ``asking``,
``traits``, ``rates``, ``licenses``, ``languages``, ``tasks``, ``cards``, ``orders`` of the Hub
sample, or of the whole Hub where it was read; ``board`` is the leaderboard, ``epoch`` Epoch AI's
table, ``mteb`` the embedding models.  Of simulated ones: ``grid``, ``four``, ``worlds``.

The n of a finding counts families; of C4 edges, of C8 and O5 directed pairs, of O3 grid points, and
of O6 worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import polars as pl

from companion.claims import MODEL, OURS, PAPER, measured_text
from companion.data import Missing
from companion.model_ecosystem.lab.intervals import Moves
from companion.model_ecosystem.lab.kin import LeftOut
from companion.model_ecosystem.lab.published import left, traffic
from companion.model_ecosystem.sources import PRINTED_ORDER, TRAITS
from companion.stats import Interval, exact, over_seeds, paired, proportion, t_interval
from companion.verdicts import Measured, Untested, Verdicts, above, below

verdicts = Verdicts()

LEAST = 5
"""Families on either side that a difference of means is asked for: a choice; of four families each
decides a quarter of a mean."""

FAST = 0.1
"""Mutation rate of a fast trait, a round number below the slowest that the paper calls fast: 0.128,
languages over all relations."""

NEAR = 0.9
"""Share of pairs in order that fits one order, a round number below the least that the paper
prints, 93 % (113 of 121)."""

FORWARD = 0.7
"""Share of transitions that go forward, a round number below the least that the paper prints,
75.0 % (languages)."""

OFTEN, SELDOM = 0.9, 0.1
"""Shares of simulated worlds: nine in ten and one in ten, so that sixty worlds can tell."""

VOTES = "a family is one vote, an account one vote in it, the parent's own account none"

NAMED = "without base_model"
"""The string of the Hub without the field that names the parent."""


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "Models show a family resemblance: they have more in common within a family.",
    of=PAPER,
    paper="0.639 against 0.116 (metadata, TF-IDF), 0.545 against 0.440 (Levenshtein)",
    unit="similarity",
    needs=("lift", "letters", "board_lift", "epoch_lift"),
    region=above(0),
    criterion="similarity of the metadata, parent and child minus random pairs, mean over "
    "families, Hub sample: TF-IDF {}; the same without the field that names the parent, and by "
    "Levenshtein "
    "similarity; again, without names, on the leaderboard and in Epoch AI's table",
    parts={
        "without the parent's name": above(0),
        "Levenshtein": above(0),
        "leaderboard": above(0),
        "Epoch AI": above(0),
    },
    replications=("leaderboard", "Epoch AI"),
)
def resemblance(lift, letters, board, epoch):
    parts = {
        "without the parent's name": masked(lift),
        "Levenshtein": letters,
        "leaderboard": masked(board),
        "Epoch AI": masked(epoch),
    }
    return Measured(lift["all fields"], parts)


@verdicts.claim(
    "C2",
    "Siblings are more alike than parent and child in their metadata.",
    of=PAPER,
    paper="0.838 against 0.662 (TF-IDF), 0.747 against 0.535 (Levenshtein), trio star",
    unit="similarity",
    needs=("asking",),
    region=above(0),
    criterion="Hub sample, all fields, all accounts: siblings minus parent and child, TF-IDF {}, "
    "families weighted by their sibling pairs as in the paper; the same with equal families, and "
    "by Levenshtein similarity with the paper's weights",
    parts={"equal families": above(0), "Levenshtein": above(0)},
)
def siblings(asking):
    plain = row_of(asking, "all fields", "any", "pairs")
    parts = {
        "equal families": gap_of(row_of(asking, "all fields", "any", "families")),
        "Levenshtein": gap_of(row_of(asking, "all fields", "any", "pairs", "Levenshtein")),
    }
    note = f"by pairs the families are worth {plain['effective']:.1f} equal ones"
    return Measured(gap_of(plain), parts, note)


@verdicts.claim(
    "C3",
    "Siblings are more alike than parent and child in their model cards.",
    of=PAPER,
    paper="0.893 against 0.488 (TF-IDF, trio star; similarity figure)",
    unit="similarity",
    needs=("asking",),
    region=above(0),
    criterion="Hub sample, hand-written cards, all accounts: siblings minus parent and child {}, "
    "families weighted by their sibling pairs as in the paper; the same with equal families",
    parts={"equal families": above(0)},
)
def sibling_cards(asking):
    plain = row_of(asking, "card", "any", "pairs")
    if plain is None:
        raise Untested("this table has no cards")
    equal = row_of(asking, "card", "any", "families")
    note = f"by pairs the families are worth {plain['effective']:.1f} equal ones"
    return Measured(gap_of(plain), {"equal families": gap_of(equal)}, note)


@verdicts.claim(
    "C4",
    "Mutation is fast: licenses, languages and tasks often change from parent to child.",
    of=PAPER,
    paper="mutation rates 0.198, 0.242, and 0.411 (finetunes)",
    unit="rate",
    needs=("rates",),
    region=above(FAST),
    criterion="mutation rate of licenses in the Hub sample {}, with families as units; the same of "
    "languages and of tasks",
    parts={"languages": above(FAST), "tasks": above(FAST)},
)
def fast(rates):
    found = {name: rates[name].clustered if name in rates else lacking() for name in PRINTED_ORDER}
    parts = {"languages": found["language"], "tasks": found["task"]}
    return Measured(found["license"], parts)


@verdicts.claim(
    "C5",
    "Licenses drift from restrictive, commercial ones to permissive or copyleft ones.",
    of=PAPER,
    paper="gemma and llama first, gpl-3.0 last in the order (license figure)",
    unit="share",
    needs=("licenses", "board_licenses", "mteb_licenses"),
    region=above(0),
    criterion=f"share of restrictive parents' children that are open, minus share of open "
    f"parents' children that are restrictive ({VOTES}): {{}} in the Hub sample; again on the "
    f"leaderboard and among embedding models, where each side has {LEAST} families",
    parts={"leaderboard": above(0), "embedding models": above(0)},
    replications=("leaderboard", "embedding models"),
)
def licenses_drift(hub, board, mteb):
    parts = {"leaderboard": enough(board), "embedding models": enough(mteb)}
    named = {"Hub sample": hub, "leaderboard": board, "embedding models": mteb}
    return Measured(hub.difference, parts, traffic(named))


@verdicts.claim(
    "C6",
    "Models go from many languages to English alone.",
    of=PAPER,
    paper="6.6 languages to 1.8; English last in the order (language figure)",
    unit="share",
    needs=("languages", "mteb_languages"),
    region=above(0),
    criterion=f"share of multilingual parents' children that are English alone, minus share of "
    f"English parents' children that are multilingual ({VOTES}): {{}} in the Hub sample; again "
    f"among embedding models, where each side has {LEAST} families",
    parts={"embedding models": above(0)},
    replications=("embedding models",),
)
def to_english(hub, mteb):
    named = {"Hub sample": hub, "embedding models": mteb}
    return Measured(hub.difference, {"embedding models": enough(mteb)}, traffic(named))


@verdicts.claim(
    "C7",
    "Tasks drift from filling gaps and features to classification.",
    of=PAPER,
    paper="fill-mask and feature-extraction first, classification late (order of tasks)",
    unit="share",
    needs=("tasks",),
    region=above(0),
    criterion=f"share of children that go from fill-mask or feature-extraction to a "
    f"classification, minus share that go back ({VOTES}): {{}} in the Hub sample",
)
def to_classification(hub):
    if isinstance(few := enough(hub), Missing):
        raise Untested(f"{few.reason} on one side; {LEAST} are needed")
    return Measured(hub.difference, note=traffic({"Hub sample": hub}))


@verdicts.claim(
    "C8",
    "The directions of licenses, languages and tasks each fit one order, in which most transitions "
    "go forward.",
    of=PAPER,
    paper="113 of 121, 186 of 189, 30 of 32 pairs; 84.6, 75.0, 98.2 % of transitions (finetunes)",
    unit="share",
    needs=("orders",),
    region=above(NEAR),
    criterion=f"Hub sample, licenses: share of the directed pairs in the best order {{}}, families "
    f"resampled, and no surer than so many coins; the same for languages and tasks; share of the "
    f"transitions that go forward above "
    f"{FORWARD} for each",
    parts={
        "languages": above(NEAR),
        "tasks": above(NEAR),
        "licenses forward": above(FORWARD),
        "languages forward": above(FORWARD),
        "tasks forward": above(FORWARD),
    },
)
def one_order(orders):
    told, share, forward = [], {}, {}
    for trait in PRINTED_ORDER:
        one = orders.get(trait)
        share[trait] = one.share if one else lacking()
        forward[trait] = one.forward if one else lacking()
        if one:
            most = int((one.ranges[:, 1] - one.ranges[:, 0]).max())
            told.append(
                f"{trait}: {one.order.agree} of {one.order.pairs} pairs in order, and a value may "
                f"move by up to {most} of {len(one.names) - 1} places in an equally good one"
            )
    parts = {
        "languages": share["language"],
        "tasks": share["task"],
        "licenses forward": forward["license"],
        "languages forward": forward["language"],
        "tasks forward": forward["task"],
    }
    return Measured(share["license"], parts, "; ".join(told))


@verdicts.claim(
    "C9",
    "Model cards get shorter, and turn to templates and automatic text.",
    of=PAPER,
    paper="9,773 to 4,402 characters; 24.9 points more automatic cards (all relations)",
    unit="log ratio",
    needs=("cards",),
    region=below(0),
    criterion=f"Hub sample, logarithm of the child's card over the parent's ({VOTES}): mean over "
    f"families {{}}; more than half of the families shorten; the share of automatic cards rises",
    parts={"families that shorten": above(0.5), "rise of automatic cards": above(0)},
)
def shorter(cards):
    votes = cards["length"]
    parts = {
        "families that shorten": proportion(int((votes < 0).sum()), votes.size),
        "rise of automatic cards": t_interval(cards["template"]),
    }
    drawn = measured_text(t_interval(cards["drawn"]))
    return Measured(
        t_interval(votes),
        parts,
        f"children with a card drawn from all models' would give {drawn}: parents are famous, and "
        "famous models have long cards",
    )


@verdicts.claim(
    "C10",
    "Families vary widely in size.",
    of=PAPER,
    paper="194,086 of 1,860,411 models in the ten largest of 1,308,021 families",
    unit="Gini",
    needs=("sizes", "epoch_sizes"),
    region=above(0),
    criterion="Gini coefficient of the families' sizes minus that of equal chances for all parents "
    "{}, on the leaderboard (the Hub sample was chosen for its large families); again in Epoch "
    "AI's table",
    parts={"Epoch AI": above(0)},
    replications=("Epoch AI",),
)
def unequal(board, epoch):
    return Measured(board, {"Epoch AI": epoch})


# --------------------------------------------------------------------------- checks of our own
@verdicts.claim(
    "O1",
    "One field, which says 'I am a child', carries more than half of the siblings' advantage, and "
    "no other field moves it as much, up or down.",
    of=OURS,
    paper="not in the paper",
    unit="similarity",
    needs=("fields", "board_fields", "epoch_fields"),
    region=above(0),
    criterion="pairs of two accounts, equal families, Hub sample: half of the gap minus what is "
    "left without the field {}; how far the gap moves without this field minus how far without "
    "the other field that moves it most above 0; half of the gap again on the leaderboard and in "
    "Epoch AI's table",
    parts={"other field": above(0), "leaderboard": above(0), "Epoch AI": above(0)},
    replications=("leaderboard", "Epoch AI"),
)
def one_field(fields, board, epoch):
    parts = {"other field": moved_more(fields), "leaderboard": half(board), "Epoch AI": half(epoch)}
    named = {"Hub sample": fields, "leaderboard": board, "Epoch AI": epoch}
    return Measured(
        half(fields), parts, "; ".join(f"{name}: {left(one)}" for name, one in named.items())
    )


@verdicts.claim(
    "O2",
    "Siblings are the closer pair also without the field that names the parent.",
    of=OURS,
    paper="siblings are closer because mutations are fast and directed (abstract)",
    unit="similarity",
    needs=("asking",),
    region=above(0),
    criterion="Hub sample, TF-IDF without that field: siblings minus parent and child {}, all "
    "accounts, equal families; the same with the paper's weights, and for pairs of two accounts",
    parts={"the paper's weights": above(0), "two accounts": above(0)},
)
def without_the_name(asking):
    parts = {
        "the paper's weights": gap_of(row_of(asking, NAMED, "any", "pairs")),
        "two accounts": gap_of(row_of(asking, NAMED, "different", "families")),
    }
    return Measured(gap_of(row_of(asking, NAMED, "any", "families")), parts)


SIDES = {
    "A": below(0),
    "B": below(0),
    "C": above(0),
    "D": above(0),
    "D, masked": below(0),
}
"""Simulated world -> on which side of 0 the gap of siblings over parent and child lies."""


@verdicts.claim(
    "O3",
    "Siblings are closer where the mutation probability exceeds 1/(1+s), or where a tag says so.",
    of=OURS,
    on=MODEL,
    paper="said in words; the law is ours",
    needs=("grid", "four"),
    region=above(1, closed=True, must_hold=True),
    criterion="the sign of the simulated gap agrees with eq. 3 at every grid point whose predicted "
    "gap exceeds 0.02; worlds A, B and masked D below 0, C and D above 0",
    parts={f"gap in {name}": side for name, side in SIDES.items()},
    # the interval of three forests may reach 0, their mean does not
    by_estimate=tuple(f"gap in {name}" for name in SIDES),
)
def threshold(grid, four):
    agree, points = grid.agreement()
    gaps = {name: four.filter(regime=name)["gap"].to_numpy() for name in SIDES}
    parts = {f"gap in {name}": over_seeds(gap) for name, gap in gaps.items()}
    return Measured(exact(agree / points if points else np.nan, points), parts)


@verdicts.claim(
    "O4",
    "On single traits siblings agree less than parent and child.",
    of=OURS,
    paper="not in the paper; its mutation rates lie below the one half that eq. 3 asks for",
    unit="agreement",
    needs=("traits", "mteb_traits"),
    region=below(0),
    criterion="license, language, task and library in the Hub sample, pairs of two accounts: "
    "siblings' agreement minus that of parent and child, averaged over a family's traits and then "
    "over families, {}; again for embedding models",
    parts={"embedding models": below(0)},
    replications=("embedding models",),
)
def traits_agree_less(traits, mteb):
    told = [
        f"{name} {measured_text(t_interval(traits.gap(name)))}"
        for name in TRAITS
        if traits.gap(name).size > 1
    ]
    parts = {"embedding models": t_interval(mteb.mean_gap())}
    return Measured(t_interval(traits.mean_gap()), parts, "; ".join(told))


@verdicts.claim(
    "O5",
    "Licenses, languages and tasks fit one order better than random directions do.",
    of=OURS,
    paper="not in the paper, which compares with no chance",
    unit="share",
    needs=("orders",),
    region=above(0),
    criterion="Hub sample, licenses: share of the pairs in the best order minus that of random "
    "orientations of the same pairs {}, the middle 95 % of these; the same for languages and tasks",
    parts={"languages": above(0), "tasks": above(0)},
)
def more_than_chance(orders):
    found = {
        trait: orders[trait].more_than_chance if trait in orders else lacking()
        for trait in PRINTED_ORDER
    }
    told = (f"{trait}: p = {one.p:.3f}" for trait, one in orders.items())
    parts = {"languages": found["language"], "tasks": found["task"]}
    return Measured(found["license"], parts, "; ".join(told))


@verdicts.claim(
    "O6",
    "Where nothing drifts, the best order beats chance and votes of families announce no "
    "direction.",
    of=OURS,
    on=MODEL,
    paper="the paper reads its order as drift in one direction",
    unit="share",
    needs=("worlds",),
    region=above(OFTEN),
    criterion=f"share of the worlds without direction whose best order has more pairs than all of "
    f"the random orientations {{}}; the same for two populations; votes announce a direction in a "
    f"share of the directionless worlds, and of the circles, below {SELDOM}",
    parts={
        "two populations": above(OFTEN),
        "votes, no direction": below(SELDOM),
        "votes, circle": below(SELDOM),
    },
)
def where_nothing_drifts(worlds):
    def count(world: str, what: pl.Expr) -> Interval:
        rows = worlds.filter(world=world)
        return proportion(rows.filter(what).height, rows.height)

    chance = pl.col("share") > pl.col("null")
    announced = (pl.col("low") > 0) | (pl.col("high") < 0)
    perfect = measured_text(count("no direction", pl.col("share") == 1))
    parts = {
        "two populations": count("two populations", chance),
        "votes, no direction": count("no direction", announced),
        "votes, circle": count("circle", announced),
    }
    note = f"all pairs are in order in {perfect} of the worlds without direction"
    return Measured(count("no direction", chance), parts, note)


# --------------------------------------------------------------------------- what they share
def masked(lift: Mapping[str, Interval]) -> Interval:
    """The resemblance without the field that says "I am a child"."""
    (found,) = (one for words, one in lift.items() if words != "all fields")
    return found


def lacking() -> Interval:
    """What a trait says that a table lacks."""
    return Interval(np.nan)


def row_of(
    table: pl.DataFrame, string: str, accounts: str, weights: str, measure: str = "TF-IDF"
) -> dict | None:
    """One way of asking; None where the table lacks the string."""
    rows = table.filter(measure=measure, string=string, accounts=accounts, weights=weights)
    return rows.row(0, named=True) if rows.height else None


def gap_of(row: Mapping[str, float]) -> Interval:
    """Siblings minus parent and child, of a row of ``asking``."""
    return Interval(row["gap"], row["gap_low"], row["gap_high"], None, row["n"])


def half(fields: LeftOut) -> Interval:
    """Half of the gap minus the rest without the child's field, over families, paired."""
    return paired(fields.whole / 2, fields.rest)


def moved_more(fields: LeftOut) -> Interval:
    """How far the child's field moves the gap, minus how far the other one that moves it most."""
    mine, other = fields.whole - fields.rest, fields.whole - fields.without[fields.other]
    return paired(np.sign(mine.mean()) * mine, np.sign(other.mean()) * other)


def enough(found: Moves) -> Interval | Missing:
    """The difference of moves there and back, where enough families have either."""
    n = min(found.there.size, found.back.size)
    return found.difference if n >= LEAST else Missing(f"only {n} families")


def on_hub(results: SimpleNamespace, found: Mapping[str, object] | Missing) -> SimpleNamespace:
    """Results with the whole Hub in the place of the sample, where it was read.

    found : of ``lab.hub_results``
    """
    return results if isinstance(found, Missing) else SimpleNamespace(**vars(results) | found)
