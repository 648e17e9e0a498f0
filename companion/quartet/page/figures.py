"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    TINTS,
    VERMILION,
    Style,
    figure,
    finding_title,
    methods,
    no_record,
    plain_ticks,
    style,
    thin_and_mean,
)
from companion.quartet.lab.released import Refit
from companion.quartet.lab.rounding import Averages, Depth, ModelAverages, ScanPoint, fit_decay
from companion.quartet.lab.training import Ladder, share
from companion.quartet.method.law import MODELS, PRECISIONS, Map
from companion.quartet.method.linear import BASELINE, QUARTET
from companion.quartet.sources import TABLE_3, TABLE_7, select
from companion.stats import over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARMS = methods(
    "RTN, signs after",
    "RTN, signs before",
    "SR, signs after",
    "SR, signs before",
    "SR, 3/4 of the input",
    "SR, OCP scale",
)
RULES = {
    "floor": (VERMILION, "-"),
    "nearest": (BLUE, "--"),
    "ceil": (GREEN, "-."),
    "none": (BLACK, ":"),
}
NAMED = {
    QUARTET: "Quartet (QuEST : RTN)",
    "no rotation": "Quartet, no rotation",
    "no mask": "Quartet, no mask",
}
"""Names of recipes on the page, where they are not forward scheme : backward scheme."""

_SIZES = {"30M": BLUE, "50M": GREEN, "100M": ORANGE, "200M": SKY}


def look_of(recipe: str) -> Style:
    """A recipe has the style of its forward scheme or, without one, of its backward scheme."""
    forward, _, backward = recipe.partition(":")
    name = forward if forward != "none" else backward
    if recipe.startswith("plain MXFP4"):
        name = "plain MXFP4"
    elif recipe in NAMED:
        name = "QuEST"
    return methods(name)[name]


# --------------------------------------------------------------------------- our own training
def answer(published: Mapping[str, object] | None) -> Figure:
    """Losses turned into shares of parameters and tokens, from the published record."""
    series = (published or {}).get("series", {})
    if "shares" not in series:
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=4.0, width_ratios=(1.0, 1.15))
    sizes, recipes = series["sizes"], series["recipes"]
    left.plot(sizes["n"], sizes["loss"], color=BLACK, marker="s", label="unquantized")
    at = {name: i for i, name in enumerate(recipes["recipe"])}
    n, rungs, losses = series["n"], np.array(sizes["n"]), np.array(sizes["loss"])
    grid = np.geomspace(rungs[0], rungs[-1], 80)
    curve = np.polyval(np.polyfit(np.log(rungs), losses, 2), np.log(grid))
    left.plot(grid, curve, color=GREY, linewidth=1.2, label="parabola")
    for scheme in (name for name, of in _rows(series["shares"]) if of == "N"):
        loss = recipes["loss"][at[f"{scheme}:none"]]
        color, marker, _ = style(scheme).values()
        left.plot(n, loss, marker, color=color, markersize=8, label=f"{scheme} forward")
        ends = n * share(rungs / n, losses, loss), n  # where the share is read: on the parabola
        if np.isfinite(ends).all():
            left.plot(ends, [loss, loss], color=color, linestyle=":")
    left.set(
        xscale="log", xlabel="parameters of the blocks", ylabel="held-out loss (nats per byte)"
    )
    left.set_xticks(sizes["n"], [f"{n / 1e3:.0f}k" for n in sizes["n"]])
    left.minorticks_off()
    left.legend(fontsize=8.5)
    draw_shares(right, series["shares"])
    rows = _rows(series["shares"])
    sr, rtn = rows["SR", "N"], rows["RTN", "N"]
    finding_title(
        fig,
        "Four bits forward act like fewer parameters, and SR keeps fewer of them than RTN",
        holds=bool(sr["ours_high"] < rtn["ours_low"] and rtn["ours_high"] < 1),
        otherwise="Four bits as a share of the parameters, or of the tokens",
    )
    return fig


