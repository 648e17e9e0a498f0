"""The chapter's explorer: train a layer on a walk of the reader's own length.

It trains, which a page cannot; there the picture of the first choice stands.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from companion.explore import is_publishing
from companion.mamba3.lab.models import Probe, Recipe, Stack
from companion.mamba3.lab.tracking import TASKS, VARIANTS, Training, read, walks
from companion.mamba3.page.figures import look
from companion.plotting import BLACK, figure, headline, to_webp, with_alt
from companion.scale import one_thread, torch_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Choice(NamedTuple):
    """What a reader asks for: task and arm by name, updates, longest walk of the training."""

    task: str = "parity"
    arm: str = "Mamba-3"
    steps: int = 40
    length: int = 12
    seed: int = 0


class Trained(NamedTuple):
    """losses : (steps,), nats a move; curve : scaled accuracy after 0, 1, ... moves."""

    choice: Choice
    losses: np.ndarray
    curve: np.ndarray


@one_thread()
def train(choice: Choice, told: Callable[[int], None] = lambda step: None) -> Trained:
    """Train one seed on walks that grow from three moves, and read it on twice their length.

    told : is called with the number of updates that are done
    """
    task = TASKS[choice.task]
    stack = Stack(lambda: Probe(VARIANTS[choice.arm], task.order + 1, task.order), [choice.seed])
    source = torch_generator(choice.seed, "explorer", choice.task)
    training = Training(1, choice.steps, 16, tuple(sorted((min(3, choice.length), choice.length))))

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, labels = walks(task, training.batch, training.length(step) + 1, source)
        return tokens[None], labels[None]

    reads = {step: lambda step=step: told(step) for step in range(10, choice.steps + 1, 10)}
    losses = stack.train(batch_at, Recipe(choice.steps, training.lr), reads)
    rng = torch_generator(choice.seed, "explorer, read", choice.task)
    curve = read(stack, task, 2 * choice.length, 256, rng)
    return Trained(choice, losses[:, 0], curve[:, 0])


def frame(found: Trained) -> Figure:
    """The loss over the training, and the accuracy by length."""
    choice = found.choice
    fig, (left, right) = figure(1, 2, height=3.3)
    kind = look(choice.arm) | {"marker": ""}
    left.plot(np.arange(1, len(found.losses) + 1), found.losses, **kind)
    left.set(xlabel="updates", ylabel="loss (nats a move)")
    right.plot(np.arange(1, len(found.curve)), found.curve[1:], **kind)
    right.axvline(choice.length, color=BLACK, linestyle=":", linewidth=1)
    right.axhline(0, color=BLACK, linewidth=0.8, linestyle=":")
    right.set(xlabel="moves", ylabel="scaled accuracy", ylim=(-1.05, 1.1))
    headline(fig, f"{choice.arm}, {choice.task}, {choice.steps} updates")
    return fig


def said(found: Trained) -> str:
    """The frame in words."""
    choice = found.choice
    at, twice = found.curve[choice.length], found.curve[-1]
    return (
        f"{choice.arm} after {choice.steps} updates on {choice.task}: scaled accuracy {at:.2f} "
        f"after {choice.length} moves, its longest walk, and {twice:.2f} after twice as many."
    )


def _shown(found: Trained) -> str:
    picture = base64.b64encode(to_webp(frame(found))).decode()
    words = html.escape(said(found))
    return (
        f'<img src="data:image/webp;base64,{picture}" alt="{words}" '
        f'style="max-width:100%;height:auto"><p>{words}</p>'
    )


@cache
def first() -> Trained:
    """What the first choice gives."""
    return train(Choice())


class TrainingExplorer:
    """A task, an arm, updates, a length, and a button; progress while the layer is trained."""

    def still(self) -> str:
        """Picture and sentence of the first choice."""
        return _shown(first())

    def widget(self) -> object:
        """The choices and what comes of them."""
        import ipywidgets as widgets

        start = Choice()
        task = widgets.Dropdown(options=list(TASKS), value=start.task, description="task")
        arm = widgets.Dropdown(options=list(VARIANTS), value=start.arm, description="layer")
        steps = widgets.IntSlider(
            value=start.steps, min=20, max=2000, step=20, description="updates"
        )
        length = widgets.IntSlider(value=start.length, min=2, max=160, description="moves")
        seed = widgets.IntSlider(value=start.seed, min=0, max=99, description="seed")
        button = widgets.Button(description="Train")
        progress = widgets.IntProgress(value=0, max=1)
        shown = widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            progress.value, progress.max = 0, steps.value

            def told(done: int) -> None:
                progress.value = done

            choice = Choice(task.value, arm.value, steps.value, length.value, seed.value)
            shown.value = _shown(train(choice, told))

        button.on_click(run)
        rows = [widgets.HBox([task, arm, seed]), widgets.HBox([steps, length])]
        return widgets.VBox([*rows, widgets.HBox([button, progress]), shown])

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, object]:
        made = {"text/plain": "Train a layer of your own"}
        if is_publishing():  # the page's own pictures, in light and dark
            return made | with_alt(frame(first()), said(first()))
        made["text/html"] = self.still()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        return made | {"application/vnd.jupyter.widget-view+json": view}
