"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from companion.plotting import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    headline,
    no_record,
    plain_ticks,
)
from companion.scaling_laws.lab.facts import Extrapolation, Gap
from companion.scaling_laws.lab.released import RULES, Freedom
from companion.scaling_laws.lab.trained import by_world
from companion.scaling_laws.method.law import Fit, Points, ScalingLaw
from companion.scaling_laws.method.protocol import Run
from companion.scaling_laws.method.varpro import projected_objective
from companion.stats import over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POOL_STYLE = {"120M": (VERMILION, "X"), "545M": (ORANGE, "^"), "1.05B": (BLUE, "o")}

NORM = LogNorm(1, 60)
"""Colors of errors from 1 to 60 percent, the same in every heat map."""

SHOWN_SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Columns of the heat maps; all ten shares would be too small to read on a phone."""

LABELS = {"gpt3": "GPT-3", "t5-pile": "T5-Pile", "olmo": "OLMo", "gemstones": "Gemstones"}


def name_of(family: str) -> str:
    """A family as readers know it."""
    return LABELS.get(family, family.replace("pythia", "Pythia"))


# --------------------------------------------------------------------------- the answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """Error by the share of each run that is thrown away, from the published record."""
    series = (published or {}).get("series", {})
    return sweep(pd.DataFrame(series["sweep"])) if "sweep" in series else no_record()


def sweep(table: pd.DataFrame) -> Figure:
    """Error by the share thrown away over the error with the first 10B tokens cut.

    table : of ``evidence.relative_sweep``
    """
    fig, (left, right) = figure(1, 2, height=3.9, sharey=True)
    sound, paper = (table[table["where"] == way] for way in ("sound", "paper"))
    x = 100 * sound["thrown"]
    left.fill_between(x, sound["low"], sound["high"], color=BLUE, alpha=0.14, linewidth=0)
    each = table[table["where"].str.startswith("sound ")]
    for _, family in each.groupby("where"):
        left.plot(100 * family["thrown"], family["ratio"], color=BLUE, linewidth=0.8, alpha=0.45)
    left.plot(x, sound["ratio"], "o-", color=BLUE, label="sound recipe")
    left.plot(100 * paper["thrown"], paper["ratio"], "s--", color=VERMILION, label="paper's recipe")
    for pool, (color, marker) in POOL_STYLE.items():
        part = table[table["where"] == f"gemstones {pool}"]
        at = 100 * part["thrown"]
        right.fill_between(at, part["low"], part["high"], color=color, alpha=0.18, linewidth=0)
        right.plot(at, part["ratio"], color=color, marker=marker, label=f"largest {pool}")
    for ax, title in ((left, "seven families"), (right, "Gemstones, 8 runs")):
        ax.axhline(1, color=BLACK, linestyle=":", linewidth=1.2)
        ax.set(yscale="log", xlabel="share of each run thrown away (%)", ylim=(0.18, 40))
        ax.set_title(title, fontsize=10.5)
        ax.set_xticks(range(0, 100, 20))
        ax.legend(loc="upper right", fontsize=9)
        plain_ticks(ax.yaxis, (0.2, 0.5, 1, 2, 5, 10, 30), small=True)
    left.set_ylabel("error over that with\nthe first 10B tokens cut")
    half = sound[sound["thrown"] == 0.5].iloc[0]
    said = f"errs {half['low']:.2f} to {half['high']:.2f} times as much as cutting 10B tokens"
    finding_title(
        fig,
        f"Over families, by the sound recipe, throwing half of each run away {said}",
        holds=bool(half["high"] < 1 or half["low"] > 1),
        otherwise=f"Not resolved: by the sound recipe, throwing half of each run away {said}",
    )
    return fig


# --------------------------------------------------------------------------- the rules
def rules(table: pd.DataFrame) -> Figure:
    """Every rule on every family, by both recipes. table : of ``evidence.rule_table``."""
    who = ["gemstones", "all", *reversed([n for n in table["who"].unique() if n not in _TOTALS])]
    fig, axes = figure(2, 3, height=6.4, sharey=True)
    for ax, (rule, (first, second)) in zip(axes.flat, RULES.items(), strict=True):
        part = table[table["rule"] == rule]
        ax.axvline(1, color=BLACK, linestyle=":", linewidth=1.2)
        ax.axhline(1.5, color=GREY, linewidth=0.6)
        for way, shift in (("paper", 0.14), ("sound", -0.14)):
            color, marker = _WAYS[way]
            rows = part[part["way"] == way]
            y = np.array([who.index(name) for name in rows["who"]]) + shift
            ax.hlines(y, rows["low"], rows["high"], color=color, linewidth=2, alpha=0.6)
            ax.plot(rows["ratio"], y, marker, color=color, markersize=6)
        ax.set(xscale="log", xlim=(0.1, 60), ylim=(-0.6, len(who) + 1.4))
        plain_ticks(ax.xaxis, (0.2, 1, 5, 20), small=True)
        ax.set_title(f"{first} /\n{second}", fontsize=9.5)
        ax.set_yticks(range(len(who)), ["Gemstones", "all families", *map(name_of, who[2:])])
        ax.grid(axis="y", visible=False)
    handles = [
        Line2D([], [], color=c, marker=m, linestyle="", label=f"{way} recipe")
        for way, (c, m) in _WAYS.items()
    ]
    fig.supxlabel("ratio of errors", fontsize=10.5)
    fig.legend(handles=handles, loc="outside lower right", ncols=2, fontsize=8.5)
    over = table[table["who"] == "all"].set_index(["rule", "way"])["low"].unstack() > 1
    over = over.drop(index="cut more")  # there the paper expects one
    n = int(over.all(axis=1).sum())
    finding_title(
        fig,
        f"Over families, {n} of {len(over)} rules lower the error by both recipes",
        holds=n > 0,
        otherwise=f"Over families, none of {len(over)} rules is shown by both recipes",
    )
    return fig


_TOTALS = ("all", "gemstones")
_WAYS = {"paper": (VERMILION, "s"), "sound": (BLUE, "o")}


# --------------------------------------------------------------------------- the law
def surface(data: Points, fit: Fit) -> Figure:
    """The projected objective over both exponents, as root mean square error, and its minimum."""
    alphas, betas = np.geomspace(0.05, 3, 90), np.geomspace(0.05, 4, 110)
    rms = np.sqrt(projected_objective(data, alphas, betas) / data.N.size)
    fig, ax = figure(height=3.9)
    least = rms.min()
    levels = least * np.array([1, 1.01, 1.05, 1.1, 1.25, 1.5, 2, 3, 5])
    filled = ax.contourf(betas, alphas, rms, levels=levels, cmap=f"{SEQUENTIAL}_r", extend="max")
    ax.contour(betas, alphas, rms, levels=levels, colors="white", linewidths=0.5)
    best = (fit.law.beta, fit.law.alpha)
    ax.plot(*best, "o", color=VERMILION, markersize=9, markeredgecolor="white")
    ax.annotate(
        f"α = {fit.law.alpha:.2f}, β = {fit.law.beta:.2f}",
        best,
        xytext=(0.06, 0.9),
        textcoords="axes fraction",
        color="white",
        arrowprops={"arrowstyle": "-", "color": "white", "linewidth": 0.8},
    )
    ax.set(xscale="log", yscale="log", xlabel="β (data)", ylabel="α (size)")
    ticks = [0.05, 0.1, 0.3, 1, 3]
    plain_ticks(ax.xaxis, ticks, widen=True)
    plain_ticks(ax.yaxis, ticks, widen=True)
    ax.grid(visible=False)
    bar = fig.colorbar(filled, ax=ax, label="training error over the least")
    bar.set_ticks(levels[:-1], labels=[f"{level / least:.2f}" for level in levels[:-1]])
    inside = 0.05 < fit.law.alpha < 3 and 0.05 < fit.law.beta < 4
    finding_title(
        ax,
        "One valley, one lowest point",
        holds=inside and _n_minima(rms) == 1,
        otherwise="The valley has more than one low point, or ends at the edge",
    )
    return fig


def _n_minima(values: np.ndarray) -> int:
    padded = np.pad(values, 1, constant_values=np.inf)
    rows, columns = values.shape
    shifts = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]
    around = np.min([padded[i : i + rows, j : j + columns] for i, j in shifts], axis=0)
    return int((values < around).sum())


# --------------------------------------------------------------------------- released families
def _grid(ax: Axes, table: pd.DataFrame, rows: str, columns: str = "q") -> mpl.image.AxesImage:
    """A heat map of ARE with the numbers in its cells; empty cells stay white."""
    cells = table.pivot_table(index=rows, columns=columns, values="are", sort=True)
    image = ax.imshow(cells, cmap=f"{SEQUENTIAL}_r", norm=NORM, aspect="auto", origin="lower")
    for (i, j), value in np.ndenumerate(cells.to_numpy()):
        if np.isfinite(value):
            bright = NORM(np.clip(value, 1, 60)) < 0.5
            text = f"{value:.1f}" if value < 10 else f"{value:.0f}" if value < 1000 else ">999"
            ax.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=9.5,
                color=BLACK if bright else "white",
            )
    ax.set_xticks(range(cells.shape[1]), [f"{100 * q:.0f}" for q in cells.columns])
    ax.set_yticks(range(cells.shape[0]), ["2*" if n == 2 else n for n in cells.index])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    return image


def heatmaps(ladders: pd.DataFrame, families: tuple[str, ...] = ("OPT", "gpt3")) -> Figure:
    """Number of models by share of training, without (top) and with the cut. Paper Fig. 5."""
    table = ladders[(ladders["experiment"] == "n vs q") & ladders["q"].isin(SHOWN_SHARES)]
    fig, axes = figure(2, len(families), height=5.2, squeeze=False)
    helped = []
    for column, family in enumerate(families):
        for row, (cut, text) in enumerate(((0.0, "no cut"), (1e10, "first 10B tokens cut"))):
            cells = table[(table["family"] == family) & (table["cut"] == cut)]
            ax = axes[row][column]
            image = _grid(ax, cells, "n")
            ax.set_title(f"{name_of(family)}, {text}", fontsize=10.5)
            if column == 0:
                ax.set_ylabel("training models")
            if row == 1:
                ax.set_xlabel("share of training used (%)")
        whole = table[(table["family"] == family) & (table["q"] == 1.0)]
        top = whole[whole["n"] == whole["n"].max()].set_index("cut")["are"]
        helped.append(top[0.0] / top[1e10])
    fig.colorbar(
        image, ax=axes, label="error (ARE, %)", ticks=[1, 3, 10, 30], format="%g", shrink=0.8
    )
    finding_title(
        fig,
        f"The cut divides OPT's error by {helped[0]:.1f} and leaves GPT-3's as it is",
        holds=families == ("OPT", "gpt3") and helped[0] > 1.5 and 0.9 < helped[1] < 1.1,
        otherwise="Error by number of models and share of training, without and with the cut",
    )
    return fig


def one_model(ladders: pd.DataFrame, family: str = "OPT") -> Figure:
    """One training model with a borrowed size term, by size and share of training. Paper Fig. 6."""
    rows = ladders[(ladders["experiment"] == "one model") & (ladders["family"] == family)]
    rows = rows.assign(size=[f"{N / 1e9:g}B" for N in rows["N"]])
    order = rows.drop_duplicates("size").sort_values("N")["size"]
    rows = rows.assign(size=pd.Categorical(rows["size"], order, ordered=True))
    fig, ax = figure(height=3.4)
    cells = rows.pivot_table(index="size", columns="q", values="are", observed=False, sort=True)
    flat = cells.reset_index().melt(id_vars="size", value_name="are")
    image = _grid(ax, flat.assign(size=flat["size"].cat.codes), "size")
    ax.set_yticks(range(len(cells)), [*cells.index[:-1], f"{cells.index[-1]} (target)"])
    ax.set(xlabel="share of training used (%)", ylabel="the one training model")
    fig.colorbar(image, ax=ax, label="error (ARE, %)", ticks=[1, 3, 10, 30], format="%g")
    own = cells.iloc[-1].loc[0.3]
    finding_title(
        ax,
        f"{name_of(family)}: the target's own first third errs by {own:.1f} %",
        holds=bool(own < 10),
        otherwise=f"{name_of(family)}: one model, size term borrowed",
    )
    return fig


def freedom(result: Freedom) -> Figure:
    """Exponents against log factors over families, with the line of arithmetic. Paper Fig. 3."""
    fig, axes = figure(1, 2, height=3.6)
    two_sizes = np.array([name.startswith("GPT2") for name in result.families])
    for ax, log_factor, exponent, slope, names in (
        (axes[0], 0, 3, result.alpha_arithmetic, ("a = ln A", "α")),
        (axes[1], 1, 4, result.beta_arithmetic, ("b = ln B", "β")),
    ):
        x, y = result.theta[:, log_factor], result.theta[:, exponent]
        ax.plot(
            x[~two_sizes], y[~two_sizes], "o", color=BLUE, markersize=7, label="three or more sizes"
        )
        ax.plot(
            x[two_sizes],
            y[two_sizes],
            "s",
            color=ORANGE,
            markerfacecolor="none",
            label="two sizes (GPT-2)",
        )
        line = np.array([x.min(), x.max()])
        ax.plot(line, y.mean() + slope * (line - x.mean()), ":", color=BLACK, linewidth=1.4)
        ax.set(xlabel=names[0], ylabel=names[1])
    axes[0].legend(loc="upper left")
    axes[1].text(
        0.03,
        0.97,
        "dotted: slope from\narithmetic alone",
        transform=axes[1].transAxes,
        va="top",
        color=BLACK,
        fontsize=9.5,
    )
    headline(
        fig,
        f"Slope of α on ln A {result.alpha_slope:.3f}, arithmetic {result.alpha_arithmetic:.3f}; "
        f"of β on ln B {result.beta_slope:.3f}, {result.beta_arithmetic:.3f}",
        size=11,
    )
    return fig


# --------------------------------------------------------------------------- Gemstones
def error_curves(table: pd.DataFrame) -> Figure:
    """Mean error per pool of sizes over the number of runs; bars: 10th to 90th percentile."""
    fig, ax = figure(height=4.0)
    for (pool, (color, marker)), shift in zip(POOL_STYLE.items(), (-0.1, 0, 0.1), strict=True):
        part = table[table["pool"] == pool].sort_values("k")
        x = part["k"] + shift
        ax.vlines(x, part["best_tenth"], part["worst_tenth"], color=color, alpha=0.35, linewidth=3)
        ax.plot(
            x,
            part["mean"],
            color=color,
            marker=marker,
            markersize=8,
            linewidth=2.2,
            label=f"largest {pool}",
        )
    _percent_axis(ax)
    ax.set_xlabel("training runs, all checkpoints after 10B tokens")
    ax.set_xticks(sorted(table["k"].unique()))
    ax.axhline(4, color=BLACK, linestyle=":", linewidth=1.2, label="4 %, the paper's best")
    ax.legend(title="sizes of the training runs", title_fontsize=9.5, loc="upper right")
    ax.set_title("Error by number and size of the training runs")
    return fig


def _percent_axis(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.set_ylabel("error on 1.9B to 2.0B models (%)")
    plain_ticks(ax.yaxis, (0.5, 1, 2, 5, 10, 20, 40), small=True, widen=True)


# --------------------------------------------------------------------------- schedules, worlds
def schedules(results: tuple[list[Gap], list[Extrapolation]], size: str = "400M") -> Figure:
    """Left: loss before over after cool-down. Right: a decaying run and its extrapolation."""
    gaps, ends = results
    fig, (left, right) = figure(1, 2, height=3.7)
    for gap in gaps:
        left.plot(gap.D / 1e9, gap.percent, color=BLUE, alpha=0.35, linewidth=1)
    every = np.concatenate([gap.percent for gap in gaps])
    left.axhline(every.mean(), color=BLUE, linewidth=2)
    left.text(
        0.97,
        0.15,
        f"mean {every.mean():.1f} %",
        ha="right",
        va="bottom",
        color=BLUE,
        transform=left.transAxes,
        fontweight="bold",
    )
    left.axhline(0, color=BLACK, linestyle=":", linewidth=1.2)
    left.set(
        xlabel="training tokens (billions)",
        ylabel="constant rate above\ncooled run (%)",
        ylim=(-0.3, max(4, every.max() * 1.1)),
    )
    shown = {end.schedule: end for end in ends if end.size == size}
    decayed, constant = shown["wsd_20000_24000"], shown["constant_72000"]
    early = constant.step <= decayed.step[-1]
    right.plot(
        constant.step[early] / 1e3,
        constant.loss[early],
        color=GREY,
        linewidth=1.2,
        label="constant rate",
    )
    right.plot(decayed.step / 1e3, decayed.loss, color=BLUE, label="decays from step 20,000")
    right.plot(
        decayed.step / 1e3, decayed.predicted, "--", color=VERMILION, label="law of its first 70 %"
    )
    right.axvline(0.7 * decayed.step[-1] / 1e3, color=BLACK, linestyle=":", linewidth=1.2)
    errors = [end.end_error for end in ends if end.schedule.startswith("wsd")]
    low, high = min(errors), max(errors)
    count = {2: "two sizes", 3: "three sizes"}.get(len(errors), f"{len(errors)} runs")
    late = decayed.step > 0.15 * decayed.step[-1]
    margin = 0.1 * np.ptp(decayed.loss[late])
    right.set(
        xlabel="training step (thousands)",
        ylabel=f"loss, {size} model (nats)",
        ylim=(decayed.loss.min() - margin, decayed.loss[late].max() + margin),
    )
    right.legend(loc="upper right", fontsize=9)
    finding_title(
        fig,
        f"Laws of unfinished curves end {low:.1f} to {high:.1f} % too high, {count}",
        holds=low > 1 and every.mean() > 1,
        otherwise="What the schedule does to the curve",
    )
    return fig


def worlds(table: pd.DataFrame) -> Figure:
    """Error of the prediction and of E in worlds with a known truth, by cut."""
    means = by_world(table)
    fig, axes = figure(1, 2, height=3.5)
    for ax, column, label in (
        (axes[0], "are", "error on the target (%)"),
        (axes[1], "e_error", "error of E (%)"),
    ):
        part = means[column]
        for _, row in part.iterrows():
            ax.plot(range(len(row)), row, color=GREY, linewidth=1, alpha=0.7)
        ax.plot(range(part.shape[1]), part.mean(), "o-", color=BLUE, markersize=8, linewidth=2.2)
        ax.set_xticks(range(part.shape[1]), [f"{100 * cut:g} %" for cut in part.columns])
        ax.set(yscale="log", xlabel="start thrown away", ylabel=label, ylim=(0.05, 30))
        ax.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    errors = means["are"]
    ratio = over_seeds(np.log(errors[0.0] / errors[0.1])).map(np.exp)
    finding_title(
        fig,
        f"With a known truth, cutting a tenth divides the error by {ratio.low:.0f} to "
        f"{ratio.high:.0f}",
        holds=bool(ratio.low > 1),
        otherwise="Errors in worlds with a known truth",
    )
    return fig


# --------------------------------------------------------------------------- the explorer
class Prediction(NamedTuple):
    """What a frame shows.

    training : runs with the checkpoints that were fitted; target : the whole target run
    grid : (g,) tokens; band : (low, high) of the laws with one training model left out, or None
    where a refit would not be identified
    """

    training: tuple[Run, ...]
    target: Run
    law: ScalingLaw
    grid: np.ndarray
    band: tuple[np.ndarray, np.ndarray] | None
    are: float
    bias: float
    ylabel: str
    ylim: tuple[float, float]


def family_frame(shown: Prediction) -> Figure:
    """Training checkpoints, the target, the law's curve and the band of its leave-one-out laws."""
    fig, ax = figure(height=4.1)
    n = len(shown.training)
    for i, run in enumerate(shown.training):
        color = _shade(i, n)
        ax.plot(run.D, run.loss, ".", color=color, markersize=3.5, alpha=0.8)
        ax.plot(shown.grid, shown.law.predict(run.N, shown.grid), color=color, linewidth=1)
    ax.plot(shown.target.D, shown.target.loss, ".", color=GREY, markersize=4)
    if shown.band is not None:
        ax.fill_between(shown.grid, *shown.band, color=VERMILION, alpha=0.18, linewidth=0)
    ax.plot(shown.grid, shown.law.predict(shown.target.N, shown.grid), color=VERMILION, linewidth=2)
    window = 0.7 * shown.target.D[-1]
    ax.axvspan(window, shown.target.D[-1], color=GREY, alpha=0.12, linewidth=0)
    ax.set(
        xscale="log",
        xlabel="training tokens",
        ylabel=shown.ylabel,
        xlim=(shown.grid[0], shown.grid[-1] * 1.05),
        ylim=shown.ylim,
    )
    ax.set_title(
        f"Error {shown.are:.1f} %, on average {abs(shown.bias):.1f} % too "
        f"{'high' if shown.bias > 0 else 'low'}"
    )
    _family_legend(ax, shown)
    return fig


def _shade(i: int, n: int) -> tuple[float, float, float]:
    """Light to dark blue, small to large."""
    light, dark = np.array([0.62, 0.79, 0.9]), np.array([0.0, 0.27, 0.5])
    return tuple(light + (dark - light) * (i / max(n - 1, 1)))


def _family_legend(ax: Axes, shown: Prediction) -> None:
    n = len(shown.training)
    handles = [
        Line2D([], [], color=_shade(0, n), marker=".", label=f"{n} training models"),
        Line2D([], [], color=GREY, marker=".", linestyle="", label=f"target, {shown.target.model}"),
        Line2D([], [], color=VERMILION, label="its prediction"),
    ]
    ax.legend(handles=handles, loc="upper right")
