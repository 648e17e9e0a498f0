"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from companion.massive_activations.lab.predict import Leakage
from companion.massive_activations.lab.real_model import CHANGES, RealModel
from companion.massive_activations.lab.rivals import CHECKPOINTS, Profile, Refits
from companion.massive_activations.lab.series import (
    decompose,
    late_changes,
    layer_profile,
    ratio_series,
)
from companion.massive_activations.method.curve import DAMPED_LOG, CurveParams, damped_log, fit
from companion.massive_activations.sources import models
from companion.massive_activations.sources import steps as checkpoints
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    label_line,
    no_record,
    plain_ticks,
    reference_line,
    style,
)
from companion.stats import Interval, bootstrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP, MEDIAN = BLUE, ORANGE
"""One color per quantity in all figures of the chapter."""

RANDOM, GROUPED = BLUE, VERMILION
"""Of the two ways to split."""

_CHANGES = {
    "zero": ("massive scalars\nset to zero", VERMILION, "X"),
    "mean": ("massive scalars\nset to their mean", BLUE, "o"),
    "control": ("ordinary scalars\nset to zero", GREY, "s"),
}
_PARTS = {"shallow": BLUE, "middle": GREEN, "deep": VERMILION}


def short_name(model: str) -> str:
    """``"pythia-160m"`` as the figures print it, ``"160M"``."""
    return model.removeprefix("pythia-").upper()


# --------------------------------------------------------------------------- the answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """One scalar taken away, and which layers fall, from the published record."""
    series = (published or {}).get("series", {})
    if not {"perplexity", "late"} <= set(series):
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=3.5, width_ratios=(1.15, 1))
    broken = draw_perplexity(left, series["perplexity"])
    left.set_xlabel("perplexity, changed / untouched")
    late = series["late"]
    names = [f"{part}\n({n} layers)" for part, n in zip(late["part"], late["n"], strict=True)]
    n, fall, rise = (np.array(late[name], dtype=float) for name in ("n", "fall", "rise"))
    for name, low, high, color in (
        ("fall", 0 * n, fall, VERMILION),
        ("stay within the noise", fall, n - rise, PALE),
        ("rise", n - rise, n, BLUE),
    ):
        right.barh(names, (high - low) / n, left=low / n, color=color, label=name, height=0.6)
    right.invert_yaxis()
    right.set_xlabel("share of layers")
    right.set_xlim(0, 1)
    right.grid(axis="y", visible=False)
    right.legend(
        fontsize=8.5,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.42, 1.17),
        columnspacing=0.9,
        handlelength=1.0,
    )
    finding_title(
        fig,
        f"One number can take a model down; of {n[0] + n[2]:.0f} outer layers "
        f"{fall[0] + fall[2]:.0f} fall late, {rise[0] + rise[2]:.0f} rise",
        holds=bool(broken.low > 10 and rise[0] + rise[2] > fall[0] + fall[2]),
        otherwise="A few scalars of a real model changed, and layers that rise or fall",
    )
    return fig


def draw_perplexity(ax: Axes, ratios: Mapping[str, Sequence[float]]) -> Interval:
    """One mark a text and the geometric mean of each change; the interval of "zero"."""
    found = {}
    for y, name in enumerate(CHANGES):
        _, color, marker = _CHANGES[name]
        values = np.array(ratios[name], dtype=float)
        logs = bootstrap(np.log(values), rng=np.random.default_rng(0), n_resamples=500)
        found[name] = logs.map(np.exp)
        spread = np.linspace(-0.16, 0.16, len(values))
        ax.plot(values, y + spread, marker, color=color, alpha=0.7, markersize=5, linestyle="")
        middle = found[name].estimate
        ax.plot([middle] * 2, [y - 0.3, y + 0.3], color=BLACK, linewidth=1.4)
        text = f"× {middle:,.0f}" if middle >= 10 else f"× {middle:.3f}"
        side = "center" if middle >= 10 else "left"  # a factor of one stands at the axis
        ax.annotate(text, (middle, y - 0.33), ha=side, va="bottom", fontsize=9.5)
    ax.set_xscale("log")
    ax.set_yticks(range(len(CHANGES)), [_CHANGES[name][0] for name in CHANGES])
    ax.set_ylim(len(CHANGES) - 0.5, -0.7)
    ax.grid(axis="y", visible=False)
    return found["zero"]


