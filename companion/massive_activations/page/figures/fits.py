"""Figures of eq. 9, its refits and its plateau, and of the predictor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from companion.massive_activations.lab.identifiability import LAST_STEP, Profile, Refits
from companion.massive_activations.lab.predict import Leakage
from companion.massive_activations.method.curve import (
    TURNS_INSIDE,
    CurveParams,
    damped_log,
    turning_kind,
    turning_point,
)
from companion.plotting import BLACK, BLUE, GREEN, GREY, VERMILION, figure, finding_title, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# -------------------------------------------------------------------------------------------- curve
def curve_anatomy(
    params: CurveParams,
    *,
    last_step: float = LAST_STEP,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Eq. 9 with its start, turning point and plateau marked (a frame of the explorer).

    ylim : fixed limits, so that frames can be compared; default fits the curve
    """
    fig, ax = figure(height=3.9)
    t = np.linspace(0, last_step, 1200)
    y = damped_log(t, *params)
    low, high = ylim or _padded(np.append(y, np.clip(params.K, y.min() - np.ptp(y), y.max())))
    ax.plot(t / 1000, y, color=BLUE, linewidth=2.4)
    ax.set_ylim(low, high)
    ax.set_xlim(-0.02 * last_step / 1000, 1.02 * last_step / 1000)
    _plateau(ax, params.K, low, high)
    ax.plot(0, y[0], "o", color=BLUE, markersize=6, clip_on=False)
    peak, kind = turning_point(params), turning_kind(params, last_step)
    if kind == TURNS_INSIDE:
        top = float(damped_log(peak, *params))
        ax.plot([peak / 1000] * 2, [low, top], color=VERMILION, linestyle="--", linewidth=1.2)
        ax.plot(peak / 1000, top, "D", color=VERMILION, markersize=7)
        right = peak < 0.6 * last_step
        ax.annotate(
            f"$t_{{peak}}$ = {peak:,.0f}",
            (peak / 1000, min(top, high)),
            (9 if right else -9, 4),
            textcoords="offset points",
            color=VERMILION,
            ha="left" if right else "right",
            va="bottom",
            annotation_clip=False,
        )
    ax.set_title(_verdict(peak, kind), pad=24, color=GREEN if kind == TURNS_INSIDE else BLACK)
    ax.text(
        0,
        1.025,
        f"A = {_short(params.A)}    λ = {params.lam:.3g}    γ = {params.gamma:.3g} per step    "
        f"t0 = {params.t0:.3g}    K = {_short(params.K)}",
        transform=ax.transAxes,
        color="#333333",
    )
    ax.set_xlabel("training steps (thousands)")
    ax.set_ylabel("ratio f(t)")
    return fig


def _verdict(peak: float, kind: str) -> str:
    if kind == TURNS_INSIDE:
        return f"The curve turns inside training, at step {peak:,.0f}"
    if peak <= 0:
        return "No turn inside training: the curve only relaxes toward K"
    if not np.isfinite(peak):
        return "No turn at all: with λ = 0 the logarithm never stops"
    when = f"{peak:,.0f}" if peak < 1e7 else f"{peak:.1e}"
    return f"No turn inside training: it would come at step {when}"


def _plateau(ax: Axes, K: float, low: float, high: float) -> None:
    text, color = f"plateau K = {_short(K)}", "#555555"
    if low < K < high:
        ax.axhline(K, color=GREY, linestyle="--", linewidth=1.3)
        place, transform, align = (0.99, K), ax.get_yaxis_transform(), "top"
    else:
        text = f"{text} {'↑' if high <= K else '↓'}"
        place, transform, align = (0.99, 0.9 if high <= K else 0.05), ax.transAxes, "bottom"
    ax.annotate(
        text,
        place,
        (0, -4 if align == "top" else 0),
        xycoords=transform,
        textcoords="offset points",
        ha="right",
        va=align,
        color=color,
    )


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _padded(values: np.ndarray) -> tuple[float, float]:
    margin = 0.12 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


