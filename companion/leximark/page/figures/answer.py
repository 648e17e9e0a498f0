"""The decomposition of the AUROC: the chapter's answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from companion.leximark.lab.arms import MARK, NONE
from companion.leximark.lab.run import DECOMPOSITION
from companion.leximark.page.figures import controls
from companion.leximark.page.figures.style import QUESTIONS, WORDS
from companion.plotting import figure, finding_title, no_record, reference_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def answer(published: Mapping[str, object] | None) -> Figure:
    """The decomposition in the published record; a word of waiting where there is none."""
    runs = (published or {}).get("series", {}).get("runs")
    if not runs:
        return no_record()
    return decomposition(runs)


def decomposition(runs: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Figure:
    """AUROC per question, one panel a model.

    runs : model -> arm -> question -> AUROC per seed, as ``findings.run_series`` gives it
    """
    fig, axes = figure(1, len(runs), height=3.9, squeeze=False, sharey=True)
    for ax, (model, told) in zip(axes[0], runs.items(), strict=True):
        _bars(ax, told, fontsize=9 if len(runs) == 1 else 7.5)
        ax.set_title(model, fontsize=10.5)
    axes[0, 0].set_ylabel("AUROC, Min-K%++ 20 %")
    means = [
        {q: np.mean(told[MARK][q]) for q in DECOMPOSITION} | {"none": np.mean(told[NONE]["record"])}
        for told in runs.values()
    ]
    gains = [(m["protocol"] - m["none"], m["record"] - m["none"]) for m in means]
    text = ", ".join(f"{100 * one:+.0f} of {100 * both:+.0f}" for both, one in gains)
    finding_title(
        fig,
        f"Most of the gain is the dictionary: the record's own part is {text} points",
        holds=all(both > 0 and one < 0.5 * both for both, one in gains),
        otherwise=f"What the AUROC measures: the record's part of the gain is {text} points",
    )
    return fig


def _bars(ax: Axes, told: Mapping[str, Mapping[str, object]], fontsize: float) -> None:
    values = {"none": told[NONE]["record"]} | {q: told[MARK][q] for q in DECOMPOSITION}
    run = SimpleNamespace(told=told)
    asked = {"none": (NONE, "record")} | {q: (MARK, q) for q in DECOMPOSITION}
    for i, (question, per_seed) in enumerate(values.items()):
        seeds = np.asarray(per_seed, dtype=float)
        ax.bar(i, seeds.mean(), color=QUESTIONS[question].color, width=0.62, alpha=0.85)
        ax.plot(np.full(len(seeds), i), seeds, "o", color="#222222", markersize=3.5)
        ax.text(i, min(1.0, seeds.max()) + 0.012, f"{seeds.mean():.2f}", ha="center", fontsize=9)
        before, blind = controls.controls(run, *asked[question])
        controls.draw(ax, [i - 0.36], [(before, np.nan)])
        controls.draw(ax, [i + 0.36], [(np.nan, blind)])
    controls.legend(ax)
    reference_line(ax, 0.5, "")
    words = [WORDS[question].replace(" ", "\n", 1) for question in values]
    ax.set_xticks(range(len(values)), words, fontsize=fontsize)
    ax.set_ylim(0.35, 1.17)
    ax.set_yticks(np.arange(0.4, 1.01, 0.1))
    ax.legend(loc="upper left", fontsize=8)
    ax.grid(visible=False, axis="x")
