"""Figures of the rotated ridge, and of the start: what wakes a dead network up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd

from companion.claims import HOLDS
from companion.data import Missing
from companion.gaussian_rbf.lab.digits import DeadStart, LogResult
from companion.gaussian_rbf.lab.synthetic import main_rows
from companion.gaussian_rbf.method.model import DIAGONAL, FULL, ISOTROPIC
from companion.plotting import (
    BLACK,
    BLUE,
    DIVERGING,
    GREY,
    ORANGE,
    SEQUENTIAL,
    figure,
    finding_title,
    headline,
    methods,
    reference_line,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# ----------------------------------------------------------------------------------------- rotation
LOOKS = methods(FULL, DIAGONAL, ISOTROPIC)


def _r2_panel(ax: Axes, rows: pd.DataFrame) -> dict[tuple[bool, str], float]:
    medians = {}
    for place, rotated in enumerate((True, False)):
        for shift, (structure, (color, marker, _)) in zip(
            (-0.25, 0, 0.25), LOOKS.items(), strict=True
        ):
            values = rows.loc[
                (rows["rotated"] == rotated) & (rows["structure"] == structure), "r2"
            ].to_numpy()
            spread = np.linspace(-0.06, 0.06, len(values)) if len(values) > 1 else [0]
            x = place + shift + np.asarray(spread)
            ax.plot(
                x,
                values,
                marker,
                color=color,
                alpha=0.65,
                markersize=5,
                label=structure if place == 0 else None,
            )
            medians[rotated, structure] = float(np.median(values))
            ax.hlines(
                medians[rotated, structure],
                place + shift - 0.1,
                place + shift + 0.1,
                color=color,
                linewidth=2.5,
            )
    ax.set_xticks([0, 1], ["rotated plane", "first two axes"])
    ax.set(ylabel="test R²", ylim=(min(0.0, rows["r2"].min() - 0.05), 1.02), xlim=(-0.5, 1.5))
    ax.legend(title="precision", loc="lower left", title_fontsize=9)
    return medians


def structures(ridges: pd.DataFrame) -> Figure:
    """Test R2 of the three structures, on rotated and on aligned data, one mark per seed."""
    fig, ax = figure(height=3.7)
    medians = _r2_panel(ax, main_rows(ridges))
    gap = medians[True, FULL] - medians[True, DIAGONAL]
    aligned = abs(medians[False, FULL] - medians[False, DIAGONAL])
    finding_title(
        ax,
        f"A full precision gains {gap:.2f} of R² on rotated data and nothing on aligned data",
        holds=gap > 0.1 and aligned < 0.05,
        otherwise="Full, diagonal, and isotropic precision on the ridge",
    )
    return fig


def sweep(ridges: pd.DataFrame) -> Figure:
    """Principal angle against lambda_u, of P and of AGOP; one mark per seed."""
    first = main_rows(ridges).iloc[0]
    rows = ridges[
        (ridges["features"] == first["features"])
        & (ridges["rows"] == first["rows"])
        & (ridges["scale"] == first["scale"])
        & ridges["rotated"]
        & (ridges["structure"] == FULL)
    ]
    lams = sorted(rows["lam"].unique())
    fig, ax = figure(height=3.5)
    for shift, column, name, color, marker in (
        (-0.08, "angle_p", "eigenvectors of P", BLUE, "o"),
        (0.08, "angle_agop", "eigenvectors of the AGOP", ORANGE, "^"),
    ):
        values = [rows.loc[rows["lam"] == lam, column].to_numpy() for lam in lams]
        for place, one in enumerate(values):
            ax.plot(
                np.full(len(one), place + shift), one, marker, color=color, alpha=0.45, markersize=5
            )
        medians = [np.median(one) for one in values]
        ax.plot(np.arange(len(lams)) + shift, medians, color=color, marker=marker, label=name)
    reference_line(ax, 10, "10°")
    ax.set_xticks(range(len(lams)), [f"{lam:g}" for lam in lams])
    ax.set(
        xlabel="λ_u",
        ylabel="largest principal angle (degrees)",
        ylim=(0, 93),
        xlim=(-0.5, len(lams) - 0.5),
    )
    ax.legend(loc="upper right")
    at = rows.loc[rows["lam"] == first["lam"], "angle_p"]
    finding_title(
        ax,
        f"At λ_u = {first['lam']:g} P finds the plane to {at.median():.1f}°",
        holds=bool((at < 10).mean() >= 0.9),
        otherwise="Angle between the found and the true plane",
    )
    return fig


def answer(published: Mapping[str, object] | None) -> Figure:
    """The published result: structures on the ridge, and scores beside the best rival."""
    if published is None or "ridges" not in published["series"]:
        fig, ax = figure(height=2.0)
        ax.set_axis_off()
        ax.text(0.5, 0.5, "No result is published yet.", ha="center", transform=ax.transAxes)
        return fig
    series = published["series"]
    fig, (left, right) = figure(1, 2, height=4.0, width_ratios=(1.1, 1))
    ridges = pd.DataFrame(series["ridges"])
    medians = _r2_panel(left, main_rows(ridges))
    _scores(right, series.get("scores"))
    competitive = any(
        f["claim"] == "C1" and f["verdict"] == HOLDS for f in published.get("findings", [])
    )
    finding_title(
        fig,
        "Free directions pay where the data are rotated; on real tables the network keeps up",
        holds=medians[True, FULL] - medians[True, DIAGONAL] > 0.1 and competitive,
        otherwise="Rotated data, and real tables beside the best rival",
    )
    return fig


def _scores(ax: Axes, scores: Mapping[str, list] | None) -> None:
    """Score less the best of the four standard rivals per table."""
    if scores is None:
        ax.set_axis_off()
        return
    rivals = [
        name for name in ("SVM", "MLP", "random forest", "gradient boosting") if name in scores
    ]
    best = np.max([scores[name] for name in rivals], axis=0)
    gain = np.array(scores["GRBFNN"], float) - best
    places = np.arange(len(gain))
    ax.hlines(places, 0, gain, color=GREY, linewidth=1.2)
    ax.plot(gain, places, "o", color=BLUE)
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    ax.set_yticks(places, scores["table"], fontsize=9)
    reach = max(0.06, float(np.abs(gain).max()) * 1.2)
    ax.set(xlabel="score less the best of four rivals", xlim=(-reach, reach))
    ax.invert_yaxis()


def rotated_frame(
    X: np.ndarray,
    y: np.ndarray,
    grid: np.ndarray,
    surfaces: dict,
    ellipses: dict,
    r2: dict,
    angle: float,
) -> Figure:
    """Diagonal and full precision on one 2-D problem, with the unit ellipse of each precision.

    grid : (g,) coordinates of both axes; surfaces, ellipses : structure to (g, g) and (2, n)
    """
    fig, axes = figure(1, 2, height=3.7, sharey=True)
    levels = np.linspace(-2, 2, 17)
    for ax, structure in zip(axes, (DIAGONAL, FULL), strict=True):
        ax.contourf(
            grid,
            grid,
            np.clip(surfaces[structure], -1.99, 1.99),
            levels=levels,
            cmap=DIVERGING,
            alpha=0.8,
        )
        ax.scatter(*X.T, c=y, cmap=DIVERGING, vmin=-2, vmax=2, s=9, edgecolor=BLACK, linewidth=0.3)
        ax.plot(*ellipses[structure], color=BLACK, linewidth=2)
        ax.set(xlabel="feature 1", xlim=(grid[0], grid[-1]), ylim=(grid[0], grid[-1]))
        ax.set_title(f"{structure}: test R² {r2[structure]:.2f}", fontsize=11)
        ax.set_aspect("equal")
        ax.grid(False)
    axes[0].set_ylabel("feature 2")
    headline(fig, f"Ridge turned by {angle:g}°")
    return fig


def shade(i: int, n: int) -> tuple:
    """Color `i` of `n` along the sequential map."""
    return mpl.colormaps[SEQUENTIAL](0.1 + 0.75 * i / max(1, n - 1))


# -------------------------------------------------------------------------------------------- start
LN2 = float(np.log(2))


def authors_log(log: LogResult, printed: tuple[np.ndarray, np.ndarray] | Missing) -> Figure:
    """Training objective of our runs over the authors' printed log.

    printed : (epochs, losses), or a ``Missing`` where the file is not here
    """
    fig, ax = figure()
    for row in log.objective:
        ax.plot(log.epochs, row, color=BLUE, linewidth=0.8, alpha=0.5)
    mean = log.objective.mean(axis=0)
    ax.plot(log.epochs, mean, color=BLUE, linewidth=2.2, label=f"ours, {len(log.objective)} runs")
    close = False
    if not isinstance(printed, Missing):
        look = style("paper") | {"linestyle": "", "markersize": 3.5}
        ax.plot(*printed, label="authors' log", **look)
        shared = np.isin(log.epochs, [0, 50, 100, 150, 500, 1000, 2000])
        theirs = np.interp(log.epochs[shared], *printed)
        close = bool(np.all(np.abs(mean[shared] / theirs - 1) < 0.25))
    ax.set(yscale="log", xlabel="epoch", ylabel="training objective (nats)", ylim=(3e-3, 2))
    ax.legend()
    finding_title(
        ax,
        "Our loss follows the authors' printed log, plateau included",
        holds=close,
        otherwise="Training objective on digits, 3 against 8",
    )
    return fig


def dead_start(dead: DeadStart) -> Figure:
    """Data term by weight of the penalty, from the authors' start and from a smaller one."""
    fig, axes = figure(1, 2, height=3.6, sharey=True)
    colors = mpl.colormaps[SEQUENTIAL](np.linspace(0, 0.85, len(dead.lams)))
    for ax, curves, title in (
        (axes[0], dead.loss, "start with spread 1"),
        (axes[1], dead.from_small, "start with spread 1/√D"),
    ):
        for color, lam, row in zip(colors, dead.lams, curves, strict=True):
            dash = "-" if lam else "--"
            ax.plot(
                np.maximum(row, 1e-3),
                dash,
                color=color if lam else "#D55E00",
                linewidth=1.6,
                label=f"{lam:g}",
            )
        reference_line(ax, LN2, "ln 2")
        ax.set(yscale="log", xlabel="Adam step", ylim=(2e-3, 1.5))
        ax.set_title(title, fontsize=10.5, fontweight="normal")
    axes[0].set_ylabel("data term (nats)")
    axes[1].legend(title="λ_u", fontsize=8, ncols=2, loc="lower left", title_fontsize=9)
    sleeps = abs(dead.loss[list(dead.lams).index(0.0), -1] - LN2) < 1e-3
    finding_title(
        fig,
        "From the authors' start only the penalty wakes the network up",
        holds=bool(sleeps and dead.accuracy_small > 0.9),
        otherwise="Training from two starts, by weight of the penalty",
    )
    return fig


def start_frame(curve: np.ndarray, lam: float, scale: float, peak: float) -> Figure:
    """One training curve of the explorer, with the largest Gaussian at its start."""
    fig, ax = figure(height=3.4)
    ax.plot(np.maximum(curve, 1e-3), color=BLUE, linewidth=2)
    reference_line(ax, LN2, "ln 2: nothing learned")
    ax.set(yscale="log", xlabel="Adam step", ylabel="data term (nats)", ylim=(2e-3, 3))
    ax.set_title(f"λ_u = {lam:g}, start {scale:g}: {_peak(peak)}")
    return fig


def _peak(peak: float) -> str:
    return f"largest Gaussian at the start {peak:.0e}" if peak > 0 else "all Gaussians start at 0"


def unlabeled(ax: Axes) -> None:
    """No ticks: the axes of an image."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
