"""The chapter's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from companion import plotting
from companion.gaussian_rbf.experiment import DRAWS
from companion.scale import generator

_STYLES = {"normal": "ours", "Cauchy": "control"}


def spread(sizes: Sequence[int], spreads: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Spread of the means against n, one thin line a seed, the mean over seeds on top."""
    figure, axes = plotting.figure()
    means = {kind: np.mean(rows, axis=0) for kind, rows in spreads.items()}
    for kind, rows in spreads.items():
        look = plotting.style(_STYLES[kind])
        for row in rows:
            axes.plot(sizes, row, color=look["color"], linewidth=0.6, alpha=0.4)
        axes.plot(sizes, means[kind], label=f"{kind} draws", **look)
    axes.set(xscale="log", yscale="log", xlabel="draws per mean, n", ylabel="spread of the means")
    axes.legend()
    falls = means["normal"][-1] < means["normal"][0] / 2 < means["Cauchy"][-1]
    plotting.finding_title(
        axes,
        "Averaging narrows normal draws, not Cauchy draws",
        holds=bool(falls),
        otherwise="Averaging does not separate the two kinds of draws here",
    )
    return figure


def answer(published: Mapping[str, object] | None) -> Figure:
    """The published result, or axes that say that there is none yet."""
    if published is not None:
        series = published["series"]
        return spread(series["sizes"], series["spread"])
    figure, axes = plotting.figure(height=2.0)
    axes.set_axis_off()
    axes.text(0.5, 0.5, "No result is published yet.", ha="center", transform=axes.transAxes)
    return figure


def histogram(n: int, seed: int = 0) -> Figure:
    """Distribution of the means of `n` draws, for both kinds."""
    figure, axes = plotting.figure()
    bins = np.linspace(-3, 3, 61)
    for kind, draw in DRAWS.items():
        means = draw(generator(seed, "histogram", kind, n), (2_000, n)).mean(axis=1)
        color = plotting.style(_STYLES[kind])["color"]
        axes.hist(means, bins, histtype="step", label=f"{kind} draws", color=color, linewidth=1.8)
    axes.set(xlabel="mean of n draws", ylabel="count of 2,000", title=f"n = {n}", ylim=(0, 1_000))
    axes.legend()
    return figure
