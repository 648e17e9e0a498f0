"""The authors' losses: the law with its efficiencies, and the optimality map."""

from __future__ import annotations

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
    figure,
    finding_title,
    plain_ticks,
)
from companion.quartet.lab.refit import Refit
from companion.quartet.method.optimal import MODELS, PRECISIONS, Map
from companion.quartet.sources import TABLE_2, select

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = ("#d9d9d9", "#9ecae1", "#fdd49e", "#74c476")
"""Of PRECISIONS, pale enough for text on top."""

_SIZES = {"30M": BLUE, "50M": GREEN, "100M": ORANGE, "200M": SKY}


def fitted(table: pd.DataFrame, refit: Refit) -> Figure:
    """Losses of unquantized and QuEST-forward runs with the law's curves."""
    fig, ax = figure(height=4.2)
    ratio = np.geomspace(22, 900, 60)
    eff = refit.efficiency["eff_N QuEST"]
    worst = 0.0
    for size, color in _SIZES.items():
        first = table[table["size"] == size]
        N = first["n_params"].iloc[0]
        for forward, dash, fill, scale in (
            ("none", "-", "full", 1.0),
            ("QuEST", "--", "none", eff),
        ):
            runs = select(first, forward, "none")
            ax.plot(runs.D / N, runs.loss, "o", color=color, fillstyle=fill)
            ax.plot(
                ratio,
                refit.law.loss(N, ratio * N, scale),
                color=color,
                linestyle=dash,
                linewidth=1.3,
                label=size if scale == 1 else None,
            )
            predicted = refit.law.loss(runs.N, runs.D, scale)
            worst = max(worst, float(np.abs(predicted / runs.loss - 1).max()))
    ax.plot([], [], "o--", color=GREY, fillstyle="none", label="QuEST forward")
    ax.set(xscale="log", xlabel="tokens per parameter", ylabel="C4 validation loss (nats)")
    plain_ticks(ax.xaxis, (25, 50, 100, 200, 400, 800), widen=True)
    ax.legend(ncols=2)
    finding_title(
        ax,
        f"One law within 1 %: four-bit forward acts like {100 * eff:.0f} % of the parameters",
        holds=worst < 0.01,
        otherwise="The law misses some runs by more than a percent",
    )
    return fig


def efficiencies(refit: Refit) -> Figure:
    """Efficiency of every scheme with its interval over resampled runs, and the paper's value."""
    names = list(refit.efficiency)
    fig, ax = figure(height=3.4)
    printed = {f"eff_N {row.scheme}": row.eff_n for row in TABLE_2.itertuples()}
    eff_d = {row.scheme: row.eff_d for row in TABLE_2.itertuples()}
    printed |= {"eff_D SR": eff_d["SR"], "eff_D RTN, broken signs": eff_d["RTN"]}
    printed["eff_D QuEST, broken signs"] = eff_d["QuEST"]
    for i, name in enumerate(names):
        found = refit.interval(name)
        color = BLUE if name.startswith("eff_N") else ORANGE
        if found.low is not None:
            ax.plot([found.low, found.high], [i, i], color=color, linewidth=3, alpha=0.5)
        ax.plot(found.estimate, i, "o", color=color, markersize=7)
        if name in printed:
            ax.plot(printed[name], i, "s", color=GREY, fillstyle="none", markersize=10)
    ax.plot([], [], "s", color=GREY, fillstyle="none", markersize=10, linestyle="", label="Table 2")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("share of parameters (eff_N) or tokens (eff_D)")
    ax.legend(loc="lower left")
    sr, rtn = refit.interval("eff_D SR"), refit.interval("eff_D RTN, broken signs")
    overlap = sr.high is not None and sr.high > rtn.low and rtn.high > sr.low
    finding_title(
        ax,
        "The efficiencies of SR and RTN backward overlap once runs are resampled",
        holds=bool(overlap),
        otherwise="Efficiencies with intervals over resampled runs",
    )
    return fig


def maps(bops: Map, measured: Map) -> Figure:
    """The best precision: with doubled speed, and with the authors' RTX 5090 timings."""
    fig, axes = figure(1, 2, height=4.4, sharey=True)
    for ax, shown, name in zip(
        axes, (bops, measured), ("four bits twice as fast", "RTX 5090 block timings"), strict=True
    ):
        draw_map(ax, shown)
        ax.set_title(name, fontsize=10.5)
    axes[1].set_ylabel("")
    fig.legend(handles=map_legend(), loc="outside lower center", ncols=4)
    share = bops.share("FP4:FP4"), measured.share("FP4:FP4")
    finding_title(
        fig,
        f"FP4:FP4 is best on {100 * share[0]:.0f} % of the map with ideal speed, on "
        f"{100 * share[1]:.0f} % with measured speed",
        holds=share[0] > 0.5 > share[1],
        otherwise=f"FP4:FP4 is best on {100 * share[0]:.0f} % (ideal speed) and "
        f"{100 * share[1]:.0f} % (measured) of the map",
    )
    return fig


def draw_map(ax: Axes, shown: Map) -> None:
    """Regions of the best precision with the models that the paper marks."""
    ax.pcolormesh(
        shown.ratio,
        shown.size,
        shown.best,
        cmap=ListedColormap(_COLORS),
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
            fontsize=7.5,
            ha="right",
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="tokens per parameter at the FP8 budget",
        ylabel="parameters at the FP8 budget",
    )
    ax.set_xticks([25, 100, 400, 1600], ["25", "100", "400", "1600"])
    ax.set_xlim(shown.ratio[0], shown.ratio[-1])
    ax.minorticks_off()
    ax.grid(visible=False)


def map_legend() -> list[Patch]:
    """One patch per precision, forward : backward."""
    return [Patch(color=color, label=p) for color, p in zip(_COLORS, PRECISIONS, strict=True)]
