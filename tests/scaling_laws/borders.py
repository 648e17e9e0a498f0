"""Border results of the chapter; every claim that can hold has some."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from companion.claims import DOES_NOT_HOLD, HOLDS, NOT_RESOLVED
from companion.data import Missing
from companion.scaling_laws.lab.facts import FACTS, Fact
from companion.scaling_laws.lab.final_only import EquallyGood
from companion.scaling_laws.lab.freedom import Freedom
from companion.scaling_laws.lab.huber import HuberFit
from companion.scaling_laws.lab.live import LiveResults
from companion.scaling_laws.lab.run import SHORT, WHOLE
from companion.scaling_laws.lab.schedules import Extrapolation, Gap
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.verdict import findings
from tests.borders import CROSSES, ONE_FAILS, PAIRED, Border, spread

N_DRAWS = 60

FIVE, THREE, CUT = "final, 5 parameters", "final, 3 parameters", "cut 10B"
LEVELS = {
    ("1.05B", 8, SHORT, "all"): 10.0,
    ("1.05B", 8, SHORT, CUT): 4.0,
    ("120M", 8, SHORT, "all"): 12.0,
    ("120M", 8, SHORT, CUT): 6.0,
    ("1.05B", 8, SHORT, "best seen"): 10.0,
    ("1.05B", 8, WHOLE, FIVE): 12.0,
    ("1.05B", 12, WHOLE, FIVE): 9.0,
    ("1.05B", 3, WHOLE, CUT): 12.0,
    ("1.05B", 5, WHOLE, CUT): 3.0,
    ("1.05B", 8, WHOLE, CUT): 3.0,
    ("1.05B", 12, WHOLE, CUT): 3.0,
    ("545M", 5, WHOLE, CUT): 6.0,
    ("545M", 8, WHOLE, CUT): 3.0,
    ("120M", 3, WHOLE, CUT): 20.0,
    ("120M", 5, WHOLE, CUT): 12.0,
    ("120M", 8, WHOLE, CUT): 8.0,
    ("120M", 10, WHOLE, CUT): 6.0,
    ("1.05B", 8, WHOLE, THREE): 3.0,
    ("545M", 8, WHOLE, THREE): 3.0,
    ("120M", 8, WHOLE, THREE): 8.0,
}
"""Mean error of each design: (pool, k, tokens, treatment) to percent."""


def draws(changed=None, noise=0.1, shared=0.0):
    """A Monte Carlo with these means.

    changed : design to (mean, relative deviation over subsets)
    shared : deviation of the logarithm of an effect that all designs of a subset share
    """
    rows = []
    subset = np.exp(spread(0.0, shared, N_DRAWS)) if shared else np.ones(N_DRAWS)
    for i, (design, level) in enumerate(LEVELS.items()):
        mean, deviation = (changed or {}).get(design, (level, noise))
        own = np.exp(spread(0.0, deviation, N_DRAWS, i + 1))
        are = subset * mean * own / own.mean()
        for draw, value in enumerate(are):
            pool, k, tokens, treatment = design
            rows.append(
                {
                    "pool": pool,
                    "k": k,
                    "tokens": tokens,
                    "treatment": treatment,
                    "draw": draw,
                    "are": value,
                    "are_final": value,
                    "bias": 0.0,
                    "flop": float(k),
                    "status": "ok",
                    "seconds": 0.01,
                }
            )
    return pd.DataFrame(rows)


def ladders(opt=17.0, gpt3=2.72, t5=9.1):
    pairs = {"OPT": (opt, 7.4), "GPT-3": (gpt3, 2.7), "T5-Pile": (t5, 9.2), "Pythia": (130, 6.1)}
    return pd.DataFrame(
        [
            {
                "experiment": "n vs q",
                "family": name,
                "cut": cut,
                "n": 8,
                "q": 1.0,
                "are": value,
                "status": "ok",
                "seconds": 0.1,
            }
            for name, both in pairs.items()
            for cut, value in zip((0.0, 1e10), both, strict=True)
        ]
    )


def cells(wrong=2):
    good = np.arange(100) >= wrong
    return pd.DataFrame(
        {
            "cut": 0.0,
            "difference": 0.01,
            "reproduced": good,
            "family": "OPT",
            "n": 3,
            "q": 1.0,
            "printed": 1.0,
            "ours": 1.0,
        }
    )


def solvers(worse=0, seconds=None, n=400):
    return pd.DataFrame(
        {
            "sse_varpro": np.where(np.arange(n) < worse, 2.0, 1.0),
            "sse_multi": 1.0,
            "sse_single": 1.5,
            "failed_starts": 0,
            "seconds_varpro": spread(0.05, 0.01, n) if seconds is None else seconds,
            "seconds_multi": spread(1.0, 0.01, n, 1),
        }
    )


def facts(failed=0):
    return tuple(Fact(str(i), "", "", i >= failed, {}) for i in range(len(FACTS)))


def singles(worst=4.0):
    return pd.DataFrame({"N": [1e8, 5.5e8, 6e8, 1e9], "are": [9.0, 3.0, worst, 2.0], "bias": 1.0})


def freedom(three=0.995):
    shares = np.array([0.8, 0.95, three, 0.999, 1.0])
    return Freedom(("OPT",), np.ones((1, 5)), shares, shares, 0.04, 0.04, 0.04, 0.04)


def schedules(gaps=None, least=0.5):
    each = spread(2.0, 0.3, 8) if gaps is None else gaps
    none = np.empty(0)
    ends = [
        Extrapolation(size, "wsd_20000_24000", none, none, none, 0.7, error)
        for size, error in (("25M", 2.0), ("100M", least), ("400M", 1.5))
    ]
    return [Gap(str(i), np.ones(3), np.full(3, value)) for i, value in enumerate(each)], ends


def chinchilla(objective=0.00101827, factor=1.0):
    law = ScalingLaw.of(E=1.8172, A=482.01 * factor, B=2085.43, alpha=0.3478, beta=0.3658)
    return HuberFit(law, objective, True)


def lab(order=(3.0, 2.0, 1.0), e_error=1.0, n=200):
    """All worlds alike, but for world 0, which has these errors by cut."""
    rows = []
    for world in range(n):
        errors = order if world == 0 else (3.0, 2.0, 1.0)
        for cut, are in zip((0.0, 0.01, 0.1), errors, strict=True):
            e = 10.0 if cut < 0.1 else e_error if world == 0 else 1.0
            rows.append({"world": world, "cut": cut, "seed": 0, "are": are, "e_error": e})
    return pd.DataFrame(rows)


def live(sd=(1.0, 1.5), n=8, worst=9.0):
    runs = SimpleNamespace(failed=(), hot={}, cool={})
    spreads = pd.DataFrame(
        {"shape": ["1x16", "1x32"], "N": [1e4, 2e4], "mean": 2.0, "sd_percent": sd, "n": n}
    )
    errors = pd.DataFrame(
        [
            {"k": 3, "cut": cut, "pick": i, "are": worst if i == 0 and cut == 0.1 else 8.0}
            for i in range(30)
            for cut in (0.0, 0.1)
        ]
    )
    return LiveResults(runs, None, spreads, errors, pd.DataFrame())


def results(**changed):
    perfect = {
        "ladders": ladders(),
        "cells": cells(),
        "solvers": solvers(),
        "facts": facts(),
        "draws": draws(),
        "budget_draws": Missing("not in this test"),
        "budget": Missing("not in this test"),
        "open_end": (EquallyGood(np.ones(1), np.ones(2), np.array([[5.0, 60.0]]), 0.0), 4.0),
        "singles": singles(),
        "opt_share": 0.97,
        "freedom": freedom(),
        "schedules": schedules(),
        "chinchilla": chinchilla(),
        "lab": lab(),
        "control": pd.DataFrame({"ratio": np.exp(spread(0.0, 0.1, 40))}),
        "live": live(),
    }
    return findings.Results(**perfect | changed)


def of(**changed):
    return lambda: findings.evaluate(results(**changed), "book", 0)


clean = of()

NEVER = {
    "11": "an interval of a share of worlds that all fall cannot lie at one",
    "live": "choices among a few seeds give no interval",
}

WIDE = 3.0
"""Deviation of the logarithm that makes an interval of a ratio of means cross."""


def levels(design, mean, deviation):
    return draws({design: (mean, deviation)})


BORDERS = [
    Border(
        "1", ONE_FAILS, "6 of 100 cells are not reproduced", of(cells=cells(6)), (DOES_NOT_HOLD,)
    ),
    Border(
        "2",
        CROSSES,
        "the ratio's interval reaches below 1",
        of(draws=levels(("1.05B", 8, SHORT, "all"), 5.0, WIDE)),
    ),
    Border(
        "2",
        ONE_FAILS,
        "OPT gains a factor of 1.5 only",
        of(ladders=ladders(opt=11.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "2",
        PAIRED,
        "subsets differ a hundredfold, and a gain of a half is in each",
        of(draws=draws({("1.05B", 8, SHORT, "all"): (6.0, 0.1)}, shared=1.5)),
        (HOLDS,),
    ),
    Border(
        "2'",
        ONE_FAILS,
        "one family of two is helped by a tenth",
        of(ladders=ladders(t5=10.2)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "3",
        CROSSES,
        "with 8 runs the interval reaches below 1",
        of(draws=levels(("1.05B", 8, WHOLE, FIVE), 4.0, WIDE)),
    ),
    Border(
        "3",
        ONE_FAILS,
        "with 12 runs final losses do better",
        of(draws=levels(("1.05B", 12, WHOLE, FIVE), 2.0, 0.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "3",
        CROSSES,
        "with 12 runs the interval reaches below 1",
        of(draws=levels(("1.05B", 12, WHOLE, FIVE), 4.0, WIDE)),
    ),
    Border(
        "3'",
        CROSSES,
        "the interval reaches beyond a factor of two",
        of(draws=levels(("1.05B", 8, WHOLE, THREE), 5.0, WIDE)),
    ),
    Border(
        "4",
        ONE_FAILS,
        "the middle size is no better than the smallest",
        of(draws=levels(("545M", 5, WHOLE, CUT), 13.0, 0.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "4",
        ONE_FAILS,
        "the largest size is no better than the middle one",
        of(draws=levels(("545M", 5, WHOLE, CUT), 2.5, 0.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "4",
        CROSSES,
        "the middle size is better, and its interval crosses",
        of(draws=levels(("545M", 5, WHOLE, CUT), 6.0, WIDE)),
    ),
    Border(
        "5",
        CROSSES,
        "3 runs over 10, the interval reaches below 1",
        of(draws=levels(("120M", 3, WHOLE, CUT), 8.0, WIDE)),
    ),
    Border(
        "5",
        ONE_FAILS,
        "3 are worse than 10, and the trend rises in between",
        of(
            draws=draws(
                {
                    ("120M", 5, WHOLE, CUT): (0.1, 0.1),
                    ("120M", 8, WHOLE, CUT): (60, 0.1),
                    ("120M", 10, WHOLE, CUT): (15, 0.1),
                }
            )
        ),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "5'",
        CROSSES,
        "the interval reaches below 1",
        of(draws=levels(("1.05B", 3, WHOLE, CUT), 8.0, WIDE)),
    ),
    Border(
        "6",
        CROSSES,
        "the interval reaches below 1.5",
        of(draws=levels(("1.05B", 8, SHORT, "best seen"), 7.0, WIDE)),
    ),
    Border(
        "7", ONE_FAILS, "one single run errs by 6.5 %", of(singles=singles(6.5)), (DOES_NOT_HOLD,)
    ),
    Border("7", ONE_FAILS, "94 % of OPT's cells", of(opt_share=0.94), (DOES_NOT_HOLD,)),
    Border(
        "8",
        ONE_FAILS,
        "three components explain 98.9 %",
        of(freedom=freedom(0.989)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "9",
        CROSSES,
        "the gaps' interval reaches below 0",
        of(schedules=schedules(spread(1.0, 3.0, 8))),
    ),
    Border(
        "9",
        ONE_FAILS,
        "one decaying run ends above its prediction",
        of(schedules=schedules(least=-0.1)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "10",
        ONE_FAILS,
        "the last digit of the objective",
        of(chinchilla=chinchilla(0.00101828)),
        (DOES_NOT_HOLD,),
    ),
    Border(
        "10", ONE_FAILS, "A is off by 4 %", of(chinchilla=chinchilla(factor=1.04)), (DOES_NOT_HOLD,)
    ),
    Border(
        "11",
        ONE_FAILS,
        "in one world of 200 the small cut does harm",
        of(lab=lab(order=(3.0, 3.1, 1.0))),
    ),
    Border("11", ONE_FAILS, "in one world E is off by 6 % of 10", of(lab=lab(e_error=6.0))),
    Border("bench", CROSSES, "99.25 % are no worse, of too few", of(solvers=solvers(3))),
    Border(
        "bench",
        ONE_FAILS,
        "a ninth of the time",
        of(solvers=solvers(seconds=spread(0.12, 0.01, 400))),
        (DOES_NOT_HOLD,),
    ),
    Border("units", ONE_FAILS, "one of ten facts is not so", of(facts=facts(1)), (DOES_NOT_HOLD,)),
    Border(
        "seeds", ONE_FAILS, "one size spreads by 9 %", of(live=live((9.0, 1.0))), (DOES_NOT_HOLD,)
    ),
    Border("seeds", CROSSES, "one size spreads by 3.9 % over 8 seeds", of(live=live((3.9, 1.0)))),
    Border("live", ONE_FAILS, "one choice of seeds errs by 21 %", of(live=live(worst=21.0))),
    Border(
        "control",
        CROSSES,
        "the ratio's interval reaches above 1.2",
        of(control=pd.DataFrame({"ratio": np.exp(spread(0.12, 0.6, 40))})),
        (NOT_RESOLVED,),
    ),
]
