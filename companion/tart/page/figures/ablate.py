"""What breaks the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from companion.plotting import BLUE, figure, finding_title, style
from companion.tart.lab.real import MODULE
from companion.tart.page.figures.looks import line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _by_share(table: pd.DataFrame, column: str, label: str) -> tuple[Figure, pd.DataFrame]:
    names = list(dict.fromkeys(table["data"]))
    fig, axes = figure(1, len(names), height=3.3, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        rows = table[table["data"] == name]
        for method in dict.fromkeys(rows["method"]):
            means = rows[rows["method"] == method].groupby(column)["accuracy"].mean()
            ax.plot(100 * means.index, means.values, **line(method))
        ax.set_title(name, fontsize=11)
        ax.set(xlabel=label)
    axes[0, 0].set_ylabel("accuracy")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig, table.groupby(["method", column])["accuracy"].mean().unstack()


def imbalance(table: pd.DataFrame) -> Figure:
    """Accuracy by share of label 1 in the context."""
    fig, means = _by_share(table, "share", "label 1 in the context (%)")
    lost = means.iloc[:, -1] - means.iloc[:, 0]
    finding_title(
        fig,
        f"A lopsided context costs the module {100 * lost[MODULE]:.0f} points, logistic regression "
        f"with an intercept {100 * lost['logistic, intercept']:.0f}",
        holds=lost[MODULE] > 0,
        otherwise="Accuracy when one label is rare in the context",
    )
    return fig


def flips(table: pd.DataFrame) -> Figure:
    """Accuracy by share of turned labels."""
    fig, means = _by_share(table, "flips", "labels turned around (%)")
    lost = means.iloc[:, 0] - means.iloc[:, -1]
    finding_title(
        fig,
        f"Turned labels cost the module {100 * lost[MODULE]:.0f} points, the mean difference "
        f"{100 * lost['mean difference']:.0f}",
        holds=lost[MODULE] > 0,
        otherwise="Accuracy with turned labels",
    )
    return fig


def reliability(table: pd.DataFrame) -> Figure:
    """Said probability against frequency."""
    fig, ax = figure(height=3.6)
    ax.plot(
        [0, 1],
        [0, 1],
        **{k: v for k, v in style("null").items() if k != "marker"},
        label="calibrated",
    )
    ax.plot(table["said"], table["happened"], "-o", color=BLUE, label="module")
    for _, row in table.iterrows():
        ax.annotate(
            f"{int(row['n'])}",
            (row["said"], row["happened"]),
            xytext=(5, -11),
            textcoords="offset points",
            fontsize=8,
            color="#555555",
        )
    ax.set(
        xlabel="probability that the module gives to label 1",
        ylabel="share with label 1",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    ax.legend(loc="upper left")
    sure = (2 * (table["said"] > 0.5) - 1) * (table["happened"] - table["said"])
    under = float((sure * table["n"]).sum() / table["n"].sum())
    finding_title(
        ax,
        f"The module is too modest by {100 * under:.0f} points on average",
        holds=under > 0.01,
        otherwise="What the module says and what happens",
    )
    return fig
