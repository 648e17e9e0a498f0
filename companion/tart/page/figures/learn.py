"""The module on its own kind of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import FancyBboxPatch

from companion.plotting import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    figure,
    finding_title,
    methods,
    plain_ticks,
    reference_line,
)
from companion.stats import t_interval
from companion.tart.lab.synthetic import Curve, Live, Noise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.tart.lab.shipped import ShippedHead

# -------------------------------------------------------------------------------------------- looks
LOOKS = methods(
    "module",
    "logistic",
    "logistic, C = 1",
    "logistic, intercept",
    "mean difference",
    "ridge",
    "5 neighbors",
    "knows w",
    "ICL",
    "ICL, contextual",
    "ICL, median",
    "fine-tuned",
)


WORDS = {
    "ICL": "prompting",
    "ICL, contextual": "prompting, contextually calibrated",
    "ICL, median": "prompting, median threshold",
    "logistic": "logistic regression",
    "fine-tuned": "language model, fine-tuned",
}
"""A method as the reader sees it, where its name is not that."""


def words(method: str) -> str:
    """The method's name in a figure."""
    return WORDS.get(method, method)


def line(method: str) -> dict[str, object]:
    """Keyword arguments of ``Axes.plot``, with the label."""
    return LOOKS[method]._asdict() | {"label": words(method)}


# -------------------------------------------------------------------------------------------- learn
def _smooth(losses: np.ndarray, n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Means of stretches of `n` steps, at the stretches' ends."""
    n = max(1, min(n, len(losses) // 5))
    kept = losses[: len(losses) // n * n].reshape(-1, n)
    return np.arange(1, len(kept) + 1) * n, kept.mean(axis=1)


def losses(live: Live, plain: Live | None = None) -> Figure:
    """Training loss of the live module, and with the paper's tokens at the same budget."""
    fig, ax = figure(height=3.4)
    for i, history in enumerate(live.histories):
        ax.plot(
            *_smooth(history.losses),
            color=BLUE,
            linewidth=1.6,
            label="label tokens repeat the point" if i == 0 else None,
        )
    ends = [np.mean([h.losses[-50:].mean() for h in live.histories])]
    if plain is not None:
        ax.plot(
            *_smooth(plain.histories[0].losses),
            color=ORANGE,
            linestyle="--",
            label="the paper's label tokens",
        )
        ends.append(plain.histories[0].losses[-50:].mean())
    reference_line(ax, np.log(2), "ln 2: nothing learned")
    ax.set(xlabel="step", ylabel="loss (nats per label)", ylim=(0, 0.8))
    ax.legend(loc="lower left")
    finding_title(
        ax,
        f"The module leaves ln 2 behind and ends at {ends[0]:.2f} nats",
        holds=ends[0] < 0.6,
        otherwise="Training loss of the module",
    )
    return fig


def curve(found: Curve) -> Figure:
    """Accuracy on new tasks against the number of examples."""
    fig, ax = figure(height=3.8)
    for arm in ("knows w", "logistic", "mean difference", "module"):
        values = found.accuracy[arm]
        means = [t_interval(v) for v in values.T]
        ax.plot(found.k, [m.estimate for m in means], **line(arm))
        if arm == "module":
            ax.fill_between(
                found.k,
                [m.low for m in means],
                [m.high for m in means],
                color=LOOKS[arm].color,
                alpha=0.15,
                linewidth=0,
            )
    reference_line(ax, 0.5, "chance")
    ax.set(xlabel="labelled examples", ylabel="accuracy on new tasks", ylim=(0.45, 1.0))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    module, mean, logistic = (
        found.last(a).mean() for a in ("module", "mean difference", "logistic")
    )
    finding_title(
        ax,
        f"{int(found.k[-1])} examples: module {module:.1%}, logistic regression {logistic:.1%}, "
        f"mean difference {mean:.1%}",
        holds=True,
        otherwise="Accuracy against the number of examples",
    )
    return fig


def noise(found: Noise) -> Figure:
    """Error at the longest context against the noise of the test tasks."""
    fig, ax = figure(height=3.5)
    for arm in ("module", "logistic", "mean difference", "knows w"):  # the table has all
        ax.plot(found.alphas, found.error[arm].mean(0), **line(arm))
    ax.axvline(10, color=GREY, linewidth=1, linestyle=":")
    ax.text(10, ax.get_ylim()[1], " trained here", fontsize=9, color=GREY, va="top")
    ax.set_xscale("log")
    plain_ticks(ax.xaxis, found.alphas)
    ax.set(xlabel="steepness α of the test tasks (larger: less label noise)", ylabel="error")
    ax.legend()
    gap = (found.error["module"] - found.error["logistic"]).mean(0)
    finding_title(
        ax,
        f"At every noise level the module's error is at most {100 * max(gap.max(), 0):.1f} points "
        "above that of logistic regression",
        holds=gap.max() < 0.05,
        otherwise="Error of the module and of its rivals by noise level",
    )
    return fig


def shipped(found: ShippedHead) -> Figure:
    """Loss and accuracy by position of the shipped module while it was trained."""
    fig, (left, right) = figure(1, 2, height=3.4)
    left.plot(found.losses[:, 0], found.losses[:, 1], color=BLUE, linewidth=1.4)
    left.axhline(np.log(2), color="#222222", linestyle=":", linewidth=1.2)
    left.set(xlabel="step", ylabel="loss (nats per label)", ylim=(0, 0.8))
    left.set_title("training loss; dotted: ln 2", fontsize=11)
    for i, step in enumerate(found.measured_at):
        if i in (len(found.measured_at) - 1, len(found.measured_at) // 2, 1):
            shade = 0.35 + 0.65 * i / max(1, len(found.measured_at) - 1)
            kept = found.accuracy[i]
            n = max(1, len(kept) // 26)
            smooth = kept[: len(kept) // n * n].reshape(-1, n).mean(1)
            right.plot(
                np.arange(len(smooth)) * n,
                smooth,
                color=BLUE,
                alpha=shade,
                label=f"step {int(step):,}",
            )
    right.set(xlabel="labelled examples before", ylabel="accuracy", ylim=(0.45, 1.0))
    right.set_title("on tasks it never saw", fontsize=11)
    right.legend(loc="upper left")
    finding_title(
        fig,
        f"The shipped module ends at {found.losses[-1, 1]:.2f} nats, {found.accuracy[-1, -1]:.1%}",
        holds=found.losses[-1, 1] < 0.6,
        otherwise="The shipped module while it was trained",
    )
    return fig


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
                "k labelled texts, a query",
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
                ax.annotate(
                    "",
                    (0.5, y + 0.18),
                    (0.5, y + 0.25),
                    arrowprops={"arrowstyle": "->", "color": GREY},
                )
        ax.text(0.5, 0.06, last, ha="center", fontsize=9.5, color="#333333")
        ax.text(0.5, 1.05, title, ha="center", fontsize=11, fontweight="bold")
        ax.set(xlim=(0, 1), ylim=(0, 1.12))
        ax.axis("off")
    return fig
