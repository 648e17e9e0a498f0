"""The chapter's explorer: an energy on the line, fitted anew at the reader's penalty.

It runs the method, which a page cannot; there its first content stands.
"""

from __future__ import annotations

import html

import numpy as np
import torch

from companion.consistent_diffusion.lab.line import (
    LINE,
    Noised,
    Problem,
    draw_features,
    line_law,
    line_residual,
)
from companion.consistent_diffusion.lab.systems import TWO_MODES, js_divergence
from companion.consistent_diffusion.method.diffusion import T_MIN
from companion.consistent_diffusion.page.figures import line_frame
from companion.explore import Question
from companion.plotting import to_webp
from companion.scale import generator

FIRST = (1e-3, 0.01, 3_000, 0)
"""Penalty, diffusion time, points, and draw of the first content."""
FEATURES = 200


def fit(alpha: float, points: int, seed: int):
    """A random-feature energy at this penalty, from data and features of this draw."""
    rng = generator(seed, "line explorer")
    features = draw_features(FEATURES, rng)
    return Problem(features, Noised(TWO_MODES.draw(points, rng), rng)).solve(alpha)


def look(alpha: float, t: float, points: int, seed: int) -> tuple[str, tuple[np.ndarray, ...]]:
    """What the fitted model says at diffusion time t, in words, and what :func:`line_frame` draws.

    Raises
    ------
    ValueError : a penalty below 0, a time outside of [1e-5, 1], or fewer than 100 points
    """
    if alpha < 0 or not T_MIN <= t <= 1 or points < 100:
        raise ValueError(
            f"penalty >= 0, time from {T_MIN:g} to 1, at least 100 points: got {alpha:g}, {t:g}, "
            f"{points}"
        )
    fitted = fit(alpha, points, seed)
    x = torch.tensor(LINE)[:, None]
    truth = TWO_MODES.log_q(x, torch.full((len(LINE),), t, dtype=x.dtype)).exp().numpy()
    truth /= truth.sum()
    law, seen = line_law(fitted.model, t), truth > 1e-6 * truth.max()
    words = (
        f"penalty {alpha:g}, t = {t:g}: divergence {js_divergence(law, truth):.4f} nats, "
        f"{100 * law[LINE > 0].sum():.0f} % right of 0, loss {fitted.dsm:.4f}"
    )
    return words, (law, truth, line_residual(fitted.model, t), seen)


class LineBox(Question):
    """Fields for penalty, time, points and draw, and a button that fits."""

    def still(self) -> str:
        """The first content in words."""
        return look(*FIRST)[0]

    def widget(self) -> object:
        """Fields, a button, progress, and the figure."""
        import ipywidgets as widgets

        alpha, t, points, seed = FIRST
        fields = [
            widgets.FloatText(alpha, description="penalty"),
            widgets.FloatText(t, description="time t"),
            widgets.IntText(points, description="points"),
            widgets.IntText(seed, description="draw"),
        ]
        button = widgets.Button(description="Fit")
        progress, told = widgets.IntProgress(value=0, max=2), widgets.HTML()
        # not an Output: the messages that it sends back while a cell runs can cost the one that
        # says that the cell has ended, and a run without a reader then waits for ever
        shown = widgets.Image(format="webp", layout={"max_width": "100%"})

        def run(_event: object = None) -> None:
            progress.value = 0
            try:
                progress.value = 1
                words, drawn = look(*(field.value for field in fields))
            except ValueError as error:
                told.value = f"<p>{html.escape(str(error))}</p>"
                return
            progress.value, told.value = 2, f"<p>{html.escape(words)}</p>"
            shown.value = to_webp(line_frame(*drawn))

        button.on_click(run)
        run()
        return widgets.VBox([*fields, widgets.HBox([button, progress]), told, shown])
