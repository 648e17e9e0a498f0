"""Figures of what runs in the notebook: minis, the real model, the intervention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.massive_activations.lab.ratios import gaussian_ratio
from companion.massive_activations.method.fit import fit_curve
from companion.massive_activations.verdict.evidence import growth
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    label_line,
    reference_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.massive_activations.lab.mini_runs import MiniRun
    from companion.massive_activations.lab.real_model import Intervention
    from companion.massive_activations.method.measure import Measurement

_QUANTITIES = (
    ("ratio", "top-1 / median", BLUE),
    ("top1", "top-1 |h|", GREEN),
    ("median", "median |h|", ORANGE),
)


def mini_growth(runs: Sequence[MiniRun], control: Sequence[MiniRun] = ()) -> Figure:
    """Ratio, numerator and denominator over training, in the layer that ends largest.

    control : runs that must not grow, drawn dashed
    """
    fig, axes = figure(1, 3, height=3.4)
    for ax, (quantity, label, color) in zip(axes, _QUANTITIES, strict=True):
        for group, tint, dash in ((runs, color, "-"), (control, VERMILION, "-.")):
            for i, run in enumerate(group):
                layer = int(run.layer_series()[-1].argmax())
                values = run.layer_series(quantity)[:, layer]
                name = ("control" if group is control else "base") if i == 0 else None
                ax.plot(run.steps + 1, values, dash, color=tint, alpha=0.8, label=name)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_ylabel(f"{label}{'' if quantity == 'ratio' else ' (model units)'}")
    mini = runs[0].mini
    reference_line(axes[0], float(gaussian_ratio(mini.seq * mini.d_model)), "Gaussian noise")
    axes[1].set_xlabel("training step + 1")
    if control:
        axes[0].legend(loc="upper left")
    ratio, top, median = (np.exp(np.log(growth(runs, q)).mean()) for q, *_ in _QUANTITIES)
    finding_title(
        fig,
        f"Training grows the ratio {ratio:.1f}-fold; the median grows {median:.0f}-fold with it",
        holds=ratio > 1.5 and median > 1.5,
        otherwise=f"Ratio × {ratio:.2g}, top-1 × {top:.2g}, median × {median:.2g} over training",
    )
    return fig


def mini_fits(run: MiniRun) -> Figure:
    """Eq. 9 on every layer of one mini."""
    series = run.layer_series()
    n = series.shape[1]
    fig, axes = figure(1, n, height=3.3, sharey=True, squeeze=False)
    grid = np.linspace(0, run.steps[-1], 400)
    scores = []
    for layer, ax in enumerate(axes[0]):
        fit = fit_curve(run.steps.astype(float), series[:, layer])
        ax.plot(run.steps, series[:, layer], "o", color=BLUE, markersize=4, label="measured")
        ax.plot(grid, fit.predict(grid), color=BLACK, linewidth=1.6, label="eq. 9")
        ax.set_title(f"layer {layer + 1}: R² = {fit.r2:.3f}", fontsize=10, weight="normal")
        scores.append(fit.r2)
    axes[0, 0].set_ylabel("top-1 / median")
    axes[0, n // 2].set_xlabel("training step")
    axes[0, 0].legend(loc="lower right")
    finding_title(
        fig,
        "One five-parameter curve follows every layer of a mini",
        holds=min(scores) > 0.9,
        otherwise=f"Eq. 9 reaches R² {min(scores):.2f} to {max(scores):.2f} on the layers",
    )
    return fig


def real_profile(measurement: Measurement, name: str = "SmolLM2-135M") -> Figure:
    """Largest and median magnitude after every block of a pretrained model, each text a line."""
    fig, ax = figure(height=3.8)
    blocks = np.arange(1, measurement.top1.shape[1] + 1)
    for i in range(len(measurement.top1)):
        ax.plot(blocks, measurement.top1[i], color=BLUE, alpha=0.35, linewidth=1)
        ax.plot(blocks, measurement.median[i], color=ORANGE, alpha=0.35, linewidth=1)
    for values, color, text in (
        (measurement.top1, BLUE, "largest"),
        (measurement.median, ORANGE, "median"),
    ):
        (line,) = ax.plot(blocks, np.median(values, axis=0), color=color, linewidth=2.4)
        label_line(line, text)
    ax.set_yscale("log")
    ax.set_xlim(1, blocks[-1] * 1.13)
    ax.set_xlabel("block")
    ax.set_ylabel("|h| (model units)")
    ratio = np.median(measurement.ratio, axis=0)
    at = int(ratio.argmax())
    dims, counts = np.unique(measurement.dim[:, at], return_counts=True)
    tokens = np.unique(measurement.token[:, at])
    finding_title(
        ax,
        f"After block {at + 1}, one scalar of {name} is {ratio[at]:,.0f} times the median",
        holds=ratio[at] > 1000,
        otherwise=f"No scalar of {name} exceeds {ratio[at]:,.0f} times the median",
    )
    where = ", ".join(map(str, tokens))
    ax.annotate(
        f"token {where}, dimension {dims[counts.argmax()]}\n"
        f"in {counts.max()} of {len(measurement.top1)} texts",
        (blocks[at], np.median(measurement.top1[:, at])),
        (-12, -26),
        textcoords="offset points",
        ha="right",
        fontsize=9.5,
        color=BLUE,
    )
    return fig


def perplexity_dots(intervention: Intervention) -> Figure:
    """Perplexity after each intervention over perplexity before, one dot a text."""
    rows = (
        ("zero", "massive scalars\nset to zero", VERMILION, "X"),
        ("mean", "massive scalars\nset to their mean", BLUE, "o"),
        ("control", "ordinary scalars\nset to zero", GREY, "s"),
    )
    fig, ax = figure(height=3.2)
    middles = {}
    for y, (name, _text, color, marker) in enumerate(rows):
        ratios = intervention.perplexity_ratio(name)
        middles[name] = float(np.exp(np.log(ratios).mean()))
        spread = np.linspace(-0.16, 0.16, len(ratios))
        ax.plot(ratios, y + spread, marker, color=color, alpha=0.7, markersize=6, linestyle="")
        ax.plot([middles[name]] * 2, [y - 0.3, y + 0.3], color=BLACK, linewidth=1.4)
        ax.annotate(
            f"× {_times(middles[name])}",
            (middles[name], y - 0.33),
            ha="center",
            va="bottom",
            fontsize=9.5,
        )
    ax.set_xscale("log")
    ax.set_yticks(range(3), [text for _, text, *_ in rows])
    ax.set_ylim(2.5, -0.65)
    ax.set_xlabel("perplexity, changed model / untouched model (one mark a text)")
    finding_title(
        ax,
        "Zero breaks the model, the mean over other texts does not",
        holds=middles["zero"] > 10 and 0.95 < middles["mean"] < 1.05,
        otherwise="Perplexity after three changes to a few scalars",
    )
    return fig


def _times(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3f}"


def sink_and_spike(measurement: Measurement, attention: np.ndarray) -> Figure:
    """Attention to the first token beside its largest scalar, block by block.

    attention : (n_layers,) mean weight that later tokens give to the first
    """
    fig, ax = figure(height=3.5)
    blocks = np.arange(1, len(attention) + 1)
    ax.bar(blocks, attention, color=GREEN, alpha=0.75, width=0.8)
    ax.set_ylabel("attention to the first token", color="#00664b")
    ax.set_xlabel("block")
    ax.set_ylim(0, 1)
    other = ax.twinx()
    top = np.median(measurement.top1, axis=0)
    # attention of block l reads the output of block l - 1
    other.plot(blocks[1:], top[:-1], color=BLUE, marker="o", markersize=3.5)
    other.set_yscale("log")
    other.set_ylabel("largest |h| that the block reads", color=BLUE)
    other.grid(False)
    massive = top[:-1] > 100
    inside, outside = attention[1:][massive].mean(), attention[1:][~massive].mean()
    finding_title(
        ax,
        f"Blocks that read a spike give the first token {inside:.0%} of attention, others "
        f"{outside:.0%}",
        holds=inside > 2 * outside,
        otherwise=f"Attention to the first token: {inside:.0%} with a spike, {outside:.0%} without",
    )
    return fig


def control_arms(finals: Mapping[str, Sequence[float]]) -> Figure:
    """Largest ratio at the end of training by arm, one dot a seed.

    finals : arm -> values, ``"base"`` among them
    """
    names = {
        "base": "base (softmax, AdamW)",
        "relu": "ReLU attention",
        "softmax1": "softmax-1",
        "sgd": "SGD, momentum",
        "no-decay": "no weight decay",
        "lr-third": "lr / 3",
        "no-bos": "no first token",
        "text": "English bytes",
    }
    order = sorted(finals, key=lambda name: np.mean(finals[name]))
    fig, ax = figure(height=0.42 * len(order) + 1.3)
    base = np.mean(finals["base"])
    for y, name in enumerate(order):
        color = BLUE if name == "base" else VERMILION
        ax.plot(finals[name], [y] * len(finals[name]), "o", color=color, alpha=0.75)
        ax.plot(np.mean(finals[name]), y, "|", color=BLACK, markersize=16, markeredgewidth=2)
    ax.axvline(base, color=BLUE, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(order)), [names.get(name, name) for name in order])
    ax.set_xlabel("largest top-1 / median at the end (dots: seeds; bars: mean)")
    below = [
        names[n] for n in ("relu", "sgd") if n in finals and max(finals[n]) < min(finals["base"])
    ]
    finding_title(
        ax,
        "ReLU attention and SGD both end below the base in every seed",
        holds=len(below) == 2,
        otherwise=f"Below the base in every seed: {' and '.join(below) or 'no arm of the two'}",
    )
    return fig


def answer(record: Mapping[str, object] | None) -> Figure:
    """The chapter's answer in three panels, from the published record."""
    fig, axes = figure(1, 3, height=3.5)
    if record is None:
        for ax in axes:
            ax.set_axis_off()
        axes[1].text(0.5, 0.5, "No published record yet.", ha="center")
        return fig
    series = record["series"]
    _answer_fit(axes[0], series["mini"])
    _answer_plateau(axes[1], series["rising"])
    _answer_leak(axes[2], series["leakage"])
    values = {row["claim"]: row["verdict"] for row in record["findings"]}
    finding_title(
        fig,
        "The curve fits; its parameters are loose; predicting them leaks",
        holds=all(values.get(claim) == "holds" for claim in ("C4", "C5", "C6")),
        otherwise="The fit, its parameters, and the split that scores the predictor",
    )
    return fig


