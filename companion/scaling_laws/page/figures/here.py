"""Figures of what the notebook makes itself: schedules, the laboratory, the live family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd

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
    reference_line,
)
from companion.scaling_laws.lab.live import LiveResults, one_pick
from companion.scaling_laws.lab.schedules import Extrapolation, Gap
from companion.scaling_laws.lab.worlds import by_world
from companion.scaling_laws.lab.zipf import World
from companion.scaling_laws.method.law import ScalingLaw
from companion.scaling_laws.method.protocol import Family, are, target_points
from companion.scaling_laws.page.figures.law import _shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        0.06,
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
        f"A law of unfinished curves ends {decayed.end_error:.1f} % too high",
        holds=decayed.end_error > 1 and every.mean() > 1,
        otherwise="What the schedule does to the curve",
    )
    return fig


def lab(table: pd.DataFrame) -> Figure:
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
    falls = bool(((errors[0.0] > errors[0.01]) & (errors[0.01] > errors[0.1])).all())
    factor = errors[0.0].mean() / errors[0.1].mean()
    finding_title(
        fig,
        f"With a known truth, cutting a tenth divides the error by {factor:.0f}",
        holds=falls,
        otherwise="Errors in worlds with a known truth",
    )
    return fig


def lab_frame(family: Family, world: World, law: ScalingLaw, cut: float) -> Figure:
    """One family of table learners, its law, and the two floors (a frame of the explorer)."""
    fig, ax = figure(height=4.1)
    n = len(family.runs) - 1
    end = family.target.D[-1]
    for i, run in enumerate(family.runs[:-1]):
        used = cut * end < run.D
        ax.plot(run.D[used], run.loss[used], ".", color=_shade(i, n), markersize=5)
        ax.plot(run.D[~used], run.loss[~used], ".", color=_shade(i, n), markersize=5, alpha=0.2)
        ax.plot(run.D, law.predict(run.N, run.D), color=_shade(i, n), linewidth=1)
    target = family.target
    ax.plot(target.D, target.loss, ".", color=GREY, markersize=6)
    ax.plot(target.D, law.predict(target.N, target.D), color=VERMILION, linewidth=2.2)
    ax.axhline(world.irreducible, color=GREEN, linewidth=2, label=f"true E {world.irreducible:.2f}")
    ax.axhline(law.E, color=VERMILION, linestyle="--", linewidth=1.6, label=f"fitted E {law.E:.2f}")
    top = max(run.loss.max() for run in family.runs)
    ax.set(
        xscale="log",
        xlabel="training tokens",
        ylabel="loss (nats per token)",
        ylim=(0.75 * world.irreducible, 1.05 * top),
    )
    ax.legend(loc="upper right")
    error = are(law, target_points(target))
    ax.set_title(f"Error {error:.2f} %, E off by {100 * (law.E / world.irreducible - 1):+.0f} %")
    return fig


def live(result: LiveResults, law: ScalingLaw) -> Figure:
    """The family trained here, one seed per size, and the law's prediction of its largest."""
    family = one_pick(result.runs)
    fig, (left, right) = figure(1, 2, height=3.8, width_ratios=(1.5, 1))
    n = len(family.runs) - 1
    for i, run in enumerate(family.runs[:-1]):
        left.plot(run.D / 1e3, run.loss, ".-", color=_shade(i, n), markersize=3, linewidth=1)
    target = family.target
    left.plot(
        target.D / 1e3, target.loss, ".", color=GREY, markersize=6, label=f"target, {target.model}"
    )
    left.plot(
        target.D / 1e3,
        law.predict(target.N, target.D),
        color=VERMILION,
        linewidth=2.2,
        label="its prediction",
    )
    left.set(
        xscale="log",
        xlabel="training bytes (thousands)",
        ylabel="loss on held-out files\n(nats per byte)",
    )
    left.legend(loc="lower left")
    _live_errors(right, result.errors)
    error = are(law, target_points(target))
    finding_title(
        fig,
        f"Small runs predict the largest of the family to {error:.1f} %",
        holds=error < 10,
        otherwise=f"The family trained here: error {error:.0f} %",
    )
    return fig


def _live_errors(ax: Axes, errors: pd.DataFrame) -> None:
    rows = errors[errors["k"] == errors["k"].max()]
    groups = rows.groupby("cut")["are"]
    cuts = [100 * cut for cut in groups.mean().index]
    ax.vlines(range(len(cuts)), groups.min(), groups.max(), color=BLUE, linewidth=5, alpha=0.25)
    ax.plot(range(len(cuts)), groups.mean(), "o", color=BLUE, markersize=7)
    ax.set_xticks(range(len(cuts)), [f"{cut:g}" for cut in cuts])
    ax.set(xlabel="start thrown away (%)", ylabel="error on the target (%)", ylim=(0, None))
    reference_line(ax, 4, "4 %")


def control(ratios: pd.DataFrame, real: float | None = None) -> Figure:
    """Ratio of errors without and with the cut where the law is true from the start.

    real : the same ratio on Gemstones, drawn for comparison
    """
    fig, ax = figure(height=3.0)
    bins = np.geomspace(0.4, 3, 25)
    ax.hist(ratios["ratio"], bins=bins, color=ORANGE, alpha=0.85)
    ax.axvline(1, color=BLACK, linestyle=":", linewidth=1.3)
    mean = float(np.exp(np.log(ratios["ratio"]).mean()))
    if real is not None:
        ax.axvline(real, color=BLUE, linewidth=2)
        ax.text(real * 1.02, ax.get_ylim()[1] * 0.9, "Gemstones", color=BLUE)
    ax.set(xscale="log", xlabel="error without the cut / error with it", ylabel="lawful families")
    plain_ticks(ax.xaxis, (0.5, 1, 2, 3), small=True, widen=True)
    finding_title(
        ax,
        f"Where the law is true, the cut gains nothing (ratio {mean:.2f})",
        holds=mean < 1.2,
        otherwise=f"Ratio in lawful families {mean:.2f}",
    )
    return fig
