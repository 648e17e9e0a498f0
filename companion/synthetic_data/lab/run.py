"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from companion.sweep import sweep
from companion.synthetic_data.lab.language import Lives, Plan, Recipe, run_lives
from companion.synthetic_data.lab.loop import Arm, Runs, run_arm
from companion.synthetic_data.settings import Settings

ARMS = {
    "fixed, T=1": Arm(),
    "real only": Arm("real only"),
    "fresh, T=1": Arm("fresh"),
    "fixed, T=0.7": Arm(temperature=0.7),
    "accumulate": Arm("accumulate"),
    "subsample": Arm("subsample"),
    "written by the truth": Arm(by_truth=True),
}
"""Name to arm.  The real part alone and the text that the truth writes are controls."""

Loops = dict[str, Runs]
"""Name of an arm (:func:`named`) -> what it did."""

HAND_PICKED = (0.002, 0.02, 0.2)
"""Penalties that are the same for every model."""


def named(arm: str, rank: int) -> str:
    """Key of an arm at a size: ``"fixed, T=1, rank 24"``."""
    return f"{arm}, rank {rank}"


def plan_loops(settings: Settings) -> list[tuple[str, int, tuple[float, ...]]]:
    """(arm, rank, mixing ratios) of the worlds with a known truth."""
    main = settings.ranks[-1]
    whole = ("fixed, T=1", "real only", "fresh, T=1")
    plan = [(name, main, settings.shares) for name in whole]
    plan.append(("fixed, T=0.7", main, settings.half_shares))
    plan += [(name, main, settings.few_shares) for name in list(ARMS)[4:]]
    return plan + [("fixed, T=1", rank, settings.half_shares) for rank in settings.ranks[:-1]]


def loops(settings: Settings, seed: int) -> Loops:
    """Every arm in worlds with a known truth; each generation of an arm is one batched fit."""
    plan = plan_loops(settings)
    options = {
        "seeds": tuple(range(seed, seed + settings.n_seeds)),
        "n_samples": settings.n_samples,
        "generations": settings.generations,
    }
    jobs = [{"arm": ARMS[name], "rank": rank, "shares": shares} for name, rank, shares in plan]
    run = partial(run_arm, **options)
    done = sweep(run, jobs, n_jobs=settings.jobs, label="worlds", unpack=True)
    return {named(name, rank): runs for (name, rank, _), runs in zip(plan, done, strict=True)}


class ByHand(NamedTuple):
    """Mixture and real part alone at s = 0.5, with one penalty for every model."""

    penalty: float
    mixed: Runs
    alone: Runs


def by_hand(settings: Settings, seed: int) -> list[ByHand]:
    """The main comparison with penalties that nobody chose for the model."""
    options = {
        "rank": settings.ranks[-1],
        "shares": (0.5,),
        "seeds": tuple(range(seed, seed + settings.n_seeds)),
        "n_samples": settings.n_samples,
        "generations": settings.generations,
    }
    return [
        ByHand(
            penalty,
            *(run_arm(arm, penalties=(penalty,), **options) for arm in (Arm(), Arm("real only"))),
        )
        for penalty in HAND_PICKED
    ]


def language(settings: Settings, seed: int) -> list[Lives]:
    """The language model on real text, smallest first; the largest runs every arm.

    Raises
    ------
    CorpusUnavailable : the package that holds the text is not installed
    """
    recipe = Recipe(settings.lm_train, settings.lm_held_out, settings.lm_test, settings.lm_steps)
    seeds = range(seed, seed + settings.lm_seeds)
    main = ((1.0, 0.2), (1.0, 0.5), (0.7, 0.5))
    return [
        run_lives(
            Plan(
                shape, main if shape == settings.lm_shapes[-1] else main[1:2], settings.generations
            ),
            recipe,
            seeds,
            n_jobs=settings.jobs,
        )
        for shape in settings.lm_shapes
    ]
