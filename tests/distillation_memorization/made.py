"""Worlds made by hand: what a run that shows everything would give, to be spoiled one at a time."""

from dataclasses import replace

import numpy as np

from companion.distillation_memorization.lab import run
from companion.distillation_memorization.lab.predictor import Prediction
from companion.distillation_memorization.lab.world import Filtered, World
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    objectives,
    soft,
)
from companion.distillation_memorization.verdict import findings
from companion.distillation_memorization.verdict.results import Results
from companion.scale import generator

N, HELD = 1000, 1000
JUDGES = {
    "1": findings.less,
    "1b": findings.better,
    "order": findings.order,
    "tau": findings.cooler,
    "2": findings.easy,
    "2b": findings.low_zlib,
    "3": findings.predictable,
    "3b": findings.filtered,
    "4": findings.hard_inherits,
    "4b": findings.same_rate,
    "control": findings.control,
}
"""What judges each claim: one takes milliseconds, all of them take a second."""


def judged(results, claim):
    """The finding of one claim."""
    return JUDGES[claim](results)


STUDENTS = tuple(objectives((1.0, 2.0, 4.0, 8.0)))


def members(seed, *, soft_easy=24, soft_other=2, soft_heirs=2, hard_heirs=50, unread_heirs=1):
    """Teacher 0..109, baseline 70..129: easy 70..109; a few sequences of each other kind."""
    order = generator(seed, "members").permutation(N)
    inside = {
        TEACHER: range(0, 110),
        BASELINE: range(70, 130),
        soft(1.0): range(70, 70 + soft_easy + 10),
        soft(2.0): [
            *range(70, 70 + soft_easy),
            *range(soft_heirs),
            *range(200, 200 + soft_other),
        ],
        soft(4.0): range(70, 70 + max(0, soft_easy - 10)),
        soft(8.0): range(70, 70 + max(0, soft_easy - 16)),
        HARD: [*range(hard_heirs), *range(70, 105)],
        UNREAD: range(unread_heirs),
    }
    found = {}
    for name, places in inside.items():
        found[name] = np.zeros(N, dtype=bool)
        found[name][order[list(places)]] = True
    return found


def prediction(auc=0.97, permuted=0.5, seed=0):
    jitter = 0.002 * np.random.default_rng(seed).standard_normal(20)
    ones = np.ones(20)
    chance = np.linspace(0, 1, N)
    return Prediction(
        auc + jitter,
        0.9 * ones,
        0.95 * ones,
        permuted + jitter,
        0.6 * ones,
        np.tile([-0.3, -0.4, -1.0, -4.5], (20, 1)),
        chance,
    )


def world(seed, *, gain=0.03, zlib_gap=8.0, held=0.004, left=3, auc=0.97, permuted=0.5, **sizes):
    known = members(seed, **sizes)
    rng = np.random.default_rng(seed)
    zlib = 36 + rng.standard_normal(N)
    zlib[known[BASELINE]] -= zlib_gap
    unseen = {m: rng.permutation(HELD) < round(held * HELD) for m in known}
    base = 1.4 + 0.01 * rng.standard_normal()
    loss = dict.fromkeys(known, base - gain + 1e-3 * rng.standard_normal())
    loss |= {TEACHER: base - 0.04, BASELINE: base, HARD: base + 0.4}
    scores = {m: rng.random(N) for m in (TEACHER, BASELINE, SOFT)}
    kept = np.ones(N, dtype=bool)
    kept[known[SOFT]] = False
    after = np.zeros(N, dtype=bool)
    after[np.flatnonzero(kept)[:left]] = True
    shown = np.array([0, 1, 2])
    return World(
        name="word pools",
        seed=seed,
        members=known,
        held=unseen,
        loss=loss,
        base_loss=(1.3, 1.35),
        zlib=zlib,
        features=np.column_stack([rng.random((N, 2)) + 2, rng.random(N), zlib]),
        entropy=scores,
        log_p={m: -v for m, v in scores.items()},
        prediction=prediction(auc, permuted, seed),
        filtered=Filtered(kept, after),
        shown=shown,
        texts=["a short text of forty-eight characters in a row!"] * 3,
        written={m: ["of forty-eight c"] * 3 for m in (TEACHER, BASELINE, SOFT, HARD)},
        by_prefix={p: known for p in (8, 16)},
        students=STUDENTS,
        epochs=np.array([1, 4, 9]),
        curve_rate=np.linspace(0, 0.05, 3)[:, None] * np.arange(1, 1 + len(STUDENTS)),
        curve_loss=np.linspace(1.6, 1.4, 3)[:, None] * np.ones(len(STUDENTS)),
        cache_megabytes=1.0,
    )


def sweep():
    rates = np.array([[0.02, 0.1, 0.6]])
    losses = np.array([[1.5, 1.4, 1.45]])
    return run.Sweep(
        np.array([3, 9, 24]),
        rates,
        np.full((1, 3), 0.06),
        np.array([[0.01, 0.03, 0.05]]),
        losses,
        losses + 0.02,
        losses,
    )


def results(scale="book", n_seeds=8, **changes):
    several = [world(seed, **changes) for seed in range(1 if scale == "toy" else n_seeds)]
    return Results(scale, 0, 100, several, several[:1], several[:1], sweep())


def same_everywhere(one: World) -> World:
    """A treatment that does nothing: every model memorizes what the baseline does."""
    nothing = one.members[BASELINE]
    return replace(
        one,
        members=dict.fromkeys(one.members, nothing),
        held=dict.fromkeys(one.held, np.resize(nothing, HELD)),
        loss=dict.fromkeys(one.loss, 1.4),
        zlib=36 + np.random.default_rng(one.seed).standard_normal(N),
        prediction=prediction(auc=0.5),
        filtered=Filtered(np.ones(N, dtype=bool), nothing),
    )
