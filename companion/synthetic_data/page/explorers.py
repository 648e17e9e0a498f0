"""The chapter's explorer: close the loop with the reader's share, temperature, and protocol.

It trains models, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from companion.explore import Question, pictured
from companion.plotting import headline
from companion.synthetic_data.lab.loop import KEPT, Arm, Runs, run_arm
from companion.synthetic_data.page.figures import one_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANK = 8
START = ("fixed", 0.5, 0.7, 3)
"""Protocol, share, temperature, and generations that stand there at first."""


def closed(kept: str, share: float, temperature: float, generations: int, seed: int = 0) -> Runs:
    """One loop of one seed with models of rank 8."""
    arm = Arm(kept, temperature)
    return run_arm(arm, rank=RANK, shares=(share,), seeds=(seed,), generations=generations)


def frame(runs: Runs) -> Figure:
    """Divergence and calibration error over the generations."""
    fig = one_run(runs)
    headline(fig, f"{runs.arm.kept}, s = {runs.shares[0]:g}, T = {runs.arm.temperature:g}")
    return fig


def said(runs: Runs) -> str:
    """The frame in words."""
    first, last = (runs.metrics["kl"][k, 0, 0] for k in (0, -1))
    error = 100 * runs.metrics["ece"][[0, -1], 0, 0]
    return (
        f"{runs.arm.kept}, s = {runs.shares[0]:g}, T = {runs.arm.temperature:g}: the divergence "
        f"goes from {first:.3f} to {last:.3f} nats, the calibration error from {error[0]:.1f} to "
        f"{error[1]:.1f} points."
    )


@cache
def _first() -> Runs:
    return closed(*START)


class LoopExplorer(Question):
    """Protocol, share, temperature, generations, and the seed of the world."""

    title = "Close the loop"

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice."""
        return frame(_first()), said(_first())

    def widget(self) -> object:
        """Choices, a button, and progress while models are trained."""
        import ipywidgets as widgets

        kept = widgets.Dropdown(options=KEPT, value=START[0], description="keep")
        share = widgets.FloatSlider(value=START[1], min=0, max=0.95, step=0.05, description="s")
        temperature = widgets.FloatSlider(value=START[2], min=0, max=1, step=0.1, description="T")
        rounds = widgets.IntSlider(value=START[3], min=1, max=8, description="rounds")
        seed = widgets.IntSlider(value=0, min=0, max=20, description="world")
        button = widgets.Button(description="Train")
        progress = widgets.IntProgress(value=0, max=1)
        shown = widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            progress.value = 0
            runs = closed(kept.value, share.value, temperature.value, rounds.value, seed.value)
            shown.value = pictured(frame(runs), said(runs))
            progress.value = 1

        button.on_click(run)
        rows = [widgets.HBox([kept, share]), widgets.HBox([temperature, rounds])]
        return widgets.VBox([*rows, widgets.HBox([seed, button, progress]), shown])
