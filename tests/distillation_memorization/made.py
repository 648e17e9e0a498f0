"""Worlds made by hand: what a run that shows everything would give, to be spoiled one at a time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from companion.distillation_memorization.lab.predictor import Prediction
from companion.distillation_memorization.lab.world import Filtered, Reading, World
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    soft,
)
from companion.distillation_memorization.verdict import verdicts
from companion.scale import generator

N, HELD = 1000, 1000
EPOCHS, JUDGED = (2, 4, 8, 16), 8
IDS = [claim.id for claim in verdicts.claims]


def members(seed, *, easy=60, soft_easy=24, soft_other=0, soft_heirs=1, hard_heirs=9, unread=0):
    """Model -> set, at the judged budget.

    The teacher knows 0..139 and up to three more, the baseline 80..(80 + easy - 1) and 300..305;
    so the easy ones are 80..139 as a rule.  The soft student has some easy ones, some of what only
    the teacher knew, and others; the hard one as many in all, more of them inherited.
    """
    order = generator(seed, "members").permutation(N)
    n_hard = soft_easy + soft_other + soft_heirs + seed % 2
    inside = {
        TEACHER: [*range(140), *range(400, 400 + seed % 4)],
        BASELINE: [*range(80, 80 + easy), *range(300, 305 + seed % 2)],
        soft(1.0): range(80, 80 + soft_easy + 8),
        SOFT: [*range(80, 80 + soft_easy), *range(soft_heirs), *range(200, 200 + soft_other)],
        soft(4.0): range(80, 80 + max(0, soft_easy - 8)),
        HARD: [*range(40, 40 + hard_heirs), *range(80, 80 + max(0, n_hard - hard_heirs))],
        UNREAD: [*range(unread), *range(600, 603)],
    }
    found = {}
    for name, places in inside.items():
        found[name] = np.zeros(N, dtype=bool)
        found[name][order[list(places)]] = True
    return found


def fewer(known: np.ndarray, share: float) -> np.ndarray:
    """The first part of a set."""
    places = np.flatnonzero(known)
    found = np.zeros_like(known)
    found[places[: round(share * len(places))]] = True
    return found


def prediction(auc=0.97, permuted=0.5, seed=0):
    jitter = 0.002 * np.random.default_rng(seed).standard_normal(20)
    ones = np.ones(20)
    return Prediction(
        auc + jitter,
        0.9 * ones,
        0.95 * ones,
        permuted + jitter,
        0.6 * ones,
        np.tile([-0.3, -0.4, -1.0, -4.7], (20, 1)) * (1 + jitter[:, None]),
        np.linspace(0, 1, N),
    )


LOSSES = {
    TEACHER: (0.9,),
    BASELINE: (1.1, 1.06, 1.05, 1.08),
    SOFT: (1.09, 1.04, 1.0, 0.99),
    HARD: (1.3, 1.25, 1.3, 1.5),
}
"""By budget; the base models have 1.0 (teacher) and 1.2."""


def world(seed, *, held=0.006, gap=8.0, left=0, auc=0.97, permuted=0.5, gain=0.0, **sizes):
    """One seed; gain : added to the soft student's losses."""
    known = members(seed, **sizes)
    rng = np.random.default_rng(seed)
    level = 0.01 * rng.standard_normal()

    def one(name, at, memorized):
        jitter = 1e-3 * rng.standard_normal()
        losses = LOSSES.get(name, LOSSES[SOFT])
        loss = losses[min(at, len(losses) - 1)] + level + jitter
        loss += gain if name == SOFT else 0.0
        guessed = rng.permutation(HELD) < round(held * HELD) + rng.integers(2)
        return Reading(memorized, guessed, np.array([loss, loss]), loss - 0.1)

    students = {}
    for name, inside in known.items():
        if name == TEACHER:
            continue
        budgets = EPOCHS if name in (BASELINE, SOFT, HARD) else (JUDGED,)
        shares = {2: 0.5, 4: 0.8, 8: 1.0, 16: 1.0}
        students[name] = {e: one(name, EPOCHS.index(e), fewer(inside, shares[e])) for e in budgets}
    zlib = 36 + 4 * rng.standard_normal(N)
    simple = memorization.easy(known)
    zlib[simple] -= gap + rng.standard_normal()
    perplexity = 3 + rng.random(N)
    perplexity[simple] -= 0.5
    n_easy = int(simple.sum())
    tails = {
        name: np.stack([at + 0.01 * rng.random(n_easy), -at - 0.01 * rng.random(n_easy)])
        for name, at in ((TEACHER, 0.1), (BASELINE, 0.2), (SOFT, 0.4))
    }
    kept = ~known[SOFT]
    after = fewer(kept, left / kept.sum()) if left else np.zeros(N, dtype=bool)
    shown = np.flatnonzero(simple)[:2]
    return World(
        name="transformers",
        seed=seed,
        epochs=EPOCHS,
        judged=JUDGED,
        bases={
            name: Reading(
                np.zeros(N, bool),
                np.zeros(HELD, bool),
                np.full(2, base + level + 1e-3 * rng.standard_normal()),
                base,
            )
            for name, base in ((TEACHER, 1.0), (BASELINE, 1.2))
        },
        teacher=one(TEACHER, 0, known[TEACHER]),
        students=students,
        features=np.column_stack([perplexity, perplexity, rng.random(N), zlib]),
        tails=tails,
        prediction=prediction(auc, permuted, seed),
        filtered=Filtered(kept, after),
        shown=shown,
        texts=["a short text of forty-eight characters in a row!"] * len(shown),
        written={m: ["of forty-eight c"] * len(shown) for m in (TEACHER, BASELINE, SOFT, HARD)},
    )


