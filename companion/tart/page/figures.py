"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import FancyBboxPatch

from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    figure,
    finding_title,
    methods,
    no_record,
    plain_ticks,
    reference_line,
    shows,
)
from companion.stats import over_seeds, t_interval
from companion.tart.lab.learned import ARMS, DRAWN, IDEAL, MODULE, WHITE, Learned, Tie
from companion.tart.lab.nulls import LOGISTIC, MEAN
from companion.tart.verdict import SHOWN, TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = methods(*SHOWN, IDEAL, "knows w")

WORDS = {
    "ICL": "prompting",
    "ICL, contextual": "“N/A” threshold",
    "ICL, own examples": "own threshold",
    LOGISTIC: "logistic regression",
    MEAN: "one line (eq. 4)",
    IDEAL: "ideal learner (eq. 7)",
    "fine-tuned": "fine-tuned",
}
"""A method as the reader sees it, where its name is not that."""


def words(method: str) -> str:
    """The method's name on the page."""
    return WORDS.get(method, method)


def line(method: str) -> dict[str, object]:
    """How a method's curve is drawn."""
    return {**LOOKS[method]._asdict(), "label": words(method), "markersize": 5}


# --------------------------------------------------------------------------- the first figure
def answer(published: Mapping[str, object] | None) -> Figure:
    """Methods on the same examples, and the gains over one line, from the published record."""
    found = (published or {}).get("series", {})
    if not {"methods", "gains"} <= set(found):
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=3.6, width_ratios=(1.0, 1.0))
    draw_methods(left, found["methods"])
    gains = pd.DataFrame(found["gains"])
    draw_gains(right, gains)
    best = gains[gains["arm"] == IDEAL]
    real = best[~best["setting"].str.startswith("synthetic")]
    drawn = best[best["setting"] == f"synthetic {DRAWN}"]
    finding_title(
        fig,
        "On random tasks the ideal learner gains over 2 points, on any real vectors under 2",
        holds=bool((real["gain_high"] < 0.02).all() and (drawn["gain_low"] > 0.02).all()),
        otherwise="The same examples, prompted and learned from; what more than one line adds",
    )
    return fig


