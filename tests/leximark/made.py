"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from dataclasses import replace as replace
from functools import cache
from types import SimpleNamespace

import numpy as np
from scipy.stats import norm

from companion import data
from companion.data import Missing
from companion.leximark.lab.arms import (
    ATTACKED,
    CONTROL,
    KEYS,
    LOOKALIKE,
    MARK,
    NONE,
    RANDOM,
    RAREST,
    SEQUENCE,
    dose,
)
from companion.leximark.lab.detection import KeyedTest, effect_of_auroc, rank_p
from companion.leximark.lab.quality import Quality
from companion.leximark.lab.run import SMOL, WORDS, ArmResult, Run, SeedResult
from companion.leximark.sources import load_tables

N, SEEDS = 200, 6
NAMES = (NONE, MARK, KEYS)
"""Arms of the small world."""
KEY_DOCS = 10
"""Documents there whose key is tested."""

LEVELS = {  # AUROC of the record, and of the protocol
    NONE: (0.75, None),
    MARK: (0.80, 0.95),
    KEYS: (0.78, 0.92),
    RAREST: (0.80, None),
    RANDOM: (0.76, None),
    CONTROL: (0.68, None),
    SEQUENCE: (None, 0.85),
    LOOKALIKE: (0.85, None),
    ATTACKED: (None, 0.85),
    dose(1): (None, 0.70),
    dose(3): (None, 0.80),
}
SMOL_LEVELS = {name: LEVELS[name] for name in (NONE, MARK, KEYS)}


QUANTILES = norm.ppf((np.arange(N) + 0.5) / N)


def half(shift, rng):
    """N scores, the same quantiles each time."""
    return rng.permutation(QUANTILES) + shift


@cache
def arm(name, record, protocol, seed, *, untrained=0.0, learned=0.8, dictionary=0.4, nats=5.0):
    """An arm whose AUROCs are the levels, a little off in each seed.

    Made once for all results that have it: nothing can be written into its arrays.
    """
    rng = np.random.default_rng([seed, sum(map(ord, name))])
    off = 0.004 * (seed - 2.5) + 0.001 * rng.standard_normal()
    sets = {"A.a": half(0, rng)}
    if record is not None:
        sets["B.a"] = half(-effect_of_auroc(min(0.999, record + off)), rng)
    if protocol is not None:
        sets["B.b"] = half(-effect_of_auroc(min(0.999, protocol + off)), rng)
    if name == KEYS:
        sets["A.b"] = sets["A.a"] - 1.0 - off
        sets["B.b"] = sets["B.a"] - dictionary - off
    apart = {"A.a": 6, "B.a": 3}  # seeds differ: without spread nothing is resolved
    base = {s: half(untrained * (s[0] == "A") + apart.get(s, 0) * off, rng) for s in sets}
    blind = dict.fromkeys(("record", "protocol", "dictionary", "counterfactual"), 0.5 + off)
    surprise = np.full(N, nats * (1 + off))
    for array in (*sets.values(), *base.values(), surprise):
        array.flags.writeable = False
    return ArmResult(sets, base, blind, surprise, learned + off, 0.13)


def keyed(true=-1.7, n=99, seed=0):
    others = np.random.default_rng(seed).normal(-2.1, 0.02, n)
    return KeyedTest(true, others, rank_p(true, others))


def run(model=WORDS, levels=None, n_seeds=SEEDS, n_keys=99, innocent=0.05, **changed):
    """changed : arm -> options of :func:`arm`, or the two levels"""
    results = []
    for seed in range(n_seeds):
        found = {}
        for name, pair in (levels or LEVELS).items():
            options = changed.get(name.replace(" ", "_"), {})
            options = dict(options)
            pair = options.pop("levels", pair)
            found[name] = arm(name, *pair, seed, **options)
        p = np.ones(30)
        p[: round(30 * innocent)] = 0.05
        test = keyed(n=n_keys, seed=seed) if model == WORDS or seed < 2 else None
        results.append(SeedResult(seed, found, test, p))
    return Run(model, tuple(results))


def smol(**changed):
    changed.setdefault("LexiMark", {"nats": 5.05})
    return run(SMOL, SMOL_LEVELS, n_keys=19, **changed)


def qualities(share=0.96, seen=0.53, unmarked=0.5):
    found = []
    for seed in range(SEEDS):
        off = 0.004 * (seed - 2.5)
        n = 1000
        cosines = np.full(n, 0.5)
        cosines[: round(n * (share + off))] = 0.9
        found.append(
            Quality(np.full(9, 0.13 + off), cosines, 0.9 + off, seen + off, unmarked + off)
        )
    return found


def printed(least=4.2, mark=96.0):
    """The printed tables with a smallest gain of `least`, and `mark` or more with the mark."""
    table = load_tables(data.fetch("leximark/paper_tables.csv"))
    wide = table[table.metric == "auroc"].pivot(
        index=["regime", "dataset", "model"], columns="watermark", values="percent"
    )
    short = wide["leximark"] - wide["none"] < least
    for place in wide[short].index:
        row = (table[["regime", "dataset", "model"]] == list(place)).all(axis=1)
        row &= (table.metric == "auroc") & (table.watermark == "leximark")
        table.loc[row, "percent"] = wide.loc[place, "none"] + least
    for _, rows in table[table.metric == "auroc"].groupby(["regime", "dataset", "model"]):
        lifted = max(0.0, mark - rows.percent[rows.watermark == "leximark"].item())
        table.loc[rows.index, "percent"] += lifted
    return table


def results(**changes):
    made = {"words": run(), "smol": smol(), "qualities": qualities(), "printed": printed()}
    return SimpleNamespace(**made | changes)


def toy(**changes):
    """A toy run: one seed, one model, few arms."""
    levels = {name: LEVELS[name] for name in (NONE, MARK, KEYS, CONTROL)}
    made = {
        "words": run(WORDS, levels, 1, 19),
        "smol": Missing("at book scale"),
        "qualities": qualities()[:1],
    }
    return results(**made | changes)
