"""Figures of the released numbers: the paper's heat maps and what the numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm

from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SEQUENTIAL,
    VERMILION,
    figure,
    finding_title,
    plain_ticks,
)
from companion.scaling_laws.lab.compare import share_reproduced
from companion.scaling_laws.lab.facts import Profile
from companion.scaling_laws.lab.freedom import Freedom
from companion.scaling_laws.lab.huber import HuberFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORM = LogNorm(1, 60)
"""Colors of errors from 1 to 60 percent, the same in every heat map."""

SHOWN_SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Columns of the heat maps; all ten shares would be too small to read on a phone."""

LABELS = {"gpt3": "GPT-3", "t5-pile": "T5-Pile", "pythia": "Pythia"}


def _name(family: str) -> str:
    return LABELS.get(family, family.replace("pythia", "Pythia"))


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
                color="#222222" if bright else "white",
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
            ax.set_title(f"{_name(family)}, {text}", fontsize=10.5)
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


def printed(cells: pd.DataFrame) -> Figure:
    """Every printed cell with three or more models against ours."""
    fig, ax = figure(height=3.9)
    markers = {"OPT": ("o", BLUE), "gpt3": ("s", ORANGE), "t5-pile": ("^", GREEN)}
    ax.plot([0.2, 100], [0.2, 100], ":", color=BLACK, linewidth=1.2, zorder=1)
    for family, (marker, color) in markers.items():
        for cut, face in ((0.0, color), (1e10, "white")):
            part = cells[(cells["family"] == family) & (cells["cut"] == cut)]
            ax.plot(
                part["printed"],
                part["ours"],
                marker,
                color=color,
                markerfacecolor=face,
                markersize=5.5,
                alpha=0.85,
                label=_name(family) if cut == 0 else None,
            )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="error printed in the paper's figures (%)",
        ylabel="error computed here (%)",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    ax.legend(
        title="filled: no cut, two decimals printed\nopen: 10B cut, two digits printed",
        loc="upper left",
        title_fontsize=9,
    )
    share = share_reproduced(cells)
    finding_title(
        ax,
        f"All {len(cells)} printed cells come out",
        holds=share == 1,
        otherwise=f"{100 * share:.0f} % of the {len(cells)} printed cells come out",
    )
    return fig


