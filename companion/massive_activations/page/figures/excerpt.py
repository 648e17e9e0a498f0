"""Figures of the authors' measurements: profiles, training curves, heat strips, decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from companion.massive_activations.lab.ratios import decompose, layer_profile, ratio_series
from companion.massive_activations.sources import models
from companion.massive_activations.sources import steps as checkpoints
from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    SEQUENTIAL,
    figure,
    finding_title,
    reference_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP, MEDIAN = BLUE, ORANGE
"""One color per quantity in all figures of the chapter."""


def short_name(model: str) -> str:
    """``"pythia-160m"`` as the figures print it, ``"160M"``."""
    return model.removeprefix("pythia-").upper()


def layer_profiles(excerpt: pd.DataFrame) -> Figure:
    """Largest three magnitudes and median by layer, first and last checkpoint, every model."""
    names = models(excerpt)
    fig, axes = figure(1, len(names), height=3.9, sharey=True, squeeze=False)
    growth, median_growth = [], []
    for ax, model in zip(axes[0], names, strict=True):
        first, last = checkpoints(excerpt, model)[0], checkpoints(excerpt, model)[-1]
        early, late = (layer_profile(excerpt, model, step) for step in (first, last))
        for profile, line, width, alpha in ((early, ":", 1.4, 0.1), (late, "-", 2.0, 0.2)):
            ax.fill_between(profile.index, profile.top3, profile.top1, color=TOP, alpha=alpha, lw=0)
            ax.plot(profile.index, profile.top1, color=TOP, linestyle=line, linewidth=width)
            ax.plot(profile.index, profile["median"], color=MEDIAN, linestyle=line, linewidth=width)
        ax.plot(late.index, late.top1, "o", color=TOP, markersize=3.5)
        ax.plot(late.index, late["median"], "^", color=MEDIAN, markersize=3.5)
        ax.set_yscale("log")
        ax.set_title(f"{short_name(model)}: step {first} → {last:,}", fontsize=10, weight="normal")
        ax.set_xticks(_layer_ticks(len(late)))
        growth.append((late.top1 / early.top1).max())
        median_growth.append((late["median"] / early["median"]).max())
    left, middle = axes[0, 0], axes[0, len(names) // 2]
    left.set_ylabel("|h| (model units)")
    middle.set_xlabel("layer (block output)")
    late = layer_profile(excerpt, names[-1], checkpoints(excerpt, names[-1])[-1])
    at = len(late) // 2
    ax = axes[0, -1]
    ax.annotate(
        "top 1\n(band: to top 3)",
        (late.index[at], late.top3.iloc[at]),
        (0, -6),
        textcoords="offset points",
        color=TOP,
        ha="center",
        va="top",
        fontsize=9,
    )
    ax.annotate(
        "median",
        (late.index[at], late["median"].iloc[at]),
        (0, 5),
        textcoords="offset points",
        color="#9a6a00",
        ha="center",
        va="bottom",
        fontsize=9,
    )
    left.plot([], [], ":", color=BLACK, label="first checkpoint")
    left.plot([], [], "-", color=BLACK, label="last checkpoint")
    left.legend(loc="upper left", fontsize=8.5, handlelength=1.6, borderaxespad=0.1)
    finding_title(
        fig,
        f"Top activations grow up to {_round(max(growth))}-fold, "
        f"the median {_round(max(median_growth))}-fold at most",
        holds=max(growth) > 5 * max(median_growth),
        otherwise="Largest and median magnitude by layer, first and last checkpoint",
    )
    return fig


def ratio_over_training(
    excerpt: pd.DataFrame, layers: dict[str, Sequence[int]] | None = None
) -> Figure:
    """Ratio by step for chosen layers; bars are two standard errors over the sequences.

    layers : model to the layers drawn; default six of the smallest and six of the largest model
    """
    names = models(excerpt)
    if layers is None:
        layers = {
            name: _spread(excerpt[excerpt.model == name].layer.max(), 6)
            for name in dict.fromkeys((names[0], names[-1]))
        }
    fig, axes = figure(1, len(layers), height=3.9, squeeze=False)
    series = ratio_series(excerpt)
    falls, rises = [], []
    for ax, (model, chosen) in zip(axes[0], layers.items(), strict=True):
        rows = series[series.model == model]
        depth = plt.get_cmap(SEQUENTIAL)(np.linspace(0.02, 0.86, len(chosen)))
        ends = []
        for color, layer in zip(depth, chosen, strict=True):
            line = rows[rows.layer == layer].sort_values("step")
            x = line.step / 1000
            ax.errorbar(
                x,
                line.ratio,
                2 * line["sem"].fillna(0),
                color=color,
                marker="o",
                markersize=4,
                capsize=2,
                elinewidth=1,
            )
            ends.append((float(line.ratio.iloc[-1]), f"{layer}", color))
            peaked = line.ratio.max() > 1.3 * line.ratio.iloc[-1]
            (falls if peaked else rises).append(layer)
        null = float((rows.ratio / rows.relative).iloc[0])
        ax.axhline(null, color=BLACK, linestyle=":", linewidth=1.2)
        ax.annotate(
            "Gaussian noise",
            (0.5, null),
            (0, -2),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            va="top",
            ha="center",
            fontsize=9.5,
        )
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.margins(x=0.08)
        _end_labels(ax, float(x.iloc[-1]), ends)
        several = int(rows.n.max())
        note = f"{several} sequences, bars ±2 SE" if several > 1 else "one sequence"
        ax.set_title(f"{short_name(model)} ({note})", fontsize=10, weight="normal")
        ax.set_xlabel("training steps (thousands)")
    axes[0, 0].set_ylabel("top 1 / median")
    finding_title(
        fig,
        "Middle layers keep rising; some deep layers peak and fall",
        holds=bool(falls) and len(rises) > len(falls),
        otherwise="Ratio of largest to median magnitude during training",
    )
    return fig


def depth_strips(excerpt: pd.DataFrame) -> Figure:
    """Heat strips of r over its Gaussian null: layers by relative depth, one row a checkpoint."""
    names, series = models(excerpt), ratio_series(excerpt)
    rows = [len(checkpoints(excerpt, name)) for name in names]
    fig, axes = figure(
        len(names),
        1,
        height=1.2 + 0.3 * len(names) + 0.22 * sum(rows),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": rows},
    )
    norm = LogNorm(0.5, max(100.0, series.relative.max()))
    for ax, model in zip(axes[:, 0], names, strict=True):
        wide = series[series.model == model].pivot(index="step", columns="layer", values="relative")
        edges = np.arange(wide.shape[1] + 1) / wide.shape[1]
        mesh = ax.pcolormesh(
            edges,
            np.arange(len(wide) + 1),
            wide,
            norm=norm,
            cmap=SEQUENTIAL,
            edgecolor="white",
            linewidth=0.6,
        )
        ax.set_yticks(np.arange(len(wide)) + 0.5, [f"{step:,}" for step in wide.index], fontsize=9)
        ax.tick_params(length=0)
        ax.grid(False)
        ax.spines[:].set_visible(False)
        ax.set_title(short_name(model), fontsize=10.5)
    axes[len(names) // 2, 0].set_ylabel("training step")
    axes[-1, 0].set_xlabel("relative depth of the layer (0 = embedding, 1 = last block)")
    bar = fig.colorbar(mesh, ax=axes[:, 0], pad=0.015, aspect=35)
    bar.set_label("ratio / Gaussian null")
    bar.set_ticks([1, 10, 100], labels=["1", "10", "100"])
    bar.ax.minorticks_off()
    late = pd.concat([layer_profile(excerpt, m, checkpoints(excerpt, m)[-1]) for m in names])
    inside = late.groupby("model").apply(
        lambda rows: 0.2 < rows.depth[rows.relative.idxmax()] < 0.8, include_groups=False
    )
    early = series[series.step <= 64].relative.max()
    finding_title(
        fig,
        "All layers start at the null; the lower middle rises furthest",
        holds=bool(inside.all()) and early < 1.5,
        otherwise="Ratio over its Gaussian null, by depth and training step",
    )
    return fig


def decomposition_bars(
    excerpt: pd.DataFrame,
    spans: Sequence[tuple[str, int, int]] = (
        ("pythia-160m", 40_000, 80_000),
        ("pythia-1b", 24_000, 100_000),
    ),
) -> Figure:
    """Stacked bars of d log top1 and -d log median by layer; dots are their sum, d log r.

    spans : (model, first step, last step) of each panel
    """
    fig, axes = figure(1, len(spans), height=3.9, squeeze=False, sharey=True)
    rising, from_median = 0, 0
    for ax, (model, start, end) in zip(axes[0], spans, strict=True):
        parts = decompose(excerpt, model, start, end)
        median = -parts["median"]
        # bars of one sign are stacked on each other, bars of two signs grow away from zero
        bottom = np.where(np.sign(median) == np.sign(parts.top1), parts.top1, 0)
        ax.bar(parts.index, parts.top1, color=TOP, width=0.75)
        ax.bar(
            parts.index,
            median,
            bottom=bottom,
            color=MEDIAN,
            width=0.75,
            hatch="///",
            edgecolor="white",
            linewidth=0,
        )
        ax.plot(parts.index, parts.ratio, "o", color=BLACK, markersize=4.5, mec="white", mew=0.8)
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set_title(
            f"{short_name(model)}: {start // 1000}k → {end // 1000}k steps",
            fontsize=10,
            weight="normal",
        )
        ax.set_xlabel("layer")
        ax.set_xticks(_layer_ticks(len(parts)))
        ax.grid(axis="x", visible=False)
        rising += int((parts.ratio > 0).sum())
        from_median += int(((parts.ratio > 0) & (median > 0.3 * parts.ratio)).sum())
    axes[0, 0].set_ylabel("change of natural log")
    dot = plt.Line2D([], [], color=BLACK, marker="o", linestyle="", markersize=4.5)
    fig.legend(
        [Patch(color=TOP), Patch(facecolor=MEDIAN, hatch="///", edgecolor="white"), dot],
        ["change of log top-1", "minus change of log median", "sum: change of log ratio"],
        loc="outside lower center",
        ncols=3,
    )
    finding_title(
        fig,
        f"In {from_median} of {rising} rises the falling median carries over 30 %",
        holds=from_median > 0.5 * rising,
        otherwise="Growth of the log ratio, split into largest and median magnitude",
    )
    return fig


QUANTITIES = {
    "ratio": "top 1 / median",
    "top1": "largest |h| (model units)",
    "median": "median |h| (model units)",
    "relative": "ratio / Gaussian null",
}
"""Columns of :func:`companion.massive_activations.lab.ratios.ratio_series` that can be viewed."""


def excerpt_view(excerpt: pd.DataFrame, model: str, step: int, quantity: str = "ratio") -> Figure:
    """One checkpoint of one model by layer, its other checkpoints in grey (a frame).

    quantity : one of :data:`QUANTITIES`.  Axes depend on model and quantity only, so that frames
    of different steps can be compared.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; choose one of {', '.join(QUANTITIES)}")
    series = ratio_series(excerpt[excerpt.model == model])
    chosen = layer_profile(excerpt, model, step)
    fig, ax = figure(height=3.7)
    for other, rows in series.groupby("step"):
        if other != step:
            ax.plot(rows.layer, rows[quantity], color=GREY, alpha=0.35, linewidth=1.2)
    color = MEDIAN if quantity == "median" else TOP
    ax.plot(chosen.index, chosen[quantity], "o-", color=color)
    ax.set_yscale("log")
    low, high = series[quantity].min(), series[quantity].max()
    ax.set_ylim(low / 1.5, high * 1.5)
    ax.set_xticks(_layer_ticks(len(chosen)))
    ax.set_xlabel("layer")
    ax.set_ylabel(QUANTITIES[quantity])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if quantity in ("ratio", "relative"):
        null = 1.0 if quantity == "relative" else float((chosen.ratio / chosen.relative).iloc[0])
        reference_line(ax, null, "Gaussian noise")
    top = chosen[quantity].idxmax()
    ax.set_title(
        f"{short_name(model)} at step {step:,}: layer {top} leads with {chosen[quantity].max():.3g}"
    )
    return fig


