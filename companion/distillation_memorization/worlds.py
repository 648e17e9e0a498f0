"""The experiments as the notebook calls them: settings in, worlds out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import joblib
import numpy as np
import torch
from tqdm.auto import tqdm

from companion.data import Missing
from companion.distillation_memorization import arms as a
from companion.distillation_memorization.fit import Recipe, Shape, fit
from companion.distillation_memorization.settings import LENGTH, PREFIX, SUFFIX, Settings
from companion.distillation_memorization.text import POOLS, REAL, SOURCES, Sets
from companion.distillation_memorization.world import Plan, World, run_world
from companion.scale import derive_seed, generator, one_thread

TRANSFORMER = "transformers"
MLP_RECIPE = Recipe(lr=3e-3, batch=6)
TRANSFORMER_RECIPE = Recipe(lr=2e-3, batch=16)
TRANSFORMER_SHAPES = (Shape(d=128, layers=3, heads=4), Shape(d=64, layers=2, heads=2))
TRANSFORMER_EPOCHS = (12, 20)
"""Of teacher and students."""
BASE_EPOCHS = (2, 3)
PREFIXES = (8, 12, 16, 20, 24)


@dataclass(frozen=True)
class Kind:
    """One kind of world: which text, which models, which plan.

    base_epochs : passes of teacher and student over the base models' text
    sizes : sequences (base, D, held out)
    """

    source: str
    shapes: tuple[Shape, Shape]
    base_epochs: tuple[int, int]
    sizes: tuple[int, int, int]
    plan: Plan

    def text(self, seed: int) -> Sets:
        """The data of one seed."""
        return SOURCES[self.source](*self.sizes, LENGTH, generator(seed, self.source, "text"))

    def base_models(self, text: Sets, seed: int, progress: bool) -> list[torch.nn.Module]:
        """Teacher and student as they are before either sees D."""
        models = []
        for shape, epochs, name in zip(
            self.shapes, self.base_epochs, ("base teacher", "base student"), strict=True
        ):
            model = shape.build(len(text.alphabet), LENGTH, seed, name)
            fit(model, text.base, self.plan.recipe, epochs, seed=seed, name=name,
                progress=progress)  # fmt: skip
            models.append(model)
        return models


def pools(settings: Settings) -> Kind:
    """Word-pool text and MLPs: the main experiment."""
    plan = Plan(
        name=POOLS,
        recipe=MLP_RECIPE,
        teacher_epochs=settings.teacher_epochs,
        student_epochs=settings.student_epochs,
        prefix=PREFIX,
        suffix=SUFFIX,
        objectives=a.objectives(settings.taus, settings.extras),
        prefixes=PREFIXES,
        measure_epochs=tuple(
            sorted({e for e in (1, 2, 4, 7, 11) if e < settings.student_epochs}
                   | {settings.student_epochs})
        ),
        resamples=settings.resamples,
        filtering=settings.filtering,
    )  # fmt: skip
    shapes = Shape(settings.teacher_hidden), Shape(settings.student_hidden)
    sizes = (settings.n_base, settings.n, settings.n_held)
    return Kind(POOLS, shapes, BASE_EPOCHS, sizes, plan)


def transformers(settings: Settings) -> Kind:
    """Word-pool text and small GPT-NeoX models."""
    teacher_epochs, student_epochs = TRANSFORMER_EPOCHS
    plan = replace(
        pools(settings).plan,
        name=TRANSFORMER,
        recipe=TRANSFORMER_RECIPE,
        teacher_epochs=teacher_epochs,
        student_epochs=student_epochs,
        objectives=a.objectives((a.TAU,)),
        prefixes=(),
        measure_epochs=(),
        resamples=20,
        filtering=False,
        calibrated=False,
    )
    sizes = (settings.transformer_base, settings.transformer_n, settings.n_held)
    return Kind(POOLS, TRANSFORMER_SHAPES, (2, 2), sizes, plan)


def real(settings: Settings) -> Kind:
    """Windows of Python's help texts and MLPs."""
    plan = replace(
        pools(settings).plan,
        name=REAL,
        objectives=a.objectives((a.TAU,)),
        prefixes=(),
        measure_epochs=(),
        resamples=20,
        filtering=False,
        calibrated=False,
    )
    shapes = Shape(settings.teacher_hidden), Shape(settings.student_hidden)
    sizes = (settings.real_base, settings.real_n, 1500)
    return Kind(REAL, shapes, BASE_EPOCHS, sizes, plan)


