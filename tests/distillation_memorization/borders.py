"""Border results of the chapter."""

from dataclasses import replace
from functools import cache

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.distillation_memorization.method.objectives import BASELINE, SOFT
from companion.distillation_memorization.verdict import findings
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.distillation_memorization import made

N = 8


@cache
def perfect():
    return made.results()


def clean():
    return findings.evaluate(perfect())


def worlds(claim, change):
    """The finding of a claim where ``change(i, world)`` takes the place of every world."""

    def find():
        results = perfect()
        changed = [change(i, world) for i, world in enumerate(results.worlds)]
        return [made.judged(replace(results, worlds=changed), claim)]

    return find


def gains(values, base=0.0):
    """Baseline minus student in held-out loss, by seed; `base` is the deviation of both."""
    level = spread(1.4, base, N, 1) if base else np.full(N, 1.4)

    def change(i, world):
        loss = world.loss | {SOFT: level[i], BASELINE: level[i] + values[i]}
        return replace(world, loss=loss)

    return worlds("1b", change)


def scattered(world):
    """The baseline's sequences have 8 bytes less on average, and differ by 40."""
    zlib, known = world.zlib.copy(), world.members[BASELINE]
    zlib[known] = spread(zlib[~known].mean() - 8, 40.0, int(known.sum()))
    return replace(world, zlib=zlib)


def predicted(**by_seed):
    """AUC, and that of permuted labels, by seed."""

    def change(i, world):
        values = {name: np.full(20, v[i]) for name, v in by_seed.items()}
        return replace(world, prediction=replace(world.prediction, **values))

    return worlds("3", change)


NEVER = {"order": "eight worlds of eight do not show nine in ten"}

BORDERS = [
    Border(
        "1b",
        CROSSES,
        "the student is better, and perhaps not",
        gains(crossing(0.02, 0.0, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "1b",
        PAIRED,
        "worlds differ by a nat, for both models",
        gains(spread(0.03, 0.01, N), base=1.0),
        (HOLDS,),
    ),
    Border(
        "order",
        ONE_FAILS,
        "in three worlds of eight the student memorizes more",
        worlds("order", lambda i, w: made.world(i, soft_easy=60, soft_other=30) if i < 3 else w),
    ),
    Border(
        "2b",
        ONE_FAILS,
        "in one world the easy texts compress better, with p 0.1",
        worlds("2b", lambda i, w: scattered(w) if i == 2 else w),
    ),
    Border(
        "2b",
        CROSSES,
        "7 bytes less, and perhaps 4",
        worlds("2b", lambda i, w: made.world(i, zlib_gap=[14, 3, 14, 3, 3, 9, 3, 7][i])),
    ),
    Border(
        "3",
        CROSSES,
        "an AUC of 0.93, and perhaps 0.88",
        predicted(auc=spread(0.93, 0.06, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "3",
        CROSSES,
        "permuted labels give 0.53, and perhaps 0.57",
        predicted(permuted=spread(0.53, 0.04, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "3",
        ONE_FAILS,
        "permuted labels give 0.6",
        predicted(permuted=spread(0.6, 0.01, N)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "3b",
        ONE_FAILS,
        "in four worlds the filter leaves a third",
        worlds("3b", lambda i, w: made.world(i, left=34) if i < 4 else w),
    ),
    Border(
        "control",
        ONE_FAILS,
        "in half of the worlds unseen text is completed as often",
        worlds("control", lambda i, w: made.world(i, held=0.05) if i < 4 else w),
    ),
]