def _round(value: float) -> str:
    digits = 10 ** max(0, int(np.log10(value)) - 1)
    return f"{value / digits:.0f}" if digits == 1 else f"{round(value / digits) * digits:,}"


def _layer_ticks(n: int) -> list[int]:
    stride = 1 if n <= 7 else round(n / 4.5)
    return [1, *range(max(stride, 2), n + 1, stride)]


def _spread(n: int, count: int) -> list[int]:
    return sorted({int(v) for v in np.round(np.linspace(1, n, min(count, n)))})


def _end_labels(ax: Axes, x: float, ends: list[tuple[float, str, object]]) -> None:
    """Layer numbers at the right ends of lines, moved apart on a log axis where they collide."""
    values = np.log([value for value, _, _ in sorted(ends, key=lambda end: end[0])])
    gap = 0.045 * float(np.ptp(np.log(ax.get_ylim())))
    places = values.copy()
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    places -= np.mean(places - values)
    for place, (value, text, color) in zip(places, sorted(ends, key=lambda e: e[0]), strict=True):
        prefix = "layer " if value == max(end[0] for end in ends) else ""
        ax.annotate(
            prefix + text,
            (x, np.exp(place)),
            (7, 0),
            textcoords="offset points",
            color=color,
            va="center",
            fontsize=9,
            annotation_clip=False,
        )
