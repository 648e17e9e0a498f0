"""The chapter's explorer: train a network on names of the reader's sharpness.

It runs the method, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from companion.explore import Question, pictured
from companion.next_token_concepts.lab.learning import FIXED, Plan, Trained, train_and_measure
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.page.figures import REGRESSORS, WORDS
from companion.plotting import BLACK, BLUE, figure, headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH, CONTEXTS = 12, 4096


def run(eta: float, steps: int, seed: int) -> Trained:
    """A perceptron with seven coordinates, given p(y|x)."""
    return train_and_measure(Plan(eta, seed, steps, FIXED, "perceptron"), LENGTH, CONTEXTS)


def frame(one: Trained) -> Figure:
    """The cloud around equation 6, and what the logits are linear in."""
    fig, (left, right) = figure(1, 2, height=3.3, width_ratios=(1.5, 1))
    odds = np.linspace(one.curve[:, 0].min(), one.curve[:, 0].max(), 200)
    left.plot(*one.curve.T, "o", color=BLUE, alpha=0.4, markersize=4)
    left.plot(odds, g_eta(one.plan.eta, odds), color=BLACK, linewidth=1.2)
    left.set(xlabel="log odds of a concept, exact", ylabel="logit difference of its names")
    for i, name in enumerate(("LM", "P", "bag")):
        value = max(0.0, one.logits[name])
        right.bar(i, value, color=REGRESSORS[name].color, width=0.6)
        right.text(i, value + 0.01, f"{one.logits[name]:.2f}", ha="center", fontsize=9.5)
    names = [WORDS[name].replace(" ", "\n") for name in ("LM", "P", "bag")]
    right.set_xticks(range(3), names)
    right.set(ylim=(0, 1.12), ylabel="R² of the logits")
    headline(fig, f"η = {one.plan.eta:.3g}, {one.plan.steps} updates: KL / I = {one.excess:.3f}")
    return fig


def said(one: Trained) -> str:
    """The frame in words."""
    return (
        f"Names with error {one.plan.eta:.3g}, {one.plan.steps} updates: the network misses "
        f"{100 * one.excess:.1f} % of the information; R² of its logits from log marginals "
        f"{one.logits['LM']:.3f}, from the posterior {one.logits['P']:.3f}."
    )


@cache
def _first() -> Trained:
    return run(0.3, 300, 0)


class TrainingExplorer(Question):
    """Error of the names, number of updates, and the world."""

    title = "Train a network"

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        return frame(_first()), said(_first())

    def widget(self) -> object:
        """Choices, a button, and progress: the same training, ended at each quarter."""
        import ipywidgets as widgets

        eta = widgets.FloatLogSlider(value=0.3, min=-2.5, max=-0.35, step=0.05, description="η")
        steps = widgets.IntSlider(value=300, min=100, max=3000, step=100, description="updates")
        seed = widgets.IntSlider(value=0, min=0, max=20, description="world")
        button = widgets.Button(description="Train")
        progress = widgets.IntProgress(value=0, max=4)
        shown = widgets.HTML(self.still())

        def train(_event: object = None) -> None:
            progress.value = 0
            for quarter in range(1, 5):
                one = run(eta.value, max(1, steps.value * quarter // 4), seed.value)
                progress.value = quarter
                shown.value = pictured(frame(one), said(one))

        button.on_click(train)
        rows = widgets.HBox([eta, steps, seed])
        return widgets.VBox([rows, widgets.HBox([button, progress]), shown])
