"""The chapter's explorer: a baseline and a student of the reader's own, trained side by side.

It runs the method, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from companion.distillation_memorization.lab.models import Recipe, Shape, fit, fit_arms
from companion.distillation_memorization.lab.run import LENGTH, PREFIX, SUFFIX
from companion.distillation_memorization.lab.text import POOLS, draw_sets
from companion.distillation_memorization.lab.world import Plan, Reading, all_logits, read
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    SOFT,
    TEACHER,
    Objective,
)
from companion.distillation_memorization.page.figures import NAMES, bars
from companion.explore import Question, pictured
from companion.plotting import figure, headline
from companion.scale import generator, one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Choice:
    """What a reader chooses: temperature, share of the text in the loss, epochs, sequences of D."""

    tau: float = 2.0
    share: float = 0.0
    epochs: int = 10
    n: int = 100


@one_thread()
def train(choice: Choice, done: Callable[[str], None] = lambda _: None) -> dict[str, Reading]:
    """Perceptrons on word pools: teacher, baseline, and a student of the chosen loss.

    done : is told what has just ended
    """
    arms = {
        BASELINE: Objective("text"),
        SOFT: Objective("teacher's logits", choice.tau, choice.share),
    }
    recipe = Recipe(lr=4e-3, batch=8)
    plan = Plan(
        "explorer", recipe, choice.epochs, (choice.epochs,), choice.epochs, PREFIX, SUFFIX, arms
    )
    rngs = generator(0, "explorer", "base text"), generator(0, "explorer", "text")
    text = draw_sets(POOLS, (200, choice.n, 200), LENGTH, *rngs)
    vocab = len(text.alphabet)
    models = {TEACHER: Shape(128), BASELINE: Shape(64)}
    for name, shape in models.items():
        models[name] = shape.build(vocab, LENGTH, 0, name)
        fit(models[name], text.base, recipe, 2, seed=0, name=f"base {name}")
        done(f"base {name}")
    teacher = models[TEACHER]
    fit(teacher, text.train, recipe, choice.epochs, seed=0, name="teacher")
    done("teacher")
    students = fit_arms(
        models[BASELINE],
        arms,
        dict.fromkeys(arms, text.train),
        recipe,
        choice.epochs,
        seed=0,
        name="students",
        teacher=all_logits(teacher, text.train),
    )
    done("students")
    return {name: read(m, text, plan) for name, m in {TEACHER: teacher, **students}.items()}


def frame(found: dict[str, Reading], choice: Choice) -> Figure:
    """Rates of the three models on D and on held-out text."""
    fig, ax = figure(height=2.6)
    rate, held = (
        100 * np.array([[getattr(one, part).mean() for one in found.values()]])
        for part in ("memorized", "guessed")
    )
    bars(ax, tuple(found), rate, held)
    headline(
        fig,
        f"{choice.epochs} epochs over {choice.n} sequences, temperature {choice.tau:g}, "
        f"{100 * choice.share:.0f} % of the text's loss",
    )
    return fig


def said(found: dict[str, Reading], choice: Choice) -> str:
    """The frame in words."""
    parts = [
        f"{NAMES[name]} completes {int(one.memorized.sum())} of {choice.n} and loses "
        f"{one.loss:.2f} nats a character on unseen text"
        for name, one in found.items()
    ]
    return "; ".join(parts) + "."


@cache
def _first() -> dict[str, Reading]:
    return train(Choice())


class DistillationExplorer(Question):
    """Temperature, share of the text, epochs, and the size of D."""

    title = "Distil with a loss of your own"

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        return frame(_first(), Choice()), said(_first(), Choice())

    def widget(self) -> object:
        """Sliders, a button, and progress while the models are trained."""
        import ipywidgets as widgets

        tau = widgets.FloatSlider(value=2, min=1, max=8, step=0.5, description="temperature")
        share = widgets.FloatSlider(value=0, min=0, max=1, step=0.05, description="text share")
        epochs = widgets.IntSlider(value=10, min=1, max=60, description="epochs")
        n = widgets.IntSlider(value=100, min=50, max=1000, step=50, description="sequences")
        button = widgets.Button(description="Train")
        progress = widgets.IntProgress(value=0, max=4)
        shown = widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            choice = Choice(tau.value, share.value, epochs.value, n.value)
            progress.value = 0

            def one_more(_name: str) -> None:
                progress.value += 1

            found = train(choice, one_more)
            shown.value = pictured(frame(found, choice), said(found, choice))

        button.on_click(run)
        rows = [widgets.HBox([tau, share]), widgets.HBox([epochs, n])]
        return widgets.VBox([*rows, widgets.HBox([button, progress]), shown])
