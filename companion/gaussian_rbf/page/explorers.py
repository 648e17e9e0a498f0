"""The chapter's explorer: train the network on a table, with the reader's penalty and start.

It runs the method, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from companion.explore import Question, pictured
from companion.gaussian_rbf.lab.reduction import table_task
from companion.gaussian_rbf.method.model import Fit, Recipe
from companion.gaussian_rbf.method.precision import importance, spectrum
from companion.gaussian_rbf.method.training import fit_many
from companion.gaussian_rbf.page.figures import bars, draw_plane
from companion.gaussian_rbf.sources import load
from companion.plotting import BLUE, figure, headline
from companion.scale import one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("wine", "penguins", "breast cancer", "digits 3v8", "diabetes")


@dataclass(frozen=True)
class Trained:
    """A network after some steps, with the rows that it was trained on."""

    table: str
    fit: Fit
    X: np.ndarray
    y: np.ndarray


@one_thread()
def path(table: str, lam: float, scale: float, stops: tuple[int, ...]) -> Iterator[Trained]:
    """The same training, ended at each of `stops` steps.

    lam : lambda_u; scale : spread of the start of U, in units of one over the root of D
    """
    data = load(table)
    task, _ = table_task(data, np.arange(len(data.y)), 0)
    task = replace(task, lam_u=lam, scale=scale * task.X.shape[1] ** -0.5)
    for steps in stops:
        (fit,) = fit_many([task], Recipe(steps=steps, patience=0))
        yield Trained(table, fit, task.X, data.y)


def frame(one: Trained) -> Figure:
    """Map of the two leading directions, spectrum, importance."""
    fig, axes = figure(1, 3, height=3.3, width_ratios=(1.5, 0.8, 1))
    draw_plane(axes[0], one.fit, one.X, one.y, legend=False)
    shares = spectrum(one.fit.P).shares[:6]
    axes[1].bar(np.arange(1, len(shares) + 1), shares, color=BLUE)
    axes[1].set(xlabel="eigenvalue", ylabel="share", ylim=(0, 1.02))
    names = [f"feature {j + 1}" for j in range(one.X.shape[1])]
    bars(axes[2], importance(one.fit.P), names)
    axes[2].set_xlabel("importance")
    headline(fig, f"{one.table} after {one.fit.steps} steps")
    return fig


def said(one: Trained) -> str:
    """The frame in words."""
    shares = spectrum(one.fit.P).shares
    asleep = "" if one.fit.awake else " No Gaussian reaches any row: a dead start."
    return (
        f"{one.table} after {one.fit.steps} steps: data term {one.fit.data_loss:.3f}, the first "
        f"two eigenvalues have {100 * shares[:2].sum():.1f} % of the trace.{asleep}"
    )


@cache
def _first() -> Trained:
    (one,) = path(TABLES[0], 1e-2, 1.0, (300,))
    return one


class TrainingExplorer(Question):
    """A table, the penalty, the spread of the start, and the number of steps."""

    title = "Train a network"

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        return frame(_first()), said(_first())

    def widget(self) -> object:
        """Choices, a button, and progress while the network is trained."""
        import ipywidgets as widgets

        table = widgets.Dropdown(options=TABLES, value=TABLES[0], description="table")
        lam = widgets.FloatLogSlider(value=1e-2, min=-5, max=0, step=0.5, description="λ_u")
        scale = widgets.FloatLogSlider(value=1.0, min=-1, max=1, step=0.25, description="start")
        steps = widgets.IntSlider(value=300, min=50, max=2000, step=50, description="steps")
        button = widgets.Button(description="Train")
        progress = widgets.IntProgress(value=0, max=4)
        shown = widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            stops = tuple(max(1, steps.value * i // 4) for i in range(1, 5))
            progress.value = 0
            for one in path(table.value, lam.value, scale.value, stops):
                progress.value += 1
                shown.value = pictured(frame(one), said(one))

        button.on_click(run)
        rows = [widgets.HBox([table, lam]), widgets.HBox([scale, steps])]
        return widgets.VBox([*rows, widgets.HBox([button, progress]), shown])
