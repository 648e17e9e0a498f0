"""The sign bug: averaged products, averaged gradients, the authors' re-runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from companion.plotting import figure, finding_title
from companion.quartet.lab.products import Averages, fit_decay
from companion.quartet.lab.reruns import table
from companion.quartet.page.figures.style import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def answer(published: Mapping[str, object] | None) -> Figure:
    """The bug on a laptop and in the authors' re-runs, from the published record."""
    series = (published or {}).get("series", {})
    if "products" not in series:
        fig, ax = figure(height=2.4)
        ax.axis("off")
        ax.text(
            0.5,
            0.5,
            "No published record yet.\nThe experiment below draws this figure live.",
            ha="center",
            va="center",
            color="#555555",
        )
        return fig
    counts = np.array(series["products"]["counts"])
    errors = {arm: np.array(e) for arm, e in series["products"]["errors"].items()}
    fig, (left, right) = figure(1, 2, height=3.9)
    _averages(left, counts, errors)
    _gaps(right, table())
    left.set_title("Error of an averaged product", fontsize=10.5)
    right.set_title("The authors' re-runs, 30M model", fontsize=10.5)
    ratio = errors["RTN, signs before"].mean(0)[-1] / errors["RTN, signs before"].mean(0)[0]
    stuck = errors["RTN, signs after"].mean(0)
    finding_title(
        fig,
        "Signs on the wrong side of the rotation leave RTN stuck at the error of one draw",
        holds=bool(ratio < 0.06 and abs(stuck[-1] / stuck[0] - 1) < 1e-9),
        otherwise="RTN and SR with signs on either side of the rotation",
    )
    return fig


def averages(measured: Averages, what: str = "product") -> Figure:
    """Relative squared error of the mean of K draws, with the fit v / K + b^2."""
    fig, ax = figure(height=4.2)
    _averages(ax, measured.counts, measured.errors, thin=True)
    right = measured.errors.get("RTN, signs before")
    stuck = measured.errors.get("RTN, signs after")
    k = np.geomspace(measured.counts[0], measured.counts[-1], 80)
    fit = fit_decay(measured.counts, right)
    ax.plot(k, fit.v.estimate / k + fit.bias.estimate, color="#222222", linestyle=":", linewidth=1)
    ax.set_ylabel(f"relative squared error of the mean {what}")
    bent = right.mean(0)[-1] < 0.5 * right.mean(0)[0] > 5 * fit.bias.estimate
    finding_title(
        ax,
        f"Averaging does nothing to RTN with misplaced signs; a {what} with the right ones "
        "keeps only a small bias",
        holds=bool(abs(stuck.mean(0)[-1] / stuck.mean(0)[0] - 1) < 1e-9 and bent),
        otherwise=f"Error of the mean {what} by number of draws",
    )
    return fig


def control(measured: Averages) -> Figure:
    """Stochastic rounding with and without the factor 3/4."""
    fig, ax = figure(height=3.4)
    _averages(ax, measured.counts, measured.errors, thin=True)
    end = {arm: e[:, -1].mean() / e[:, 0].mean() for arm, e in measured.errors.items()}
    finding_title(
        ax,
        "Without the factor 3/4 stochastic rounding is biased, and averaging stops helping",
        holds=end["SR, OCP scale"] > 1.5 * end["SR, 3/4 of the input"],
        otherwise="Stochastic rounding with and without the factor 3/4",
    )
    return fig


def _averages(
    ax: Axes, counts: np.ndarray, errors: Mapping[str, np.ndarray], thin: bool = False
) -> None:
    for arm, values in errors.items():
        color, marker, dash = ARMS[arm]
        if thin:
            for row in values:
                ax.plot(counts, row, color=color, linewidth=0.6, alpha=0.4)
        ax.plot(counts, values.mean(0), color=color, marker=marker, linestyle=dash, label=arm)
    ax.set(xscale="log", yscale="log", xlabel="draws averaged, K", ylabel="relative squared error")
    ax.xaxis.set_major_locator(FixedLocator(counts[:: 1 if len(counts) < 8 else 2]))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.legend(loc="lower left")


def reruns(frame: pd.DataFrame) -> Figure:
    """Gap of the backward schemes against tokens per parameter, with lines of least squares."""
    fig, ax = figure(height=4.0)
    slopes = _gaps(ax, frame)
    finding_title(
        ax,
        "RTN's gap grows with the tokens only while the signs are on the wrong side",
        holds=slopes["RTN, signs after"] > 5 * abs(slopes["RTN, signs before"]),
        otherwise="Loss gap of four backward recipes",
    )
    return fig


def _gaps(ax: Axes, frame: pd.DataFrame) -> dict[str, float]:
    slopes = {}
    for arm, part in frame.groupby("arm", sort=False):
        color, marker, dash = ARMS[arm]
        slope, level = np.polyfit(part["doublings"], part["gap"], 1)
        ax.plot(part["ratio"], part["gap"], linestyle="", color=color, marker=marker)
        ax.plot(
            part["ratio"], level + slope * part["doublings"], color=color, linestyle=dash, label=arm
        )
        slopes[arm] = slope
    ax.set(
        xscale="log",
        xlabel="tokens per parameter",
        ylabel="loss above unquantized (nats)",
        ylim=(0, 0.025),
    )
    ax.xaxis.set_major_locator(FixedLocator([25, 50, 100, 200, 400, 800]))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
    ax.legend(loc="upper left", ncols=2, fontsize=8)
    return slopes
