"""Which sequences are memorized, and why; and the frames of the explorers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from matplotlib_venn import venn3

from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import memorization
from companion.distillation_memorization.method.memorization import (
    Members,
    easy,
    inherited,
    ratio,
    rejected,
    teacher_only,
)
from companion.distillation_memorization.method.objectives import BASELINE, HARD, SOFT, TEACHER
from companion.distillation_memorization.page.figures.rates import MAIN, NAMES, look
from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    figure,
    finding_title,
    headline,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# ------------------------------------------------------------------------------------------- causes
def venns(worlds: list[World]) -> Figure:
    """Venn diagrams of teacher, baseline and each of two students, all seeds together."""
    fig, axes = figure(1, 2, height=3.9)
    for ax, student in zip(axes, (SOFT, HARD), strict=True):
        draw_venn(
            ax,
            {
                m: np.concatenate([w.members[m] for w in worlds])
                for m in (TEACHER, BASELINE, student)
            },
        )
        ax.set_title(f"with {NAMES[student]}", fontsize=10.5)
    inside = sum(int((memorization.easy(w.members) & w.members[SOFT]).sum()) for w in worlds)
    total = max(1, sum(w.count(SOFT) for w in worlds))
    finding_title(
        fig,
        f"{100 * inside / total:.0f} % of what the soft student memorizes, teacher and baseline "
        "memorize too",
        holds=inside > 0.5 * total,
        otherwise="Sequences memorized by teacher, baseline and student",
    )
    return fig


def draw_venn(ax: Axes, members: memorization.Members) -> None:
    """Three overlapping circles; the easy part has a bold count."""
    names = list(members)
    ax.axis("off")
    if not any(m.any() for m in members.values()):
        ax.text(0.5, 0.5, "nothing is memorized", ha="center", transform=ax.transAxes)
        return
    with warnings.catch_warnings():  # areas are approximate where three circles cannot be exact
        warnings.simplefilter("ignore", UserWarning)
        found = venn3(
            [set(np.flatnonzero(members[m]).tolist()) for m in names],
            [NAMES.get(m, m) for m in names],
            set_colors=[look(m).color for m in names],
            alpha=0.45,
            ax=ax,
        )
    for part in ("110", "111"):
        if (label := found.get_label_by_id(part)) is not None:
            label.set_fontweight("bold")


def scatter(worlds: list[World]) -> Figure:
    """zlib length against baseline perplexity, colored by set (first seed)."""
    world = worlds[0]
    m = world.members
    simple = memorization.easy(m)
    groups = (
        ("neither T nor B", ~(m[TEACHER] | m[BASELINE]), GREY, ".", 0.35),
        ("T only", memorization.teacher_only(m), look(TEACHER).color, "s", 0.8),
        ("easy, rejected by S", simple & ~m[SOFT], look(BASELINE).color, "^", 0.9),
        ("easy, kept by S", simple & m[SOFT], look(SOFT).color, "o", 0.9),
    )
    fig, ax = figure(height=4.2)
    for label, group, color, marker, alpha in groups:
        ax.plot(
            world.zlib[group],
            world.features[group, 1],
            marker,
            color=color,
            alpha=alpha,
            linestyle="",
            label=f"{label} ({group.sum()})",
            markersize=5,
        )
    ax.set(
        xlabel="zlib length of the text (bytes)",
        ylabel="perplexity under the baseline",
        yscale="log",
    )
    plain_ticks(ax.yaxis, (1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10))
    ax.legend(loc="upper left", fontsize=8.5)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.35)
    gap = world.zlib[simple].mean() - world.zlib.mean() if simple.any() else np.nan
    finding_title(
        ax,
        f"Easy sequences are {-gap:.0f} bytes shorter when compressed than the average one",
        holds=bool(gap < -5),
        otherwise="Compressed length and perplexity of easy and other sequences",
    )
    return fig


def forced(worlds: list[World]) -> Figure:
    """Mean entropy and log-probability over the suffix on R, for teacher, baseline, student."""
    fig, ax = figure(height=4.2)
    center = {}
    for name in (TEACHER, BASELINE, SOFT):
        rejected = [memorization.rejected(w.members, SOFT) for w in worlds]
        entropy = np.concatenate(
            [w.entropy[name][r] for w, r in zip(worlds, rejected, strict=True)]
        )
        log_p = np.concatenate([w.log_p[name][r] for w, r in zip(worlds, rejected, strict=True)])
        if not len(entropy):
            continue
        style = look(name)
        ax.plot(
            entropy,
            log_p,
            style.marker,
            color=style.color,
            alpha=0.5,
            linestyle="",
            label=NAMES[name],
        )
        center[name] = (entropy.mean(), log_p.mean())
        ax.plot(
            *center[name],
            style.marker,
            color=style.color,
            markersize=13,
            markeredgecolor=BLACK,
            linestyle="",
        )
    ax.set(
        xlabel="mean entropy over the suffix (nats)", ylabel="log-probability of the suffix (nats)"
    )
    if center:
        ax.legend()
    full = len(center) == 3
    finding_title(
        ax,
        "Where the student refuses, it is less sure than teacher and baseline, and says so",
        holds=bool(
            full
            and center[SOFT][0] > max(center[TEACHER][0], center[BASELINE][0])
            and center[SOFT][1] < min(center[TEACHER][1], center[BASELINE][1])
        ),
        otherwise="Entropy and log-probability on the sequences that the student rejects",
    )
    return fig


# ------------------------------------------------------------------------------------------- frames
def browser_frame(world: World, row: int, prefix: int) -> Figure:
    """One sequence: prompt, true continuation, and the four generations, mismatches colored."""
    text, at = world.texts[row], world.shown[row]
    suffix = len(world.written[TEACHER][row])
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
        ("easy, kept by S", easy(m) & m[SOFT]),
        ("easy, rejected by S", rejected(m, SOFT)),
        ("inherited by S", inherited(m, SOFT)),
        ("inherited by H alone", inherited(m, HARD)),
        ("teacher only", teacher_only(m)),
    ):
        if group[at]:
            return words
    return "not memorized by teacher and baseline"


def prefix_frame(members: Members, student: str, prefix: int) -> Figure:
    """Venn diagram and bars for one prompt length and one student."""
    fig, (left, right) = figure(1, 2, height=3.8)
    draw_venn(left, {m: members[m] for m in (TEACHER, BASELINE, student)})
    names = [TEACHER, BASELINE, student, HARD]
    right.bar(
        range(4), [100 * members[m].mean() for m in names], color=[look(m).color for m in names]
    )
    right.set_xticks(range(4), ["T", "B", "S", "H"])
    right.set(ylabel="memorized (% of D)", ylim=(0, 35))
    fold = ratio(float(members[BASELINE].sum()), float(members[student].sum()))
    headline(fig, f"Prompt of {prefix} characters: B / S = {fold:.2f}")
    return fig


def filter_frame(world: World, threshold: float) -> Figure:
    """Predicted probability of memorized and other sequences, and what a threshold removes."""
    fig, ax = figure(height=3.8)
    chance, memorized = world.prediction.probability, world.members[SOFT]
    bins = np.linspace(0, 1, 21)
    for group, label, color in (
        (~memorized, "not memorized by S", GREY),
        (memorized, "memorized by S", look(SOFT).color),
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
