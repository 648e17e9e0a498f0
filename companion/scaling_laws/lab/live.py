"""What the live family says: how far seeds differ, and how well small runs predict a larger one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.scale import generator, n_cores
from companion.scaling_laws.lab.schedules import gap
from companion.scaling_laws.lab.tiny_family import Recipe, Shape, TinyRuns, train_tiny_family
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import Family, Run, are, target_points, training_points
from companion.scaling_laws.method.varpro import fit_varpro
from companion.scaling_laws.settings import Settings

CUTS = (0.0, 0.01, 0.05, 0.1, 0.2)


class LiveResults(NamedTuple):
    """runs : all that was trained; recipe : how

    spread : columns shape, N, mean, sd_percent, n of the final loss over seeds
    errors : columns k, cut, pick, are; one row per number of training sizes, share of the start
        thrown away, and choice of one seed per size
    cooled : columns shape, percent; how far the constant rate ends above the cool-down
    """

    runs: TinyRuns
    recipe: Recipe
    spread: pd.DataFrame
    errors: pd.DataFrame
    cooled: pd.DataFrame


def recipe_of(settings: Settings) -> Recipe:
    """The recipe that the settings ask for."""
    return Recipe(
        steps=settings.live_steps,
        batch=settings.live_batch,
        warmup=min(40, settings.live_steps // 5),
        n_checkpoints=settings.live_checkpoints,
        n_eval=settings.live_eval,
    )


def run_live(settings: Settings, seed: int, *, progress: bool = True) -> LiveResults:
    """Train the family and fit it; a few minutes at book scale on two cores.

    Training sizes are trained with `live_seeds` seeds, the target and, at book scale, the largest
    training size with one: they cost more than all others together.
    """
    shapes = [Shape(*shape) for shape in settings.live_shapes]
    n_single = 2 if len(shapes) > 4 else 1
    plan = [(shape, seed) for shape in shapes]
    plan += [
        (shape, seed + i) for i in range(1, settings.live_seeds) for shape in shapes[:-n_single]
    ]
    cool = [(shapes[i], seed) for i in settings.live_cool]
    recipe = recipe_of(settings)
    n_jobs = min(settings.live_jobs, n_cores())
    runs = train_tiny_family(plan, cool, recipe, n_jobs=n_jobs, progress=progress)
    return LiveResults(
        runs=runs,
        recipe=recipe,
        spread=seed_spread(runs),
        errors=pick_errors(runs, shapes),
        cooled=pd.DataFrame(
            [
                {"shape": str(shape), "percent": float(gap(runs.hot[key], run).percent[-1])}
                for key, run in runs.cool.items()
                if key in runs.hot
                for shape in [key[0]]
            ]
        ),
    )


def seed_spread(runs: TinyRuns) -> pd.DataFrame:
    """Standard deviation of the final loss over seeds in percent, for sizes with two or more."""
    finals: dict[Shape, list[float]] = {}
    sizes = {}
    for (shape, _), run in runs.hot.items():
        finals.setdefault(shape, []).append(float(run.loss[-1]))
        sizes[shape] = run.N
    return pd.DataFrame(
        [
            {
                "shape": str(shape),
                "N": sizes[shape],
                "mean": np.mean(losses),
                "sd_percent": 100 * np.std(losses, ddof=1) / np.mean(losses),
                "n": len(losses),
            }
            for shape, losses in sorted(finals.items(), key=lambda item: sizes[item[0]])
            if len(losses) > 1
        ]
    )


def _by_size(runs: TinyRuns) -> list[list[Run]]:
    """Runs of each size, smallest size first, and its seeds in order."""
    sizes: dict[Shape, list[Run]] = {}
    for (shape, _), run in sorted(runs.hot.items(), key=lambda item: item[0][1]):
        sizes.setdefault(shape, []).append(run)
    return sorted(sizes.values(), key=lambda group: group[0].N)


def pick_errors(
    runs: TinyRuns, shapes: list[Shape], *, n_picks: int = 60, least: int = 3
) -> pd.DataFrame:
    """ARE of the target for random choices of one seed per training size.

    The k largest training sizes are used, k from `least` on, and each cut of :data:`CUTS`. A
    target that diverged leaves an empty table.
    """
    groups = _by_size(runs)
    if shapes[-1] not in {shape for shape, _ in runs.hot}:
        return pd.DataFrame(columns=["k", "cut", "pick", "are"])
    target_run = groups[-1][0]
    target, training = target_points(target_run), groups[:-1]
    rng = generator(0, "scaling-laws", "picks")  # which seeds are combined, not what they are
    rows = []
    for pick in range(n_picks):
        chosen = [group[rng.integers(len(group))] for group in training]
        for k in range(least, len(chosen) + 1):
            for cut in CUTS:
                data = training_points(chosen[-k:], cut=cut * target_run.D[-1])
                law = fit_varpro(data).law
                rows.append({"k": k, "cut": cut, "pick": pick, "are": are(law, target)})
    return pd.DataFrame(rows)


def live_law(result: LiveResults, cut: float = 0.0) -> ScalingLaw:
    """The law of the first seed of every training size; cut : share of the start thrown away."""
    family = one_pick(result.runs)
    data = training_points(family.runs[:-1], cut=cut * family.target.D[-1])
    return fit_varpro(data).law


def one_pick(runs: TinyRuns) -> Family:
    """The family of the first seed of every size, for a figure."""
    return Family("live", tuple(group[0] for group in _by_size(runs)), "nats/byte")
