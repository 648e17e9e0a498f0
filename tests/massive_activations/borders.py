"""Border results of the chapter."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.data import Missing
from companion.massive_activations.lab.predict import XGBOOST
from companion.massive_activations.lab.series import SHALLOW
from companion.massive_activations.sources import check_excerpt
from companion.massive_activations.verdict import verdicts
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing
from tests.massive_activations import made


@cache
def perfect():
    return made.results()


def of(**changed):
    """What makes the findings of perfect results with changes.

    changed : by name, each what stands there or what makes it when it is asked
    """

    def find(scale="book"):
        made_now = {name: one() if callable(one) else one for name, one in changed.items()}
        return verdicts.evaluate(SimpleNamespace(**vars(perfect()) | made_now), scale)

    return find


clean = of()


def spoiled(where, factor, names=("top1", "top2", "top3")):
    """Makes the rows of perfect results with some largest values times `factor`."""

    @cache
    def rows():
        table = perfect().rows.drop(columns=["ratio", "depth"])
        table.loc[where(table), list(names)] *= factor
        return check_excerpt(table)

    return rows


def late(model, layers, step=100_000):
    return lambda t: (t.model == model) & (t.step == step) & t.layer.isin(layers)


def deviating(worst):
    """Makes untrained models of which one layer deviates by this much, a mean over four seeds."""

    def models():
        found = []
        for shift in crossing(worst, 0.10, 4):
            found += made.untrained(perfect().rows, 1.02, n=1)
            found[-1].median[:, 2] *= (1 + shift) / 1.02
        return found

    return models


def true(share):
    won = np.zeros((30, 20), bool)
    won[: int(30 * share)] = True
    return won


DEEP_1B = (15, 16)
OUTER_1B = (*range(1, SHALLOW + 1), *DEEP_1B)

BORDERS = [
    Border("C0", CROSSES, "one layer deviates by 0.098", of(untrained=deviating(0.098))),
    Border("C0", NONE, "one seed", of(untrained=perfect().untrained[:1]), (NOT_RESOLVED,)),
    Border(
        "C1",
        CROSSES,
        "the largest layer of 14M ends at 5.1 times the noise",
        of(rows=spoiled(lambda t: (t.model == "pythia-14m") & (t.step > 64), 5.1 / 20)),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "one model does not grow",
        of(rows=spoiled(lambda t: (t.model == "pythia-1b") & (t.step > 64), 1 / 300)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "in 1B the deep layers are largest",
        of(rows=spoiled(late("pythia-1b", range(9, 17)), 40.0)),
    ),
    Border(
        "C3",
        CROSSES,
        "nine of fifteen outer layers fall, the others stay",
        of(rows=spoiled(late("pythia-1b", OUTER_1B), 1 / 0.6)),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "the deep layers of two models rise",
        of(
            rows=spoiled(
                lambda t: late("pythia-1b", DEEP_1B)(t) | late("pythia-160m", (11, 12))(t), 4.0
            )
        ),
    ),
    Border(
        "C4",
        CROSSES,
        "three of 24 layers have an R² of 0.9",
        of(fits=made.fits(bad=3)),
    ),
    Border("C4", ONE_FAILS, "every second layer has a better rival", of(fits=made.fits(won=0.5))),
    Border("C4", NONE, "seven checkpoints", of(fits=made.fits(n=7)), (NOT_RESOLVED,)),
    Border("C5", CROSSES, "the half-width of A is 0.51", of(refits=made.refits(half=0.51))),
    Border("C5", ONE_FAILS, "half of the series bound K", of(refits=made.refits(bounded=0.48))),
    Border(
        "C6",
        CROSSES,
        "random splits score 0.605 on the median",
        of(leakage=made.leakage(random=0.601, n=30)),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "XGBoost predicts a model left out",
        of(by_regressor={XGBOOST: made.leakage(grouped=0.5)}),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C7",
        CROSSES,
        "the median's share differs by layer",
        of(
            rows=spoiled(
                lambda t: (t.model == "pythia-1b") & (t.step == 100_000) & (t.layer % 2 == 0), 3.0
            )
        ),
    ),
    Border(
        "C7",
        ONE_FAILS,
        "in 160M the largest falls in half of the layers",
        of(
            rows=spoiled(
                lambda t: (t.model == "pythia-160m") & (t.step == 80_000) & (t.layer % 2 == 0), 2.5
            )
        ),
    ),
    Border("C9", CROSSES, "zero costs a factor of 11", of(real=made.texts(np.log(11), spread=0.4))),
    Border(
        "C9",
        ONE_FAILS,
        "the mean over other texts costs 8 %",
        of(real=made.texts(mean=0.08)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C10",
        CROSSES,
        "eleven of nineteen middle layers rise",
        of(rows=spoiled(lambda t: (t.model == "pythia-160m") & (t.step == 100_000), 0.5)),
    ),
    Border(
        "C11",
        CROSSES,
        "1B is 1.05 times 160M",
        of(rows=spoiled(lambda t: (t.model == "pythia-1b") & (t.step > 64), 105 / 300)),
    ),
    Border("C12", NONE, "seven checkpoints", of(fits=made.fits(n=7)), (NOT_RESOLVED,)),
    Border(
        "C12",
        ONE_FAILS,
        "with an offset the steps win in half of the layers",
        of(fits=made.fits(won=0.5)),
    ),
    Border(
        "C13",
        PAIRED,
        "one model of four is not predicted",
        of(levels=made.levels((0.9, 0.9, 0.9, -1.0))),
    ),
    Border(
        "C13",
        ONE_FAILS,
        "the last ratio is not predicted",
        of(levels=made.levels(level=(0.1, 0.12, 0.1, 0.11))),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        NONE,
        "where eq. 9 is true it loses as well",
        of(
            fits=made.fits(won=0.1),
            true_fits={"at hand": true(0.2), "37 checkpoints": true(0.9)},
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "C14",
        ONE_FAILS,
        "with 37 checkpoints the true curve loses",
        of(
            fits=made.fits(won=0.1),
            true_fits={"at hand": true(0.9), "37 checkpoints": true(0.2)},
        ),
        (DOES_NOT_HOLD,),
    ),
    Border("C14", CROSSES, "eight of 24 layers are won", of(fits=made.fits(won=1 / 3))),
]

NEVER = {
    "C3": "the series made here, like those at hand, end before the training does",
    "C14": "perfect results let eq. 9 win, which C4 asks for",
}

VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(perfect()), Missing("not in this test")))}
