"""Border results of the chapter."""

from dataclasses import replace
from functools import cache

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.data import Missing
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
)
from companion.distillation_memorization.verdict import verdicts
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.distillation_memorization import made

N = 6


@cache
def perfect():
    return made.results()


def clean(scale="book"):
    return verdicts.evaluate(perfect(), scale)


def of(**changes):
    """Findings where some results are others."""
    return lambda scale="book": verdicts.evaluate(made.results(**changes), scale)


def each(change, worlds=None):
    """Worlds, in which ``change(i, world)`` takes the place of every world."""
    return [change(i, w) for i, w in enumerate(worlds or perfect().worlds)]


def shifted(w, model, by):
    """A world in which a model loses this much more on held-out text, whatever its budget."""
    if model == TEACHER:
        return replace(w, teacher=replace(w.teacher, losses=w.teacher.losses + by))
    runs = {e: replace(r, losses=r.losses + by) for e, r in w.students[model].items()}
    return replace(w, students=w.students | {model: runs})


def gains(values):
    """Worlds whose baseline minus student is this at every budget, by seed."""

    def change(i, w):
        runs = {
            e: replace(r, losses=w.students[BASELINE][e].losses - values[i])
            for e, r in w.students[SOFT].items()
        }
        return replace(w, students=w.students | {SOFT: runs})

    return each(change)


def by_seed(**values):
    """Worlds made with these sizes, one value a seed."""
    return [made.world(i, **{name: many[i] for name, many in values.items()}) for i in range(N)]


def predicted(**values):
    """AUC, and that of shuffled labels, by seed."""

    def change(i, w):
        fresh = {name: np.full(20, many[i]) for name, many in values.items()}
        return replace(w, prediction=replace(w.prediction, **fresh))

    return each(change)


def certain(model, entropies):
    """Worlds in which a model has this entropy on every easy sequence, by seed."""

    def change(i, w):
        tail = np.stack([np.full_like(w.tails[model][0], entropies[i]), w.tails[model][1]])
        return replace(w, tails=w.tails | {model: tail})

    return each(change)


UNTRAINED = each(
    lambda i, w: replace(
        w,
        bases={
            name: replace(one, losses=one.losses - 0.18 + 0.05 * (i % 2))
            for name, one in w.bases.items()
        },
    ),
    made.worlds(),
)
"""Fine-tuning may have made the models worse."""