def worlds(n_seeds=6, **changes):
    """Seeds that differ a little in what is memorized; a tuple of changes is dealt out in turn."""
    found = []
    for seed in range(n_seeds):
        usual = {
            "soft_easy": 24 + seed % 3,
            "soft_heirs": int(seed == 0),
            "hard_heirs": 9 + seed % 2,
        }
        sizes = usual | {
            name: many[seed % len(many)] if isinstance(many, tuple) else many
            for name, many in changes.items()
        }
        found.append(world(seed, **sizes))
    return found


def perceptrons(n_seeds=3, late=0.4):
    """The student keeps fewer and fewer of what it knew: `late` of it in the end."""
    found = []
    for w in worlds(n_seeds):
        runs = dict(w.students[SOFT])
        share = late + 0.02 * w.seed
        runs[16] = replace(runs[16], memorized=fewer(runs[8].memorized, share))
        found.append(replace(w, students=w.students | {SOFT: runs}))
    return found


def rates(n_seeds=6, half=1.06, twice=1.09):
    """The baselines at half and twice the rate, with these losses."""
    found = []
    for w in worlds(n_seeds):
        one, jitter = w.of(BASELINE), 1e-3 * np.random.default_rng(w.seed).standard_normal()
        at = {0.5: half + jitter, 2.0: twice + jitter}
        found.append({f: replace(one, losses=np.full(2, loss)) for f, loss in at.items()})
    return found


def results(**changes):
    """Everything that the notebook hands to the verdicts; real text is as the rest."""
    found = {
        "worlds": worlds(),
        "rates": rates(),
        "real": worlds(),
        "perceptrons": perceptrons(),
    }
    return SimpleNamespace(**{**found, **changes})


def with_arm(w, name, memorized, epochs=None):
    """A world in which an arm has memorized this, after all numbers of epochs or one."""
    runs = {
        e: replace(one, memorized=memorized) if epochs in (None, e) else one
        for e, one in w.students[name].items()
    }
    return replace(w, students=w.students | {name: runs})


def same_everywhere(w):
    """A treatment that does nothing: every student does what the baseline does."""
    students = {name: dict(w.students[BASELINE]) for name in w.students}
    return replace(
        w,
        students=students,
        teacher=w.students[BASELINE][JUDGED],
        bases=dict.fromkeys(w.bases, w.students[BASELINE][JUDGED]),
        features=np.random.default_rng(w.seed).random((N, 4)) + 30,
        tails=dict.fromkeys(w.tails, np.ones((2, int(w.of(BASELINE).memorized.sum())))),
        prediction=prediction(auc=0.5, seed=w.seed),
        filtered=Filtered(np.ones(N, dtype=bool), w.of(BASELINE).memorized),
    )
