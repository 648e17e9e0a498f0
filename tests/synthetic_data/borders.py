"""Border results of the chapter; every claim has some."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.data import Missing
from companion.synthetic_data.lab.language import Lives, Plan, shares_of
from companion.synthetic_data.lab.loop import METRICS, Runs
from companion.synthetic_data.lab.run import ARMS, named, plan_loops
from companion.synthetic_data.method.mixing import mixing_law, synthetic_share
from companion.synthetic_data.settings import PRESETS
from companion.synthetic_data.verdict import verdicts
from tests.borders import CROSSES, NONE, ONE_FAILS, PAIRED, Border, crossing, spread

N, M = 40, 12
"""Seeds of the worlds, and of the language model."""

BASE = {"kl": 0.16, "tail_kl": 0.5, "accuracy": 0.7, "regret": 0.01, "em": 0.98, "facts": 0.96}
BASE |= {"ece": 0.05, "over": 0.0, "hops_1": 0.97, "hops_2": 0.95, "hops_3": 0.93, "hops_4": 0.9}
SPREAD = {"ece": 0.01, "regret": 0.003}
RISE = {"tail_kl": 0.3, "accuracy": -0.05, "regret": 0.05, "em": -0.03, "facts": -0.04}
RISE |= {"over": 0.05, "hops_1": -0.04, "hops_2": -0.06, "hops_3": -0.08, "hops_4": -0.11}
"""Change of a mixture at s = 1, in proportion to the square of s; size multiplies it."""

BY_SIZE = {4: 1.6, 8: 1.3, 24: 1.0}
UNIT = 0.14
"""Nats that a unit of the law costs."""


@cache
def perfect():
    """Every arm, as the law and the claims say."""
    found = {}
    for name, rank, ratios in plan_loops(PRESETS["book"]):
        arm, shares = ARMS[name], np.array(ratios)
        metrics = {}
        for i, metric in enumerate(METRICS):
            start = spread(BASE[metric], SPREAD.get(metric, 0.004), N, i)
            table = np.broadcast_to(start, (4, len(shares), N)).copy()
            for k in (1, 2, 3):
                for j, s in enumerate(shares):
                    place = 1000 * len(found) + 100 * i + 10 * k + j
                    size = 5e-4 if metric == "regret" else 0.002
                    noise = spread(0.0, size, N, place) if s else 0.0
                    table[k, j] += _change(metric, arm, rank, s, k) + noise
            metrics[metric] = table
        scaled = {
            metric: metrics[metric][-1] + spread(0.0, 0.002, N, 9000 + i)
            for i, metric in enumerate(METRICS)
        }
        scaled["ece"] = metrics["ece"][0] + 0.1 * (metrics["ece"][-1] - metrics["ece"][0])
        penalty = np.full((4, len(shares), N), 0.08)
        found[named(name, rank)] = Runs(arm, rank, shares, np.arange(N), metrics, penalty, scaled)
    return found


def _change(metric, arm, rank, s, k):
    if arm.by_truth:
        return 0.0
    if metric == "kl":
        return UNIT * BY_SIZE[rank] * float(mixing_law(s, k, arm.kept) - 1)
    if metric == "ece":
        return 0.06 * min(10 * s, 1)
    alone = 0.5 if arm.kept == "real only" else 1.0
    return BY_SIZE[rank] * RISE[metric] * s**2 * alone


@cache
def texts():
    """The language model at two sizes, the smaller with one arm."""
    main = ((1.0, 0.2), (1.0, 0.5), (0.7, 0.5))
    return [_texts((8, 32), main[1:2], 2.0), _texts((16, 128), main, 1.0)]


def _texts(shape, arms, factor):
    plan = Plan(shape, arms)
    base = np.array([1.9, 0.45, 0.01, 0.0])
    step = np.array([0.03, -0.004, 0.005, 0.01])
    start = base[None] * spread(1.0, 0.01, M)[:, None]
    mixed = np.broadcast_to(start, (len(arms), 4, M, 4)).copy()
    for i, (_, share) in enumerate(arms):
        for k in (1, 2, 3):
            wave = spread(1.0, 0.02, M, i + k)[:, None]
            mixed[i, k] += factor * k * share * step * wave
    shares = shares_of(plan)
    # what eq. 8 says of three generations at s = 0.5
    by_law = 3 * (1 - synthetic_share(0.5, 3))
    alone = start + np.array([[[by_law * factor * share]] for share in shares]) * step
    stopped = np.full((1 + len(shares) + 3 * len(arms), M), 0.6)
    return Lives(plan, np.arange(M), mixed, alone, shares, stopped)


def judged(scale="book", loops=None, lives=None):
    given = SimpleNamespace(loops=loops or perfect(), lives=lives or texts())
    return verdicts.evaluate(given, scale)


def clean(scale="book"):
    return judged(scale)


def moved(name, metric, share, change, rank=24, k=slice(1, None), scaled=False):
    """One metric of one arm moves by `change`, (n_seeds,) or a number, at one share."""

    def find(scale="book"):
        loops = dict(perfect())
        key = named(name, rank)
        runs = loops[key]
        table = (runs.scaled if scaled else runs.metrics)[metric].copy()
        at = runs.place(share) if scaled else (k, runs.place(share))
        table[at] = table[at] + change
        part = {"scaled" if scaled else "metrics": dict(_part(runs, scaled)) | {metric: table}}
        loops[key] = replace(runs, **part)
        return judged(scale, loops)

    return find


def _part(runs, scaled):
    return runs.scaled if scaled else runs.metrics


def shared(metric, deviation):
    """Seeds differ by this much, in all arms and generations alike."""

    def find(scale="book"):
        offset = spread(0.0, deviation, N)
        loops = {
            key: replace(one, metrics=one.metrics | {metric: one.metrics[metric] + offset})
            for key, one in perfect().items()
        }
        return judged(scale, loops)

    return find


def wider(*names, ranks=(24,)):
    """All penalties of some arms at s = 0.5 are at the end of the grid."""

    def find(scale="book"):
        loops = dict(perfect())
        for key in (named(name, rank) for name in names for rank in ranks):
            penalty = loops[key].penalty.copy()
            penalty[1:, loops[key].place(0.5)] = 0.64
            loops[key] = replace(loops[key], penalty=penalty)
        return judged(scale, loops)

    return find


def text(score, change, arm=1, size=-1, k=slice(1, None)):
    """One score of one arm of a language model moves by `change`, (n_seeds,) or a number."""

    def find(scale="book"):
        lives = list(texts())
        mixed = lives[size].mixed.copy()
        mixed[arm, k, :, score] += change
        lives[size] = replace(lives[size], mixed=mixed)
        return judged(scale, lives=lives)

    return find


def late(n, size=-1, score=1, change=0.0):
    """`n` trainings of every seed end at the lowest loss, and one score of an arm moves."""

    def find(scale="book"):
        lives = list(texts())
        stopped, mixed = lives[size].stopped.copy(), lives[size].mixed.copy()
        stopped[:n] = 1.0
        mixed[0, 1:, :, score] += change
        lives[size] = replace(lives[size], stopped=stopped, mixed=mixed)
        return judged(scale, lives=lives)

    return find


def seeds(n):
    """The first `n` seeds alone."""

    def find(scale="book"):
        loops = {
            key: replace(
                one,
                seeds=one.seeds[:n],
                metrics={name: table[..., :n] for name, table in one.metrics.items()},
                penalty=one.penalty[..., :n],
                scaled={name: table[..., :n] for name, table in one.scaled.items()},
            )
            for key, one in perfect().items()
        }
        return judged(scale, loops)

    return find


def unequal(name, metric, share, part=N // 2, by=0.2):
    """The first `part` seeds move by so much that no onset is before another."""
    return moved(name, metric, share, np.where(np.arange(N) < part, by, 0.0))


BORDERS = [
    Border(
        "C1",
        CROSSES,
        "chains of the smallest size may lose 3.2 %",
        moved("fixed, T=1", "hops_4", 0.2, -0.018 + spread(0.0, 0.03, N), 4),
        (NOT_RESOLVED,),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "one score of one size loses 4 %",
        moved("fixed, T=1", "em", 0.2, -0.04, 8),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "accuracy falls faster at first",
        moved("fixed, T=1", "regret", 0.2, 0.015),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C1",
        ONE_FAILS,
        "the language model loses 5 %",
        text(1, -0.02, 0),
        (NOT_RESOLVED,),
    ),
    Border("C1", PAIRED, "seeds differ by a fifth in accuracy", shared("accuracy", 0.1), (HOLDS,)),
    Border(
        "C2",
        CROSSES,
        "the largest loses 1 % less, perhaps",
        moved("fixed, T=1", "accuracy", 0.5, crossing(-0.002, 0.0, N, 3) * 3, 24),
        (NOT_RESOLVED,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "the largest loses most",
        moved("fixed, T=1", "accuracy", 0.5, -0.03),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2",
        ONE_FAILS,
        "the middle size loses least",
        moved("fixed, T=1", "accuracy", 0.5, 0.02, 8),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2", ONE_FAILS, "the larger language model loses more", text(1, -0.02), (NOT_RESOLVED,)
    ),
    Border(
        "C2",
        ONE_FAILS,
        "penalties of every size end at the grid",
        wider("fixed, T=1", ranks=(4, 8, 24)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C2",
        NONE,
        "the smaller language model loses less, and was still learning",
        late(3, size=0, score=1, change=0.02),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        CROSSES,
        "calibration error rises by more, perhaps",
        text(2, spread(0.0, 0.01, M), arm=2),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "on sharpened real text accuracy falls by more",
        text(1, -0.02, arm=2),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "on real text at temperature 1 accuracy falls by more",
        text(1, -0.02, arm=1),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "accuracy moves at once in two fifths of the seeds",
        unequal("fixed, T=0.7", "regret", 0.1, 16),
        (NOT_RESOLVED,),
    ),
    Border(
        "C3",
        ONE_FAILS,
        "at temperature 1 accuracy moves at once",
        moved("fixed, T=1", "regret", 0.1, 0.05),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        CROSSES,
        "chains lose more, perhaps",
        moved("fixed, T=1", "hops_4", 0.5, 0.015 + spread(0.0, 0.03, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "C4",
        ONE_FAILS,
        "at one size facts lose more",
        moved("fixed, T=1", "facts", 0.5, -0.06, 8),
        (DOES_NOT_HOLD,),
    ),
    Border("C4", PAIRED, "seeds differ by a tenth", shared("facts", 0.05), (HOLDS,)),
    Border(
        "R1",
        CROSSES,
        "the mixture is worse on average",
        moved("real only", "kl", 0.5, 0.04 + spread(0.0, 0.08, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "R1",
        ONE_FAILS,
        "at s = 0.2 its real part alone is worse",
        moved("real only", "kl", 0.2, 0.05),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "R1",
        ONE_FAILS,
        "its accuracy is better",
        moved("fixed, T=1", "accuracy", 0.5, 0.02),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "R1",
        ONE_FAILS,
        "penalties end at the grid",
        wider("real only", "fixed, T=1"),
        (DOES_NOT_HOLD,),
    ),
    Border("R1", CROSSES, "a twelfth of them does", wider("real only"), (NOT_RESOLVED,)),
    Border("R1", PAIRED, "seeds differ by half a nat", shared("kl", 0.5), (HOLDS,)),
    Border(
        "R2",
        CROSSES,
        "the share may be off by 0.2",
        moved("fixed, T=1", "kl", 0.5, spread(0.02, 0.15, N), k=3),
        (NOT_RESOLVED,),
    ),
    Border(
        "R2",
        ONE_FAILS,
        "after one generation the real part is the better one",
        moved("fixed, T=1", "kl", 0.5, 0.1, k=1),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "R2",
        ONE_FAILS,
        "on real text the synthetic samples do all of it",
        text(0, 0.1),
        (NOT_RESOLVED,),
    ),
    Border(
        "R2",
        ONE_FAILS,
        "the share at s = 0.2 is double",
        moved("fixed, T=1", "kl", 0.2, 0.1, k=3),
        (DOES_NOT_HOLD,),
    ),
    Border("R2", PAIRED, "seeds differ by half a nat", shared("kl", 0.5), (HOLDS,)),
    Border(
        "R3",
        CROSSES,
        "fresh data may add 0.2 more",
        moved("fresh, T=1", "kl", 0.5, spread(0.014, 0.08, N)),
        (NOT_RESOLVED,),
    ),
    Border(
        "R3",
        ONE_FAILS,
        "to accumulate adds as much as the real part alone",
        moved("accumulate", "kl", 0.5, 0.08),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "R3",
        ONE_FAILS,
        "fresh data add nothing",
        moved("fresh, T=1", "kl", 0.5, -0.05),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "T6",
        CROSSES,
        "the knot moves on average",
        moved("fresh, T=1", "kl", 0.9, spread(-0.25, 0.5, N)),
    ),
    Border(
        "T6",
        ONE_FAILS,
        "the accuracy has a knot at 0.3",
        lambda scale="book": judged(scale, bent("regret")),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "X1",
        CROSSES,
        "60 % is removed, or 40",
        moved("fixed, T=0.7", "ece", 0.5, spread(0.018, 0.05, N), scaled=True),
        (NOT_RESOLVED,),
    ),
    Border(
        "X1",
        ONE_FAILS,
        "nothing is removed",
        moved("fixed, T=0.7", "ece", 0.5, 0.054, scaled=True),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "X1",
        NONE,
        "there is no rise to remove",
        moved("fixed, T=0.7", "ece", 0.5, -0.06),
        (NOT_RESOLVED,),
    ),
    Border(
        "X1",
        CROSSES,
        "40 % is removed, or 60",
        moved("fixed, T=0.7", "tail_kl", 0.5, spread(-0.03, 0.06, N), scaled=True),
        (NOT_RESOLVED,),
    ),
    Border(
        "X1",
        ONE_FAILS,
        "nearly all of it is removed",
        moved("fixed, T=0.7", "tail_kl", 0.5, -0.07, scaled=True),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "L5",
        CROSSES,
        "the mixture is worse on average",
        text(0, -0.03 + spread(0.0, 0.03, M)),
        (NOT_RESOLVED,),
    ),
    Border("L5", ONE_FAILS, "the mixture is better", text(0, -0.06), (DOES_NOT_HOLD,)),
    Border("L5", ONE_FAILS, "its accuracy is better", text(1, 0.01), (DOES_NOT_HOLD,)),
    Border("L5", ONE_FAILS, "no training stopped before the end", late(12), (DOES_NOT_HOLD,)),
]

NEVER = {"C5": "what the paper counts is not known"}

VARIANTS = {
    "two seeds": seeds(2),
    "one seed": seeds(1),
    "nothing is here": lambda scale: verdicts.evaluate(
        SimpleNamespace(loops=Missing("not in this test"), lives=Missing("not in this test")), scale
    ),
}


def bent(metric):
    """A genuine threshold in one metric."""
    loops = dict(perfect())
    runs = loops[named("fresh, T=1", 24)]
    table = runs.metrics[metric].copy()
    noise = np.array([spread(0.0, 1e-3, N, i) for i in range(len(runs.shares))])
    table[-1] = table[0] + 0.1 * np.maximum(runs.shares - 0.3, 0)[:, None] + noise
    loops[named("fresh, T=1", 24)] = replace(runs, metrics=runs.metrics | {metric: table})
    return loops
