"""The chapter's explorer: leave any fields out of the string, and ask again.

It runs the method on what the reader chooses, which a page cannot; there the picture of the first
choice stands.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from companion.data import Missing
from companion.explore import Question, pictured
from companion.model_ecosystem.lab import kin
from companion.model_ecosystem.lab.kin import LeftOut
from companion.model_ecosystem.method import similarity
from companion.model_ecosystem.method.similarity import families, tfidf
from companion.model_ecosystem.sources import Ecosystem
from companion.plotting import BLACK, BLUE, GREY, figure, headline
from companion.stats import t_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gaps(system: Ecosystem, without: Collection[str], *, different: bool) -> np.ndarray:
    """Siblings minus parent and child of each family, (f,), TF-IDF without some fields."""
    x = tfidf(similarity.strings(system.records, {*system.masked, *without}))
    account = system.account if different else None
    found = kin.with_both(families(x, system.graph, uploader=account))
    return found.sibling - found.parent_child


def gap_frame(gap: np.ndarray, without: Collection[str]) -> Figure:
    """The families' gaps, and their mean with its interval."""
    fig, ax = figure(height=2.6)
    mean = t_interval(gap)
    ax.plot(np.sort(gap), np.linspace(0.1, 0.9, gap.size), "o", color=GREY, alpha=0.6)
    ax.plot([mean.low, mean.high], [0.5, 0.5], color=BLUE, linewidth=3)
    ax.plot(mean.estimate, 0.5, "D", color=BLUE, markersize=9, markeredgecolor="white")
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set(xlabel="similarity, siblings minus parent and child", ylim=(0, 1), xlim=(-0.6, 0.9))
    ax.set_yticks([])
    headline(fig, f"Without {', '.join(sorted(without)) or 'nothing'}: {gap.size} families")
    return fig


def said(gap: np.ndarray) -> str:
    """The mean with its interval, in words."""
    mean = t_interval(gap)
    return (
        f"Siblings minus parent and child {mean.estimate:+.3f}, from {mean.low:+.3f} to "
        f"{mean.high:+.3f}, over {gap.size} families."
    )


class FieldExplorer(Question):
    """Boxes for the fields of a table's strings, and the gap without those that are ticked.

    system : the table, or a ``Missing`` where it is not here: then the still picture alone
    first : the gaps with which it opens, without the field that says "I am a child"
    """

    def __init__(self, system: Ecosystem | Missing, first: LeftOut) -> None:
        self.system, self.first = system, first
        self.title = f"Leave fields out: {', '.join(first.fields)}"

    def frame(self, without: Collection[str], *, different: bool = True) -> str:
        """Picture and sentence as HTML, computed from the strings."""
        gap = gaps(self.system, without, different=different)
        return pictured(gap_frame(gap, without), said(gap))

    def answer(self) -> tuple[Figure, str]:
        """Figure and sentence of the first choice, from what is stored."""
        return gap_frame(self.first.rest, (self.first.child,)), said(self.first.rest)

    def widget(self) -> object | None:
        """Boxes, a switch for accounts, a button, and progress while the strings are compared."""
        import ipywidgets as widgets

        if isinstance(self.system, Missing):
            return None

        boxes = {
            name: widgets.Checkbox(value=name == self.first.child, description=name, indent=False)
            for name in self.first.fields
        }
        different = widgets.Checkbox(value=True, description="two accounts only", indent=False)
        button = widgets.Button(description="Compare")
        progress = widgets.Label("")
        shown = widgets.HTML(self.still())

        def run(_event: object = None) -> None:
            without = [name for name, box in boxes.items() if box.value]
            progress.value = f"comparing {len(self.system.records):,} strings ..."
            try:
                shown.value = self.frame(without, different=different.value)
                progress.value = ""
            except ValueError as error:  # no words are left to compare
                progress.value = str(error)

        button.on_click(run)
        grid = widgets.GridBox(
            list(boxes.values()), layout={"grid_template_columns": "repeat(4, 25%)"}
        )
        return widgets.VBox([grid, widgets.HBox([different, button, progress]), shown])
