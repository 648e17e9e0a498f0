"""Border results of the chapter; every claim has some."""

from types import SimpleNamespace

import numpy as np
import polars as pl

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.data import Missing
from companion.model_ecosystem.lab.intervals import Directions, Moves, Rate
from companion.model_ecosystem.lab.kin import LeftOut, TraitKin
from companion.model_ecosystem.lab.worlds import WORLDS, Grid
from companion.model_ecosystem.method.drift import Order
from companion.model_ecosystem.verdict import SIDES, verdicts
from companion.stats import Interval
from tests.borders import CORRECTED, CROSSES, NONE, ONE_FAILS, Border, crossing, spread

MISSING = Missing("not in this test")
GAPS = {"A": -0.1, "B": -0.1, "C": 0.1, "D": 0.1, "D, masked": -0.1}


def some(mean, low, high, n=40):
    return Interval(mean, low, high, None, n)


def grid():
    mu, s = np.linspace(0.1, 0.9, 5), np.array([1.0, 0.5])
    predicted = np.array([[-0.1, -0.05, 0.05, 0.1, 0.2], [-0.1, -0.05, -0.03, 0.05, 0.1]])
    return Grid(mu, s, predicted + 0.001, predicted)


def four(**changed):
    """Five forests a world; `changed` gives the gaps of one."""
    rows = []
    for name, mean in GAPS.items():
        gaps = changed.get(name, spread(mean, 0.01, 5))
        rows += [{"regime": name, "seed": i, "gap": gap} for i, gap in enumerate(gaps)]
    return pl.DataFrame(rows)


def worlds(n=200, **changed):
    """Of each world n runs.  In how many the order beats chance (even, two), and votes announce a
    direction (false, circle)?
    """
    count = {"even": n, "two": n, "false": 8, "circle": 8} | changed
    beats = {"no direction": count["even"], "two populations": count["two"], "circle": 0}
    wrong = {"no direction": count["false"], "circle": count["circle"]}
    rows = []
    for world in WORLDS:
        for run in range(n):
            rows.append(
                {
                    "world": world,
                    "run": run,
                    "share": 0.9 if run < beats.get(world, n) else 0.6,
                    "null": 0.8,
                    "low": 0.1 if run < wrong.get(world, 0) else -0.1,
                    "high": 0.3,
                    "edges_low": 0.1,
                    "edges_high": 0.3,
                }
            )
    return pl.DataFrame(rows)


def lift(whole=(0.3, 0.2, 0.4), rest=(0.2, 0.1, 0.3)):
    return {"all fields": some(*whole), "without base_model": some(*rest)}


def rates(**changed):
    """Mutation rates with their intervals over families."""
    found = {}
    for trait in ("license", "language", "task"):
        one = some(*changed.get(trait, (0.3, 0.2, 0.4)))
        found[trait] = Rate(one, one, 40, 10.0)
    return found


def asking(**changed):
    """`changed` gives the gap of (string, weights), all accounts, TF-IDF; of ``two``, two accounts
    without the name; of ``letters``, Levenshtein by the paper's weights; with their ends.
    """
    rows = []
    for measure in ("TF-IDF", "Levenshtein"):
        for string in ("all fields", "without base_model", "card"):
            for accounts in ("any", "different"):
                for weights in ("pairs", "families"):
                    key = f"{string.split()[0]}_{weights}"
                    if measure == "Levenshtein":
                        key = "letters"
                    elif accounts == "different":
                        key = "two" if string == "without base_model" else ""
                    gap = dict(zip(("gap", "gap_low", "gap_high"), (0.2, 0.1, 0.3), strict=True))
                    if key in changed:
                        gap = dict(zip(gap, changed[key], strict=True))
                    names = {"measure": measure, "string": string, "accounts": accounts}
                    rows.append(names | {"weights": weights, "n": 40, "effective": 4.0} | gap)
    return pl.DataFrame(rows)