def draw_methods(ax: Axes, table: Mapping[str, list]) -> None:
    """Mean accuracy and interval of every method, one mark per text set."""
    frame = pd.DataFrame(table)
    order = [name for name in SHOWN if name in set(frame["method"])]
    for j, task in enumerate(TASKS):
        rows = frame[frame["data"] == task].set_index("method").reindex(order)
        y = np.arange(len(order)) + 0.22 * (j - 0.5)
        for place, (name, row) in zip(y, rows.iterrows(), strict=True):
            look = LOOKS[name]
            ends = row[["accuracy_low", "accuracy_high"]].astype(float)
            if np.isfinite(ends).all():
                ax.plot(ends, [place] * 2, color=look.color, linewidth=3, alpha=0.35)
            fill = look.color if j == 0 else "white"
            mark = {"color": look.color, "markerfacecolor": fill, "markersize": 6}
            ax.plot(row["accuracy"], place, look.marker, **mark)
    ax.plot([], [], "o", color=BLACK, linestyle="", label=TASKS[0])
    ax.plot([], [], "o", color=BLACK, markerfacecolor="white", linestyle="", label=TASKS[1])
    ax.set_yticks(range(len(order)), [words(name) for name in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(0.4, 1.0)
    ax.set_xlabel("accuracy, 18 examples")
    ax.legend(fontsize=8.5, loc="lower left", handletextpad=0.2, borderaxespad=0.1)


def draw_gains(ax: Axes, gains: pd.DataFrame) -> None:
    """Accuracy above the one-line rule, by setting and arm, in points."""
    settings = list(dict.fromkeys(gains["setting"]))
    arms = [arm for arm in ARMS if arm != MEAN]
    for j, arm in enumerate(arms):
        rows = gains[gains["arm"] == arm].set_index("setting").reindex(settings)
        y = np.arange(len(settings)) + 0.22 * (j - 1)
        ends = 100 * rows[["gain_low", "gain_high"]].astype(float).to_numpy()
        look = LOOKS[arm]
        for place, pair in zip(y, ends, strict=True):
            if np.isfinite(pair).all():
                ax.plot(pair, [place] * 2, color=look.color, linewidth=3, alpha=0.4)
        mark = {"color": look.color, "linestyle": "", "markersize": 5}
        ax.plot(100 * rows["gain"].astype(float), y, look.marker, label=words(arm), **mark)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(len(settings) - 0.4, -0.6)
    ax.set_xlabel("points above one line")
    ax.legend(fontsize=8.5, loc="lower right", handletextpad=0.2, borderaxespad=0.1)


# --------------------------------------------------------------------------- synthetic tasks
def _smooth(losses: np.ndarray, n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Means of stretches of `n` steps, at the stretches' ends."""
    n = max(1, min(n, len(losses) // 5))
    kept = losses[: len(losses) // n * n].reshape(-1, n)
    return np.arange(1, len(kept) + 1) * n, kept.mean(axis=1)


def learning(found: Learned) -> Figure:
    """Losses of the modules trained in the run, and what they can do on new tasks."""
    fig, (left, right) = figure(1, 2, height=3.5)
    for i, losses in enumerate(found.losses):
        label = "label tokens repeat the point" if i == 0 else None
        left.plot(*_smooth(losses), color=BLUE, linewidth=1.6, label=label)
    left.plot(*_smooth(found.plain), color=ORANGE, linestyle="--", label="the paper's label tokens")
    reference_line(left, np.log(2), "ln 2: nothing learned")
    left.set(xlabel="step", ylabel="loss (nats per label)", ylim=(0, 0.8))
    left.legend(loc="lower left", fontsize=8.5)
    curve = found.curve
    for arm in ("knows w", LOGISTIC, MEAN, MODULE):
        means = [t_interval(v) for v in curve.accuracy[arm].T]
        right.plot(curve.at, [m.estimate for m in means], **line(arm))
        if arm == MODULE:
            low, high = ([getattr(m, end) for m in means] for end in ("low", "high"))
            right.fill_between(curve.at, low, high, color=BLUE, alpha=0.15, linewidth=0)
    reference_line(right, 0.5, "chance")
    right.set(xlabel="labeled examples", ylabel="accuracy on new tasks", ylim=(0.45, 1.0))
    right.legend(loc=(0.45, 0.13), fontsize=8.5)
    lead = over_seeds(curve.last(MODULE) - curve.last(MEAN))
    finding_title(
        fig,
        f"With {int(curve.at[-1])} examples the module is ahead of one line",
        holds=shows(lead, above=0),
        otherwise="What a module learns from random tasks",
    )
    return fig


def noise(found: Learned) -> Figure:
    """Error at the longest context against the noise of the test tasks."""
    fig, ax = figure(height=3.0)
    curve = found.noise
    for arm in (MODULE, LOGISTIC, MEAN, "knows w"):
        ax.plot(curve.at, 1 - curve.accuracy[arm].mean(0), **line(arm))
    ax.axvline(10, color=GREY, linewidth=1, linestyle=":")
    ax.text(10, ax.get_ylim()[1], " trained here", fontsize=9, color=GREY, va="top")
    ax.set_xscale("log")
    plain_ticks(ax.xaxis, curve.at)
    ax.set(xlabel="steepness α of the test tasks (larger: less label noise)", ylabel="error")
    ax.legend(fontsize=8.5)
    ax.set_title(f"Error with {int(found.curve.at[-1])} examples, by label noise")
    return fig


def tie(found: Tie) -> Figure:
    """The same synthetic tasks as drawn, and with every context put through eq. 5."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    for ax, name in zip(axes, (DRAWN, WHITE), strict=True):
        for arm in (IDEAL, LOGISTIC, MODULE, MEAN):
            means = [over_seeds(v) for v in found.of(name, arm).T]
            middle = np.array([m.estimate for m in means])
            ends = np.array([[m.estimate - m.low, m.high - m.estimate] for m in means]).T
            ends = np.where(np.isfinite(ends), ends, 0)
            ax.errorbar(found.k, middle, ends, capsize=2, linewidth=1.6, **line(arm))
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, found.k)
        ax.set(xlabel="labeled examples")
        ax.set_title({DRAWN: "as drawn (eq. 2)", WHITE: "put through eq. 5"}[name], fontsize=11)
    axes[0].set_ylabel("accuracy on new tasks")
    axes[1].legend(fontsize=8.5, loc="lower right")
    lead = {name: found.of(name, LOGISTIC) - found.of(name, MEAN) for name in (DRAWN, WHITE)}
    taken = [over_seeds(column) for column in (lead[DRAWN] / 2 - lead[WHITE]).T]
    finding_title(
        fig,
        "Whitening takes more than half of logistic regression's lead away",
        holds=all(shows(one, above=0) for one in taken),
        otherwise="The same tasks, as they are drawn and whitened",
    )
    return fig


# --------------------------------------------------------------------------- real vectors
def language(table: Mapping[str, list]) -> Figure:
    """Mean accuracy of every method on the language model's contexts of this run."""
    fig, ax = figure(height=3.2)
    draw_methods(ax, table)
    ax.set_title("The same examples, prompted and learned from")
    return fig


def more_examples(tables: Sequence[pd.DataFrame]) -> Figure:
    """Accuracy by number of examples, one panel per data set."""
    whole = pd.concat(tables, ignore_index=True)
    panels = list(whole.groupby(["data", "vectors"], sort=False))
    fig, axes = figure(1, len(panels), height=3.1, squeeze=False)
    for ax, ((data, vectors), rows) in zip(axes[0], panels, strict=True):
        for arm in (LOGISTIC, MODULE, MEAN):
            part = rows[rows["method"] == arm]
            means = part.groupby("k")["accuracy"].mean()
            ax.plot(means.index, means, **line(arm))
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, sorted(set(rows["k"])))
        ax.set(xlabel="examples")
        ax.set_title(f"{data}, {vectors}", fontsize=10)
    axes[0][0].set_ylabel("accuracy")
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def shrinkage(table: pd.DataFrame) -> Figure:
    """Mean squared white coordinate of queries by number of examples."""
    fig, ax = figure(height=2.8)
    looks = zip((GREEN, BLUE, ORANGE, BLACK), ("s", "o", "^", "D"), strict=True)
    for (color, marker), (data, rows) in zip(
        looks, table.groupby(["data", "vectors"], sort=False), strict=False
    ):
        ax.plot(rows["k"], rows["shrinkage"], color=color, marker=marker, label=", ".join(data))
    reference_line(ax, 1.0, "the context, about")
    ax.set_xscale("log")
    plain_ticks(ax.xaxis, sorted(set(table["k"])))
    ax.set(xlabel="labeled examples", ylabel="mean square", ylim=(0, 1.15))
    ax.set_title("Mean square of the queries' white coordinates")
    ax.legend(fontsize=8.5)
    return fig


# --------------------------------------------------------------------------- drawing
def schematic() -> Figure:
    """Left: training on synthetic tasks; right: a frozen model and the module (paper, Figure 2)."""
    fig, axes = figure(1, 2, height=3.0)
    columns = (
        (
            "Once: synthetic tasks",
            ("random w", "points x, labels y", "reasoning module"),
            "predict every y, update the module",
            (GREY, GREY, BLUE),
        ),
        (
            "Then: any frozen model",
            (
                "k labeled texts, a query",
                "frozen model → vectors → white",
                "reasoning module, frozen",
            ),
            "probability of the query's label",
            (GREY, GREEN, BLUE),
        ),
    )
    for ax, (title, boxes, last, colors) in zip(axes, columns, strict=True):
        for i, (text, color) in enumerate(zip(boxes, colors, strict=True)):
            y = 0.78 - 0.27 * i
            box = FancyBboxPatch((0.06, y), 0.88, 0.15, boxstyle="round,pad=0.02")
            box.set(facecolor="white", edgecolor=color, linewidth=1.8)
            ax.add_patch(box)
            ax.text(0.5, y + 0.075, text, ha="center", va="center", fontsize=9.5)
            if i:
                arrow = {"arrowstyle": "->", "color": GREY}
                ax.annotate("", (0.5, y + 0.18), (0.5, y + 0.25), arrowprops=arrow)
        ax.text(0.5, 0.06, last, ha="center", fontsize=9.5, color=BLACK)
        ax.text(0.5, 1.05, title, ha="center", fontsize=11, fontweight="bold")
        ax.set(xlim=(0, 1), ylim=(0, 1.12))
        ax.axis("off")
    return fig
