"""A marked text with the surprisal of its words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from companion.leximark.page.figures.style import MEMBER, OTHER
from companion.plotting import GREY, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.leximark.method.watermark import Marked


def bars(marked: Marked, most: int = 14) -> Figure:
    """Surprisal before and after of the words that were looked at, above the marked text."""
    fig, (top, ax) = figure(2, 1, height=4.9, height_ratios=[1, 3.6])
    top.axis("off")
    text = textwrap.shorten(" ".join(marked.text.split()), 330, placeholder=" ...")
    top.text(0, 1, textwrap.fill(text, 82), va="top", fontsize=9.5)
    looked = sorted([*marked.changes, *marked.kept])[:most]
    for i, change in enumerate(looked):
        before, after = change.bits
        changed = change.old != change.new
        ax.barh(i, after if changed else before, color=MEMBER if changed else GREY, height=0.66)
        if changed:
            ax.barh(i, before, color=OTHER, height=0.66)
        ax.text(
            max(before, after) + 0.3, i, change.new if changed else "kept", va="center", fontsize=9
        )
    ax.set_yticks(range(most), [c.old for c in looked] + [""] * (most - len(looked)))
    ax.set(ylim=(most - 0.4, -0.6), xlim=(0, 34), xlabel="surprisal (bits): before, and after")
    ax.set_ylabel("word")
    ax.grid(visible=False, axis="y")
    n = len(marked.changes)
    top.set_title(f"{n} of {marked.n_words} words replaced")
    return fig