def fields(whole=0.2, rest=0.05, second=0.18, noise=0.02, n=40):
    """Three fields: the child's, another that moves the gap, and one that hardly does."""
    wave = spread(0.0, noise, n)
    without = np.stack([rest + wave, second + 0.9 * wave, whole + wave + 0.01])
    return LeftOut(
        ("base_model", "next", "last"), "base_model", whole + wave, without, np.arange(n)
    )


def traits(mean=-0.1, noise=0.05, n=30):
    """One trait that n families declare."""
    return TraitKin(
        np.full(n, "license"),
        np.arange(n),
        np.full(n, 4),
        np.full(n, 0.5),
        0.5 + spread(mean, noise, n),
    )


def moves(there=0.5, back=0.1, noise=0.05, n=20, m=20):
    votes = spread(there, noise, n) if n > 1 else np.array([there])
    return Moves(votes, spread(back, noise, m), np.array([9, 3]), 0.2)


def orders(agree=None, forward=None, **p):
    """Each trait has all of a hundred pairs in order; `p` of random orientations reach that.

    agree, forward : trait -> share of pairs, of transitions, in the lower half of the resamples
    """
    found = {}
    for trait in ("license", "language", "task"):
        null = np.full(399, 0.5)
        null[: round(400 * p.get(trait, 0.0025)) - 1] = 1.0
        order = Order(np.arange(5), 100, 100, 1.0)
        ranges = np.array([[i, 4] for i in range(5)])
        again = np.ones((40, 2)) - 0.001 * np.arange(40)[:, None]
        for column, low in enumerate((agree, forward)):
            if low and trait in low:
                again[:20, column] = low[trait]
        found[trait] = Directions(tuple("abcde"), np.eye(5), order, ranges, null, again)
    return found


def cards(length=-1.5, template=0.3, noise=0.2, shorten=None, n=30):
    """`shorten` : how many of the n families shorten; all if missing."""
    votes = spread(length, noise, n)
    if shorten is not None:
        votes = np.where(np.arange(n) < shorten, -3.0 + 0.01 * votes, 0.1)
    drawn = np.full(n, -0.1) + spread(0.0, noise, n)
    return {"length": votes, "template": spread(template, noise, n), "drawn": drawn}


def results(**changed):
    perfect = {
        "lift": lift(),
        "letters": some(0.1, 0.05, 0.15),
        "board_lift": lift(),
        "epoch_lift": lift(),
        "rates": rates(),
        "asking": asking(),
        "fields": fields(),
        "board_fields": fields(),
        "epoch_fields": fields(),
        "traits": traits(),
        "mteb_traits": traits(),
        "licenses": moves(),
        "board_licenses": moves(),
        "mteb_licenses": moves(),
        "orders": orders(),
        "languages": moves(),
        "tasks": moves(),
        "mteb_languages": moves(),
        "cards": cards(),
        "sizes": some(0.4, 0.3, 0.5),
        "epoch_sizes": some(0.4, 0.3, 0.5),
        "grid": grid(),
        "four": four(),
        "worlds": worlds(),
    }
    return SimpleNamespace(**perfect | changed)


def of(**changed):
    return lambda scale="book": verdicts.evaluate(results(**changed), scale)


clean = of()


def one_wrong_point():
    made = grid()
    gap = made.gap.copy()
    gap[0, 4] *= -1
    return made._replace(gap=gap)


CLOSE = (0.1, -0.01, 0.21)
"""An interval that reaches 0."""

DOWN = (-0.1, -0.2, -0.01)

