"""The experiments as the notebook calls them: settings in, worlds out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch

from companion.data import Missing
from companion.distillation_memorization.lab.models import (
    generate,
    generate_plainly,
    memorized,
    score,
)
from companion.distillation_memorization.lab.text import ALPHABET, POOLS, REAL, SOURCES, Sets
from companion.distillation_memorization.lab.training import Recipe, Shape, fit
from companion.distillation_memorization.lab.world import Plan, World, distil_once, run_world
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    SOFT,
    TAU,
    TEACHER,
    Objective,
    objectives,
)
from companion.distillation_memorization.settings import LENGTH, PREFIX, SUFFIX, Settings
from companion.scale import derive_seed, generator, one_thread, torch_generator
from companion.sweep import sweep


# -------------------------------------------------------------------------------------------- speed
class Speed(NamedTuple):
    """Seconds for the same continuations, and whether they are the same, sequence by sequence."""

    batched: float
    plain: float
    n: int
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times faster the batched way is."""
        return self.plain / self.batched


@one_thread()
def measure_extraction(n: int = 32, prefix: int = 16, suffix: int = 16, seed: int = 0) -> Speed:
    """Greedy continuations of `n` random prompts by a small transformer, both ways."""
    model = Shape(d=64, layers=2, heads=2).build(len(ALPHABET), prefix + suffix, seed, "speed")
    model.eval()
    prompts = torch.randint(
        len(ALPHABET), (n, prefix), generator=torch_generator(seed, "speed prompts")
    )
    generate(model, prompts[:2], 2)  # warm up
    start = time.perf_counter()
    fast = generate(model, prompts, suffix)
    middle = time.perf_counter()
    slow = generate_plainly(model, prompts, suffix)
    end = time.perf_counter()
    return Speed(middle - start, end - middle, n, bool(torch.equal(fast, slow)))


# ---------------------------------------------------------------------------------------------- run
TRANSFORMER = "transformers"
MLP_RECIPE = Recipe(lr=4e-3, batch=8)
TRANSFORMER_RECIPE = Recipe(lr=2e-3, batch=16)
TRANSFORMER_SHAPES = (Shape(d=128, layers=3, heads=4), Shape(d=64, layers=2, heads=2))
TRANSFORMER_EPOCHS = (12, 20)
"""Of teacher and students."""
BASE_EPOCHS = (2, 3)
REAL_TEACHER_EPOCHS = 6
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

    def base_models(self, seed: int, progress: bool) -> tuple[torch.nn.Module, ...]:
        """Teacher and student as they are before either sees D; not to be trained further."""
        return _base_models(
            self.source, self.shapes, self.base_epochs, self.sizes, self.plan.recipe, seed, progress
        )


@lru_cache(maxsize=1)
def _base_models(source, shapes, base_epochs, sizes, recipe, seed, progress):
    text = SOURCES[source](*sizes, LENGTH, generator(seed, source, "text"))
    models = []
    for shape, epochs, name in zip(
        shapes, base_epochs, ("base teacher", "base student"), strict=True
    ):
        model = shape.build(len(text.alphabet), LENGTH, seed, name)
        fit(model, text.base, recipe, epochs, seed=seed, name=name, progress=progress)
        models.append(model)
    return tuple(models)


def pools(settings: Settings) -> Kind:
    """Word-pool text and MLPs: the main experiment."""
    plan = Plan(
        name=POOLS,
        recipe=MLP_RECIPE,
        teacher_epochs=settings.teacher_epochs,
        student_epochs=settings.student_epochs,
        prefix=PREFIX,
        suffix=SUFFIX,
        objectives=objectives(settings.taus, settings.extras),
        prefixes=PREFIXES,
        measure_epochs=tuple(
            sorted(
                {e for e in (1, 2, 4, 7, 11) if e < settings.student_epochs}
                | {settings.student_epochs}
            )
        ),
        resamples=settings.resamples,
        filtering=settings.filtering,
    )
    shapes = Shape(settings.teacher_hidden), Shape(settings.student_hidden)
    sizes = (settings.n_base, settings.n, settings.n_held)
    return Kind(POOLS, shapes, BASE_EPOCHS, sizes, plan)


def _four_models() -> dict[str, Objective]:
    """The students of the paper's comparison, without control and other temperatures."""
    every = objectives((TAU,))
    return {name: every[name] for name in (BASELINE, SOFT, HARD)}


def transformers(settings: Settings) -> Kind:
    """Word-pool text and small GPT-NeoX models."""
    teacher_epochs, student_epochs = TRANSFORMER_EPOCHS
    plan = replace(
        pools(settings).plan,
        name=TRANSFORMER,
        recipe=TRANSFORMER_RECIPE,
        teacher_epochs=teacher_epochs,
        student_epochs=student_epochs,
        objectives=_four_models(),
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
        teacher_epochs=REAL_TEACHER_EPOCHS,
        objectives=_four_models(),
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
    base = kind.base_models(seed, progress)
    return run_world(kind.plan, text, *base, seed, progress=progress)


def run_kind(kind: Kind, n_seeds: int, seed: int, jobs: int) -> list[World]:
    """`n_seeds` worlds of one kind; seeds are derived from the run's seed."""
    seeds = [world_seed(seed, i) for i in range(n_seeds)]
    return sweep(partial(one_world, kind), seeds, n_jobs=jobs, label=kind.plan.name)


def world_seed(seed: int, i: int) -> int:
    """Seed of world number i of a run."""
    return derive_seed(seed, "world", i)


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
def _swept(settings: Settings, seed: int, epochs: tuple[int, ...]) -> list[tuple[float, ...]]:
    """Per teacher: rates of teacher and soft student on D, then their losses on held-out text."""
    kind = pools(settings)
    text = kind.text(seed)
    base = kind.base_models(seed, False)
    rows = []
    for n in epochs:
        plan = replace(kind.plan, teacher_epochs=n)
        pair = distil_once(plan, text, *base, seed, progress=False)
        rates = [memorized(m, text.train, plan.prefix, plan.suffix)[0].mean() for m in pair]
        rows.append((*rates, *(float(score(m, text.held_out).loss[0]) for m in pair)))
    return rows


def run_overfit(settings: Settings, seed: int, worlds: list[World]) -> Sweep:
    """The sweep over teacher epochs.

    The calibrated point is taken from the main experiment, and so is the baseline, which has no
    teacher.  No other teacher is calibrated: that is the point.
    """
    mains = worlds[: settings.overfit_seeds]
    found = sweep(
        partial(_swept, settings, epochs=settings.overfit_epochs),
        [w.seed for w in mains],
        n_jobs=settings.jobs,
        label="teacher epochs",
    )
    epochs = np.array([*settings.overfit_epochs, settings.teacher_epochs])
    order = np.argsort(epochs)
    table = np.array(
        [
            [
                *rows,
                (w.rate(TEACHER), w.rate(SOFT), w.loss[TEACHER], w.loss[SOFT]),
            ]
            for rows, w in zip(found, mains, strict=True)
        ]
    )[:, order]  # (seeds, teachers, 4)
    same = np.ones_like(table[..., 0])
    return Sweep(
        epochs=epochs[order],
        teacher_rate=table[..., 0],
        soft_rate=table[..., 1],
        teacher_loss=table[..., 2],
        soft_loss=table[..., 3],
        baseline_rate=same * np.array([[w.rate(BASELINE)] for w in mains]),
        baseline_loss=same * np.array([[w.loss[BASELINE]] for w in mains]),
    )