def cut_ratios(
    ratios: pd.Series, published: Mapping[str, tuple[float, float]] | None = None
) -> Figure:
    """Error without the cut over error with it, one mark per independent family.

    published : family -> (no cut, cut) as printed, drawn in grey
    """
    ordered = ratios.sort_values()
    fig, ax = figure(height=0.9 + 0.38 * len(ordered))
    y = np.arange(len(ordered))
    colors = [BLUE if value > 1.05 else VERMILION if value < 0.95 else GREY for value in ordered]
    ax.hlines(y, 1, ordered, color=colors, linewidth=2)
    for i, (family, value) in enumerate(ordered.items()):
        ax.plot(
            value,
            i,
            "o" if value > 1.05 else "X" if value < 0.95 else "s",
            color=colors[i],
            markersize=8,
        )
        right = value >= 1
        ax.annotate(
            f"{value:.2g}",
            (value, i),
            xytext=(9 if right else -9, 0),
            va="center",
            ha="left" if right else "right",
            textcoords="offset points",
            color=colors[i],
        )
        if published and family in published:
            no_cut, cut = published[family]
            ax.plot(no_cut / cut, i, "s", color=GREY, markerfacecolor="none", markersize=11)
    ax.axvline(1, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(y, [_name(family) for family in ordered.index])
    ax.set(
        xscale="log",
        ylim=(-0.6, len(ordered) - 0.4),
        xlabel="error without the cut / error with it  (right of 1: the cut helps)",
    )
    ax.set_xlim(min(0.35, ordered.min() / 2), max(ordered.max() * 2, 4))
    plain_ticks(ax.xaxis, [0.5, 1, 2, 5, 10, 20], small=True)
    ax.grid(axis="y", visible=False)
    n = int((ordered > 1.05).sum())
    finding_title(
        ax,
        f"The cut helps in {n} of {len(ordered)} families, and hugely only in some",
        holds=0 < n < len(ordered),
        otherwise=f"The cut helps in {n} of {len(ordered)} families",
    )
    return fig


def metrics(table: pd.DataFrame) -> Figure:
    """Pythia v0 at the end of training: two metrics, and the mixture that was fitted."""
    fig, ax = figure(height=3.8)
    N = table["num_params"]
    mixed = table["wikitext"].notna()
    ax.plot(N, table["lambada"], "o--", color=BLUE, label="LAMBADA", markersize=4)
    ax.plot(N[mixed], table["wikitext"][mixed], "s--", color=GREEN, label="WikiText", markersize=4)
    ax.plot(N, table["fitted"], "-", color=VERMILION, linewidth=2.2, label="fitted", zorder=3)
    ax.plot(N[~mixed], table["fitted"][~mixed], "o", color=VERMILION, markersize=8, zorder=4)
    ax.plot(
        N[mixed],
        table["fitted"][mixed],
        "D",
        color=VERMILION,
        markersize=8,
        zorder=4,
        markerfacecolor="white",
        markeredgewidth=2,
    )
    ax.set(xscale="log", xlabel="parameters", ylabel="bits (log2 perplexity)")
    ax.legend(title="● LAMBADA alone   ◇ mean of both", title_fontsize=9)
    rises = int((np.diff(table["fitted"]) > 0).sum())
    alone = int((np.diff(table["lambada"]) > 0).sum())
    finding_title(
        ax,
        "Where the metric changes, the fitted number rises",
        holds=rises > 0 and alone == 0,
        otherwise="Two metrics and what was fitted",
    )
    return fig


def units(ladders: pd.DataFrame, family: str = "OPT") -> Figure:
    """Error of one family in the unit that was fitted and in nats, all models, cut 10B."""
    fig, ax = figure(height=3.5)
    means = {}
    for experiment, color, marker, text in (
        ("n vs q", VERMILION, "X", "perplexity, as fitted"),
        ("n vs q, nats", BLUE, "o", "nats"),
    ):
        rows = ladders[
            (ladders["family"] == family)
            & (ladders["experiment"] == experiment)
            & (ladders["cut"] > 0)
        ]
        rows = rows[rows["n"] == rows["n"].max()].sort_values("q")
        rows = rows[rows["q"] >= 0.2]
        ax.plot(100 * rows["q"], rows["are"], marker=marker, color=color, label=text, markersize=7)
        means[experiment] = rows["are"].mean()
    ratio = means["n vs q"] / means["n vs q, nats"]
    ax.set(xlabel="share of training used (%)", ylabel="error (ARE, %)", ylim=(0, None))
    ax.legend()
    finding_title(
        ax,
        f"Fitted in nats, {_name(family)} errs {ratio:.1f} times less",
        holds=ratio > 1.5,
        otherwise=f"Errors of {_name(family)} in two units",
    )
    return fig


def two_models(profile: Profile) -> Figure:
    """Laws with an imposed alpha: how well they fit two models, and what they predict."""
    fig, (top, bottom) = figure(2, 1, height=4.6, sharex=True, height_ratios=(1, 1.6))
    excess = profile.sse / profile.sse.min() - 1
    equal = excess <= 1e-6
    top.semilogy(profile.alpha, np.maximum(excess, 1e-12), color=GREY)
    top.semilogy(profile.alpha[equal], np.maximum(excess[equal], 1e-12), color=BLUE, linewidth=3)
    top.set_ylabel("excess\ntraining error")
    top.set_ylim(1e-13, 10)
    top.set_yticks([1e-12, 1e-6, 1], ["0", "10⁻⁶", "1"])
    bottom.plot(profile.alpha, profile.are, color=GREY)
    bottom.plot(profile.alpha[equal], profile.are[equal], color=BLUE, linewidth=3)
    bottom.set(xscale="log", xlabel="imposed α", ylabel="error on the target (%)", ylim=(0, None))
    bottom.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    low, high = profile.are[equal].min(), profile.are[equal].max()
    finding_title(
        top,
        f"Equally good on two models, {low:.0f} to {high:.0f} % wrong on the target",
        holds=bool(high > 1.5 * low),
        otherwise="Laws with an imposed exponent",
    )
    return fig


def tails(ladders: pd.DataFrame) -> Figure:
    """Error when only the end of the window is used, all models. Paper Fig. 4."""
    rows = ladders[ladders["experiment"] == "tail only"]
    rows = rows[rows["n"] == rows.groupby("family")["n"].transform("max")]
    fig, ax = figure(height=3.8)
    cycle = {"OPT": (BLUE, "o"), "gpt3": (ORANGE, "s"), "t5-pile": (GREEN, "^")}
    worse, ends = 0, {}
    for family, part in rows.groupby("family"):
        part = part.dropna(subset="are").sort_values("q")
        if part.empty:
            continue
        color, marker = cycle.get(family, (GREY, "."))
        ax.plot(part["q"], part["are"], marker=marker, color=color, linewidth=1.5)
        ends[family] = (part["are"].iloc[-1], color)
        late = part[part["q"] >= 0.9]["are"]
        worse += len(late) > 0 and late.iloc[0] > 1.05 * part["are"].iloc[0]
    n_families = len(ends)
    lowest = 0.0
    for family, (value, color) in sorted(ends.items(), key=lambda item: item[1][0]):
        lowest = max(value, 1.4 * lowest)  # labels keep apart
        ax.text(
            1.01,
            lowest,
            _name(family),
            color="#555555" if color == GREY else color,
            fontsize=9,
            va="center",
        )
    ax.set(
        yscale="log",
        xlim=(0.05, 1.24),
        ylabel="error (ARE, %)",
        xlabel="start of the window  (0.1: almost all, 0.99: only the end)",
    )
    ax.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    ax.set_xticks([0.1, 0.3, 0.5, 0.7, 0.9])
    finding_title(
        ax,
        f"The end alone is worse in {worse} of {n_families} families",
        holds=worse > 0,
        otherwise="The end alone is worse in no family",
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
        f"{_name(family)}: the target's own first third errs by {own:.1f} %",
        holds=bool(own < 10),
        otherwise=f"{_name(family)}: one model, size term borrowed",
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
    close = abs(result.alpha_slope / result.alpha_arithmetic - 1) < 0.25
    finding_title(
        fig,
        "The lines of A and α, B and β are arithmetic",
        holds=close and abs(result.beta_slope / result.beta_arithmetic - 1) < 0.25,
        otherwise="Parameters of all families",
    )
    return fig


def chinchilla(fit: HuberFit, boot: np.ndarray) -> Figure:
    """Bootstrap refits of the Chinchilla points and the values that were published."""
    fig, axes = figure(1, 2, height=3.6)
    law = fit.law
    hoffmann = {"A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    outside = 0
    for ax, i, j, names in (
        (axes[0], 0, 3, ("A", "alpha")),
        (axes[1], 1, 4, ("B", "beta")),
    ):
        ax.plot(np.exp(boot[:, i]), boot[:, j], ".", color=BLUE, alpha=0.35, markeredgewidth=0)
        ax.plot(
            getattr(law, names[0]),
            getattr(law, names[1]),
            "o",
            color=BLUE,
            markersize=9,
            markeredgecolor="white",
            label="ours",
        )
        published = [hoffmann[name] for name in names]
        ax.plot(*published, "X", color=VERMILION, markersize=10, label="Hoffmann et al. 2022")
        low, high = np.quantile(boot[:, j], [0.025, 0.975])
        outside += not low <= published[1] <= high
        ax.set(xscale="log", xlabel=names[0], ylabel={"alpha": "α", "beta": "β"}[names[1]])
        plain_ticks(
            ax.xaxis,
            [300, 400, 500, 700] if names[0] == "A" else [500, 1000, 2000, 5000],
            small=True,
        )
    axes[1].plot(
        2085.43,
        0.3658,
        "s",
        color=GREY,
        markerfacecolor="none",
        markersize=13,
        markeredgewidth=1.6,
        label="Besiroglu et al. 2024",
    )
    axes[0].plot(
        482.01, 0.3478, "s", color=GREY, markerfacecolor="none", markersize=13, markeredgewidth=1.6
    )
    axes[1].legend(loc="upper left")
    finding_title(
        fig,
        "Refits agree with Besiroglu et al.; the original β lies outside",
        holds=outside == 1,
        otherwise="Refits of the Chinchilla points",
    )
    return fig
