"""Where the theorem's form ends: E5 to E8."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.next_token_concepts.lab.sweeps import Broken
from companion.next_token_concepts.page.figures.style import REGRESSORS
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def two_ways(ways: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """E5: no-fit R^2 against eps, by longer contexts and by sharper names."""
    fig, axes = figure(1, 2, height=3.7, sharey=True)
    mean = ways.groupby(["way", "length", "eta"], as_index=False).mean(numeric_only=True)
    looks = {"longer contexts": (VERMILION, "X"), "sharper names": (BLUE, "o")}
    last = {}
    for ax, (way, (color, marker)) in zip(axes, looks.items(), strict=True):
        rows = mean[mean["way"] == way].sort_values("eps", ascending=False)
        ax.plot(rows["eps"], rows["no_fit"], marker=marker, color=color)
        for i, row in enumerate(rows.to_dict("records")):
            text = f"{row['length']:.0f} words" if way == "longer contexts" else f"η {row['eta']:g}"
            if way == "longer contexts" and row["length"] in (8, 12):
                continue  # they lie too close to their neighbors to be named
            ax.annotate(
                text,
                (row["eps"], row["no_fit"]),
                fontsize=8.5,
                color=color,
                ha="center",
                xytext=(0, -13 if i % 2 else 7),
                textcoords="offset points",
            )
        ax.set(xscale="log", xlabel="uncertainty ε (log; smaller to the right)", ylim=(-1.1, 1.25))
        if way == "longer contexts":
            plain_ticks(ax.xaxis, (0.6, 0.3, 0.15, 0.07), widen=True)
        ax.invert_xaxis()
        ax.margins(x=0.15)
        ax.set_title(f"{way[0].upper()}{way[1:]}", fontsize=10.5)
        last[way] = rows["no_fit"].iloc[-1]
    if len(points):
        axes[0].plot(
            points["eps"],
            points["no_fit"],
            "D",
            color=BLACK,
            markersize=4,
            label="trained networks",
        )
        axes[0].legend(loc="lower left")
    axes[0].set_ylabel("R² of the theorem's A, no fit")
    finding_title(
        fig,
        f"Two ways to small ε: longer contexts break the form (R² {last['longer contexts']:.2f}), "
        f"sharper names make it exact ({last['sharper names']:.3f})",
        holds=last["longer contexts"] < 0.4 and last["sharper names"] > 0.99,
        otherwise="R² of the theorem's first-order form against the uncertainty",
    )
    return fig


def simulation(table: pd.DataFrame) -> Figure:
    """E6: accuracy of a linear probe with the ceiling of Bayes, one panel per graph density."""
    edges = sorted(table["edges"].unique())
    fig, axes = figure(1, len(edges), height=3.5, sharey=True, squeeze=False)
    trained = table["probe"].notna().all()
    for ax, k in zip(axes[0], edges, strict=True):
        mean = table[table["edges"] == k].groupby("bits").mean(numeric_only=True)
        ax.plot(mean.index, mean["bayes"], color=BLACK, label="ceiling: Bayes")
        ax.plot(mean.index, mean["raw"], "^--", color=ORANGE, label="line on the raw bits")
        if trained:
            ax.plot(mean.index, mean["probe"], "o", color=BLUE, label="line on trained $f_x$")
        ax.set(xlabel="observed bits")
        # edges appear with probability min(1, 2 k / (m - 1)): few latents have no room for more
        full = 2 * k >= table["m"].max() - 1
        ax.set_title(f"ER{k:g} (complete graph)" if full else f"ER{k:g}", fontsize=10.5)
    axes[0][0].set_ylabel("accuracy of the latents")
    axes[0][-1].legend(loc="lower right", fontsize=8.5)
    rise = table[table["bits"] == table["bits"].max()]["bayes"].mean()
    rise -= table[table["bits"] == table["bits"].min()]["bayes"].mean()
    gap = float((table["bayes"] - table["probe"]).mean()) if trained else np.nan
    finding_title(
        fig,
        f"The rise of accuracy is the rise of the ceiling: {rise:.2f}"
        + (f", and probes stay {gap:.3f} below it on average" if trained else ""),
        holds=rise > 0.1 and not gap > 0.05,
        otherwise="Accuracy of the latents against the number of observed bits",
    )
    return fig


def broken(found: Broken) -> Figure:
    """E7 and E8: merged names, a concept that is never named, a name that depends on the word."""
    fig, axes = figure(1, 3, height=3.6, sharey=True)
    merged = found.merged.groupby("size").mean(numeric_only=True)
    axes[0].bar([str(16 // s) for s in merged.index], merged["exact"], color=BLUE, width=0.6)
    axes[0].set(xlabel="different names", ylabel="R² (exact logits)")
    axes[0].set_title("log p(c|x) from logits", fontsize=10)
    named = found.unnamed.groupby("named").mean(numeric_only=True)
    axes[1].bar(
        ["named", "never\nnamed"],
        [named.loc[True, "exact"], named.loc[False, "exact"]],
        color=[BLUE, GREY],
        width=0.6,
    )
    axes[1].set_title("log odds from logits", fontsize=10)
    order = found.order.groupby("kappa").mean(numeric_only=True)
    axes[2].plot(
        order.index, order["lm"], marker="o", color=REGRESSORS["LM"].color, label="log marginals"
    )
    axes[2].plot(order.index, order["with_word"], "s--", color=GREEN, label="and last word")
    axes[2].set(xlabel="share κ of names\nfrom the last word", ylim=(0, 1.08))
    axes[2].set_title("logits from these", fontsize=10)
    axes[2].legend(loc="lower left", fontsize=8.5)
    for ax, table, xs in (
        (axes[0], merged, range(3)),
        (axes[1], named.reindex([True, False]), (0, 1)),
    ):
        if table["trained"].notna().all():
            ax.plot(list(xs), table["trained"], "D", color=BLACK, markersize=5, label="trained")
            ax.legend(loc="lower left", fontsize=8.5)
    if order["trained_lm"].notna().all():
        axes[2].plot(order.index, order["trained_lm"], "D", color=BLACK, markersize=5)
        axes[2].plot(order.index, order["trained_with_word"], "D", color=BLACK, markersize=5)
    falls = [merged["exact"].iloc[-1], named.loc[False, "exact"], order["lm"].iloc[-1]]
    finding_title(
        fig,
        f"Each assumption is needed: without it R² falls to {falls[0]:.2f}, {falls[1]:.2f} and "
        f"{falls[2]:.2f}",
        holds=max(falls) < 0.85,
        otherwise="The theorem's assumptions broken one by one",
    )
    return fig
