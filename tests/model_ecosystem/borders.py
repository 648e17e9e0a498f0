"""Border results of the chapter; every claim has some."""

from types import SimpleNamespace

import numpy as np
import polars as pl

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.data import Missing
from companion.model_ecosystem.lab.directions import Directions
from companion.model_ecosystem.lab.intervals import Moves
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
    return Grid(mu, s, predicted + 0.001, predicted, np.full((2, 5), 0.001))


def four(**changed):
    """Five forests a world; `changed` gives the gaps of one."""
    rows = []
    for name, mean in GAPS.items():
        gaps = changed.get(name, spread(mean, 0.01, 5))
        rows += [{"regime": name, "seed": i, "gap": gap} for i, gap in enumerate(gaps)]
    return pl.DataFrame(rows)


def covered(missed, runs=60):
    """Three intervals a world; the first `missed` worlds have one that is wrong."""
    rows = []
    for run in range(runs):
        for i, trait in enumerate(("language", "license", "task")):
            truth = 1.3 if run < missed and i == 0 else 0.3
            row = {"trait": trait, "run": run, "truth": truth, "low": 0.2, "high": 0.4}
            rows.append(row | {"naive_low": 0.29, "naive_high": 0.31})
    return pl.DataFrame(rows)


def worlds(n=200, **changed):
    """Of each world n runs.  In how many the order beats chance (even, two), quasi-independence
    is rejected (told, taken), and votes announce a direction (false)?
    """
    count = {"even": n, "two": n, "circle": 0, "told": n, "taken": 10, "false": 8} | changed
    beats = {"no direction": "even", "two populations": "two", "circle": "circle"}
    rejects = {"ladder": "told", "circle": "told", "two populations": "taken"}
    rows = []
    for world in WORLDS:
        for run in range(n):
            wrong = world == "no direction" and run < count["false"]
            rows.append(
                {
                    "world": world,
                    "run": run,
                    "share": 0.9 if run < count.get(beats.get(world), n) else 0.6,
                    "null": 0.8,
                    "p": 0.001 if run < count.get(rejects.get(world), 10) else 0.5,
                    "low": 0.1 if wrong else -0.1,
                    "high": 0.3,
                    "edges_low": 0.1,
                    "edges_high": 0.3,
                }
            )
    return pl.DataFrame(rows)


def asking(**changed):
    """`changed` gives the gap of (string, weights) with its ends."""
    rows = []
    for string in ("all fields", "without base_model", "card"):
        for accounts in ("any", "different"):
            for weights in ("pairs", "families"):
                key = f"{string.split()[0]}_{weights}"
                gap = changed.get(key, (0.2, 0.1, 0.3)) if accounts == "any" else (0.0, -0.1, 0.1)
                row = dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True))
                names = {"string": string, "accounts": accounts, "weights": weights}
                rows.append(names | row | {"n": 40, "effective": 4.0})
    return pl.DataFrame(rows)


def fields(whole=0.2, rest=0.05, second=0.18, noise=0.02, n=40):
    """Three fields: the child's, the next best, and one that carries nothing."""
    wave = spread(0.0, noise, n)
    without = np.stack([rest + wave, second + 0.9 * wave, whole + wave + 0.01])
    return LeftOut(
        ("base_model", "next", "last"), "base_model", whole + wave, without, np.arange(n)
    )


def traits(mean=0.1, noise=0.05, n=30):
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
    return Moves(votes, spread(back, noise, m), np.array([9, 3]))


def orders(**p):
    """Each trait has all its pairs in order; `p` of random orientations reach that."""
    found = {}
    for trait in ("license", "language", "task"):
        null = np.full(399, 0.5)
        null[: round(400 * p.get(trait, 0.0025)) - 1] = 1.0
        order = Order(np.arange(5), 10, 10, 1.0)
        ranges = np.array([[i, 4] for i in range(5)])
        found[trait] = Directions(tuple("abcde"), np.eye(5), order, ranges, null)
    return found


