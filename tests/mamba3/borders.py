"""Border results of the chapter."""

from dataclasses import replace

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.mamba3.verdict import findings
from companion.mamba3.verdict.claims import CLAIMS
from companion.stats import Interval
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, spread
from tests.mamba3 import made


def judged(claim, **changed):
    """The finding of one claim, for the others take seconds."""
    results, where = made.results(**changed), {one.id: one for one in CLAIMS}
    return findings._EVALUATIONS[claim](results, where[claim], "book", 0)


def clean():
    return [judged(one) for one in ("C1", "C2", "C3", "C4", "C5", "C6", "C8", "C9")]


def tracked(task, variant, length, values):
    """All runs, one of which has these accuracies over seeds at a length."""
    runs = made.all_tracked()
    run = runs[task, variant]
    accuracy = run.accuracy.copy()
    accuracy[run.lengths == length] = values
    return runs | {(task, variant): replace(run, accuracy=accuracy)}


def orders(name, low, high):
    found = dict(made.results().orders)
    return found | {name: made.order_with_slope(found[name], low, high)}


def reads(name, values):
    """All arms, one of which has these losses over seeds, on top of the arm "full"."""
    arms = made.all_reads()
    held = np.broadcast_to(arms["full"].held_out + values, arms[name].held_out.shape).copy()
    return arms | {name: replace(arms[name], held_out=held)}


def of(claim, **changed):
    return lambda: [judged(claim, **changed)]


RANDOM = made.results().random_orders
ONE_LOW = [0.98, 0.99, 0.97, 0.98, 0.2]
"""Four seeds that know the answer and one that does not."""

BORDERS = [
    Border(
        "C1",
        ONE_FAILS,
        "one form of six differs in the seventh digit",
        of("C1", disagreements={"chunks": 1e-14, "steps of one token": 1e-15, "scan": 2e-7}),
        (DOES_NOT_HOLD,),
    ),
    Border("C1", ONE_FAILS, "the gradient is off", of("C1", gradient=2e-6), (DOES_NOT_HOLD,)),
    Border(
        "C2",
        ONE_FAILS,
        "one kernel of two is off by 0.7 %",
        of("C2", kernels={"SISO": 0.0026, "MIMO": 0.007}),
    ),
    Border(
        "C3",
        CROSSES,
        "the trapezoid's slope may be 1.88",
        of("C3", orders=orders("λ = 1/2, constant A", 1.88, 2.05)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        CROSSES,
        "Euler's slope may be 1.12",
        of("C3", orders=orders("Euler, constant A", 0.95, 1.12)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "with A(t) the order is second",
        of("C3", orders=orders("λ = 1/2, A(t)", 1.95, 2.0)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        CROSSES,
        "random equations: an averaged A may be of order 1.85",
        of("C3", random_orders=RANDOM | {"mean A": Interval(1.95, 1.85, 2.05)}),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "one seed of five does not count",
        of("C4", tracked=tracked("parity", "Mamba-3", 64, [0.98, 0.99, 0.97, 0.98, -0.5])),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "one baseline of three counts",
        of("C4", tracked=tracked("parity", "Mamba-2", 64, 0.99 + spread(0.0, 0.005, 5))),
    ),
    Border(
        "C5",
        CROSSES,
        "one seed of five does not count modulo 3",
        of("C5", tracked=tracked("Z3", "Mamba-3", 32, ONE_LOW)),
    ),
    Border(
        "C5",
        ONE_FAILS,
        "one seed of real eigenvalues counts modulo 3",
        of("C5", tracked=tracked("Z3", "real, both signs", 32, [0.05, 0.06, 0.04, 0.05, 1.0])),
    ),
    Border(
        "C6",
        CROSSES,
        "the gain of the bias reaches below 0",
        of("C6", reads=reads("no bias", spread(0.1, 0.15, 5))),
    ),
    Border(
        "C6",
        ONE_FAILS,
        "a convolution gains half of what the bias does",
        of("C6", reads=reads("with convolution", -0.1 + spread(0.0, 0.002, 5))),
    ),
    Border(
        "C6",
        CROSSES,
        "a convolution gains little, and perhaps a third of the bias",
        of("C6", reads=reads("with convolution", -0.03 + spread(0.0, 0.05, 5))),
    ),
    Border(
        "C6",
        PAIRED,
        "seeds differ by a nat, and all arms with them",
        of(
            "C6",
            reads={
                name: replace(one, held_out=one.held_out + spread(0.0, 1.0, 5, 9))
                for name, one in made.all_reads().items()
            },
        ),
        (HOLDS,),
    ),
    Border(
        "C8",
        CROSSES,
        "four times the arithmetic may take twice the time",
        of("C8", decode=made.decode(1.995)),
    ),
    Border(
        "C9",
        CROSSES,
        "the growth with the context may be 6 %",
        of("C9", contexts=made.contexts(growth=0.0499)),
    ),
]