# --------------------------------------------------------------------------- a real model
def perplexity_dots(real: RealModel) -> Figure:
    """Perplexity after each change over perplexity before, one mark a text."""
    fig, ax = figure(height=3.2)
    broken = draw_perplexity(ax, {name: real.perplexity_ratio(name) for name in CHANGES})
    ax.set_xlabel("perplexity, changed model / untouched model (one mark a text)")
    kept = np.exp(np.log(real.perplexity_ratio("mean")).mean())
    finding_title(
        ax,
        "Zero breaks the model, the mean over other texts does not",
        holds=bool(broken.low > 10 and 0.95 < kept < 1.05),
        otherwise="Perplexity after three changes to a few scalars",
    )
    return fig


def real_profile(real: RealModel, name: str = "SmolLM2-135M") -> Figure:
    """Largest and median magnitude after every block, and attention to the first token."""
    fig, (ax, below) = figure(2, 1, height=5.2, sharex=True, height_ratios=(1.5, 1))
    found = real.measured
    blocks = np.arange(1, found.top1.shape[1] + 1)
    for values, color, text in (
        (found.top1, TOP, "largest"),
        (found.median, MEDIAN, "median"),
    ):
        ax.plot(blocks, values.T, color=color, alpha=0.25, linewidth=0.8)
        (line,) = ax.plot(blocks, np.median(values, axis=0), color=color, linewidth=2.2)
        label_line(line, text)
    ax.set_yscale("log")
    ax.set_xlim(1, blocks[-1] * 1.13)
    ax.set_ylabel("|h| (model units)")
    ratio = np.median(found.ratio, axis=0)
    at = int(ratio.argmax())
    first = (found.token[:, at] == 0).mean()
    dims, counts = np.unique(found.dim[:, at], return_counts=True)
    ax.annotate(
        f"dimension {dims[counts.argmax()]} of token 0\nin {first:.0%} of {len(found.top1)} texts",
        (blocks[at], np.median(found.top1[:, at])),
        (-10, -28),
        textcoords="offset points",
        ha="right",
        fontsize=9.5,
        color=TOP,
    )
    below.bar(blocks, real.attention, color=GREEN, width=0.8)
    below.set(ylabel="attention to token 0", xlabel="block", ylim=(0, 1))
    # attention of block l reads the output of block l - 1
    spike = np.median(found.top1, axis=0)[:-1] > 100
    read, other = (
        real.attention[1:][which].mean() if which.any() else np.nan for which in (spike, ~spike)
    )
    finding_title(
        fig,
        f"One scalar of {name} is {ratio[at]:,.0f} times the median; blocks that read it give its "
        f"token {read:.0%} of attention, others {other:.0%}",
        holds=bool(ratio[at] > 1000 and read > 2 * other),
        otherwise=f"Magnitudes of {name} by block, and attention to the first token",
    )
    return fig


