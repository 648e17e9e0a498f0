"""The experiments as the notebook calls them: settings in, worlds out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial

from companion.data import Missing
from companion.distillation_memorization.lab.models import Lanes, Recipe, Shape, fit, fit_arms
from companion.distillation_memorization.lab.text import (
    POOLS,
    REAL,
    Sets,
    alphabet_of,
    distinct,
    draw_sets,
    encode,
)
from companion.distillation_memorization.lab.world import Plan, Reading, World, read, run_world
from companion.distillation_memorization.method.objectives import BASELINE, TAU, TEACHER, objectives
from companion.distillation_memorization.settings import Settings
from companion.scale import derive_seed, generator, one_thread
from companion.sweep import sweep

LENGTH, PREFIX, SUFFIX = 40, 16, 16
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

    def text(self, seed: int, world: int) -> Sets:
        """The data of one world; the text of the base models is that of the run's seed."""
        rngs = generator(seed, self.source, "base text"), generator(world, self.source, "text")
        return draw_sets(self.source, self.sizes, LENGTH, *rngs)

    def base_model(self, name: str, seed: int) -> Lanes:
        """TEACHER or BASELINE before it sees D, the same in all worlds of a run."""
        shape = self.shapes[0 if name == TEACHER else 1]
        which = "base teacher" if name == TEACHER else "base student"
        return _base_model(
            self.source, shape, which, self.base_epochs, self.sizes[0], self.plan.recipe, seed
        )


@lru_cache(maxsize=2)
def _base_model(
    source: str, shape: Shape, name: str, epochs: int, n: int, recipe: Recipe, seed: int
) -> Lanes:
    texts = distinct(source, n, LENGTH, generator(seed, source, "base text"))
    alphabet = alphabet_of(source)
    model = shape.build(len(alphabet), LENGTH, seed, name)
    fit(model, encode(texts, alphabet), recipe, epochs, seed=seed, name=name)
    return model


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
        epochs=(settings.judged,),
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
def one_world(kind: Kind, seed: int, world: int) -> World:
    """A world from two seeds, on one thread.

    seed : of the run, which the base models depend on; world : of everything else
    """
    text = kind.text(seed, world)
    bases = (kind.base_model(name, seed) for name in (TEACHER, BASELINE))
    return run_world(kind.plan, text, *bases, world)


def _worlds(kind: Kind, n_seeds: int, seed: int, jobs: int) -> list[World]:
    seeds = [derive_seed(seed, "world", i) for i in range(n_seeds)]
    return sweep(partial(one_world, kind, seed), seeds, n_jobs=jobs, label=kind.plan.name)


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


FACTORS = (0.5, 2.0)
"""Other learning rates of the baseline, in units of the one that all models have."""


@one_thread()
def baseline_elsewhere(kind: Kind, seed: int, world: int) -> dict[float, Reading]:
    """The baseline of a world, for the judged number of epochs, at other learning rates."""
    text, plan, found = kind.text(seed, world), kind.plan, {}
    for factor in FACTORS:
        trained = fit_arms(
            kind.base_model(BASELINE, seed),
            {BASELINE: plan.arms[BASELINE]},
            {BASELINE: text.train},
            replace(plan.recipe, lr=factor * plan.recipe.lr),
            plan.judged,
            seed=world,
            name=f"baseline, {factor:g} of the rate",
            order="students",
        )
        found[factor] = read(trained[BASELINE], text, plan)
    return found


def baseline_rates(settings: Settings, seed: int) -> list[dict[float, Reading]]:
    """The baselines of the main experiment at other learning rates, by seed."""
    seeds = [derive_seed(seed, "world", i) for i in range(settings.n_seeds)]
    job = partial(baseline_elsewhere, transformer_kind(settings), seed)
    return sweep(job, seeds, n_jobs=settings.jobs, label="learning rates")
