"""Border results of the chapter."""

from dataclasses import replace
from functools import cache

import numpy as np

from companion.claims import DOES_NOT_HOLD, NOT_RESOLVED
from companion.next_token_concepts.verdict import findings
from tests.borders import CROSSES, ONE_FAILS, Border, spread
from tests.next_token_concepts import made

N = 5


@cache
def perfect():
    return made.results(seeds=N)


def clean():
    return findings.evaluate(perfect(), "book")


def of(**changed):
    return lambda: findings.evaluate(replace(perfect(), **changed), "book")


def runs(field, change):
    """Findings where ``change(run)`` takes the place of every run of a field."""
    return lambda: findings.evaluate(
        replace(perfect(), **{field: [change(run) for run in getattr(perfect(), field)]}), "book"
    )


def scores(values, name="LM", eta=0.01):
    """R2 of one regressor at one eta, by seed."""
    return runs(
        "headline",
        lambda run: (
            run._replace(enc=run.enc | {name: values[run.plan.seed]})
            if run.plan.eta == eta
            else run
        ),
    )


def fits(values, eta):
    return runs(
        "headline",
        lambda run: run._replace(curve_r2=values[run.plan.seed]) if run.plan.eta == eta else run,
    )


def ways(length, values):
    """The fit at one length of context, by world."""
    table = perfect().ways.copy()
    rows = (table["way"] == "longer contexts") & (table["length"] == length)
    table.loc[rows, "no_fit"] = values
    return table


def probes(edges, seed, slope):
    """One graph's probe gains this much a bit in one seed."""
    table = perfect().simulated.copy()
    rows = (table["edges"] == edges) & (table["seed"] == seed)
    table.loc[rows, "probe"] = 0.6 + slope * np.arange(int(rows.sum()))
    return table


def merged(size, values):
    table = perfect().broken.merged.copy()
    for column in ("exact", "trained"):
        table.loc[table["size"] == size, column] = values
    return perfect().broken._replace(merged=table)


BORDERS = [
    Border(
        "E1",
        CROSSES,
        "97 % explained, and perhaps 94",
        scores(spread(0.97, 0.03, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "E1",
        ONE_FAILS,
        "the posterior explains as much",
        scores(spread(0.985, 0.001, N), "P"),
        (DOES_NOT_HOLD, NOT_RESOLVED),
    ),
    Border(
        "E2",
        CROSSES,
        "the curve fits by 97 %, and perhaps 94",
        fits(spread(0.97, 0.03, N), 0.01),
        (NOT_RESOLVED,),
    ),
    Border(
        "E2",
        ONE_FAILS,
        "at the other eta it fits by 90 %",
        fits(spread(0.90, 0.001, N), 0.3),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "E5",
        CROSSES,
        "96 words: below 0.4, and perhaps not",
        of(ways=ways(96, [0.3, 0.05])),
        (NOT_RESOLVED,),
    ),
    Border(
        "E5",
        ONE_FAILS,
        "from 4 to 24 words the fit does not fall",
        of(ways=ways(24, [0.95, 0.951])),
        (DOES_NOT_HOLD, NOT_RESOLVED),
    ),
    Border(
        "E6",
        CROSSES,
        "one graph: in one seed of three the probe does not gain",
        of(simulated=probes(2, 1, -0.05)),
    ),
    Border(
        "E7",
        CROSSES,
        "merged by four: below 0.8, and perhaps not",
        of(broken=merged(4, [0.6, 0.7, 0.9])),
    ),
    Border(
        "E7",
        ONE_FAILS,
        "the first merge costs nothing",
        of(broken=merged(2, [0.999, 0.9985, 0.9987])),
        (DOES_NOT_HOLD, NOT_RESOLVED),
    ),
]
