"""The experiments as the notebook calls them: settings in, worlds out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from companion.data import Missing
from companion.distillation_memorization.lab.models import Lanes, Shape
from companion.distillation_memorization.lab.text import POOLS, REAL, SOURCES, Sets
from companion.distillation_memorization.lab.training import Recipe, fit
from companion.distillation_memorization.lab.world import Plan, World, run_world
from companion.distillation_memorization.method.objectives import TAU, objectives
from companion.distillation_memorization.settings import Settings
from companion.scale import derive_seed, generator, one_thread
from companion.sweep import sweep

LENGTH, PREFIX, SUFFIX = 48, 16, 16
"""Characters of a sequence, of its prompt, and of the continuation that is compared."""

HEADS = 4
PERCEPTRONS = "perceptrons"
PERCEPTRON_RECIPE = Recipe(lr=4e-3, batch=8)
PERCEPTRON_BASE_EPOCHS = 3


@dataclass(frozen=True)
class Kind:
    """One kind of world: which text, which models, which plan.

    shapes : of teacher and student; base_epochs : passes over the base models' text
    sizes : sequences (base, D, held out)
    """

    source: str
    shapes: tuple[Shape, Shape]
    base_epochs: int
    sizes: tuple[int, int, int]
    plan: Plan

    def text(self, seed: int) -> Sets:
        """The data of one seed."""
        return SOURCES[self.source](*self.sizes, LENGTH, generator(seed, self.source, "text"))

    def base_models(self, text: Sets, seed: int) -> tuple[Lanes, Lanes]:
        """Teacher and student before either sees D."""
        models = []
        for shape, name in zip(self.shapes, ("base teacher", "base student"), strict=True):
            model = shape.build(len(text.alphabet), LENGTH, seed, name)
            fit(model, text.base, self.plan.recipe, self.base_epochs, seed=seed, name=name)
            models.append(model)
        return tuple(models)


def transformer_kind(settings: Settings) -> Kind:
    """Word-pool text and small transformers: the main experiment."""
    plan = Plan(
        name="transformers",
        recipe=Recipe(settings.lr, settings.batch),
        teacher_epochs=settings.teacher_epochs,
        epochs=settings.epochs,
        judged=settings.judged,
        prefix=PREFIX,
        suffix=SUFFIX,
        arms=objectives(settings.taus),
        resamples=settings.resamples,
        filtering=True,
    )
    return Kind(
        POOLS,
        _transformers(settings),
        settings.base_epochs,
        (settings.n_base, settings.n, settings.n_held),
        plan,
    )


def _transformers(settings: Settings) -> tuple[Shape, Shape]:
    return (
        Shape(settings.teacher_d, settings.teacher_layers, HEADS),
        Shape(settings.student_d, settings.student_layers, HEADS),
    )


def real_kind(settings: Settings) -> Kind:
    """The same transformers on windows of a real book, with one budget."""
    plan = Plan(
        name=REAL,
        recipe=Recipe(settings.lr, settings.batch),
        teacher_epochs=settings.teacher_epochs,
        epochs=settings.epochs[:-1] if settings.judged in settings.epochs[:-1] else settings.epochs,
        judged=settings.judged,
        prefix=PREFIX,
        suffix=SUFFIX,
        arms=objectives((TAU,), control=False),
        resamples=settings.resamples,
    )
    return Kind(
        REAL,
        _transformers(settings),
        settings.base_epochs,
        (settings.real_base, settings.n, settings.n_held),
        plan,
    )


def perceptron_kind(settings: Settings) -> Kind:
    """Word-pool text and perceptrons, which fine-tuning on D makes worse."""
    plan = Plan(
        name=PERCEPTRONS,
        recipe=PERCEPTRON_RECIPE,
        teacher_epochs=settings.teacher_epochs,
        epochs=settings.perceptron_epochs,
        judged=settings.perceptron_epochs[-1],
        prefix=PREFIX,
        suffix=SUFFIX,
        arms=objectives((TAU,), control=False),
        resamples=settings.resamples,
    )
    return Kind(
        POOLS,
        (Shape(settings.perceptron_teacher), Shape(settings.perceptron_student)),
        PERCEPTRON_BASE_EPOCHS,
        (settings.n_base, settings.n, settings.n_held),
        plan,
    )


@one_thread()
def one_world(kind: Kind, seed: int) -> World:
    """A world from its seed alone, on one thread."""
    text = kind.text(seed)
    return run_world(kind.plan, text, *kind.base_models(text, seed), seed)


def _worlds(kind: Kind, n_seeds: int, seed: int, jobs: int) -> list[World]:
    seeds = [derive_seed(seed, "world", i) for i in range(n_seeds)]
    return sweep(partial(one_world, kind), seeds, n_jobs=jobs, label=kind.plan.name)


def transformers(settings: Settings, seed: int) -> list[World]:
    """The main experiment."""
    return _worlds(transformer_kind(settings), settings.n_seeds, seed, settings.jobs)


def real_text(settings: Settings, seed: int) -> list[World] | Missing:
    """The same on real text, where the scale has it."""
    if not settings.real_seeds:
        return Missing("real text is read at book scale (real_seeds > 0)")
    return _worlds(real_kind(settings), settings.real_seeds, seed, settings.jobs)


def perceptrons(settings: Settings, seed: int) -> list[World]:
    """The same with perceptrons."""
    return _worlds(perceptron_kind(settings), settings.perceptron_seeds, seed, settings.jobs)
