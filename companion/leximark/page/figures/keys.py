"""Tests that an owner can make, a marked text, and the paper's tables beside ours."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.leximark.lab.detection import ALPHA, POWER, predicted_power
from companion.leximark.page.figures.auroc import CONTROL, MEMBER, OTHER, QUESTIONS
from companion.plotting import GREY, figure, finding_title, reference_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from companion.leximark.lab.probe import Probe
    from companion.leximark.method.watermark import Marked


# --------------------------------------------------------------------------------------------- keys
def _null(ax: Axes, others: np.ndarray, true: float, edges: np.ndarray) -> None:
    ax.hist(others, edges, color=GREY, alpha=0.6, label=f"{len(others)} other keys")
    ax.axvline(true, color=MEMBER, linewidth=2.4, label="the owner's key")
    ax.set_xlabel("mean score under a key")
    ax.yaxis.get_major_locator().set_params(integer=True)


def keys(probe: Probe, model: str) -> Figure:
    """The owner's key among fresh ones, before and after training."""
    fig, axes = figure(1, 2, height=3.4)
    for ax, test, name in zip(
        axes, (probe.untrained, probe.trained), ("untrained", "trained"), strict=True
    ):
        values = np.r_[test.others, test.true]
        pad = 0.1 * np.ptp(values) + 1e-6
        _null(ax, test.others, test.true, np.linspace(values.min() - pad, values.max() + pad, 31))
        ax.set_title(f"{name}: p = {test.p:.3g}", fontsize=10.5)
    axes[0].set_ylabel("keys")
    axes[1].legend(loc="upper center", fontsize=8.5)
    m = len(probe.trained.others)
    finding_title(
        fig,
        f"Trained, the owner's key beats all {m} others by {probe.trained.z:.0f} deviations "
        f"({model})",
        holds=probe.trained.p <= 1 / (m + 1) < probe.untrained.p,
        otherwise=f"The owner's key among {m} others ({model})",
    )
    return fig


def key_frame(scores: np.ndarray, chosen: int, limits: tuple[float, float], name: str) -> Figure:
    """The null histogram when key number `chosen` is claimed to be the secret one."""
    fig, ax = figure(height=3.5)
    others = np.delete(scores, chosen)
    _null(ax, others, scores[chosen], np.linspace(*limits, 41))
    p = (1 + int((others >= scores[chosen]).sum())) / len(scores)
    ax.set(ylabel="keys", xlim=limits, ylim=(0, len(scores)))
    ax.legend(loc="upper center")
    ax.set_title(f"{name}: p = {p:.3g}")
    return fig


def _power_lines(ax: Axes, effects: dict[str, float], n: np.ndarray) -> None:
    looks = dict(zip(effects, ("none", "record", "protocol"), strict=False))
    for name, d in effects.items():
        look = QUESTIONS[looks[name]]
        ax.plot(
            n,
            [predicted_power(d, int(k)) for k in n],
            color=look.color,
            linestyle=look.linestyle,
            label=f"{name} (d = {d:.2f})",
        )
    reference_line(ax, POWER, "80 %")
    ax.set(xlabel="records on each side", ylabel=f"power at alpha = {ALPHA}", ylim=(0, 1.03))


def power(effects: dict[str, float], needed: dict[str, float]) -> Figure:
    """Power of Welch's test against the number of records.

    effects : arm -> d, in the order none, one dictionary, one per half; needed : arm -> records
    """
    fig, ax = figure(height=3.7)
    _power_lines(ax, effects, np.arange(2, 41))
    ax.legend(loc="lower right")
    counts = list(needed.values())
    finding_title(
        ax,
        f"A t-test needs {counts[0]:.0f} records a side unmarked, {counts[-1]:.0f} marked "
        "with a dictionary per half",
        holds=counts[-1] < counts[0] < np.inf,
        otherwise="Records that a t-test needs",
    )
    return fig


def power_frame(effects: dict[str, float], n: int) -> Figure:
    """The power curves with a mark at `n` records (a frame of an explorer)."""
    fig, ax = figure(height=3.7)
    _power_lines(ax, effects, np.arange(2, 41))
    ax.axvline(n, color=CONTROL, linewidth=1.5)
    ax.legend(loc="lower right")
    said = ", ".join(f"{name} {100 * predicted_power(d, n):.0f} %" for name, d in effects.items())
    ax.set_title(f"{n} records: {said}", fontsize=10.5)
    return fig


# --------------------------------------------------------------------------------------------- text
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


# -------------------------------------------------------------------------------------------- paper
def _apart(heights: list[float], gap: float = 2.0) -> list[float]:
    """Heights of labels, pushed upwards until neighbors are `gap` apart."""
    moved, last = list(heights), -np.inf
    for i in np.argsort(heights):
        moved[i] = last = max(heights[i], last + gap)
    return moved


def paper_slopes(frame: pd.DataFrame, ours: dict[str, tuple[float, float, float]]) -> Figure:
    """AUROC without and with the mark: the paper's 42 pairs in grey, ours in color.

    frame : columns "none" and "LexiMark" in percent, one row per data set and model
    ours : model -> (none, LexiMark with one dictionary, LexiMark with one per half), 0 to 1
    """
    fig, ax = figure(height=4.2)
    for none, mark in frame[["none", "LexiMark"]].to_numpy():
        ax.plot([0, 1], [none, mark], color=GREY, alpha=0.35, linewidth=1)
    labels = []
    for model, (none, one, both) in ours.items():
        dash = "-" if model == "word model" else "--"
        for value, question in ((one, "record"), (both, "protocol")):
            look = QUESTIONS[question]
            ax.plot(
                [0, 1],
                [100 * none, 100 * value],
                color=look.color,
                marker=look.marker,
                linestyle=dash,
                linewidth=2.2,
            )
            name = "one dictionary" if question == "record" else "one per half"
            labels.append([100 * value, f"{model}, {name}", look.color])
    for height, (_, text, color) in zip(_apart([row[0] for row in labels]), labels, strict=True):
        ax.text(1.04, height, text, color=color, fontsize=8.5, va="center")
    ax.set_xticks([0, 1], ["no mark", "LexiMark"])
    ax.set(xlim=(-0.1, 1.75), ylabel="AUROC (%), Min-K%++ 20 %")
    ax.set_xlabel("what was published")
    gain = (frame["LexiMark"] - frame["none"]).to_numpy()
    finding_title(
        ax,
        f"The paper's {len(gain)} pairs all rise, by {gain.min():.1f} to {gain.max():.1f} points",
        holds=bool((gain > 0).all() and np.isfinite(gain).all()),
        otherwise="AUROC without and with the mark",
    )
    return fig
