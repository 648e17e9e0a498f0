"""Frames of the explorers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from companion.plotting import BLUE, DIVERGING, ORANGE, VERMILION, figure
from companion.scale import one_thread
from companion.tart.lab.nulls import accuracy, null_scores
from companion.tart.lab.real import Vectors
from companion.tart.method.whitening import Whitening

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REACH, FINE = 3.0, 41


def surface(head: nn.Module, x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Probability of label 1 (n,) at points (n, 2), read by a module of any width."""
    wide = [np.pad(part, ((0, 0), (0, head.d - 2))) for part in (x, grid)]
    context, queries = (torch.from_numpy(part).float() for part in wide)
    return torch.sigmoid(head.scores(context, torch.from_numpy(y).float(), queries)).numpy()


@one_thread()
def plane_frame(head: nn.Module, x: np.ndarray, y: np.ndarray) -> Figure:
    """Probability surfaces of the module and of logistic regression over the plane."""
    side = np.linspace(-REACH, REACH, FINE)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    logits = null_scores("logistic, C = 1", x, y, grid)
    surfaces = {
        "module": surface(head, x, y, grid),
        "logistic regression": 1 / (1 + np.exp(-logits)),
    }
    fig, axes = figure(1, 2, height=3.8, sharey=True)
    for ax, (name, p) in zip(axes, surfaces.items(), strict=True):
        shown = p.reshape(FINE, FINE)
        image = ax.contourf(side, side, shown, np.linspace(0, 1, 11), cmap=DIVERGING)
        ax.contour(side, side, shown, [0.5], colors="#222222", linewidths=1.4)
        for label, marker in ((0, "o"), (1, "^")):
            ax.plot(
                *x[y == label].T,
                marker,
                color="#222222",
                markersize=6,
                markerfacecolor="white" if label == 0 else "#222222",
                label=f"label {label}",
            )
        ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="x₁", aspect="equal")
        ax.set_title(name, fontsize=11)
        ax.grid(False)
    axes[0].set_ylabel("x₂")
    fig.colorbar(image, ax=axes, label="probability of label 1", shrink=0.8)
    return fig


@one_thread()
def cloud_frame(v: Vectors, mode: str) -> Figure:
    """First two coordinates of a context; size grows with the place in the prompt."""
    fitted = Whitening.fit(v.context, v.p, mode)
    z, queries = fitted.transform(v.context), fitted.transform(v.query)
    right = accuracy(null_scores("mean difference", z, v.labels, queries), v.query_labels)
    fig, ax = figure(height=3.8)
    size = 30 + 170 * np.arange(v.k) / max(1, v.k - 1)
    for label, color, marker in ((0, BLUE, "o"), (1, VERMILION, "^")):
        mine = v.labels == label
        ax.scatter(
            *z[mine, :2].T,
            s=size[mine],
            c=color,
            marker=marker,
            edgecolors="white",
            label=f"label {label}, example",
        )
        asked = v.query_labels == label
        ax.scatter(*queries[asked, :2].T, s=14, c=color, marker=marker, alpha=0.35)
    ax.set(xlabel="first coordinate", ylabel="second coordinate")
    ax.legend(loc="upper right")
    ax.set_title(f"{v.data}, {v.name}: mean difference right in {right:.0%} of the queries")
    return fig


def sentence_frame(
    examples: Sequence[tuple[str, int]], query: str, module: float, logistic: float
) -> Figure:
    """Labelled sentences, the query, and two probabilities."""
    fig, (left, right) = figure(1, 2, height=3.9, width_ratios=(2.6, 1))
    left.axis("off")
    for i, (text, label) in enumerate(examples):
        color, sign = (VERMILION, "▲") if label else (BLUE, "●")
        left.text(0.0, 0.97 - 0.095 * i, f"{sign} {text}", fontsize=9, color=color, va="top")
    asked = textwrap.fill(f"? {query}", 48)
    left.text(0.0, 0.14, asked, fontsize=10, fontweight="bold", va="top")
    left.set(xlim=(0, 1), ylim=(0, 1))
    for i, (_, p, color) in enumerate(
        (("module", module, BLUE), ("logistic\nregression", logistic, ORANGE))
    ):
        right.barh(i, p, color=color, hatch="" if i == 0 else "//", edgecolor="white")
        inside = p > 0.7
        right.text(
            p - 0.03 if inside else p + 0.03,
            i,
            f"{p:.2f}",
            va="center",
            fontsize=10,
            ha="right" if inside else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    right.axvline(0.5, color="#222222", linestyle=":", linewidth=1.2)
    right.set_yticks([0, 1], ["module", "logistic\nregression"], fontsize=9)
    right.set(xlim=(0, 1), ylim=(1.6, -0.6), xlabel="spam (probability)")
    return fig
