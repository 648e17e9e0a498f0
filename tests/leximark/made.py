"""Results made by hand: what a perfect run would give, to be spoiled one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from companion.data import Missing
from companion.leximark.lab.arms import CONTROL, MARK, NONE, dose, removal, threshold
from companion.leximark.lab.detection import KeyedTest, effect_of_auroc, rank_p
from companion.leximark.lab.probe import Probe
from companion.leximark.lab.quality import Quality, TradeOff
from companion.leximark.lab.run import STORED, ArmResult, Run
from companion.leximark.settings import PRESETS
from companion.leximark.verdict.findings import Results

N, SEEDS = 120, 5
BOOK = replace(PRESETS["book"], seeds=SEEDS)

LEVELS = {  # AUROC of A.a against B.a, and of A.a against B.b
    NONE: (0.75, None),
    MARK: (0.78, 0.90),
    "rarest": (0.77, None),
    CONTROL: (0.70, None),
    dose(1): (0.76, 0.80),
    dose(3): (0.77, 0.86),
    dose(7): (0.79, 0.93),
    removal(0.25): (0.77, 0.87),
    removal(0.5): (0.76, 0.84),
    removal(1.0): (0.70, 0.76),
}


def half(shift, rng):
    """N scores, almost the same quantiles each time."""
    grid = (np.arange(N) + 0.5) / N
    from scipy.stats import norm

    return norm.ppf(rng.permutation(grid)) + shift + 0.01 * rng.standard_normal(N)


def arm(record, protocol, seed, *, blind=(0.5, 0.95), base=True):
    rng = np.random.default_rng(seed)  # the same documents in all arms
    off = 0.006 * (seed - 2)  # seeds differ, as they do: without spread nothing is resolved
    d = effect_of_auroc(record + off)
    sets = {"A.a": half(0, rng), "B.a": half(-d, rng)}
    untrained = {"A.a": half(0, rng), "B.a": half(0, rng)}
    if protocol is not None:
        sets["B.b"] = half(-effect_of_auroc(protocol + off), rng)
        sets["A.b"] = sets["A.a"] - 0.8 + 0.35 * rng.standard_normal(N)  # some win by chance
        untrained |= {"B.b": half(0, rng), "A.b": half(0, rng)}
    told = {"record": blind[0] + off}
    if protocol is not None:
        told |= dict.fromkeys(("protocol", "dictionary", "counterfactual"), blind[1] + off)
    return ArmResult(
        {name: dict.fromkeys(STORED, values) for name, values in sets.items()},
        {name: dict.fromkeys(STORED, v) for name, v in untrained.items()} if base else {},
        told if base else {},
        0.0 if protocol is None else 0.13,
        np.full(N, 110),
    )


def run(model="word model", levels=None, n_seeds=SEEDS, **options):
    levels = LEVELS if levels is None else levels
    results = []
    for seed in range(n_seeds):
        results.append({name: arm(*pair, seed, **options) for name, pair in levels.items()})
    return Run(model, tuple(range(n_seeds)), tuple(results))


def keyed(true, n=99, seed=0):
    others = np.random.default_rng(seed).normal(-2.1, 0.02, n)
    return KeyedTest(true, others, rank_p(true, others))


def probe(works=True, n=99, innocent=True):
    rng = np.random.default_rng(1)
    p = np.sort((np.arange(40) % 20 + 1) / 20) if innocent else np.full(40, 0.05)
    z = {
        (h, place): rng.normal(-1 + (h == "A") * (1.0 if place == "replaced" else 0.1), 1, 400)
        for h in "AB"
        for place in ("replaced", "other")
    }
    return Probe(keyed(-1.7 if works else -2.1, n), keyed(-2.1, 19), p, z)


def quality():
    rng = np.random.default_rng(2)
    return Quality(rng.normal(0.13, 0.02, 50), rng.normal(2, 0.2, 50), rng.normal(0.8, 0.05, 50))


def trade_off(works=True):
    names = (MARK, *map(threshold, BOOK.thresholds))
    top = (0.90, 0.87, 0.84, 0.78) if works else (0.9,) * 4
    levels = {NONE: LEVELS[NONE]} | {
        name: (0.77, level) for name, level in zip(names, top, strict=True)
    }
    closer = np.array([0.78, 0.84, 0.91, 0.96]) if works else np.full(4, 0.8)
    rng = np.random.default_rng(3)
    return TradeOff(
        BOOK.thresholds,
        run("word model, filtered", levels, 2),
        {
            name: c + 0.03 * rng.standard_normal((2, 50))
            for name, c in zip(names, closer, strict=True)
        },
        {name: np.array([0.13, 0.14]) for name in names},
    )


def results(**changes):
    made = Results(
        words=run(),
        transformer=run("transformer"),
        probes={"word model": probe(), "transformer": probe()},
        quality=quality(),
        trade_off=trade_off(),
        seed=0,
        settings=BOOK,
    )
    return replace(made, **changes)


def toy(**changes):
    """A toy run: one seed, one model, the arms of the preset."""
    levels = {name: LEVELS[name] for name in (NONE, MARK, CONTROL)}
    made = Results(
        run("word model", levels, 1),
        None,
        {"word model": probe(n=19)},
        quality(),
        Missing("at book scale"),
        0,
        PRESETS["toy"],
    )
    return replace(made, **changes)
