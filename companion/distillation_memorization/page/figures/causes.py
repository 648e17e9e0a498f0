"""Which sequences are memorized, and why."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from matplotlib_venn import venn3

from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import arms, sets
from companion.distillation_memorization.page.figures.style import NAMES, look
from companion.plotting import BLACK, GREY, figure, finding_title, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def venns(worlds: list[World]) -> Figure:
    """Venn diagrams of teacher, baseline and each of two students, all seeds together."""
    fig, axes = figure(1, 2, height=3.9)
    for ax, student in zip(axes, (arms.SOFT, arms.HARD), strict=True):
        draw_venn(
            ax,
            {
                m: np.concatenate([w.members[m] for w in worlds])
                for m in (arms.TEACHER, arms.BASELINE, student)
            },
        )
        ax.set_title(f"with {NAMES[student]}", fontsize=10.5)
    inside = sum(int((sets.easy(w.members) & w.members[arms.SOFT]).sum()) for w in worlds)
    total = max(1, sum(w.count(arms.SOFT) for w in worlds))
    finding_title(
        fig,
        f"{100 * inside / total:.0f} % of what the soft student memorizes, teacher and baseline "
        "memorize too",
        holds=inside > 0.5 * total,
        otherwise="Sequences memorized by teacher, baseline and student",
    )
    return fig


def draw_venn(ax: Axes, members: sets.Members) -> None:
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
    simple = sets.easy(m)
    groups = (
        ("neither T nor B", ~(m[arms.TEACHER] | m[arms.BASELINE]), GREY, ".", 0.35),
        ("T only", sets.teacher_only(m), look(arms.TEACHER).color, "s", 0.8),
        ("easy, rejected by S", simple & ~m[arms.SOFT], look(arms.BASELINE).color, "^", 0.9),
        ("easy, kept by S", simple & m[arms.SOFT], look(arms.SOFT).color, "o", 0.9),
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
    for name in (arms.TEACHER, arms.BASELINE, arms.SOFT):
        rejected = [sets.rejected(w.members, arms.SOFT) for w in worlds]
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
            and center[arms.SOFT][0] > max(center[arms.TEACHER][0], center[arms.BASELINE][0])
            and center[arms.SOFT][1] < min(center[arms.TEACHER][1], center[arms.BASELINE][1])
        ),
        otherwise="Entropy and log-probability on the sequences that the student rejects",
    )
    return fig
