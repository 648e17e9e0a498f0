"""Border results of the claims that are judged in the log-bilinear laboratory."""

from dataclasses import replace
from functools import cache

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, crossing, spread
from tests.synthetic_data import made

N = made.N_SEEDS


@cache
def perfect():
    return made.results()


def judged(results):
    """Findings of the claims below; the others take long."""
    from companion.synthetic_data.verdict import findings as judge_theory
    from companion.synthetic_data.verdict import paper as judge_paper

    paper = (judge_paper.stable, judge_paper.early, judge_paper.faster)
    theory = (
        judge_theory.theorems,
        judge_theory.greedy,
        judge_theory.sharper,
        judge_theory.collapse,
        judge_theory.nothing,
        judge_theory.to_blame,
    )
    return [function(results, "book") for function in (*paper, *theory)]


def clean():
    return judged(perfect())


def rising(name, metric, share, values, rank=24):
    """Results in which one metric of one arm moves by `values` from s = 0 to `share`."""

    def find():
        results = perfect()
        runs = results.runs[name, rank]
        table = runs.metrics[metric].copy()
        table[1:, runs.place(share)] = table[1:, runs.place(0.0)] + values
        changed = replace(runs, metrics=runs.metrics | {metric: table})
        return judged(replace(results, runs=dict(results.runs) | {(name, rank): changed}))

    return find


def shared(metric, deviation):
    """Results in which seeds differ by this much, in all arms alike."""

    def find():
        results, offset = perfect(), spread(0.0, deviation, N)
        runs = {
            key: replace(one, metrics=one.metrics | {metric: one.metrics[metric] + offset})
            for key, one in results.runs.items()
        }
        return judged(replace(results, runs=runs))

    return find


def other(**changed):
    return lambda: judged(replace(perfect(), **changed))


BORDERS = [
    Border(
        "C1",
        ONE_FAILS,
        "one score of one size loses a tenth at 20 %",
        rising("fixed, T=1", "em", 0.2, -0.1 + spread(0.0, 1e-3, N), rank=8),
    ),
    Border(
        "C1",
        CROSSES,
        "one score of one size loses 2 %, and perhaps 4",
        rising("fixed, T=1", "em", 0.2, -0.02 + spread(0.0, 0.03, N), rank=8),
    ),
    Border(
        "C3",
        CROSSES,
        "at the largest size the lead reaches below 0",
        rising("fixed, T=0.7", "ece", 0.2, crossing(0.01, 0.0, N)),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "at one size and temperature accuracy falls first",
        rising("fixed, T=1", "ece", 0.2, -0.01 + spread(0.0, 1e-4, N), rank=4),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "at one size chains lose less than facts",
        rising("fixed, T=1", "hops_4", 0.5, -1e-4 + spread(0.0, 1e-5, N), rank=8),
    ),
    Border(
        "T1",
        ONE_FAILS,
        "one theorem is missed by five standard errors",
        other(checks=made.checks(z=5)),
        (DOES_NOT_HOLD, NOT_RESOLVED),
    ),
    Border(
        "T3",
        CROSSES,
        "the rise is 6 points, and perhaps 4",
        rising("fresh, T=0.7", "ece", 0.5, spread(0.06, 0.03, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "T3",
        CROSSES,
        "at T = 1 the rise is 1 point, and perhaps 3",
        rising("fresh, T=1", "ece", 0.5, spread(0.01, 0.02, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "T3",
        ONE_FAILS,
        "accuracy moves by 3 points",
        rising("fresh, T=0.7", "accuracy", 0.5, -0.03 + spread(0.0, 1e-3, N)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "T4",
        CROSSES,
        "s = 1 is worse than s = 0.5 on the mean of the seeds",
        rising("fixed, T=1", "kl", 0.5, 1.0 - crossing(0.1, 0.0, N)),
    ),
    Border(
        "T7",
        ONE_FAILS,
        "the last digit differs when s = 0 is trained again",
        other(repeat=1e-9),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "R1",
        CROSSES,
        "the mixture is worse than its real part, and perhaps not",
        rising("fixed, T=1", "kl", 0.5, 0.025 + crossing(0.05, 0.0, N)),
    ),
    Border("R1", PAIRED, "seeds differ by ten nats, in all arms", shared("kl", 10.0), (HOLDS,)),
]
