"""Frames of the explorers; all frames of one explorer have one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import arms, sets
from companion.distillation_memorization.page.figures.causes import draw_venn
from companion.distillation_memorization.page.figures.style import MAIN, NAMES, look
from companion.plotting import BLUE, GREY, VERMILION, figure, headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def browser_frame(world: World, row: int, prefix: int) -> Figure:
    """One sequence: prompt, true continuation, and the four generations, mismatches colored."""
    text, at = world.texts[row], world.shown[row]
    suffix = len(world.written[arms.TEACHER][row])
    fig, ax = figure(height=3.6)
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))

    def line(y: float, label: str, characters: str, colors: list[str], mark: str = "") -> None:
        ax.text(0.0, y, label, fontsize=10, va="center")
        for i, (character, color) in enumerate(zip(characters, colors, strict=True)):
            ax.text(
                0.24 + i * 0.0265,
                y,
                character.replace(" ", "␣"),
                color=color,
                fontsize=10.5,
                family="monospace",
                va="center",
            )
        ax.text(0.24 + 0.0265 * len(characters) + 0.02, y, mark, fontsize=9.5, va="center")

    line(0.9, "prompt", text[:prefix], [GREY] * prefix)
    truth = text[prefix : prefix + suffix]
    line(0.74, "true text", truth, ["black"] * suffix)
    for i, name in enumerate(MAIN):
        made = world.written[name][row]
        colors = [BLUE if x == y else VERMILION for x, y in zip(made, truth, strict=True)]
        mark = "memorized" if world.members[name][at] else ""
        line(0.56 - 0.14 * i, NAMES[name], made, colors, mark)
    ax.set_title(f"Sequence {at}: {kind_of(world, at)}; zlib {world.zlib[at]:.0f} bytes")
    return fig


def kind_of(world: World, at: int) -> str:
    """In which set a sequence is, in words."""
    m = world.members
    for words, group in (
        ("easy, kept by S", sets.easy(m) & m[arms.SOFT]),
        ("easy, rejected by S", sets.rejected(m, arms.SOFT)),
        ("inherited by S", sets.inherited(m, arms.SOFT)),
        ("inherited by H alone", sets.inherited(m, arms.HARD)),
        ("teacher only", sets.teacher_only(m)),
    ):
        if group[at]:
            return words
    return "not memorized by teacher and baseline"


def prefix_frame(members: sets.Members, student: str, prefix: int) -> Figure:
    """Venn diagram and bars for one prompt length and one student."""
    fig, (left, right) = figure(1, 2, height=3.8)
    draw_venn(left, {m: members[m] for m in (arms.TEACHER, arms.BASELINE, student)})
    names = [arms.TEACHER, arms.BASELINE, student, arms.HARD]
    right.bar(
        range(4), [100 * members[m].mean() for m in names], color=[look(m).color for m in names]
    )
    right.set_xticks(range(4), ["T", "B", "S", "H"])
    right.set(ylabel="memorized (% of D)", ylim=(0, 35))
    fold = sets.ratio(float(members[arms.BASELINE].sum()), float(members[student].sum()))
    headline(fig, f"Prompt of {prefix} characters: B / S = {fold:.2f}")
    return fig


def filter_frame(world: World, threshold: float) -> Figure:
    """Predicted probability of memorized and other sequences, and what a threshold removes."""
    fig, ax = figure(height=3.8)
    chance, memorized = world.prediction.probability, world.members[arms.SOFT]
    bins = np.linspace(0, 1, 21)
    for group, label, color in (
        (~memorized, "not memorized by S", GREY),
        (memorized, "memorized by S", look(arms.SOFT).color),
    ):
        ax.hist(chance[group], bins, alpha=0.7, color=color, label=f"{label} ({group.sum()})")
    ax.axvline(threshold, color=VERMILION, linestyle="-.")
    ax.set(
        yscale="log",
        ylim=(0.5, None),
        xlabel="predicted probability of being memorized",
        ylabel="sequences",
    )
    ax.legend(loc="upper center")
    gone = chance > threshold
    ax.set_title(
        f"Threshold {threshold:.2f} removes {100 * gone.mean():.0f} % of D and "
        f"{int((gone & memorized).sum())} of {int(memorized.sum())} memorized"
    )
    return fig