def cards(length=-1.5, template=0.3, noise=0.2, shorten=None, n=30):
    """`shorten` : how many of the n families shorten; all if missing."""
    votes = spread(length, noise, n)
    if shorten is not None:
        votes = np.where(np.arange(n) < shorten, -3.0 + 0.01 * votes, 0.1)
    return {"length": votes, "template": spread(template, noise, n)}


def none_drifts():
    """Worlds without a ladder whose orders do not beat chance."""
    return worlds(even=0, two=0)


def results(**changed):
    perfect = {
        "lift": some(0.3, 0.2, 0.4),
        "board_lift": some(0.3, 0.2, 0.4),
        "epoch_lift": some(0.3, 0.2, 0.4),
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
        "targets": 0.01,
        "languages": moves(),
        "mteb_languages": moves(),
        "cards": cards(),
        "board_tenth": some(0.7, 0.6, 0.8),
        "epoch_tenth": some(0.7, 0.6, 0.8),
        "grid": grid(),
        "four": four(),
        "covered": covered(3),
        "worlds": worlds(),
    }
    return SimpleNamespace(**perfect | changed)


def of(**changed):
    return lambda scale="book": verdicts.evaluate(results(**changed), scale)


def clean(scale="book"):
    """What can hold.  O5 says that worlds pass which C7 asks to fail, so C7 is of other worlds."""
    (c7,) = [f for f in of(worlds=none_drifts())(scale) if f.claim == "C7"]
    return [c7 if f.claim == "C7" else f for f in of()(scale)]


def one_wrong_point():
    made = grid()
    gap = made.gap.copy()
    gap[0, 4] *= -1
    return made._replace(gap=gap)


CLOSE = (0.1, -0.01, 0.21)
"""An interval that reaches 0."""

BORDERS = [
    Border("C1", CROSSES, "the sample's interval reaches 0", of(lift=some(*CLOSE))),
    Border("C1", ONE_FAILS, "one table is open", of(epoch_lift=some(*CLOSE)), (NOT_RESOLVED,)),
    Border("C1", NONE, "families give no interval", of(lift=Interval(0.3))),
    Border("C2", CROSSES, "by pairs the interval reaches 0", of(asking=asking(all_pairs=CLOSE))),
    Border(
        "C2",
        ONE_FAILS,
        "equal families say the contrary",
        of(asking=asking(all_families=(-0.1, -0.2, -0.01))),
        (DOES_NOT_HOLD,),
    ),
    Border("C3", CROSSES, "cards by pairs reach 0", of(asking=asking(card_pairs=CLOSE))),
    Border("C3", ONE_FAILS, "equal families reach 0", of(asking=asking(card_families=CLOSE))),
    Border("C4", CROSSES, "what is left reaches 0", of(fields=fields(rest=0.005, noise=0.1))),
    Border("C5", CROSSES, "the traits' mean reaches 0", of(traits=traits(0.01, 0.2))),
    Border("C5", ONE_FAILS, "embedding models say the contrary", of(mteb_traits=traits(-0.1))),
    Border("C6", CROSSES, "the sample's difference reaches 0", of(licenses=moves(0.5, 0.4, 0.4))),
    Border("C6", ONE_FAILS, "the leaderboard contradicts", of(board_licenses=moves(0.1, 0.5))),
    Border("C6", NONE, "one family starts from a restrictive license", of(licenses=moves(n=1))),
    Border(
        "C7",
        CROSSES,
        "random orientations reach the share more than one time in forty",
        of(orders=orders(license=0.03), worlds=none_drifts()),
        (NOT_RESOLVED,),
    ),
    Border(
        "C7",
        CORRECTED,
        "of three traits one has p 0.04",
        of(orders=orders(task=0.04), worlds=none_drifts()),
        (NOT_RESOLVED,),
    ),
    Border("C7", ONE_FAILS, "worlds without direction pass", of(worlds=worlds(even=101, two=0))),
    Border("C7", ONE_FAILS, "circles pass", of(worlds=worlds(even=0, two=0, circle=101))),
    Border("C8", CROSSES, "the sample's difference reaches 0", of(languages=moves(0.5, 0.4, 0.4))),
    Border("C8", ONE_FAILS, "embedding models are open", of(mteb_languages=moves(0.5, 0.4, 0.4))),
    Border("C9", CROSSES, "the mean reaches 0", of(cards=cards(-0.1, noise=1.0))),
    Border("C9", ONE_FAILS, "half of the families shorten a lot", of(cards=cards(shorten=16))),
    Border("C9", ONE_FAILS, "automatic cards are open", of(cards=cards(template=0.01))),
    Border("C10", CROSSES, "it reaches below a half", of(board_tenth=some(0.6, 0.49, 0.7))),
    Border("C10", ONE_FAILS, "one table is equal", of(epoch_tenth=some(0.3, 0.2, 0.4))),
    Border(
        "O1",
        ONE_FAILS,
        "on the leaderboard another field carries as much",
        of(board_fields=fields(second=0.02)),
        (DOES_NOT_HOLD,),
    ),
    Border("O1", CROSSES, "about half is left", of(fields=fields(rest=0.099, noise=0.2))),
    Border(
        "O1",
        CROSSES,
        "so of the next",
        of(fields=fields(second=0.101, noise=0.2)),
    ),
    Border(
        "O2",
        ONE_FAILS,
        "the gap is open",
        of(epoch_fields=fields(0.01, -0.1, 0.02, noise=0.1)),
    ),
    Border("O2", CROSSES, "about half is left", of(epoch_fields=fields(rest=0.099, noise=0.2))),
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
    Border("O4", CROSSES, "of few worlds more than 90 %", of(covered=covered(5, runs=18))),
    Border("O4", ONE_FAILS, "votes announce 8 % false directions", of(worlds=worlds(false=16))),
    Border("O5", CROSSES, "92 % pass, of too few", of(worlds=worlds(even=184))),
    Border("O5", ONE_FAILS, "two populations pass in half", of(worlds=worlds(two=100))),
    Border("O6", CROSSES, "96 % of the ladders are told, of too few", of(worlds=worlds(told=192))),
    Border("O6", ONE_FAILS, "a tenth of two populations", of(worlds=worlds(taken=22))),
]

