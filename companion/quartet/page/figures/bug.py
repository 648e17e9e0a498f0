"""The sign bug: averaged products, averaged gradients, the authors' re-runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.plotting import figure, finding_title, no_record, plain_ticks, thin_and_mean
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
        return no_record()
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
        look = ARMS[arm]._asdict() | {"label": arm}
        if thin:
            thin_and_mean(ax, counts, values, look)
        else:
            ax.plot(counts, values.mean(0), **look)
    ax.set(xscale="log", yscale="log", xlabel="draws averaged, K", ylabel="relative squared error")
    plain_ticks(ax.xaxis, counts[:: 1 if len(counts) < 8 else 2])
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
    plain_ticks(ax.xaxis, (25, 50, 100, 200, 400, 800))
    ax.legend(loc="upper left", ncols=2, fontsize=8)
    return slopes