BORDERS = [
    Border(
        "1",
        CROSSES,
        "baseline over student 2.3, seeds from 1.5 to 4",
        of(worlds=by_seed(soft_easy=[42, 15, 42, 15, 40, 16])),
        (NOT_RESOLVED,),
    ),
    Border(
        "1",
        ONE_FAILS,
        "real text has half of the effect",
        of(real=made.worlds(4, soft_easy=50)),
        (NOT_RESOLVED,),
    ),
    *(
        Border(claim, ONE_FAILS, "fine-tuning may have trained nothing", of(worlds=UNTRAINED))
        for claim in ("1", "1b", "equal", "learned")
    ),
    Border(
        "1b",
        CROSSES,
        "the student is better, and perhaps not",
        of(worlds=gains(crossing(0.04, 0.0, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "1b",
        ONE_FAILS,
        "the student predicts better than its teacher",
        of(worlds=gains(spread(0.3, 0.002, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "1b",
        PAIRED,
        "worlds differ by a nat, for all models",
        of(
            worlds=each(
                lambda i, w: replace(
                    shifted(
                        shifted(shifted(shifted(w, BASELINE, i), SOFT, i), TEACHER, i), HARD, i
                    ),
                    bases={m: replace(r, losses=r.losses + i) for m, r in w.bases.items()},
                )
            )
        ),
        (HOLDS,),
    ),
    Border(
        "tau",
        CROSSES,
        "in half of the seeds tau 4 memorizes more than tau 1",
        of(
            worlds=each(
                lambda i, w: made.with_arm(
                    w, "soft, tau 4", w.of(BASELINE if i % 2 else "soft, tau 4").memorized
                )
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "2",
        CROSSES,
        "97 % are easy, and perhaps 90",
        of(worlds=by_seed(soft_easy=[30] * N, soft_heirs=[0] * N, soft_other=[0, 0, 5, 0, 0, 0])),
        (NOT_RESOLVED,),
    ),
    Border(
        "2b",
        CROSSES,
        "3 bytes less, and perhaps none",
        of(worlds=by_seed(gap=[9.0, -3.0, 8.0, -4.0, 7.0, 1.0])),
    ),
    Border(
        "2b",
        ONE_FAILS,
        "easy sequences perplex the baseline as others do",
        of(
            worlds=each(
                lambda i, w: replace(
                    w,
                    features=np.column_stack(
                        [
                            w.features[:, 0],
                            np.random.default_rng(i).random(made.N),
                            w.features[:, 2:],
                        ]
                    ),
                )
            )
        ),
    ),
    Border(
        "3",
        CROSSES,
        "an AUC of 0.93, and perhaps 0.88",
        of(worlds=predicted(auc=crossing(0.93, 0.9, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "3",
        ONE_FAILS,
        "shuffled labels give 0.6",
        of(worlds=predicted(permuted=spread(0.6, 0.01, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "3",
        NONE,
        "one seed has too few memorized sequences",
        of(
            worlds=each(
                lambda i, w: (
                    replace(w, prediction=replace(w.prediction, auc=np.empty(0))) if i == 2 else w
                )
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "3b",
        CROSSES,
        "in one seed the filter leaves a fifth",
        of(worlds=by_seed(left=[0, 0, 5, 0, 0, 0])),
    ),
    Border(
        "4",
        CROSSES,
        "the hard student inherits more in half of the seeds, and less in the others",
        of(worlds=by_seed(hard_heirs=[9, 1, 9, 1, 9, 1], soft_heirs=[1, 5, 1, 5, 1, 5])),
        (NOT_RESOLVED,),
    ),
    Border(
        "4",
        NONE,
        "the hard student memorizes twice as much after every number of epochs",
        of(
            worlds=each(
                lambda i, w: replace(
                    w,
                    students=w.students
                    | {
                        HARD: {
                            e: replace(one, memorized=w.teacher.memorized)
                            for e, one in w.students[HARD].items()
                        }
                    },
                )
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "4b",
        CROSSES,
        "rates agree on average, and by seed within a factor of two",
        of(
            worlds=each(
                lambda i, w: made.with_arm(
                    w, HARD, made.fewer(w.teacher.memorized, 0.26 if i % 2 else 0.1)
                )
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "forced",
        CROSSES,
        "the baseline may be as sure as the teacher",
        of(worlds=certain(BASELINE, crossing(0.15, 0.105, N))),
        (NOT_RESOLVED,),
    ),
    Border(
        "forced",
        ONE_FAILS,
        "the student is as sure as the teacher",
        of(worlds=certain(SOFT, spread(0.05, 0.005, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "equal",
        CROSSES,
        "at equal loss the student has more in half of the seeds",
        of(worlds=by_seed(soft_easy=[20, 60, 20, 60, 20, 60], soft_other=[0, 60, 0, 60, 0, 60])),
        (NOT_RESOLVED,),
    ),
    Border(
        "equal",
        ONE_FAILS,
        "the student never predicts as well as the baseline",
        of(worlds=gains(spread(-0.02, 0.002, N))),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "control",
        CROSSES,
        "a third of its rate is guessed on average, and in some seeds all",
        of(worlds=by_seed(held=[0.002, 0.025, 0.002, 0.025, 0.002, 0.002])),
        (NOT_RESOLVED,),
    ),
    Border(
        "unread",
        CROSSES,
        "in one seed an unread teacher passes on most",
        of(worlds=by_seed(unread=[0, 0, 8, 0, 0, 0])),
        (NOT_RESOLVED,),
    ),
    Border(
        "rate",
        ONE_FAILS,
        "at half the rate the baseline predicts as well as the student",
        of(rates=made.rates(half=1.0)),
        (NOT_RESOLVED,),
    ),
    Border(
        "late",
        CROSSES,
        "the ratio grows by a half, and perhaps not",
        of(
            perceptrons=[
                made.with_arm(w, SOFT, made.fewer(w.of(SOFT).memorized, share), 16)
                for w, share in zip(made.worlds(3), (0.3, 1.0, 0.7), strict=True)
            ]
        ),
        (NOT_RESOLVED,),
    ),
]

GONE = Missing("nothing is here")
VARIANTS = {"nothing is here": of(**dict.fromkeys(vars(perfect()), GONE))}