REAL = (
    *("lift", "board_lift", "epoch_lift", "asking", "fields", "board_fields", "epoch_fields"),
    *("traits", "mteb_traits", "licenses", "board_licenses", "mteb_licenses", "orders", "targets"),
    *("languages", "mteb_languages", "cards", "board_tenth", "epoch_tenth"),
)

VARIANTS = {
    "nothing works": of(
        lift=some(0.0, -0.1, 0.1),
        asking=asking(all_pairs=(-0.1, -0.2, -0.05), card_pairs=(-0.1, -0.2, -0.05)),
        fields=fields(rest=0.19, second=0.2),
        traits=traits(-0.1),
        licenses=moves(0.1, 0.5),
        orders=orders(license=0.9),
        languages=moves(0.1, 0.5),
        cards=cards(0.5, -0.3),
        board_tenth=some(0.2, 0.15, 0.3),
        grid=grid()._replace(gap=-grid().predicted),
        four=four(**dict.fromkeys(GAPS, spread(0.0, 0.1, 5))),
        covered=covered(40),
        worlds=worlds(even=0, two=0, told=10, taken=100, false=100),
    ),
    "no data": of(**dict.fromkeys(REAL, MISSING)),
    "no cards": of(cards=MISSING, asking=asking().filter(pl.col("string") != "card")),
    "few embedding models": of(mteb_licenses=moves(n=1), mteb_languages=moves(m=4)),
    "no tasks": of(orders={k: v for k, v in orders().items() if k != "task"}, worlds=none_drifts()),
    "inherited": of(fields=fields(rest=0.15), worlds=none_drifts()),
    "one forest": of(four=four(**{name: np.array([mean]) for name, mean in GAPS.items()})),
    "equal forests": of(four=four(**{"C": np.full(5, 0.1)})),
    "a forest that failed": of(four=four(A=np.array([-0.1, np.nan, -0.1, -0.11, -0.12]))),
    "no points": of(grid=grid()._replace(predicted=np.zeros((2, 5)))),
    "one world": of(covered=covered(0, runs=1)),
}
