"""The experiments as the notebook calls them: settings in, results out."""

from __future__ import annotations

from functools import partial

import numpy as np

from companion.data import Missing
from companion.encoder import minilm
from companion.models import smollm2
from companion.scale import generator, one_thread
from companion.sweep import sweep
from companion.synthetic_data.lab import language, lives, tabular, theory, threshold
from companion.synthetic_data.lab.bilinear import World
from companion.synthetic_data.lab.loop import Arm, Runs, run_arm
from companion.synthetic_data.method import infinite, mixing
from companion.synthetic_data.settings import ARMS, Settings

BASE_ARMS = {
    "fixed, T=1": Arm("fixed", 1.0),
    "fixed, T=0.7": Arm("fixed", 0.7),
    "fresh, T=1": Arm("fresh", 1.0),
    "fresh, T=0.7": Arm("fresh", 0.7),
    "fixed, T=0": Arm("fixed", 0.0),
    "truth": Arm("fixed", source="truth"),
    "compute matched": Arm("fixed", source="none"),
    "real only": Arm("fixed", source="none, fewer steps"),
    "verifier": Arm("fixed", 1.0, verifier=0.0),
}
"""Name to arm.  The last four are controls and an extension: who writes the synthetic part?"""

FEW = (0.0, 0.1, 0.2, 0.5)
TEMPERATURES = (1.0, 0.7, 0.0)

AllRuns = dict[tuple[str, int], Runs]
"""(name of the arm, rank) -> what it did."""


def run_theory(settings: Settings, seed: int) -> list[theory.Check]:
    """Laboratory A: every theorem, simulated beside its formula."""
    return [
        *theory.all_checks(settings.replicates, generator(seed, "theory")),
        # ten times as many: "within 0.1 of 4" is 2.5 standard errors of 20,000 replicates
        *theory.check_mixing(10 * settings.replicates, generator(seed, "mixing")),
    ]


def run_artifact(settings: Settings, seed: int) -> threshold.Artifact:
    """A knot fitted to the law of mixing, which has none (three generations, fresh data)."""
    return threshold.artifact(
        lambda s: mixing.mixing_law(s, 3),
        generator(seed, "artifact"),
        replicates=settings.noisy_curves,
    )


def plan_loops(settings: Settings) -> list[tuple[str, int, tuple[float, ...]]]:
    """(arm, rank, mixing ratios) of laboratory B."""
    largest = settings.ranks[-1]
    plan = [(name, rank, settings.shares) for name in settings.full_arms for rank in settings.ranks]
    plan += [(name, largest, FEW) for name in ARMS if name not in settings.full_arms]
    real = tuple(s for s in settings.shares if s < 1)
    plan += [(name, largest, real) for name in ("compute matched", "real only")]
    return [*plan, *((name, largest, (0.0, 0.5)) for name in ("fixed, T=0", "truth", "verifier"))]


def run_loops(world: World, settings: Settings, seed: int, *, progress: bool = True) -> AllRuns:
    """Laboratory B: every arm; each generation of an arm is one batched fit."""
    plan = plan_loops(settings)
    seeds = list(range(seed, seed + settings.n_seeds))
    done = sweep(
        partial(run_arm, world, seeds=seeds, n_samples=settings.n_samples),
        [{"arm": BASE_ARMS[name], "rank": rank, "shares": shares} for name, rank, shares in plan],
        n_jobs=settings.jobs,
        label="loops" if progress else "",
        unpack=True,
    )
    return {(name, rank): runs for (name, rank, _), runs in zip(plan, done, strict=True)}


def run_infinite(world: World) -> dict[tuple[float, float], infinite.Damage]:
    """Infinite data in the world of laboratory B, three generations: (T, s) -> damage."""
    return {
        (t, s): infinite.damage(world.truth, world.weight, s, t, 3)
        for t in TEMPERATURES
        for s in (0.1, 0.2, 0.3, 0.5)
    }


def run_tables(
    settings: Settings, seed: int, *, progress: bool = True
) -> dict[tuple[str, float], tabular.Regenerated]:
    """Laboratory C: (data set, T) -> scores."""
    jobs = [(name, t) for name in settings.tables for t in (1.0, 0.5, 0.0)]
    done = sweep(
        partial(
            tabular.regenerate,
            shares=settings.table_shares,
            n_splits=settings.table_splits,
            seed=seed,
        ),
        jobs,
        n_jobs=settings.jobs,
        label="tables" if progress else "",
        unpack=True,
    )
    return dict(zip(jobs, done, strict=True))


def life_plan(settings: Settings, seed: int) -> lives.Plan:
    """Laboratory D at the settings' size."""
    return lives.Plan(
        settings.life_sizes,
        settings.life_each,
        settings.life_steps,
        settings.life_shares,
        settings.life_temperatures,
        tuple(range(seed, seed + settings.life_seeds)),
    )


def run_transformers(
    settings: Settings, seed: int, *, progress: bool = True
) -> lives.Lives | Missing:
    """Laboratory D; ``Missing`` where the settings name no size."""
    if not settings.life_sizes:
        return Missing("Tiny transformers are trained at book scale (life_sizes is empty).")
    return lives.run_lives(life_plan(settings, seed), n_jobs=settings.jobs, progress=progress)


@one_thread()
def real_laws(settings: Settings, seed: int) -> language.Laws:
    """Laboratory E: SmolLM2's next-token distributions.

    Raises
    ------
    ModelUnavailable : the model is not to be had
    """
    model, tokenizer = smollm2()
    return language.next_token_laws(model, tokenizer, settings.positions, seed)


def real_students(laws: language.Laws) -> list[language.Student]:
    """The student of infinite data on real distributions."""
    return language.students(laws, TEMPERATURES, (0.1, 0.2, 0.3, 0.5))


@one_thread()
def real_variety(settings: Settings, seed: int) -> list[language.Variety] | Missing:
    """Diversity of completions at three temperatures; ``Missing`` where none is asked for."""
    if not settings.completions:
        return Missing("Completions are written at book scale (completions is 0).")
    model, tokenizer = smollm2()
    return language.variety(
        model,
        tokenizer,
        minilm(),
        (1.0, 0.7, 0.3),
        settings.completions,
        settings.completion_tokens,
        seed,
    )


def survival_margin(settings: Settings, seed: int) -> float:
    """Least excess of a token's simulated survival over its bound, 100 Zipf tokens, k up to 4."""
    p = 1 / np.arange(1, 101)
    p /= p.sum()
    n, replicates = 300, min(settings.replicates, 20_000)
    return float(
        min(
            (
                theory.survival(p, n, k, 1.0, replicates, generator(seed, "survival", k))
                - theory.survival_bound(p, n, k)
            ).min()
            for k in (2, 3, 4)
        )
    )


def repeat_difference(runs: Runs) -> float:
    """Largest change of any metric between generations at s = 0 on fixed data: 0 if all repeats."""
    at = runs.place(0.0)
    return float(
        max(np.abs(values[1:, at] - values[0, at]).max() for values in runs.metrics.values())
    )