def _rows(shares: Mapping[str, list]) -> dict[tuple[str, str], dict[str, float]]:
    """(scheme, of) -> the row of the table."""
    names = list(shares)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*shares.values(), strict=True)]
    return {(row["scheme"], row["of"]): row for row in rows}


def draw_shares(ax: Axes, shares: Mapping[str, list], refit: Refit | None = None) -> None:
    """eff_N and eff_D of every scheme: ours with intervals, Table 2's and, if given, the refit."""
    rows = list(_rows(shares).values())
    for i, row in enumerate(rows):
        color, marker, _ = style(row["scheme"]).values()
        ends = [row["ours_low"], row["ours_high"]]
        if None not in ends and np.isfinite(ends).all():
            ax.plot(ends, [i, i], color=color, linewidth=4, alpha=0.45)
        if row["ours"] is not None and np.isfinite(row["ours"]):
            ax.plot(row["ours"], i, marker, color=color, markersize=8)
        ax.plot(row["paper"], i, "s", color=GREY, fillstyle="none", markersize=11)
        name = f"eff_{row['of']} {row['scheme']}"
        name = name if not refit or name in refit.efficiency else f"{name}, broken signs"
        if refit is not None and name in refit.efficiency:
            found = refit.interval(name)
            ax.plot(found.estimate, i + 0.28, "|", color=BLACK, markersize=9)
            if found.low is not None:
                ax.plot([found.low, found.high], [i + 0.28] * 2, color=BLACK, linewidth=1)
    ax.plot([], [], "s", color=GREY, fillstyle="none", markersize=9, linestyle="", label="Table 2")
    ax.plot([], [], color=GREY, linewidth=4, alpha=0.6, label="ours, 95 %")
    if refit is not None:
        ax.plot([], [], color=BLACK, marker="|", linewidth=1, label="authors' losses, refitted")
    names = {"N": "forward", "D": "backward"}
    ax.set_yticks(range(len(rows)), [f"{row['scheme']} {names[row['of']]}" for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, max(1.3, *(min(2, row["ours_high"] or 0) for row in rows)))
    ax.axvline(1, color=BLACK, linestyle=":", linewidth=1)
    ax.set_xlabel("share of parameters (forward)\nor of tokens (backward)")
    ax.legend(fontsize=8.5, loc="lower left" if refit is None else "upper left")


def shares_figure(shares: Mapping[str, list], refit: Refit | None) -> Figure:
    """Every efficiency three times: ours, the authors' losses refitted, and as printed."""
    fig, ax = figure(height=4.2)
    draw_shares(ax, shares, refit)
    ours = [row for row in _rows(shares).values() if row["of"] == "N"]
    apart = [row for row in ours if not row["ours_low"] <= row["paper"] <= row["ours_high"]]
    finding_title(
        ax,
        "Table 2's eff_N lies in our interval for every scheme",
        holds=not apart and all(np.isfinite(row["ours_high"]) for row in ours),
        otherwise="Efficiencies: ours, refitted from the authors' losses, and printed",
    )
    return fig


def gaps(ladder: Ladder) -> Figure:
    """Held-out loss above the unquantized run, per seed and recipe."""
    names = [name for name in ladder.final if name != BASELINE]
    fig, ax = figure(height=1.7 + 0.34 * len(names))
    for i, name in enumerate(names):
        look, values = look_of(name), ladder.gap(name)
        mean = over_seeds(values)
        ax.plot(
            values, np.full(len(values), i), look.marker, color=look.color, alpha=0.4, markersize=5
        )
        if np.isfinite([mean.low, mean.high]).all():
            ax.plot([mean.low, mean.high], [i, i], color=look.color, linewidth=4, alpha=0.45)
        ax.plot(mean.estimate, i, "|", color=look.color, markersize=18, markeredgewidth=2.5)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(range(len(names)), [NAMED.get(name, name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("held-out loss above the unquantized run (nats per byte)")
    ax.set_ylabel("forward : backward")
    n = len(ladder.seeds)
    ends = {name: over_seeds(ladder.gap(name)) for name in names}
    backward = [one.high for name, one in ends.items() if name.startswith("none:")]
    forward = [one.low for name, one in ends.items() if name.endswith(":none")]
    finding_title(
        ax,
        f"Backward schemes cost less than forward schemes ({n} seeds)",
        holds=bool(backward and forward and max(backward) < min(forward)),
        otherwise=f"What each recipe costs, {n} seed{'s' if n > 1 else ''}",
    )
    return fig


# --------------------------------------------------------------------------- quantizers, the bug
def scale_rules(scans: Mapping[str, ScanPoint]) -> Figure:
    """Error and misalignment of QuEST against the size of the numbers, by scale rule."""
    fig, axes = figure(1, 2, height=3.8)
    for rule, points in scans.items():
        color, dash = RULES[rule]
        label = "float32 scale" if rule == "none" else rule
        for ax, values in zip(axes, (points.mse, points.misalignment), strict=True):
            ax.plot(points.log2_sigma, 100 * values, color=color, linestyle=dash, label=label)
    axes[0].set(xlabel="log2 of the standard deviation", ylabel="relative squared error (%)")
    axes[1].set(xlabel="log2 of the standard deviation", ylabel="misalignment (%)")
    top = 100 * max(points.mse.max() for points in scans.values())
    axes[0].set_ylim(0, 1.45 * top)
    axes[0].legend(ncols=2, loc="upper left", fontsize=8.5)
    floor, near = scans["floor"].mse.mean(), scans["nearest"].mse.mean()
    finding_title(
        fig,
        f"Rounding the scale down costs {floor / near:.2f} times the error of rounding to nearest",
        holds=floor > 1.3 * near,
        otherwise="QuEST's error by scale rule",
    )
    return fig


def averages(one: Averages, network: ModelAverages) -> Figure:
    """Relative squared error of the mean of K draws: a product, and a network's gradient."""
    fig, axes = figure(1, 2, height=4.2)
    for ax, measured, what in zip(axes, (one, network), ("product", "gradient"), strict=True):
        for arm, values in measured.errors.items():
            thin_and_mean(ax, measured.counts, values, ARMS[arm]._asdict() | {"label": arm})
        k = np.geomspace(measured.counts[0], measured.counts[-1], 80)
        fit = fit_decay(measured.counts, measured.errors["RTN, signs before"])
        curve = fit.v.estimate / k + fit.bias.estimate
        if (curve > 0).all():
            ax.plot(k, curve, color=BLACK, linestyle=":", linewidth=1)
        ax.set(xscale="log", yscale="log", xlabel="draws averaged, K")
        ax.set_title(f"Mean {what}", fontsize=10.5)
        counts = measured.counts
        plain_ticks(ax.xaxis, counts[:: 1 if len(counts) < 8 else 2])
    axes[0].set_ylabel("relative squared error")
    axes[0].legend(loc="lower left", fontsize=8.5)
    stuck = [e.errors["RTN, signs after"].mean(0) for e in (one, network)]
    right = one.errors["RTN, signs before"]
    finding_title(
        fig,
        "With misplaced signs averaging does nothing to RTN",
        holds=all(bool(abs(e[-1] / e[0] - 1) < 1e-9) for e in stuck)
        and bool(right[:, -1].max() < 0.5 * right[:, 0].min()),
        otherwise="Error of the mean of K randomized draws",
    )
    return fig


def reruns(frame: pd.DataFrame) -> Figure:
    """Gap of the backward schemes against tokens per parameter, with lines of least squares."""
    fig, ax = figure(height=4.0)
    for arm, part in frame.groupby("arm", sort=False):
        color, marker, dash = ARMS[arm]
        slope, level = np.polyfit(part["doublings"], part["gap"], 1)
        ax.plot(part["ratio"], part["gap"], linestyle="", color=color, marker=marker)
        line = level + slope * part["doublings"]
        ax.plot(part["ratio"], line, color=color, linestyle=dash, label=arm)
    ax.set(
        xscale="log",
        xlabel="tokens per parameter",
        ylabel="loss above unquantized (nats)",
        ylim=(0, 0.025),
    )
    plain_ticks(ax.xaxis, (25, 50, 100, 200, 400, 800))
    ax.legend(loc="upper left", ncols=2, fontsize=8.5)
    gap = {arm: part["gap"].to_numpy() for arm, part in frame.groupby("arm")}
    level = over_seeds(gap["SR, signs before"] - gap["RTN, signs before"])
    finding_title(
        ax,
        "With the signs before the rotation RTN costs less than SR, on average over six lengths",
        holds=level.low > 0,
        otherwise="Loss gap of four backward recipes",
    )
    return fig


# --------------------------------------------------------------------------- the authors' numbers
def fitted(table: pd.DataFrame, refit: Refit) -> Figure:
    """Losses with the law's curves, and what a law without the largest runs says of them."""
    fig, (ax, right) = figure(1, 2, height=4.2, width_ratios=(1.5, 1))
    ratio = np.geomspace(22, 900, 60)
    eff = refit.efficiency["eff_N QuEST"]
    for size, color in _SIZES.items():
        first = table[table["size"] == size]
        N = first["n_params"].iloc[0]
        for forward, dash, fill, scale in (
            ("none", "-", "full", 1.0),
            ("QuEST", "--", "none", eff),
        ):
            runs = select(first, forward, "none")
            ax.plot(runs.D / N, runs.loss, "o", color=color, fillstyle=fill)
            curve = refit.law.loss(N, ratio * N, scale)
            label = size if scale == 1 else None
            ax.plot(ratio, curve, color=color, linestyle=dash, linewidth=1.3, label=label)
    ax.plot([], [], "o--", color=GREY, fillstyle="none", label="QuEST forward")
    ax.set(xscale="log", xlabel="tokens per parameter", ylabel="C4 validation loss (nats)")
    plain_ticks(ax.xaxis, (25, 100, 400), widen=True)
    ax.legend(ncols=2, fontsize=8.5)
    held = refit.held_out
    place = range(len(held.n))
    right.plot(place, held.loss, "o", color=BLACK, label="measured")
    right.plot(place, held.predicted, "D", color=BLUE, label="law without them")
    right.plot(place, held.predicted_gamma_1, "X", color=VERMILION, label="the same, γ = 1")
    right.set_xticks(place, [f"{n / 1e6:.0f}M" for n in held.n])
    right.set(xlabel="parameters, 97 tokens each", xlim=(-0.6, len(held.n) - 0.4))
    right.margins(y=0.45)
    right.legend(fontsize=8.5, loc="upper right")
    above = held.predicted - held.loss
    finding_title(
        fig,
        f"The law predicts the two largest runs {1e3 * above.min():.0f} to "
        f"{1e3 * above.max():.0f} millinats too high",
        holds=bool(above.min() > 0),
        otherwise="The law, and the two largest runs predicted from the others",
    )
    return fig


def maps(bops: Map, measured: Map) -> Figure:
    """The best precision: with doubled speed, and with the authors' RTX 5090 timings."""
    fig, axes = figure(1, 2, height=4.4, sharey=True)
    for ax, shown, name in zip(
        axes, (bops, measured), ("four bits twice as fast", "RTX 5090 block timings"), strict=True
    ):
        _draw_map(ax, shown)
        ax.set_title(name, fontsize=10.5)
    axes[1].set_ylabel("")
    legend = [Patch(color=color, label=p) for color, p in zip(TINTS, PRECISIONS, strict=True)]
    fig.legend(handles=legend, loc="outside lower center", ncols=4)
    fig.suptitle("Best precision by the fitted law, far beyond its largest run")
    return fig


def _draw_map(ax: Axes, shown: Map) -> None:
    """Regions of the best precision with the models that the paper marks."""
    ax.pcolormesh(
        shown.ratio,
        shown.size,
        shown.best,
        cmap=ListedColormap(TINTS),
        vmin=-0.5,
        vmax=3.5,
        rasterized=True,
    )
    for name, (N, D) in MODELS.items():
        ax.plot(D / N, N, "*", color=BLACK, markersize=7)
        ax.annotate(
            name,
            (D / N, N),
            xytext=(-5, -20 if "72B" in name else -10),
            textcoords="offset points",
            fontsize=8,
            ha="right",
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="tokens per parameter (FP8 budget)",
        ylabel="parameters (FP8 budget)",
    )
    ax.set_xticks([25, 100, 400, 1600], ["25", "100", "400", "1600"])
    ax.set_xlim(shown.ratio[0], shown.ratio[-1])
    ax.minorticks_off()
    ax.grid(visible=False)


def earlier(curve: pd.DataFrame) -> Figure:
    """Table 3, and the 7B run."""
    fig, (left, right) = figure(1, 2, height=4.0)
    table = TABLE_3.drop(columns=["eff_n", "eff_d"])
    ratio = [float(name) for name in table]
    colors = (ORANGE, VERMILION, SKY, GREEN, GREY, BLUE)
    for color, marker, (name, row) in zip(colors, "^Xv<Po", table.iterrows(), strict=True):
        left.plot(ratio, row, marker=marker, color=color, label=name)
    left.set(xscale="log", xlabel="tokens per parameter", ylabel="C4 validation loss (nats)")
    plain_ticks(left.xaxis, (25, 100, 400))
    left.set_ylim(top=9.4)
    left.legend(fontsize=8.5, ncols=2, loc="upper center")
    tokens = curve["tokens"] / 1e9
    right.plot(tokens, curve["val_loss_baseline"], color=BLACK, linestyle="--", label="BF16")
    right.plot(tokens, curve["val_loss_quartet"], color=BLUE, label="QuEST : SR")
    right.set(xlabel="billion tokens", ylim=(2.6, 4.2))
    end, (bf16, printed) = curve.iloc[-1], TABLE_7
    gap = float(end["val_loss_quartet"] - end["val_loss_baseline"])
    right.set_title(
        f"7B: {gap:.3f} above BF16; Table 7: {np.log(printed / bf16):.3f}", fontsize=10.5
    )
    right.legend(fontsize=8.5)
    others = table.drop(index="Quartet").min()
    finding_title(
        fig,
        "Quartet ends below every earlier recipe wherever the paper's Table 3 has a number",
        holds=bool((table.loc["Quartet"] < others).all()),
        otherwise="Earlier four-bit recipes and Quartet",
    )
    return fig


# --------------------------------------------------------------------------- gradients
def depth(measured: Depth) -> Figure:
    """Cosine and misalignment of the quantized gradient against blocks from the top."""
    fig, (left, right) = figure(1, 2, height=3.9)
    for arm in measured.cosine:
        look = style(arm) | {"label": arm}
        left.plot(1 - measured.cosine[arm].mean(0)[1:], **look)
        right.plot(100 * measured.misalignment[arm].mean(0)[1:], **look)
    n = measured.cosine["RTN"].shape[1] - 1
    for ax in (left, right):
        ax.set_xticks(range(n), [str(i + 1) for i in range(n)])
        ax.set_xlabel("blocks below the top")
    left.set(yscale="log", ylabel="1 - cosine with the exact gradient")
    right.set_yscale("symlog", linthresh=0.5)
    right.yaxis.set_major_formatter("{x:g}")
    right.set_ylabel("misalignment (%)")
    left.set_ylim(top=3 * left.get_ylim()[1])
    left.legend(fontsize=8.5, ncols=3, loc="upper left")
    apart = [
        over_seeds(measured.cosine["RTN"][:, d] - measured.cosine["SR"][:, d]).low
        for d in range(1, n + 1)
    ]
    shift = {arm: values.mean(0)[-1] for arm, values in measured.misalignment.items()}
    finding_title(
        fig,
        "RTN keeps the direction better, SR the length; QuEST shrinks gradients most",
        holds=bool(min(apart) > 0 and shift["QuEST"] > shift["RTN"] > abs(shift["SR"])),
        otherwise="Quantized gradients against depth",
    )
    return fig