# --------------------------------------------------------------------------- the authors' data
def layer_profiles(rows: pd.DataFrame) -> Figure:
    """Largest three magnitudes and median by layer, first and last checkpoint, every model."""
    names = models(rows)
    fig, axes = figure(1, len(names), height=3.6, sharey=True, squeeze=False)
    growth, median_growth = [], []
    for ax, model in zip(axes[0], names, strict=True):
        first, last = checkpoints(rows, model)[0], checkpoints(rows, model)[-1]
        early, late = (layer_profile(rows, model, step) for step in (first, last))
        for profile, line, width, alpha in ((early, ":", 1.4, 0.1), (late, "-", 2.0, 0.2)):
            ax.fill_between(profile.index, profile.top3, profile.top1, color=TOP, alpha=alpha, lw=0)
            ax.plot(profile.index, profile.top1, color=TOP, linestyle=line, linewidth=width)
            ax.plot(profile.index, profile["median"], color=MEDIAN, linestyle=line, linewidth=width)
        ax.set_yscale("log")
        ax.set_title(f"{short_name(model)}: step {first} → {last:,}", fontsize=10, weight="normal")
        ax.set_xticks(_layer_ticks(len(late)))
        growth.append((late.top1 / early.top1).max())
        median_growth.append((late["median"] / early["median"]).max())
    axes[0, 0].set_ylabel("|h| (model units)")
    axes[0, len(names) // 2].set_xlabel("layer (block output)")
    left = axes[0, 0]
    for text, color, line in (
        ("top 1 (band: to top 3)", TOP, "-"),
        ("median", MEDIAN, "-"),
        ("first checkpoint", BLACK, ":"),
        ("last checkpoint", BLACK, "-"),
    ):
        left.plot([], [], line, color=color, label=text)
    fig.legend(loc="outside lower center", ncols=4, fontsize=9)
    finding_title(
        fig,
        f"The largest grow up to {_round(max(growth))}-fold, the median "
        f"{_round(max(median_growth))}-fold at most",
        holds=max(growth) > 5 * max(median_growth),
        otherwise="Largest and median magnitude by layer, first and last checkpoint",
    )
    return fig


def layer_fits(rows: pd.DataFrame, n_layers: int = 6) -> Figure:
    """Ratio by step and eq. 9 for some layers of every model, beside the noise."""
    names, series = models(rows), ratio_series(rows)
    fig, axes = figure(1, len(names), height=3.8, squeeze=False)
    for ax, model in zip(axes[0], names, strict=True):
        mine = series[series.model == model]
        last = int(mine.layer.max())
        chosen = sorted({round(v) for v in np.linspace(1, last, min(n_layers, last))})
        depth = plt.get_cmap(SEQUENTIAL)(np.linspace(0.02, 0.86, len(chosen)))
        grid = np.linspace(0, mine.step.max(), 300)
        ends = []
        for color, layer in zip(depth, chosen, strict=True):
            part = mine[mine.layer == layer].sort_values("step")
            t, y = part.step.to_numpy(float), part.ratio.to_numpy()
            ax.plot(t / 1000, y, "o", color=color, markersize=4)
            if t.size >= DAMPED_LOG.n_parameters:
                curve = fit(DAMPED_LOG, t, y).predict(grid)
                ax.plot(grid / 1000, np.where(curve > 0, curve, np.nan), color=color, linewidth=1.2)
            ends.append((float(y[-1]), f"{layer}", color))
        ax.set_yscale("log")
        null = float((mine.ratio / mine.relative).iloc[0])
        reference_line(ax, null, "noise")
        ax.set_ylim(bottom=null / 4)  # between few points a curve may dive below any scale
        _end_labels(ax, float(mine.step.max()) / 1000, ends)
        n = mine.groupby("layer").size().max()
        ax.set_title(f"{short_name(model)}, {n} checkpoints", fontsize=10, weight="normal")
        ax.margins(x=0.1)
    axes[0, 0].set_ylabel("top 1 / median")
    axes[0, len(names) // 2].set_xlabel("training steps (thousands)")
    finding_title(
        fig, "", holds=False, otherwise="Eq. 9 through every layer: five parameters, few points"
    )
    return fig


def changes(rows: pd.DataFrame) -> Figure:
    """Factor of the ratio from near step 24,000 to the last checkpoint, every layer."""
    table, names = late_changes(rows), models(rows)
    fig, axes = figure(1, len(names), height=3.4, sharey=True, squeeze=False)
    for ax, model in zip(axes[0], names, strict=True):
        mine = table[table.model == model]
        for part, color in _PARTS.items():
            some = mine[mine.part == part]
            ax.vlines(some.layer, some.low, some.high, color=color, linewidth=2)
            ax.plot(some.layer, some.factor, "o", color=color, markersize=4.5)
        ax.axhline(1, color=BLACK, linewidth=0.9)
        ax.set_yscale("log")
        ax.set_xticks(_layer_ticks(int(mine.layer.max())))
        row = mine.iloc[0]
        spans = f"{row.start / 1000:.0f}k → {row.end / 1000:.0f}k steps"
        ax.set_title(f"{short_name(model)}: {spans}", fontsize=10, weight="normal")
    axes[0, 0].set_yticks([0.2, 0.5, 1, 2, 3], ["0.2", "0.5", "1", "2", "3"])
    axes[0, 0].minorticks_off()
    axes[0, 0].set_ylabel("ratio, last over first")
    axes[0, len(names) // 2].set_xlabel("layer")
    handles = [Patch(color=color) for color in _PARTS.values()]
    fig.legend(handles, list(_PARTS), loc="outside lower center", ncols=3, fontsize=9)
    outer = table[table.part != "middle"]
    fall, rise = int((outer.high < 1).sum()), int((outer.low > 1).sum())
    finding_title(
        fig,
        f"{fall} of {len(outer)} outer layers fall by more than the noise, {rise} rise",
        holds=rise > fall,
        otherwise="Change of the ratio by layer, from near 24,000 steps to the last checkpoint",
    )
    return fig


def decomposition_bars(
    rows: pd.DataFrame,
    spans: Sequence[tuple[str, int, int]] = (
        ("pythia-160m", 40_000, 80_000),
        ("pythia-1b", 24_000, 100_000),
    ),
) -> Figure:
    """Stacked bars of d log top1 and -d log median by layer; dots are their sum, d log r."""
    fig, axes = figure(1, len(spans), height=3.6, squeeze=False, sharey=True)
    rising, from_median = 0, 0
    for ax, (model, start, end) in zip(axes[0], spans, strict=True):
        parts = decompose(rows, model, start, end)
        median = -parts["median"]
        # bars of one sign are stacked on each other, bars of two signs grow away from zero
        bottom = np.where(np.sign(median) == np.sign(parts.top1), parts.top1, 0)
        ax.bar(parts.index, parts.top1, color=TOP, width=0.75)
        look = {"hatch": "///", "edgecolor": "white", "linewidth": 0}
        ax.bar(parts.index, median, bottom=bottom, color=MEDIAN, width=0.75, **look)
        ax.plot(parts.index, parts.ratio, "o", color=BLACK, markersize=4.5, mec="white", mew=0.8)
        ax.axhline(0, color=BLACK, linewidth=0.8)
        span = f"{start // 1000}k → {end // 1000}k steps"
        ax.set_title(f"{short_name(model)}: {span}", fontsize=10, weight="normal")
        ax.set_xlabel("layer")
        ax.set_xticks(_layer_ticks(len(parts)))
        ax.grid(axis="x", visible=False)
        rising += int((parts.ratio > 0).sum())
        from_median += int(((parts.ratio > 0) & (parts.median_share > 0.3)).sum())
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
        f"In {from_median} of {rising} rises, small ones too, the falling median carries over 30 %",
        holds=from_median > 0.5 * rising,
        otherwise="Growth of the log ratio, split into largest and median magnitude",
    )
    return fig


# --------------------------------------------------------------------------- loose parameters
def identifiability_cloud(refits: Mapping[str, Refits]) -> Figure:
    """Left: refits over the true curve.  Right: the parameters behind them.  One row a regime."""
    fig, axes = figure(2, 2, height=6.0, width_ratios=(1.15, 1))
    grid = np.linspace(0, CHECKPOINTS[-1], 600)
    for (left, right), (name, draws) in zip(axes, refits.items(), strict=True):
        for row in draws.fitted[:60]:
            left.plot(CHECKPOINTS / 1000, row, color=BLUE, alpha=0.2, linewidth=0.8)
        left.plot(grid / 1000, damped_log(grid, *draws.truth), color=BLACK, linewidth=1.5)
        middle = np.median(draws.r2)
        left.set_title(f"{name}: median R² = {middle:.3f}", fontsize=10, weight="normal")
        left.set_ylabel("ratio")
        names = ("lam", "A") if name == "early peak" else ("beta", "K")
        right.set_title(f"their parameters, {len(draws.r2)} fits", fontsize=10, weight="normal")
        _draw_cloud(right, draws, names)
    axes[1, 0].set_xlabel("training steps (thousands)")
    least = min(np.median(draws.r2) for draws in refits.values())
    low, high = np.quantile(refits["rising"].values("K"), [0.1, 0.9])
    finding_title(
        fig,
        "Fits that no eye can tell apart have very different parameters",
        holds=bool(least > 0.98 and high - low > 5 * abs(refits["rising"].truth.K)),
        otherwise="Refits of two true curves and their parameters",
    )
    return fig


def _draw_cloud(ax: Axes, draws: Refits, names: tuple[str, str]) -> None:
    labels = {"lam": "λ (decay)", "A": "amplitude A", "beta": "β = λγ (1/step)", "K": "plateau K"}
    x, y = (_parameter(draws.params, name) for name in names)
    true_x, true_y = (_parameter(np.array([draws.truth]), name)[0] for name in names)
    good = np.isfinite(x) & np.isfinite(y) & (x > 0)
    # a few of hundreds are so far away that no axis could show the others
    for values in (x, y):
        low, high = np.quantile(values[good], [0.02, 0.98])
        good &= (values >= low) & (values <= high)
    ax.plot(x[good], y[good], "o", color=BLUE, alpha=0.5, markersize=4, label="fits")
    ax.plot(true_x, true_y, "*", color=BLACK, markersize=13, mec="white", label="truth", zorder=5)
    ax.set_xscale("log")
    if names[1] == "K":
        ax.set_yscale("symlog", linthresh=1e3)
        ticks = [-1e6, -1e5, -1e4, -1e3, 0, 1e3]
        shown = [tick for tick in ticks if tick >= 10 * min(y[good].min(), -100)]
        ax.set_yticks(shown, [f"{tick:,.0f}".replace("-", "−") for tick in shown])
        ax.minorticks_off()
    else:
        ax.set_yscale("log")
        plain_ticks(ax.xaxis, [0.3, 0.5, 1, 2, 5])
    ax.set_xlabel(labels[names[0]])
    ax.set_ylabel(labels[names[1]])
    ax.legend(fontsize=8.5, handletextpad=0.3)


def _parameter(params: np.ndarray, name: str) -> np.ndarray:
    columns = CurveParams._fields
    if name == "beta":
        with np.errstate(all="ignore"):
            return params[:, columns.index("lam")] * params[:, columns.index("gamma")]
    return params[:, columns.index(name)]


def plateau_profiles(profiles: Mapping[str, Profile]) -> Figure:
    """Profile likelihood of K, one panel a series; the shaded K are not excluded at 95 %."""
    fig, axes = figure(1, len(profiles), height=3.4, squeeze=False)
    for ax, (name, found) in zip(axes[0], profiles.items(), strict=True):
        ax.plot(found.K, found.rss, color=BLUE, marker="o", markersize=3)
        ax.axhline(found.limit, color=BLACK, linestyle=":", linewidth=1.2)
        ax.text(0.02, found.limit, "95 % limit", transform=ax.get_yaxis_transform(), va="bottom")
        inside = found.K[found.rss <= found.limit]
        low = found.K[0] if found.open_below else inside.min(initial=found.K[-1])
        high = found.K[-1] if found.open_above else inside.max(initial=found.K[0])
        ax.axvspan(low, high, color=BLUE, alpha=0.12, lw=0)
        ax.plot(found.truth, 1.0, "*", color=BLACK, markersize=13, mec="white", clip_on=False)
        margin = found.limit - 1
        ax.set_ylim(1 - 0.6 * margin, 1 + 3 * margin)
        ax.set_xlim(found.K[0], found.K[-1])
        told = "no low K is excluded" if found.open_below else "bounded below"
        ax.set_title(f"{name}: {told}", fontsize=10, weight="normal")
        ax.set_xlabel("plateau K held at (star: true K)")
        ax.locator_params(axis="x", nbins=5)
    axes[0, 0].set_ylabel("RSS / smallest RSS")
    peak, rising = profiles["early peak"], profiles["rising"]
    finding_title(
        fig,
        "In these two series a decayed peak pins K, and a rising layer excludes no low K",
        holds=not (peak.open_below or peak.open_above) and rising.open_below,
        otherwise="Profile likelihood of the plateau K",
    )
    return fig


# --------------------------------------------------------------------------- the predictor
def leakage_histogram(leakage: Leakage, *, paper_r2: float) -> Figure:
    """Test R2 over simulated targets without any architecture effect.

    paper_r2 : what the paper reports for K, drawn as a line
    """
    fig, ax = figure(height=3.5)
    floor = -2.0
    bins = np.linspace(floor - 0.1, 1, 32)
    for values, text, color, hatch in (
        (leakage.random, "random split", RANDOM, ""),
        (leakage.grouped, "whole model left out", GROUPED, "///"),
    ):
        label = f"{text}, median R² {_signed(np.median(values))}"
        look = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}
        ax.hist(np.clip(values, floor - 0.05, 1), bins, alpha=0.8, label=label, **look)
    look = style("paper") | {"marker": ""}
    ax.axvline(paper_r2, **look, label=f"the paper's score for K, {paper_r2}")
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ticks = np.arange(floor, 1.1, 0.5)
    ax.set_xticks(ticks, [f"≤ {_signed(floor, 1)}", *(_signed(tick, 1) for tick in ticks[1:])])
    ax.set_xlabel("test R² on targets that no architecture feature causes")
    ax.set_ylabel(f"simulated data sets (of {len(leakage.random)})")
    ax.legend(fontsize=8.5, loc="upper left")
    random, grouped = np.median(leakage.random), np.median(leakage.grouped)
    finding_title(
        ax,
        f"Nothing to find, yet a random split reports R² = {random:.2f}",
        holds=bool(random > 0.6 and grouped < 0.2),
        otherwise="Test R² of two protocols where nothing is to be found",
    )
    return fig


def null_table(draws: Mapping[str, Leakage], paper: Mapping[str, float]) -> Figure:
    """Median test R2 per regressor on null targets, beside the paper's row for K (Table 3).

    draws : regressor to its simulated scores
    paper : regressor to the paper's test R2; regressors without one are drawn without it
    """
    fig, ax = figure(height=0.5 * len(draws) + 1.5)
    floor = -1.5
    for row, (name, found) in enumerate(draws.items()):
        for values, color, marker, dy in (
            (found.random, RANDOM, "o", 0.13),
            (found.grouped, GROUPED, "X", -0.13),
        ):
            low, middle, high = np.clip(np.quantile(values, [0.1, 0.5, 0.9]), floor, 1)
            ax.plot([low, high], [row + dy] * 2, color=color, linewidth=2, alpha=0.5)
            mark = marker if middle > floor else "<"
            ax.plot(middle, row + dy, mark, color=color, markersize=8, clip_on=False)
        if name in paper:
            ax.plot(paper[name], row, "s", color=style("paper")["color"], markersize=8, zorder=4)
    ax.set_yticks(range(len(draws)), list(draws))
    ax.set_ylim(len(draws) - 0.5, -0.5)
    ax.set_xlim(floor - 0.03, 1.02)
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("test R² (mark: median over simulated data sets, line: 10 to 90 %)")
    for color, mark, text in (
        (style("paper")["color"], "s", "paper, for K"),
        (RANDOM, "o", "no effect, random split"),
        (GROUPED, "X", "no effect, model left out"),
    ):
        ax.plot([], [], mark, color=color, markersize=8, label=text)
    fig.legend(loc="outside lower center", ncols=3, handletextpad=0.2)
    shared = [name for name in draws if name in paper]
    gap = max((abs(np.median(draws[n].random) - paper[n]) for n in shared), default=np.inf)
    finding_title(
        fig,
        "No architecture effect, yet median scores within 0.15 of the paper's",
        holds=bool(gap < 0.15),
        otherwise="Scores on data without an architecture effect, beside the paper's",
    )
    return fig


# --------------------------------------------------------------------------- small parts
def _end_labels(ax: Axes, x: float, ends: Sequence[tuple[float, str, object]]) -> None:
    """Layer numbers at the right ends of lines, pushed apart where they would meet."""
    low, high = np.log(ax.get_ylim())
    last = -np.inf
    for value, text, color in sorted(ends):
        place = max((np.log(value) - low) / (high - low), last + 0.055)
        last = place
        ax.annotate(
            text,
            (x, np.exp(low + place * (high - low))),
            (6, 0),
            textcoords="offset points",
            color=color,
            va="center",
            fontsize=9,
            annotation_clip=False,
        )


def _round(value: float) -> str:
    digits = 10 ** max(0, int(np.log10(value)) - 1)
    return f"{value / digits:.0f}" if digits == 1 else f"{round(value / digits) * digits:,}"


def _layer_ticks(n: int) -> list[int]:
    stride = 1 if n <= 7 else round(n / 4.5)
    return [1, *range(max(stride, 2), n + 1, stride)]


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")
