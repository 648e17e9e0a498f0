"""The chapter's explorer: eq. 9 and its rivals on the reader's own series.

It runs the fitter, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from companion.explore import Question, pictured
from companion.massive_activations.lab.rivals import CHECKPOINTS, CURVES, REGIMES, draw_series
from companion.massive_activations.method.curve import Fit, check_series, fit
from companion.plotting import BLACK, PALETTE, figure, headline
from companion.scale import generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def first_text() -> str:
    """Step and ratio by line: a drawn series that still rises."""
    y = draw_series(REGIMES["rising"], 1, generator(0, "explorer"))[0]
    return "\n".join(f"{t:g} {v:.4g}" for t, v in zip(CHECKPOINTS, y, strict=True))


def parse(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values that a reader typed, a pair on each line.

    Raises ``ValueError`` for what are no pairs of numbers, and for fewer than 8 of them.
    """
    rows = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
    if any(len(row) != 2 for row in rows):
        raise ValueError("write a step and a value on each line, as in: 1000 12.5")
    t, y = np.array(rows, dtype=float).reshape(-1, 2).T
    return check_series(t, y, 8)


def fits(t: np.ndarray, y: np.ndarray, share: float) -> Iterator[Fit]:
    """Every curve fitted to the points up to `share` of training, one after the other."""
    seen = t <= share * t[-1]
    for model in CURVES:
        if seen.sum() >= model.n_parameters:
            yield fit(model, t[seen], y[seen])


def frame(t: np.ndarray, y: np.ndarray, found: list[Fit], share: float) -> Figure:
    """Points and curves; what lies right of the dotted line was hidden."""
    fig, ax = figure(height=3.8)
    grid = np.linspace(0, t[-1], 300)
    ax.plot(t, y, "o", color=BLACK, markersize=4)
    for one, color in zip(found, PALETTE, strict=False):
        ax.plot(grid, one.predict(grid), color=color, linewidth=1.3, label=one.model.name)
    if share < 1:
        ax.axvline(share * t[-1], color=BLACK, linestyle=":", linewidth=1)
    ax.set(xlabel="training step", ylabel="ratio", ylim=(min(0, y.min()), 1.3 * y.max()))
    fig.legend(fontsize=8, ncols=3, loc="outside lower center")  # clear of the dotted line
    headline(fig, f"{len(found)} curves, fitted to the first {share:.0%} of training")
    return fig


def said(t: np.ndarray, y: np.ndarray, found: list[Fit], share: float) -> str:
    """R2 of every curve, the plateau of eq. 9, and how far each misses what was hidden."""
    late = t > share * t[-1]
    told = []
    for one in found:
        text = f"{one.model.name}: R² {one.r2:.3f}"
        if late.any():
            off = np.sqrt(np.mean((one.predict(t[late]) - y[late]) ** 2)) / np.ptp(y)
            text += f", misses the hidden points by {off:.0%} of the range"
        told.append(text)
    return f"Plateau K of eq. 9: {found[0].coefficients[-1]:,.0f}. {'; '.join(told)}."


class CurveExplorer(Question):
    """A box for steps and ratios, and the share of training that the fits may see."""

    title = "Fit your own series"

    def first(self) -> tuple[np.ndarray, np.ndarray, list[Fit], float]:
        """Steps, values, fits and share of the first choice."""
        t, y = parse(first_text())
        return t, y, list(fits(t, y, 2 / 3)), 2 / 3

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        found = self.first()
        return frame(*found), said(*found)

    def widget(self) -> object:
        """Box, slider, a button, and progress while the curves are fitted."""
        import ipywidgets as widgets

        box = widgets.Textarea(value=first_text(), description="step, ratio", rows=8)
        share = widgets.FloatSlider(value=2 / 3, min=0.3, max=1, step=0.05, description="seen")
        button = widgets.Button(description="Fit")
        progress = widgets.IntProgress(value=0, max=len(CURVES))
        told, shown = widgets.Label(""), widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            try:
                t, y = parse(box.value)
            except ValueError as error:
                told.value = str(error)
                return
            told.value, done = "", []
            for one in fits(t, y, share.value):
                done.append(one)
                progress.value = len(done)
            found = t, y, done, share.value
            shown.value = (
                pictured(frame(*found), said(*found)) if done else "Too few points are seen."
            )

        button.on_click(run)
        return widgets.VBox([box, widgets.HBox([share, button, progress]), told, shown])