def refits_overlay(refits: Refits) -> Figure:
    """All refits of one true curve over the checkpoints (a frame of the explorer)."""
    fig, ax = figure(height=3.7)
    _draw_refits(ax, refits)
    ax.set_xlabel("training steps (thousands)")
    ax.set_ylabel("ratio")
    K = _finite(refits.values("K"))
    low, high = np.quantile(K, [0.1, 0.9])
    finding_title(
        ax,
        f"{len(refits.r2)} refits agree; 80 % of their K: {_end(low)} to {_end(high)}",
        holds=high - low > 0.2 * abs(refits.truth.K),
        otherwise=f"{len(refits.r2)} refits agree, also on the plateau, K = {_end(np.median(K))}",
    )
    return fig


def _draw_refits(ax: Axes, refits: Refits) -> None:
    t = np.linspace(0, refits.t[-1], 600)
    for row in refits.fitted:
        ax.plot(refits.t / 1000, row, color=BLUE, alpha=0.25, linewidth=1)
    ax.plot(t / 1000, damped_log(t, *refits.truth), color=BLACK, linewidth=1.5, zorder=1)
    ax.plot(refits.t / 1000, damped_log(refits.t, *refits.truth), "o", color=BLACK, markersize=3)


def identifiability_cloud(refits: Mapping[str, Refits]) -> Figure:
    """Left: refits over the true curve.  Right: the parameters behind them.  One row a regime.

    refits : ``"early peak"`` and ``"rising"`` to their refits
    """
    fig, axes = figure(2, 2, height=6.0, width_ratios=(1.15, 1))
    for (left, right), (name, draws) in zip(axes, refits.items(), strict=True):
        _draw_refits(left, draws)
        left.set_title(
            f"{name}: median R² = {np.median(draws.r2):.3f}", fontsize=10, weight="normal"
        )
        left.set_ylabel("ratio")
        right.set_title(f"their parameters, {len(draws.r2)} fits", fontsize=10, weight="normal")
        names = ("lam", "A") if name == "early peak" else ("beta", "K")
        _draw_cloud(right, draws, names)
    axes[1, 0].set_xlabel("training steps (thousands)")
    A, K = (_finite(r.values(p)) for r, p in zip(refits.values(), ("A", "K"), strict=True))
    loose = A.std() > 0.5 * abs(A.mean()) and np.ptp(np.quantile(K, [0.1, 0.9])) > 5 * abs(
        list(refits.values())[1].truth.K
    )
    finding_title(
        fig,
        "Fits that no eye can tell apart have very different parameters",
        holds=bool(loose),
        otherwise="Refits of two true curves and their parameters",
    )
    return fig


def _draw_cloud(ax: Axes, draws: Refits, names: tuple[str, str]) -> None:
    labels = {
        "lam": "λ (decay)",
        "A": "amplitude A",
        "beta": "β = λγ (1/step)",
        "K": "plateau K",
    }
    x, y = (_parameter(draws.params, name) for name in names)
    true_x, true_y = (_parameter(np.array([draws.truth]), name)[0] for name in names)
    done = draws.converged & np.isfinite(x) & np.isfinite(y) & (x > 0)
    open_ = ~draws.converged & np.isfinite(x) & np.isfinite(y) & (x > 0)
    ax.plot(x[done], y[done], "o", color=BLUE, alpha=0.6, markersize=5, label="converged")
    if open_.any():
        ax.plot(x[open_], y[open_], "x", color=VERMILION, markersize=5, label="not converged")
    ax.plot(true_x, true_y, "*", color=BLACK, markersize=13, mec="white", label="truth", zorder=5)
    ax.set_xscale("log")
    if names[1] == "K":
        ax.set_yscale("symlog", linthresh=1e3)
        ticks = [-1e6, -1e5, -1e4, -1e3, 0, 1e3]
        shown = [tick for tick in ticks if tick >= 10 * min(y.min(), -100)]
        ax.set_yticks(shown, [f"{tick:,.0f}" for tick in shown])
        ax.minorticks_off()
    else:
        ax.set_yscale("log")
    ax.set_xlabel(labels[names[0]])
    ax.set_ylabel(labels[names[1]])
    ax.legend(fontsize=8.5, handletextpad=0.3)


