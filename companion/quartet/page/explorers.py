"""The chapter's explorer: the quantizers on the reader's own numbers, draw after draw.

It runs the method, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from companion.explore import Question, pictured
from companion.plotting import BLACK, figure, headline, style
from companion.quartet.method.linear import rotate
from companion.quartet.method.mxfp4 import GROUP
from companion.quartet.method.quantizers import SCHEMES, quantize
from companion.scale import one_thread, torch_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST = (8.0, *(round(0.9**i, 3) for i in range(GROUP - 1)))
"""Numbers with which it opens: one outlier, and 31 that fall."""


class Averaged(NamedTuple):
    """x : the numbers, rotated if asked; mean : of the draws so far, in the same space

    errors : relative squared error after 1, 2, ... draws
    """

    x: np.ndarray
    mean: np.ndarray
    errors: np.ndarray


def parse(text: str) -> list[float]:
    """Numbers that a reader typed, between spaces, commas or semicolons.

    Raises ``ValueError`` for what is no number, for none, and for more than 1024.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    numbers = [float(word) for word in words]
    if not 1 <= len(numbers) <= 32 * GROUP or not np.isfinite(numbers).all():
        raise ValueError(f"need 1 to {32 * GROUP} finite numbers, got {len(numbers)}")
    return numbers


@one_thread()
def draws(numbers: Sequence[float], scheme: str, *, rotated: bool, n: int) -> Iterator[Averaged]:
    """The mean of 1, 2, ... n draws of a quantizer; numbers are filled up with zeros to groups.

    With `rotated` the fixed Hadamard matrix turns each group first.
    """
    padded = [*numbers, *[0.0] * (-len(numbers) % GROUP)]
    x = torch.tensor(padded)
    x = rotate(x, None, "none") if rotated else x
    noise = torch_generator(0, "explorer", scheme)
    power = float(x.double().square().sum()) or 1.0
    total, errors = torch.zeros(len(padded), dtype=torch.float64), []
    for k in range(1, n + 1):
        total += quantize(x, scheme, generator=noise).values
        errors.append(float((total / k - x).square().sum()) / power)
        yield Averaged(x.numpy(), (total / k).numpy(), np.array(errors))


def frame(found: Averaged, scheme: str) -> Figure:
    """Numbers and their mean on the left, error by draws on the right."""
    fig, (left, right) = figure(1, 2, height=3.4)
    color = style(scheme.split()[0])["color"]
    left.plot(found.x, color=BLACK, linewidth=1, label="given")
    left.plot(found.mean, "o", color=color, label=scheme)
    left.set(xlabel="place", ylabel="value")
    left.legend(fontsize=8.5)
    right.plot(np.arange(1, len(found.errors) + 1), found.errors, color=color)
    right.set(xscale="log", yscale="log", xlabel="draws averaged", ylabel="relative squared error")
    headline(fig, f"{scheme}, mean of {len(found.errors)}")
    return fig


def said(found: Averaged, scheme: str) -> str:
    """The frame in words."""
    power = float((found.x**2).sum()) or 1.0
    shorter = 1 - float((found.x * found.mean).sum()) / power
    return (
        f"{scheme}: squared error {100 * found.errors[0]:.2f} % after one draw, "
        f"{100 * found.errors[-1]:.2f} % after {len(found.errors)}; the mean is "
        f"{100 * shorter:.2f} % shorter along the numbers."
    )


class NumberExplorer(Question):
    """A box for numbers, a quantizer, a switch for the rotation, and the number of draws."""

    title = "Quantize your own numbers"

    def first(self) -> Averaged:
        """What the first choice gives."""
        *_, last = draws(FIRST, "SR", rotated=False, n=16)
        return last

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        found = self.first()
        return frame(found, "SR"), said(found, "SR")

    def widget(self) -> object:
        """Box, choices, a button, and progress while the draws are made."""
        import ipywidgets as widgets

        box = widgets.Textarea(value=", ".join(f"{v:g}" for v in FIRST), description="numbers")
        scheme = widgets.Dropdown(options=list(SCHEMES), value="SR", description="quantizer")
        rotated = widgets.Checkbox(value=False, description="rotate first")
        n = widgets.IntSlider(value=16, min=1, max=4096, description="draws")
        button = widgets.Button(description="Quantize")
        progress = widgets.IntProgress(value=0, max=1)
        told, shown = widgets.Label(""), widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            try:
                numbers = parse(box.value)
            except ValueError as error:
                told.value = str(error)
                return
            told.value, progress.max = "", n.value
            for last in draws(numbers, scheme.value, rotated=rotated.value, n=n.value):
                progress.value = len(last.errors)
            shown.value = pictured(frame(last, scheme.value), said(last, scheme.value))

        button.on_click(run)
        rows = [box, widgets.HBox([scheme, rotated]), widgets.HBox([n, button, progress]), told]
        return widgets.VBox([*rows, shown])
