"""Border results of the chapter; every claim has some."""

from types import SimpleNamespace

import numpy as np
import polars as pl

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.data import Missing
from companion.model_ecosystem.lab.cards import Thinning
from companion.model_ecosystem.lab.real import Drift
from companion.model_ecosystem.lab.resemblance import Resemblance
from companion.model_ecosystem.method.drift import Order
from companion.model_ecosystem.method.threshold import Grid
from companion.model_ecosystem.verdict import verdicts
from companion.stats import Interval
from tests.borders import CORRECTED, CROSSES, NONE, ONE_FAILS, Border, crossing, spread

MISSING = Missing("not in this test")
GAPS = {"A": -0.1, "B": -0.1, "C": 0.1, "D": 0.1, "D, masked": -0.1}


def grid():
    mu, s = np.linspace(0.1, 0.9, 5), np.array([1.0, 0.5])
    predicted = np.array([[-0.1, -0.05, 0.05, 0.1, 0.2], [-0.1, -0.05, -0.03, 0.05, 0.1]])
    return Grid(mu, s, predicted + 0.001, predicted, np.full((2, 5), 0.001))


def regimes(**changed):
    """Five seeds per world; `changed` gives the gaps of one."""
    rows = []
    for name, mean in GAPS.items():
        gaps = changed.get(name, spread(mean, 0.01, 5))
        rows += [{"regime": name, "seed": i, "gap_families": gap} for i, gap in enumerate(gaps)]
    return pl.DataFrame(rows)


def coverage(missed, runs=60):
    """Three intervals an ecosystem; the first `missed` ecosystems have one that is wrong."""
    rows = []
    for run in range(runs):
        for i, trait in enumerate(("language", "license", "task")):
            off = 1.0 if run < missed and i == 0 else 0.0
            rows.append(
                {
                    "trait": trait,
                    "run": run,
                    "truth": 0.3 + off,
                    "low": 0.2,
                    "high": 0.4,
                    "naive_low": 0.29,
                    "naive_high": 0.31,
                    "effective": 20.0,
                }
            )
    return pl.DataFrame(rows)


def worlds(ladder=200, taken=10, passes=0.1, n=200):
    """`ladder` of the n ladders are told, `taken` of the n mixtures are taken for one."""
    rows = []
    for name, below in (("two populations", taken), ("ladder", ladder), ("no direction", taken)):
        for run in range(n):
            share = 0.9 if name == "no direction" and run < passes * n else 0.6
            p = 0.001 if run < below else 0.5
            rows.append(
                {
                    "world": name,
                    "run": run,
                    "p": p,
                    "share": share,
                    "null": 0.8,
                    "by_uploaders": 1,
                    "by_families": 0,
                }
            )
    return pl.DataFrame(rows)


def resemblance(lift=(0.4, 0.35, 0.45), ratio=(1.3, 1.2, 1.4)):
    keys = [
        ("none", "any", "pairs"),
        ("none", "any", "families"),
        ("base_model", "any", "families"),
        ("base_model", "different", "families"),
    ]
    rows = [
        {
            "dna": dna,
            "uploader": who,
            "weights": w,
            "ratio": ratio[0],
            "ratio_low": ratio[1],
            "ratio_high": ratio[2],
            "gap": 0.1,
            "gap_low": 0.05,
            "gap_high": 0.15,
            "wilcoxon": 0.01,
            "gee": 0.01,
            "n": 50,
            "effective": 20.0,
        }
        for dna, who, w in keys
    ]
    return Resemblance({}, pl.DataFrame(rows), Interval(*lift, None, 50))


def drift(*, p_families=0.001, p_uploaders=0.001, share=(93, 100), null=0.8, n=10):
    """Ten pairs, of which the first has these p-values and the others none to speak of."""
    pairs = pl.DataFrame(
        [
            {
                "source": f"a{i}",
                "target": f"b{i}",
                "there": 30,
                "back": 2,
                "uploaders": 20,
                "families": 20,
                "p_binomial": 1e-6 if i == 0 else 0.5,
                "p_adjusted": 1e-5 if i == 0 else 0.5,
                "p_uploaders": p_uploaders if i == 0 else 0.8,
                "p_families": p_families if i == 0 else 0.8,
            }
            for i in range(n)
        ]
    )
    order = Order(np.arange(5), share[0], share[1], 0.9)
    shares = np.full(200, 0.6)
    shares[:2] = null
    return Drift(("a", "b"), np.eye(2), order, shares, pairs, None, None)


def thinning(median=(-1.5, -1.8, -1.2), p=1e-9):
    some = np.ones(30)
    share = Interval(0.9, 0.8, 0.95, p, 300)
    return Thinning(some, some, some, Interval(*median, None, 300), share, share)


