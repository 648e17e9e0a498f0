"""Border results of the chapter."""

from dataclasses import replace
from functools import cache

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.stats import Interval
from companion.tart.verdict import findings
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.tart import made


@cache
def perfect():
    return made.results()


def of(**changed):
    return lambda: findings.evaluate(replace(perfect(), **changed), "book")


clean = of()


def curve(**last):
    """The perfect learning curve with other accuracies at its end."""
    found = made.curve()
    arms = {name: rows.copy() for name, rows in found.accuracy.items()}
    for name, values in last.items():
        arms[name.replace("_", " ")][:, -1] = values
    return found._replace(accuracy=arms)


def shifted(table, values, **where):
    """A table in which some accuracies are moved by `values`."""
    table = table.copy()
    rows = np.logical_and.reduce([table[name] == value for name, value in where.items()])
    table.loc[rows, "accuracy"] += values(int(rows.sum()))
    return table


def noisy(mean, deviation):
    return lambda n: spread(mean, deviation, n, 11)


MEAN = made.curve().last("mean difference")
MODULE = made.curve().last("module")
CLOSE = MEAN + crossing(0.01, 0.0, 60)
TASK = spread(0.0, 0.2, 60, 3)
TUNED = made.tuned().assign(accuracy=spread(0.95, 0.04, 6))
DIGITS = made.table({"3v8": 0.95, "4v9": 0.97}, (18, 32, 64, 128), 8, "pixels")

BORDERS = [
    Border(
        "1",
        CROSSES,
        "the lead over the mean difference reaches below 0",
        of(curve=curve(module=CLOSE, logistic=CLOSE + spread(0.01, 0.005, 60))),
        (NOT_RESOLVED,),
    ),
    Border(
        "1",
        CROSSES,
        "2 points behind logistic regression, and perhaps 3.5",
        of(curve=curve(logistic=MODULE + crossing(0.02, 0.03, 60))),
        (NOT_RESOLVED,),
    ),
    Border(
        "1",
        CROSSES,
        "the first position is not shown to be chance",
        of(controls=made.controls()._replace(first=Interval(0.5, 0.44, 0.56))),
        (NOT_RESOLVED,),
    ),
    Border(
        "1",
        NONE,
        "the first position has no interval",
        of(controls=made.controls()._replace(first=Interval(0.5))),
        (NOT_RESOLVED,),
    ),
    Border(
        "1",
        PAIRED,
        "tasks differ by 20 points, and all methods with them",
        of(
            curve=curve(
                module=0.70 + TASK + spread(0.0, 0.01, 60, 4),
                logistic=0.71 + TASK,
                mean_difference=0.68 + TASK,
            )
        ),
        (HOLDS,),
    ),
    Border(
        "2",
        ONE_FAILS,
        "on one task of two the probe is no better than prompting",
        of(
            cells=shifted(
                made.cells(), noisy(-0.28, 0.01), data="YouTube", method="logistic", vectors="LOO"
            )
        ),
    ),
    Border(
        "2",
        CROSSES,
        "half of the total, and perhaps less",
        of(cells=made.cells(probe=0.78), tuned=TUNED),
        (NOT_RESOLVED,),
    ),
    Border(
        "3",
        CROSSES,
        "6 points above prompting, and perhaps 4",
        of(cells=shifted(made.cells(icl=made.ICL | {"ICL": 0.82}), noisy(0.0, 0.04), method="ICL")),
        (NOT_RESOLVED,),
    ),
    Border(
        "4",
        CROSSES,
        "2 points from logistic regression, and perhaps 3.5",
        of(
            digits=shifted(DIGITS, noisy(0.02, 0.2), method="module"),
            stream=shifted(made.results().stream, noisy(0.02, 0.2), method="module"),
            cells=shifted(made.cells(), noisy(0.02, 0.2), method="module"),
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "5",
        CROSSES,
        "one pair of digits has 87 %, and perhaps 83",
        of(
            digits=made.table(
                {"3v8": 0.95, "4v9": 0.87}, (18, 32, 64, 128), 8, "pixels", spread=0.06
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "5",
        ONE_FAILS,
        "one kind of vectors has 80 %",
        of(stream=made.table({"SMS": 0.95, "YouTube": 0.8}, (32, 128), 8, "MiniLM")),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "6",
        CROSSES,
        "one task gains 3.4 points, and perhaps 2.5",
        of(
            stream=made.table(
                {"SMS": 0.9, "YouTube": 0.88}, (18, 32, 64, 128), 8, "MiniLM", gain=0.012
            )
        ),
        (NOT_RESOLVED,),
    ),
    Border(
        "7",
        CROSSES,
        "2 points behind one prompt, and perhaps 4",
        of(cells=shifted(made.cells(), noisy(0.025, 0.06), method="logistic", vectors="vanilla")),
        (NOT_RESOLVED,),
    ),
    Border(
        "8",
        ONE_FAILS,
        "the own label moves a logit by a billionth",
        of(controls=made.controls(own=1e-9)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "8",
        CROSSES,
        "shuffled labels give 54 %, and perhaps 56",
        of(controls=made.controls()._replace(shuffled=spread(0.54, 0.1, 100))),
        (NOT_RESOLVED,),
    ),
    Border(
        "8",
        CROSSES,
        "an untrained module gives 46 %, and perhaps 44",
        of(controls=made.controls()._replace(untrained=spread(0.46, 0.1, 100))),
        (NOT_RESOLVED,),
    ),
    Border(
        "null",
        CROSSES,
        "2 points above the mean difference, and perhaps 3.5",
        of(
            digits=shifted(DIGITS, noisy(0.02, 0.2), method="module"),
            stream=shifted(made.results().stream, noisy(0.02, 0.2), method="module"),
            cells=shifted(made.cells(), noisy(0.02, 0.2), method="module"),
        ),
        (NOT_RESOLVED,),
    ),
]
