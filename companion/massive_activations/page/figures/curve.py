"""Figures of eq. 9: its anatomy, refits that agree and do not agree, the profile of K."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from companion.massive_activations.lab.identifiability import LAST_STEP, Profile, Refits
from companion.massive_activations.method.curve import (
    TURNS_INSIDE,
    CurveParams,
    damped_log,
    turning_kind,
    turning_point,
)
from companion.plotting import BLACK, BLUE, GREEN, GREY, VERMILION, figure, finding_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