@one_thread()
def one_world(kind: Kind, seed: int, progress: bool = False) -> World:
    """A world from its seed alone, on one thread."""
    text = kind.text(seed)
    return run_world(kind.plan, text, *kind.base_models(text, seed, progress), seed,
                     progress=progress)  # fmt: skip


def run_kind(kind: Kind, n_seeds: int, seed: int, jobs: int) -> list[World]:
    """`n_seeds` worlds of one kind; seeds are derived from the run's seed."""
    return _side_by_side(
        one_world, [(kind, world_seed(seed, i)) for i in range(n_seeds)], jobs, kind.plan.name
    )


def world_seed(seed: int, i: int) -> int:
    """Seed of world number i of a run."""
    return derive_seed(seed, "world", i)


def _side_by_side(function: Callable, calls: list[tuple], jobs: int, label: str) -> list:
    if len(calls) < 2 or jobs < 2:
        return [function(*call, len(calls) < 3) for call in tqdm(calls, desc=label, disable=None)]
    results = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(function)(*call) for call in calls
    )
    return list(tqdm(results, total=len(calls), desc=label))


def run_pools(settings: Settings, seed: int) -> list[World]:
    """The main experiment."""
    return run_kind(pools(settings), settings.n_seeds, seed, settings.jobs)


def run_transformers(settings: Settings, seed: int) -> list[World] | Missing:
    """The same with transformers, where the scale has them."""
    if not settings.transformer_seeds:
        return Missing("transformers are trained at book scale (transformer_seeds > 0)")
    return run_kind(transformers(settings), settings.transformer_seeds, seed, settings.jobs)


def run_real(settings: Settings, seed: int) -> list[World] | Missing:
    """The same on real text, where the scale has it."""
    if not settings.real_seeds:
        return Missing("real text is read at book scale (real_seeds > 0)")
    return run_kind(real(settings), settings.real_seeds, seed, settings.jobs)


@dataclass(frozen=True)
class Sweep:
    """Teachers of more and more epochs, and the baseline and soft student beside each.

    epochs : (teachers,); the rest (seeds, teachers): rates on D, losses on held-out text
    """

    epochs: np.ndarray
    teacher_rate: np.ndarray
    baseline_rate: np.ndarray
    soft_rate: np.ndarray
    teacher_loss: np.ndarray
    baseline_loss: np.ndarray
    soft_loss: np.ndarray

    @property
    def dividend(self) -> np.ndarray:
        """|M_B| / |M_S|, NaN where the student memorizes nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.soft_rate > 0, self.baseline_rate / self.soft_rate, np.nan)


@one_thread()
def _swept(
    settings: Settings, seed: int, epochs: tuple[int, ...], progress: bool = False
) -> list[World]:
    """Worlds that differ only in the teacher's epochs; not calibrated, that is the point."""
    kind = pools(settings)
    text = kind.text(seed)
    base = kind.base_models(text, seed, progress)
    plan = replace(
        kind.plan, objectives={
            name: kind.plan.objectives[name] for name in (a.BASELINE, a.SOFT)
        } | {a.HARD: kind.plan.objectives[a.HARD]},
        prefixes=(), measure_epochs=(), resamples=0, filtering=False, calibrated=False,
    )  # fmt: skip
    return [
        run_world(replace(plan, teacher_epochs=n), text, *base, seed, progress=progress)
        for n in epochs
    ]


def run_overfit(settings: Settings, seed: int, worlds: list[World]) -> Sweep:
    """The sweep over teacher epochs; the calibrated point is taken from the main experiment."""
    n = min(settings.overfit_seeds, len(worlds))
    calls = [(settings, world_seed(seed, i), settings.overfit_epochs) for i in range(n)]
    found = _side_by_side(_swept, calls, settings.jobs, "teacher epochs")
    epochs = np.array([*settings.overfit_epochs, settings.teacher_epochs])
    order = np.argsort(epochs)
    rows = [[[*row, main][i] for i in order] for row, main in zip(found, worlds, strict=False)]

    def table(value: Callable[[World], float]) -> np.ndarray:
        return np.array([[value(world) for world in row] for row in rows])

    return Sweep(
        epochs[order],
        *[table(lambda w, m=m: w.rate(m)) for m in (a.TEACHER, a.BASELINE, a.SOFT)],
        *[table(lambda w, m=m: w.loss[m]) for m in (a.TEACHER, a.BASELINE, a.SOFT)],
    )