def _parameter(params: np.ndarray, name: str) -> np.ndarray:
    columns = CurveParams._fields
    if name == "beta":
        with np.errstate(all="ignore"):
            return params[:, columns.index("lam")] * params[:, columns.index("gamma")]
    return params[:, columns.index(name)]


def _finite(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def plateau_profiles(profiles: Mapping[str, tuple[Profile, float]]) -> Figure:
    """Profile likelihood of K, one panel a series; the shaded K are not excluded at 95 %.

    profiles : name of a series to its profile and its true K
    """
    fig, axes = figure(1, len(profiles), height=3.6, squeeze=False)
    ends = []
    for ax, (name, (profile, truth)) in zip(axes[0], profiles.items(), strict=True):
        rise = profile.rss / profile.best
        ax.plot(profile.K, rise, color=BLUE, marker="o", markersize=3)
        limit = profile.threshold / profile.best
        ax.axhline(limit, color=BLACK, linestyle=":", linewidth=1.2)
        ax.text(0.02, limit, "95 % limit", transform=ax.get_yaxis_transform(), va="bottom")
        low, high = profile.interval.low, profile.interval.high
        ax.axvspan(max(low, profile.K[0]), min(high, profile.K[-1]), color=BLUE, alpha=0.12, lw=0)
        ax.plot(truth, 1.0, "*", color=BLACK, markersize=13, mec="white", clip_on=False, zorder=5)
        ax.annotate(
            "true K", (truth, 1.0), (0, -9), textcoords="offset points", ha="center", va="top"
        )
        ax.set_ylim(1 - 0.6 * (limit - 1), 1 + 3 * (limit - 1))
        ax.set_xlim(profile.K[0], profile.K[-1])
        text = f"K in [{_end(low)}, {_end(high)}]"
        ax.set_title(f"{name}: {text}", fontsize=10, weight="normal")
        ax.set_xlabel("plateau K held at")
        ax.locator_params(axis="x", nbins=5)
        ends.append((low, high))
    axes[0, 0].set_ylabel("RSS / smallest RSS")
    finding_title(
        fig,
        "A decayed peak pins K; a rising layer excludes no low K",
        holds=bool(np.isfinite(ends[0]).all()) and ends[-1][0] == -np.inf,
        otherwise="Profile likelihood of the plateau K",
    )
    return fig


def _end(value: float) -> str:
    """A number for a title: two or three digits, a true minus sign, infinity as a symbol."""
    if np.isinf(value):
        text = "∞"
    else:
        digits = max(0, int(np.log10(max(abs(value), 1))) - (1 if abs(value) >= 1e4 else 2))
        text = (
            f"{round(abs(value), -digits):,.0f}"
            if digits or abs(value) >= 100
            else (f"{abs(value):.3g}")
        )
    return f"−{text}" if value < 0 else text


# ---------------------------------------------------------------------------------------- predictor
RANDOM, GROUPED = BLUE, VERMILION


def leakage_histogram(leakage: Leakage, *, paper_r2: float, split: str = "both") -> Figure:
    """Test R2 over simulated targets without any architecture effect.

    paper_r2 : what the paper reports for K, drawn as a line
    split : ``"random"``, ``"model left out"`` or ``"both"`` (the first two are explorer frames)
    """
    shown = {
        "random": (leakage.random, "random split", RANDOM, "", 0.78, "right"),
        "model left out": (
            leakage.grouped,
            "whole model left out",
            GROUPED,
            "///",
            -0.95,
            "center",
        ),
    }
    if split != "both" and split not in shown:
        raise ValueError(f"unknown split {split!r}; use 'both' or one of {', '.join(shown)}")
    fig, ax = figure(height=3.7)
    bins = np.linspace(_FLOOR - 0.1, 1, 32)
    top = max(np.histogram(values, bins)[0].max() for values, *_ in shown.values())
    for name, (values, text, color, hatch, x, align) in shown.items():
        if split not in (name, "both"):
            continue
        ax.hist(
            np.clip(values, _FLOOR - 0.05, 1),
            bins,
            color=color,
            alpha=0.8,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.5,
        )
        ax.text(
            x,
            1.1 * top,
            f"{text}\nmedian R² {_signed(np.median(values))}",
            color=color,
            ha=align,
            va="center",
            linespacing=1.35,
        )
    ax.axvline(paper_r2, color=style("paper")["color"], linestyle="--", linewidth=1.6)
    ax.text(
        paper_r2 + 0.02,
        1.1 * top,
        f"paper\n{paper_r2}",
        color="#555555",
        va="center",
        linespacing=1.35,
    )
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ax.text(-0.02, 0.82 * top, "no better than\nthe mean", ha="right", va="center", fontsize=9.5)
    ax.set_ylim(0, 1.25 * top)
    ax.set_xlim(_FLOOR - 0.12, 1.18)
    ticks = np.arange(_FLOOR, 1.1, 0.5)
    ax.set_xticks(ticks, [f"≤ {_signed(_FLOOR, 1)}", *(_signed(tick, 1) for tick in ticks[1:])])
    ax.set_xlabel("test R² on targets that no architecture feature causes")
    ax.set_ylabel(f"simulated data sets (of {len(leakage.random)})")
    random, grouped = np.median(leakage.random), np.median(leakage.grouped)
    finding_title(
        ax,
        f"Nothing to find, yet a random split reports R² = {random:.2f}",
        holds=bool(random > 0.6 and grouped < 0.2),
        otherwise="Test R² of two protocols where nothing is to be found",
    )
    return fig


_FLOOR = -2.0


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def null_table(draws: Mapping[str, Leakage], paper: Mapping[str, float]) -> Figure:
    """Median test R2 per regressor on null targets, beside the paper's row for K (Table 3).

    draws : regressor to its simulated scores
    paper : regressor to the paper's test R2; regressors without one are drawn without it
    """
    fig, ax = figure(height=0.62 * len(draws) + 1.6)
    names = list(draws)
    floor = -1.5
    for row, name in enumerate(names):
        for values, color, marker, dy in (
            (draws[name].random, RANDOM, "o", 0.13),
            (draws[name].grouped, GROUPED, "X", -0.13),
        ):
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            ax.plot(
                np.clip([low, high], floor, 1),
                [row + dy] * 2,
                color=color,
                linewidth=2,
                alpha=0.5,
                solid_capstyle="round",
            )
            if middle >= floor:
                ax.plot(middle, row + dy, marker, color=color, markersize=8, mec="white")
            else:
                ax.plot(floor, row + dy, "<", color=color, markersize=8, clip_on=False)
                ax.annotate(
                    _signed(middle, 1),
                    (floor, row + dy),
                    (8, 0),
                    va="center",
                    textcoords="offset points",
                    color=color,
                    fontsize=9.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )
        if name in paper:
            ax.plot(
                paper[name],
                row,
                "s",
                color=style("paper")["color"],
                markersize=8,
                mec="white",
                zorder=4,
            )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(floor - 0.03, 1.02)
    ax.axvline(0, color=BLACK, linewidth=0.9)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("test R² (dot: median over simulated data sets, line: 10 to 90 %)")
    handles = [
        ax.plot([], [], "s", color=style("paper")["color"], markersize=8)[0],
        ax.plot([], [], "o", color=RANDOM, markersize=8)[0],
        ax.plot([], [], "X", color=GROUPED, markersize=8)[0],
    ]
    fig.legend(
        handles,
        ["paper, for K", "null, random split", "null, model left out"],
        loc="outside lower center",
        ncols=3,
        handletextpad=0.2,
    )
    shared = [name for name in names if name in paper]
    gap = max((abs(np.median(draws[n].random) - paper[n]) for n in shared), default=np.inf)
    finding_title(
        fig,
        "No architecture effect, yet the paper's scores appear",
        holds=bool(gap < 0.15),
        otherwise="Scores on data without an architecture effect, beside the paper's",
    )
    return fig