BORDERS = [
    Border("C1", CROSSES, "the sample's interval reaches 0", of(lift=lift(CLOSE))),
    Border("C1", ONE_FAILS, "the name makes it all", of(lift=lift(rest=DOWN)), (DOES_NOT_HOLD,)),
    Border("C1", ONE_FAILS, "not by letters", of(letters=some(*DOWN)), (DOES_NOT_HOLD,)),
    Border("C1", ONE_FAILS, "one table is open", of(epoch_lift=lift(rest=CLOSE)), (NOT_RESOLVED,)),
    Border("C1", ONE_FAILS, "one contradicts", of(board_lift=lift(rest=DOWN)), (NOT_RESOLVED,)),
    Border("C1", NONE, "families give no interval", of(lift=lift((0.3, np.nan, np.nan)))),
    Border("C2", CROSSES, "by pairs the interval reaches 0", of(asking=asking(all_pairs=CLOSE))),
    Border(
        "C2",
        ONE_FAILS,
        "equal families say the contrary",
        of(asking=asking(all_families=DOWN)),
        (DOES_NOT_HOLD,),
    ),
    Border("C2", ONE_FAILS, "letters are open", of(asking=asking(letters=CLOSE)), (NOT_RESOLVED,)),
    Border("C3", CROSSES, "cards by pairs reach 0", of(asking=asking(card_pairs=CLOSE))),
    Border("C3", ONE_FAILS, "equal families reach 0", of(asking=asking(card_families=CLOSE))),
    Border("C4", CROSSES, "licenses may be slow", of(rates=rates(license=(0.3, 0.09, 0.5)))),
    Border("C4", ONE_FAILS, "tasks are slow", of(rates=rates(task=(0.05, 0.02, 0.09)))),
    Border("C5", CROSSES, "the sample's difference reaches 0", of(licenses=moves(0.5, 0.4, 0.4))),
    Border(
        "C5",
        ONE_FAILS,
        "the leaderboard contradicts, and refutes nothing",
        of(board_licenses=moves(0.1, 0.5)),
        (NOT_RESOLVED,),
    ),
    Border("C5", NONE, "one family starts from a restrictive license", of(licenses=moves(n=1))),
    Border("C6", CROSSES, "the sample's difference reaches 0", of(languages=moves(0.5, 0.4, 0.4))),
    Border("C6", ONE_FAILS, "embedding models are open", of(mteb_languages=moves(0.5, 0.4, 0.4))),
    Border("C7", CROSSES, "the difference reaches 0", of(tasks=moves(0.5, 0.4, 0.4))),
    Border("C8", CROSSES, "families change the order", of(orders=orders({"license": 0.85}))),
    Border("C8", ONE_FAILS, "of languages alone", of(orders=orders({"language": 0.85}))),
    Border("C8", ONE_FAILS, "many go back", of(orders=orders(forward={"task": 0.6}))),
    Border("C9", CROSSES, "the mean reaches 0", of(cards=cards(-0.1, noise=1.0))),
    Border("C9", ONE_FAILS, "half of the families shorten a lot", of(cards=cards(shorten=16))),
    Border("C9", ONE_FAILS, "automatic cards are open", of(cards=cards(template=0.01))),
    Border("C10", CROSSES, "equal chances may do it", of(sizes=some(*CLOSE))),
    Border("C10", ONE_FAILS, "one table is equal", of(epoch_sizes=some(*DOWN)), (NOT_RESOLVED,)),
    Border(
        "O1",
        ONE_FAILS,
        "another field carries as much",
        of(fields=fields(second=0.02)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "O1",
        ONE_FAILS,
        "another field hides as much",
        of(fields=fields(second=0.38)),
        (DOES_NOT_HOLD,),
    ),
    Border("O1", CROSSES, "about half is left", of(fields=fields(rest=0.099, noise=0.2))),
    Border("O1", ONE_FAILS, "Epoch AI has no gap", of(epoch_fields=fields(0.01, noise=0.1))),
    Border("O2", CROSSES, "nothing may be left", of(asking=asking(without_families=CLOSE))),
    Border("O2", ONE_FAILS, "by the paper's weights", of(asking=asking(without_pairs=CLOSE))),
    Border("O2", ONE_FAILS, "of two accounts", of(asking=asking(two=CLOSE)), (NOT_RESOLVED,)),
    Border(
        "O3",
        ONE_FAILS,
        "one point has the other sign",
        of(grid=one_wrong_point()),
        (DOES_NOT_HOLD,),
    ),
    *(
        Border(
            "O3",
            CROSSES,
            f"the gap of world {name} crosses 0",
            of(four=four(**{name: crossing(GAPS[name], 0.0, 5)})),
            (NOT_RESOLVED,),
        )
        for name in SIDES
    ),
    Border(
        "O3",
        ONE_FAILS,
        "masked D stays up",
        of(four=four(**{"D, masked": spread(0.1, 0.01, 5)})),
    ),
    Border("O4", CROSSES, "the traits' mean reaches 0", of(traits=traits(-0.01, 0.2))),
    Border("O4", ONE_FAILS, "embedding models say the contrary", of(mteb_traits=traits(0.1))),
    Border(
        "O5",
        CROSSES,
        "random orientations reach the share more than one time in forty",
        of(orders=orders(license=0.03)),
        (NOT_RESOLVED,),
    ),
    Border("O5", CORRECTED, "of three traits one has p 0.04", of(orders=orders(task=0.04))),
    Border("O6", CROSSES, "92 % pass, of too few", of(worlds=worlds(even=184))),
    Border("O6", ONE_FAILS, "two populations pass in half", of(worlds=worlds(two=100))),
    Border("O6", ONE_FAILS, "votes announce 8 % false directions", of(worlds=worlds(false=16))),
    Border(
        "O6",
        ONE_FAILS,
        "votes announce a direction in every other circle",
        of(worlds=worlds(circle=100)),
        (DOES_NOT_HOLD,),
    ),
]

REAL = (
    *("lift", "letters", "board_lift", "epoch_lift", "asking", "rates", "tasks", "sizes"),
    *("fields", "board_fields", "epoch_fields", "traits", "mteb_traits", "epoch_sizes", "orders"),
    *("licenses", "board_licenses", "mteb_licenses", "languages", "mteb_languages", "cards"),
)

NOTHING_REAL = {
    "lift": lift((0.0, -0.1, 0.1)),
    "asking": asking(all_pairs=DOWN, card_pairs=DOWN, without_families=DOWN),
    "rates": rates(license=(0.05, 0.02, 0.08)),
    "fields": fields(rest=0.19, second=0.2),
    "traits": traits(0.1),
    "licenses": moves(0.1, 0.5),
    "languages": moves(0.1, 0.5),
    "tasks": moves(0.1, 0.5),
    "orders": orders(agree={"license": 0.5}, license=0.9),
    "cards": cards(0.5, -0.3),
    "sizes": some(*DOWN),
}
"""Real data in which no claim holds, whatever the simulated worlds say."""

VARIANTS = {
    "nothing works": of(
        **NOTHING_REAL,
        grid=grid()._replace(gap=-grid().predicted),
        four=four(**dict.fromkeys(GAPS, spread(0.0, 0.1, 5))),
        worlds=worlds(even=0, two=0, false=100, circle=100),
    ),
    "no data": of(**dict.fromkeys(REAL, MISSING)),
    "no cards": of(cards=MISSING, asking=asking().filter(pl.col("string") != "card")),
    "few embedding models": of(mteb_licenses=moves(n=1), mteb_languages=moves(m=4)),
    "few tasks": of(tasks=moves(n=1)),
    "no tasks": of(
        orders={k: v for k, v in orders().items() if k != "task"},
        rates={k: v for k, v in rates().items() if k != "task"},
    ),
    "one forest": of(four=four(**{name: np.array([mean]) for name, mean in GAPS.items()})),
    "equal forests": of(four=four(**{"C": np.full(5, 0.1)})),
    "a forest that failed": of(four=four(A=np.array([-0.1, np.nan, -0.1, -0.11, -0.12]))),
    "no points": of(grid=grid()._replace(predicted=np.zeros((2, 5)))),
}