def results(**changed):
    perfect = {
        "grid": grid(),
        "regimes": regimes(),
        "coverage": coverage(3),
        "worlds": worlds(),
        "inequality": pl.DataFrame({"top_share": spread(0.6, 0.02, 10)}),
        "scaling": pl.DataFrame(),
        "networkx": {},
        "resemblance": resemblance(),
        "families": pl.DataFrame({"violates": [False] * 20}),
        "rates": MISSING,
        "drift": drift(),
        "cards": thinning(),
        "languages": thinning(),
        "curated": MISSING,
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


def one_share(value):
    shares = spread(0.6, 0.02, 10)
    shares[3] = value
    return pl.DataFrame({"top_share": shares})


BORDERS = [
    Border(
        "C1",
        CROSSES,
        "the interval over families reaches below 0",
        of(resemblance=resemblance(lift=(0.3, -0.01, 0.6))),
    ),
    Border(
        "C1",
        CROSSES,
        "the interval over families reaches below 0.2",
        of(resemblance=resemblance(lift=(0.3, 0.19, 0.41))),
    ),
    Border(
        "C1",
        NONE,
        "families give no interval",
        of(resemblance=resemblance(lift=(0.4, np.nan, np.nan))),
    ),
    Border(
        "C2",
        CROSSES,
        "the ratio's interval reaches below 1.15",
        of(resemblance=resemblance(ratio=(1.3, 1.14, 1.46))),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "one point of the grid has the other sign",
        of(grid=one_wrong_point()),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "one real family breaks the bound",
        of(families=pl.DataFrame({"violates": [False] * 19 + [True]})),
        (DOES_NOT_HOLD,),
    ),
    *(
        Border(
            "C3",
            CROSSES,
            f"the gap of world {name} crosses 0",
            of(regimes=regimes(**{name: crossing(mean, 0.0, 5)})),
            (NOT_RESOLVED,),
        )
        for name, mean in GAPS.items()
    ),
    Border(
        "C3",
        ONE_FAILS,
        "the masked world stays above 0",
        of(regimes=regimes(**{"D, masked": spread(0.1, 0.01, 5)})),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        CROSSES,
        "more than 90 % are covered, and ecosystems may give less",
        of(coverage=coverage(5, runs=18)),
    ),
    Border(
        "C5",
        CORRECTED,
        "one pair of ten has p 0.02 before the correction",
        of(drift=drift(p_families=0.02)),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "accounts agree on a direction and families do not",
        of(drift=drift(p_families=0.8)),
    ),
    Border(
        "C6",
        CROSSES,
        "random orientations reach the share more than one time in forty",
        of(drift=drift()._replace(null=np.r_[np.full(8, 0.95), np.full(192, 0.6)])),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "worlds without direction pass as well",
        of(worlds=worlds(passes=0.6)),
        (NOT_RESOLVED,),
    ),
    Border("C7", CROSSES, "96 % of the ladders are told, of too few", of(worlds=worlds(192))),
    Border(
        "C7",
        ONE_FAILS,
        "the test rejects a tenth of the mixtures",
        of(worlds=worlds(taken=22)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C8",
        CROSSES,
        "the median's interval reaches above -1",
        of(cards=thinning(median=(-1.5, -2.1, -0.9))),
    ),
    Border("C8", ONE_FAILS, "languages shrink with p 1e-5 only", of(languages=thinning(p=1e-5))),
    Border(
        "C9",
        CROSSES,
        "one forest of ten is equal enough to cross one half",
        of(inequality=one_share(0.1)),
        (NOT_RESOLVED,),
    ),
    Border("C9", NONE, "one forest", of(inequality=pl.DataFrame({"top_share": [0.6]}))),
]


def flat_grid():
    made = grid()
    return made._replace(gap=-made.predicted)


def curated(source="apache-2.0", target="mit"):
    """Drift of the embedding models, whose first pair is of these licenses."""
    found = drift()
    rows = found.pairs.with_row_index("i").with_columns(
        pl.when(pl.col("i") == 0).then(pl.lit(name)).otherwise(pl.col(column)).alias(column)
        for column, name in (("source", source), ("target", target))
    )
    return found._replace(pairs=rows.drop("i"))


def few_families():
    found = drift(p_families=0.9)
    return found._replace(pairs=found.pairs.with_columns(families=pl.lit(3)))


REAL = ("resemblance", "families", "rates", "drift", "cards", "languages", "curated")

VARIANTS = {
    "nothing works": of(
        grid=flat_grid(),
        regimes=regimes(**dict.fromkeys(GAPS, spread(0.0, 0.1, 5))),
        coverage=coverage(40),
        worlds=worlds(10),
        resemblance=resemblance((0, -0.1, 0.1), (1, 0.9, 1.1)),
        inequality=pl.DataFrame({"top_share": spread(0.01, 0.001, 10)}),
        drift=drift(p_families=0.9, p_uploaders=0.9, share=(50, 100), null=0.5),
        cards=thinning((0.0, -0.2, 0.2), 0.5),
        languages=thinning((0.0, -0.2, 0.2), 0.5),
    ),
    "no data": of(**dict.fromkeys(REAL, MISSING)),
    "no languages": of(languages=Missing("no embedding models")),
    "no cards": of(cards=Missing("no cards"), languages=Missing("no embedding models")),
    "no families": of(families=MISSING),
    "embedding models": of(curated=curated()),
    "embedding models, other licenses": of(curated=curated("apache-2.0", "gpl-3.0")),
    "one forest": of(regimes=regimes(**{name: np.array([mean]) for name, mean in GAPS.items()})),
    "equal forests": of(regimes=regimes(**{"C": np.full(5, 0.1)})),
    "a forest that failed": of(regimes=regimes(A=np.array([-0.1, np.nan, -0.1, -0.11, -0.12]))),
    "no points": of(grid=grid()._replace(predicted=np.zeros((2, 5)))),
    "few families": of(drift=few_families()),
    "one ecosystem": of(coverage=coverage(0, runs=1)),
    "ladders taken everywhere": of(worlds=worlds(taken=200)),
    "an equal gap": of(resemblance=resemblance(ratio=(1.0, 0.9, 1.1))),
    "cards that grow": of(cards=thinning((0.5, 0.3, 0.7))),
    "equal shares": of(inequality=pl.DataFrame({"top_share": np.full(10, 0.6)})),
}