def _answer_fit(ax, mini: Mapping[str, object]) -> None:
    steps = np.array(mini["steps"], dtype=float)
    grid = np.linspace(0, steps[-1], 300)
    scores = []
    for values in mini["ratio"]:
        fit = fit_curve(steps, np.array(values))
        ax.plot(steps, values, "o", color=BLUE, markersize=2.5, alpha=0.6)
        ax.plot(grid, fit.predict(grid), color=BLACK, linewidth=1)
        scores.append(fit.r2)
    ax.set_title(f"R² = {min(scores):.2f} to {max(scores):.2f}", fontsize=10, weight="normal")
    ax.set_xlabel("training step")
    ax.set_ylabel("top-1 / median")


def _answer_plateau(ax, rising: Mapping[str, object]) -> None:
    K = np.array([value for value in rising["K"] if value is not None], dtype=float)
    order = np.sort(K)
    ax.plot(order, np.linspace(0, 1, len(order)), color=BLUE)
    ax.axvline(rising["true_K"], color=BLACK, linestyle=":", linewidth=1.3)
    ax.set_xscale("symlog", linthresh=1e3)
    ax.set_xticks([-1e5, -1e3, 1e3], ["−100k", "−1k", "1k"])
    ax.minorticks_off()
    low, high = np.quantile(K, [0.1, 0.9])
    ax.set_title(
        f"10–90 %: {low / 1e3:,.0f}k to {high / 1e3:,.0f}k".replace("-", "−"),
        fontsize=10,
        weight="normal",
    )
    ax.set_xlabel(f"fitted plateau (true {rising['true_K']:.0f})")
    ax.set_ylabel("share of refits below")


def _answer_leak(ax, leakage: Mapping[str, object]) -> None:
    random, grouped = (np.array(leakage[name], dtype=float) for name in ("random", "grouped"))
    bins = np.linspace(-1.5, 1, 26)
    for values, color, hatch in ((random, BLUE, ""), (grouped, VERMILION, "///")):
        ax.hist(np.clip(values, -1.5, 1), bins, color=color, alpha=0.75, hatch=hatch)
    ax.set_title(
        f"R² {np.median(random):.2f} or {np.median(grouped):.2f}".replace("-", "−"),
        fontsize=10,
        weight="normal",
    )
    ax.text(
        0.76,
        0.96,
        "random\nsplit",
        transform=ax.transAxes,
        ha="right",
        va="top",
        color=BLUE,
        fontsize=9,
    )
    ax.text(
        0.05, 0.96, "model\nleft out", transform=ax.transAxes, va="top", color=VERMILION, fontsize=9
    )
    ax.set_xlabel("test R², no effect")
    ax.set_ylabel("simulated data sets")
