"""What the paper claims, and what a run says of it: C1 to C10; six checks of our own, O1 to O6.

Every measurement takes results of the notebook by name.  Of real models: ``lift``, ``asking``,
``traits``, ``licenses``, ``languages``, ``cards``, ``orders`` of the Hub sample, or of the whole
Hub where it was read; ``board`` is the leaderboard, ``mteb`` the embedding models.  Of simulated
ones: ``grid``, ``four``, ``covered``, ``worlds``.
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
from companion.model_ecosystem.lab.worlds import covered as share_covered
from companion.model_ecosystem.sources import (
    PRINTED_FAMILIES,
    PRINTED_MODELS,
    PRINTED_ORDER,
    TRAITS,
)
from companion.stats import Interval, exact, over_seeds, p_value, paired, proportion, t_interval
from companion.verdicts import Measured, Untested, Verdicts, above, below

verdicts = Verdicts()

LEAST = 5
"""Families on either side below which two means of families say nothing about each other."""

VOTES = "a family is one vote, an account one vote in it, the parent's own account none"


# --------------------------------------------------------------------------- the paper's claims
@verdicts.claim(
    "C1",
    "Models show a family resemblance: they have more in common within a family.",
    of=PAPER,
    paper="0.639 against 0.116 (metadata, TF-IDF; similarity figure)",
    needs=("lift", "board_lift", "epoch_lift"),
    region=above(0),
    criterion="TF-IDF similarity of the metadata, parent and child minus random pairs, mean over "
    "families, Hub sample: {}; the same on the leaderboard and in Epoch AI's table",
    parts={"leaderboard": above(0), "Epoch AI": above(0)},
)
def resemblance(lift, board, epoch):
    return Measured(lift, {"leaderboard": board, "Epoch AI": epoch})


@verdicts.claim(
    "C2",
    "Siblings are more alike than parent and child in their metadata.",
    of=PAPER,
    paper="0.838 against 0.662 (TF-IDF, trio star; similarity figure)",
    needs=("asking",),
    region=above(0),
    criterion="Hub sample, all fields, all accounts: siblings minus parent and child {}, families "
    "weighted by their sibling pairs as in the paper; the same with equal families",
    parts={"equal families": above(0)},
)
def siblings(asking):
    plain = row_of(asking, "all fields", "any", "pairs")
    equal = row_of(asking, "all fields", "any", "families")
    note = f"by pairs the families are worth {plain['effective']:.1f} equal ones"
    return Measured(gap_of(plain), {"equal families": gap_of(equal)}, note)


@verdicts.claim(
    "C3",
    "Siblings are more alike than parent and child in their model cards.",
    of=PAPER,
    paper="0.893 against 0.488 (TF-IDF, trio star; similarity figure)",
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
    "They are so because of what models inherit, not of how models are recorded.",
    of=PAPER,
    paper="siblings are closer because mutations are fast and directed (abstract)",
    needs=("fields",),
    region=above(0),
    criterion="Hub sample without the field that names the parent, pairs of two accounts, equal "
    "families: siblings minus parent and child {}",
)
def inherited(fields):
    rest = t_interval(fields.rest)
    return Measured(rest, note=f"with all fields {measured_text(t_interval(fields.whole))}")


@verdicts.claim(
    "C5",
    "Traits mutate fast and in one direction, so that siblings agree more on them.",
    of=PAPER,
    paper="mutations are fast and directed (abstract)",
    needs=("traits", "mteb_traits"),
    region=above(0),
    criterion="license, language, task and library in the Hub sample, pairs of two accounts: "
    "siblings' agreement minus that of parent and child, averaged over a family's traits and then "
    "over families, {}; the same for embedding models",
    parts={"embedding models": above(0)},
)
def traits_mutate(traits, mteb):
    told = [
        f"{name} {measured_text(t_interval(traits.gap(name)))}"
        for name in TRAITS
        if traits.gap(name).size > 1
    ]
    part = {"embedding models": t_interval(mteb.mean_gap())}
    return Measured(t_interval(traits.mean_gap()), part, "; ".join(told))


@verdicts.claim(
    "C6",
    "Licenses drift from restrictive, commercial ones to permissive or copyleft ones.",
    of=PAPER,
    paper="gemma and llama first, gpl-3.0 last in the order (license figure)",
    needs=("licenses", "board_licenses", "mteb_licenses"),
    region=above(0),
    criterion=f"share of restrictive parents' children that are open, minus share of open "
    f"parents' children that are restrictive ({VOTES}): {{}} in the Hub sample, on the "
    f"leaderboard, and among embedding models; a table with fewer than {LEAST} families each way "
    f"is left out",
    parts={"leaderboard": above(0), "embedding models": above(0)},
)
def licenses_drift(hub, board, mteb):
    parts = {"leaderboard": enough(board), "embedding models": enough(mteb)}
    named = {"Hub sample": hub, "leaderboard": board, "embedding models": mteb}
    return Measured(hub.difference, parts, traffic(named))


@verdicts.claim(
    "C7",
    "The directions of licenses, languages and tasks each fit one order.",
    of=PAPER,
    paper="113 of 121, 186 of 189, and 30 of 32 pairs (finetunes)",
    unit="p",
    needs=("orders", "worlds"),
    region=below(0.025),
    criterion="Hub sample, licenses: random orientations reach the share of pairs in the best "
    "order with p {}; the same for languages and tasks; not resolved if worlds without a ladder "
    "pass as often as not",
    parts={"languages": below(0.025), "tasks": below(0.025)},
)
def one_order(orders, worlds):
    told: list[str] = []
    found: dict[str, Interval] = {}
    for trait in PRINTED_ORDER:
        if trait not in orders:
            found[trait] = Interval(np.nan)
            continue
        one = orders[trait]
        found[trait] = p_value(one.p, one.order.pairs)
        most = int((one.ranges[:, 1] - one.ranges[:, 0]).max())
        told.append(
            f"{trait}: {one.order.agree} of {one.order.pairs} pairs in order, and a value may move "
            f"by up to {most} of {len(one.names) - 1} places in an equally good one"
        )
    passing = {world: beats_chance(worlds, world) for world in ("no direction", "circle")}
    told += [f"worlds called {world} pass in {100 * p:.0f} %" for world, p in passing.items()]
    doubt = "what worlds without a ladder pass is no evidence of one"
    return Measured(
        found["license"],
        {"languages": found["language"], "tasks": found["task"]},
        "; ".join(told),
        doubt=doubt if max(passing.values()) >= 0.5 else "",
    )


@verdicts.claim(
    "C8",
    "Models go from many languages to English alone.",
    of=PAPER,
    paper="6.6 languages to 1.8; English last in the order (language figure)",
    needs=("languages", "mteb_languages"),
    region=above(0),
    criterion=f"share of multilingual parents' children that are English alone, minus share of "
    f"English parents' children that are multilingual ({VOTES}): {{}} in the Hub sample and among "
    f"embedding models; a table with fewer than {LEAST} families each way is left out",
    parts={"embedding models": above(0)},
)
def to_english(hub, mteb):
    named = {"Hub sample": hub, "embedding models": mteb}
    return Measured(hub.difference, {"embedding models": enough(mteb)}, traffic(named))


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
    return Measured(t_interval(votes), parts)


@verdicts.claim(
    "C10",
    "Families vary widely in size.",
    of=PAPER,
    paper="194,086 of 1,860,411 models in the ten largest of 1,308,021 families",
    needs=("board_tenth", "epoch_tenth"),
    region=above(0.5),
    criterion="the largest tenth of the parents has a share of all children {}, on the leaderboard "
    "and in Epoch AI's table (the Hub sample was chosen for its large families)",
    parts={"Epoch AI": above(0.5)},
)
def unequal(board, epoch):
    note = f"printed: ten of {PRINTED_FAMILIES:,} families among {PRINTED_MODELS:,} models"
    return Measured(board, {"Epoch AI": epoch}, note)


# --------------------------------------------------------------------------- checks of our own
@verdicts.claim(
    "O1",
    "One field, which says 'I am a child', carries more than half of the siblings' advantage, and "
    "no other field does.",
    of=OURS,
    paper="not in the paper",
    needs=("fields", "board_fields"),
    region=above(0),
    criterion="pairs of two accounts, equal families, Hub sample: half of the gap minus what is "
    "left without the field {}; what is left without the next best field minus half of the gap "
    "above 0; both on the leaderboard",
    parts={
        "Hub sample, next field": above(0),
        "leaderboard": above(0),
        "leaderboard, next field": above(0),
    },
)
def one_field(fields, board):
    (first, second), (third, fourth) = halves(fields), halves(board)
    parts = {
        "Hub sample, next field": second,
        "leaderboard": third,
        "leaderboard, next field": fourth,
    }
    named = {"Hub sample": fields, "leaderboard": board}
    return Measured(first, parts, "; ".join(f"{name}: {left(one)}" for name, one in named.items()))


@verdicts.claim(
    "O2",
    "The same holds in a table that was not looked at when the criterion was fixed.",
    of=OURS,
    paper="not in the paper",
    needs=("epoch_fields",),
    region=above(0),
    criterion="the criterion of O1 in Epoch AI's table: half of the gap minus what is left {}; the "
    "gap itself, and what is left without the next best field minus half of the gap, above 0",
    parts={"gap": above(0), "next field": above(0)},
)
def one_field_again(fields):
    first, second = halves(fields)
    parts = {"gap": t_interval(fields.whole), "next field": second}
    return Measured(first, parts, left(fields))


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
    "Intervals over families contain the truth, and votes of families find no direction where "
    "there is none.",
    of=OURS,
    on=MODEL,
    paper="not in the paper; its bootstrap draws pairs",
    needs=("covered", "worlds"),
    region=above(0.9),
    criterion="share of 95 % intervals of mutation rates that contain the true one {}, over "
    "worlds; votes of families announce a direction in a share of the directionless worlds below "
    "0.1",
    parts={"false directions": below(0.1)},
)
def families_are_units(covered, worlds):
    inside = pl.col("truth").is_between("low", "high")
    runs = covered.group_by("run", maintain_order=True).agg(inside.mean().alias("share"))
    even = worlds.filter(world="no direction")
    votes, edges = (
        int(((even[f"{kind}low"] > 0) | (even[f"{kind}high"] < 0)).sum()) for kind in ("", "edges_")
    )
    return Measured(
        # the traits of one world share its families, so worlds are the units
        over_seeds(runs["share"].to_numpy()),
        {"false directions": proportion(votes, even.height)},
        f"with edges as units {100 * share_covered(covered)['naive']:.0f} % contain it, and "
        f"{edges} of {even.height} directionless worlds have a direction",
    )


@verdicts.claim(
    "O5",
    "An order that beats chance is found where nothing drifts.",
    of=OURS,
    on=MODEL,
    paper="the paper reads its order as drift in one direction",
    needs=("worlds",),
    region=above(0.9),
    criterion="share of the worlds without direction whose best order has more pairs than 97.5 % "
    "of random orientations {}; the same for two populations",
    parts={"two populations": above(0.9)},
)
def order_is_no_ladder(worlds):
    def passing(world: str) -> Interval:
        rows = worlds.filter(world=world)
        return proportion(int((rows["share"] > rows["null"]).sum()), rows.height)

    share = worlds.filter(world="circle")["share"].mean()
    note = (
        f"circular worlds have {100 * share:.0f} % of their pairs in order, and beat chance in "
        f"{100 * passing('circle').estimate:.0f} %"
    )
    return Measured(passing("no direction"), {"two populations": passing("two populations")}, note)


@verdicts.claim(
    "O6",
    "A test of targets tells whether they depend on their source, which a ladder needs.",
    of=OURS,
    on=MODEL,
    paper="not in the paper",
    needs=("worlds",),
    uses=("targets",),
    region=above(0.95),
    criterion="share of true ladders in which quasi-independence is rejected at 5 % {}; of worlds "
    "of two populations below 0.1",
    parts={"two populations": below(0.1)},
)
def targets_depend(worlds, targets):
    def rejected(world: str) -> Interval:
        p = worlds.filter(world=world)["p"].to_numpy()
        return proportion(int((p < 0.05).sum()), p.size)

    note = f"circles are rejected in {100 * rejected('circle').estimate:.0f} %, and are no ladder"
    if not isinstance(targets, Missing):
        note += f"; Hub sample, one mutation an account: p = {targets:.3f}"
    return Measured(rejected("ladder"), {"two populations": rejected("two populations")}, note)


# --------------------------------------------------------------------------- what they share
def row_of(table: pl.DataFrame, string: str, accounts: str, weights: str) -> dict | None:
    """One way of asking; None where the table lacks the string."""
    rows = table.filter(string=string, accounts=accounts, weights=weights)
    return rows.row(0, named=True) if rows.height else None


def gap_of(row: Mapping[str, float]) -> Interval:
    """Siblings minus parent and child, of a row of ``asking``."""
    return Interval(row["gap"], row["gap_low"], row["gap_high"], None, row["n"])


def halves(fields: LeftOut) -> tuple[Interval, Interval]:
    """Half of the gap minus the rest without the child's field; the rest without the next best
    field minus half of the gap.  Means over families, paired.
    """
    half = fields.whole / 2
    return paired(half, fields.rest), paired(fields.without[fields.next_best], half)


def left(fields: LeftOut) -> str:
    """The gap, and what is left of it, in words."""
    whole, rest = (measured_text(t_interval(gap)) for gap in (fields.whole, fields.rest))
    other = fields.fields[fields.next_best]
    least = measured_text(t_interval(fields.without[fields.next_best]))
    return f"gap {whole}, without {fields.child} {rest}, without {other} {least}"


def traffic(named: Mapping[str, Moves]) -> str:
    """Mean votes and accounts that moved, each way."""
    return "; ".join(
        f"{name}: {mean(one.there):.2f} of {one.there.size} families there, {mean(one.back):.2f} "
        f"of {one.back.size} back, {one.accounts[0]} accounts there and {one.accounts[1]} back"
        for name, one in named.items()
    )


def enough(found: Moves) -> Interval | Missing:
    """The difference of moves there and back, where enough families have either."""
    n = min(found.there.size, found.back.size)
    return found.difference if n >= LEAST else Missing(f"only {n} families")


def mean(values: np.ndarray) -> float:
    """The mean, nan of nothing."""
    return float(values.mean()) if values.size else np.nan


def beats_chance(worlds: pl.DataFrame, world: str) -> float:
    """Share of the worlds of one kind whose share in order beats random orientations."""
    rows = worlds.filter(world=world)
    return float((rows["share"] > rows["null"]).mean())


# --------------------------------------------------------------------------- results and record
def on_hub(results: SimpleNamespace, found: Mapping[str, object] | Missing) -> SimpleNamespace:
    """Results with the whole Hub in the place of the sample, where it was read.

    found : of ``lab.hub_results``
    """
    return results if isinstance(found, Missing) else SimpleNamespace(**vars(results) | found)


def fields_table(**tables: LeftOut | Missing) -> pl.DataFrame:
    """What is left of the gap without one field after the other.

    Columns: table, field ("none": nothing left out), child (whether the field says "I am a
    child"), gap, gap_low, gap_high, n (families).
    """
    rows = []
    for name, found in tables.items():
        if isinstance(found, Missing):
            continue
        gaps = {"none": found.whole} | dict(zip(found.fields, found.without, strict=True))
        for field, gap in gaps.items():
            one = t_interval(gap)
            rows.append(
                {
                    "table": name,
                    "field": field,
                    "child": field == found.child,
                    "gap": one.estimate,
                    "gap_low": one.low,
                    "gap_high": one.high,
                    "n": gap.size,
                }
            )
    return pl.DataFrame(rows)


def series(results: SimpleNamespace) -> dict[str, object]:
    """What the first screen needs, small enough for a record."""
    names = {"sample": "fields", "leaderboard": "board_fields", "epoch": "epoch_fields"}
    table = fields_table(**{name: getattr(results, one) for name, one in names.items()})
    worlds = results.worlds.group_by("world", maintain_order=True).agg(
        pl.col("share").mean(), (pl.col("share") > pl.col("null")).mean().alias("beats chance")
    )
    found = {"fields": table.to_dict(as_series=False), "worlds": worlds.to_dict(as_series=False)}
    if not isinstance(results.asking, Missing):
        found["asking"] = results.asking.to_dict(as_series=False)
    return found
