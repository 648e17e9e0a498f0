"""Laboratory B: curves over mixing ratios, generations, hops and sizes; knots fitted to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t

from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    METHODS,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    methods,
    no_record,
    style,
    thin_and_mean,
)
from companion.stats import Interval
from companion.synthetic_data.lab.bilinear import HOPS
from companion.synthetic_data.lab.loop import Runs
from companion.synthetic_data.lab.run import AllRuns
from companion.synthetic_data.lab.threshold import Artifact, one_knot
from companion.synthetic_data.method.mixing import mixing_law
from companion.synthetic_data.verdict.paper import repaired, rise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# -------------------------------------------------------------------------------------------- style
ARM_STYLE = {
    name: look._asdict()
    for name, look in (
        methods(
            "fixed, T=1",
            "fixed, T=0.7",
            "fresh, T=1",
            "fresh, T=0.7",
            "compute matched",
            "real only",
        )
        | {"truth": METHODS["written by the truth"]}
    ).items()
}
"""Controls of real data alone are green and purple, the negative control is black."""

ARM_NAME = {
    "fixed, T=1": "fixed real data, T = 1",
    "fixed, T=0.7": "fixed real data, T = 0.7",
    "fresh, T=1": "fresh real data, T = 1",
    "fresh, T=0.7": "fresh real data, T = 0.7",
    "compute matched": "real part alone, same updates",
    "real only": "real part alone, fewer updates",
    "truth": "written by the truth",
}

PROTOCOL_STYLE = {
    name: look._asdict() for name, look in methods("fresh", "fixed", "real only").items()
}


SHARE = "share of synthetic data s"


# -------------------------------------------------------------------------------------------- loops
SIZE_COLOR = (ORANGE, BLUE, GREEN)


def answer(published: Mapping[str, object] | None) -> Figure:
    """Loss of accuracy and rise of the calibration error against s, from the record."""
    found = (published or {}).get("series", {})
    if "loops" not in found:
        return no_record()
    fig, axes = figure(ncols=2, height=3.9)
    curves = {
        name: {k: np.asarray(v) for k, v in found["loops"][name].items()}
        for name in ("fresh, T=0.7", "fixed, T=1", "compute matched")
    }
    cold = curves["fresh, T=0.7"]
    axes[0].plot(
        cold["s"],
        100 * (cold["ece"] - cold["ece"][0]),
        color=VERMILION,
        marker="s",
        label="calibration error, rise",
    )
    axes[0].plot(
        cold["s"],
        100 * (cold["accuracy"][0] - cold["accuracy"]),
        color=BLUE,
        marker="o",
        label="accuracy, fall",
    )
    axes[0].set(xlabel=SHARE, ylabel="percentage points", title="Sharpened text, fresh real data")
    for name in ("fixed, T=1", "compute matched"):
        inside = curves[name]["s"] <= 0.9 + 1e-9
        axes[1].plot(
            curves[name]["s"][inside],
            curves[name]["kl"][inside],
            **ARM_STYLE[name],
            label=ARM_NAME[name],
        )
    axes[1].set(xlabel=SHARE, ylabel="divergence (nats)", title="Who does the damage?")
    for ax in axes:
        ax.legend(loc="upper left", fontsize=8.5)
        ax.title.set_fontsize(10.5)
        ax._left_title.set_fontsize(10.5)
    half = int(np.argmin(np.abs(cold["s"] - 0.5)))
    up = 100 * (cold["ece"][half] - cold["ece"][0])
    down = round(100 * (cold["accuracy"][0] - cold["accuracy"][half]), 1) + 0.0  # no "-0.0"
    finding_title(
        fig,
        f"At s = 0.5 calibration is off by {up:.1f} points more, accuracy by {down:.1f}",
        holds=bool(up > down),
        otherwise=f"At s = 0.5 accuracy falls by {down:.1f} points, calibration by {up:.1f}",
    )
    return fig


def curves(runs: AllRuns, rank: int, metric: str = "kl") -> Figure:
    """Divergence against s: every arm that ran in full, with its two controls."""
    fig, ax = figure(height=4.2)
    for name in ARM_STYLE:
        if (name, rank) not in runs:
            continue
        one = runs[name, rank]
        inside = one.shares <= 0.9 + 1e-9
        values = one.metrics[metric][-1, inside]
        n = values.shape[1]  # few seeds: Student's t, and not 1.96
        half = t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
        s, mean = one.shares[inside], values.mean(axis=1)
        ax.plot(s, mean, **ARM_STYLE[name], label=ARM_NAME[name])
        ax.fill_between(s, mean - half, mean + half, color=ARM_STYLE[name]["color"], alpha=0.15)
    ax.set(xlabel=SHARE, ylabel="divergence from the truth (nats)")
    ax.legend(loc="upper left", fontsize=8.5)
    mixed = runs["fixed, T=1", rank].at("kl", 0.5).mean()
    alone = runs["compute matched", rank].at("kl", 0.5).mean()
    finding_title(
        ax,
        f"Half synthetic, T = 1: {mixed:.2f} nats; its real half alone: {alone:.2f}. The missing "
        "real data do the damage",
        holds=bool(mixed <= alone),
        otherwise=f"Half synthetic, T = 1: {mixed:.2f} nats; its real half alone: {alone:.2f}",
    )
    return fig


def generations(runs: AllRuns, rank: int, share: float = 0.5) -> Figure:
    """Rise of calibration error and fall of accuracy over generations, a panel per temperature."""
    arms = [name for name in ("fixed, T=1", "fixed, T=0.7", "fresh, T=0.7") if (name, rank) in runs]
    fig, axes = figure(ncols=len(arms), height=3.6, sharey=True)
    leads = {}
    for ax, name in zip(axes, arms, strict=True):
        one = runs[name, rank]
        k = np.arange(len(one.metrics["ece"]))
        for metric, sign, color, words, marker in (
            ("ece", 1, VERMILION, "calibration error, rise", "s"),
            ("accuracy", -1, BLUE, "accuracy, fall", "o"),
        ):
            change = 100 * sign * np.array([rise(one, metric, share, g) for g in k])
            shown = {"color": color, "marker": marker, "label": words}
            thin_and_mean(ax, k, change.T, shown, width=0.5, alpha=0.35)
            leads[name, metric] = round(change.mean(axis=1)[-1], 1) + 0.0  # no "-0.0"
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set(xlabel="generation k", title=name, xticks=k)
        ax._left_title.set_fontsize(10.5)
    axes[0].set_ylabel("change against s = 0 (points)")
    axes[0].legend(loc="upper left", fontsize=8.5)
    last = arms[-1]
    finding_title(
        fig,
        f"At s = {share:g} and T = 0.7 calibration leads: {leads[last, 'ece']:.1f} points against "
        f"{leads[last, 'accuracy']:.1f}",
        holds=bool(leads[last, "ece"] > leads[last, "accuracy"]),
        otherwise=f"At s = {share:g} calibration does not lead at T = 0.7",
    )
    return fig


def reliability(runs: Runs, share: float = 0.5) -> Figure:
    """Reliability diagrams of the last generation at s = 0 and at `share`."""
    fig, ax = figure(height=4.2, width=5.4)
    ax.plot([0, 1], [0, 1], **style("null"), label="calibrated")
    for s, color, marker in ((0.0, BLUE, "o"), (share, VERMILION, "s")):
        mass, said, true = runs.reliability[runs.place(s)]
        ax.plot(said, true, color=color, linewidth=1)
        ax.scatter(
            said,
            true,
            s=20 + 700 * np.nan_to_num(mass),
            color=color,
            marker=marker,
            alpha=0.7,
            label=f"s = {s:g}",
        )
    ax.set(
        xlabel="stated confidence",
        ylabel="true probability of being right",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
    )
    ax.legend(loc="upper left")
    over = [runs.at("over", s).mean() for s in (0.0, share)]
    finding_title(
        ax,
        f"Over-confidence {100 * over[0]:+.1f} points at s = 0, {100 * over[1]:+.1f} at {share:g}",
        holds=True,
        otherwise="Reliability",
    )
    return fig


def chains(runs: Runs, share: float = 0.5) -> Figure:
    """Wrong chains by number of hops, with what independent hops would give."""
    fig, ax = figure(height=3.6)
    for s, color, marker in ((0.0, GREY, "o"), (share, BLUE, "s")):
        wrong = 1 - np.array([runs.at(f"hops_{m}", s).mean() for m in HOPS])
        ax.plot(HOPS, 100 * wrong, color=color, marker=marker, label=f"measured, s = {s:g}")
        one = runs.at("hop_loss", s).mean()
        ax.plot(
            HOPS,
            100 * (1 - (1 - one) ** np.array(HOPS)),
            color=color,
            linestyle=":",
            label="independent hops",
        )
    fact = 100 * (1 - runs.at("em", share).mean())
    ax.plot(1, fact, "*", color=VERMILION, markersize=12, label="single facts, by popularity")
    ax.set(xlabel="hops", ylabel="wrong chains (%)", xticks=HOPS)
    ax.legend(loc="upper left", fontsize=8.5)
    four = 100 * (1 - runs.at("hops_4", share).mean())
    finding_title(
        ax,
        f"At s = {share:g} {fact:.1f} % of the facts asked for are wrong, and {four:.0f} % of the "
        "4-hop chains",
        holds=bool(four > fact),
        otherwise=f"At s = {share:g} chains are not worse than facts",
    )
    return fig


def sizes(runs: AllRuns, arm: str = "fixed, T=1") -> Figure:
    """Relative loss of accuracy and of divergence by size."""
    fig, axes = figure(ncols=2, height=3.6)
    ends = {}
    found = {rank: one for (name, rank), one in runs.items() if name == arm}
    for (rank, one), color, marker in zip(found.items(), SIZE_COLOR, "o^s", strict=False):
        inside = one.shares <= 0.5 + 1e-9
        for ax, metric, sign in zip(axes, ("accuracy", "kl"), (-1, 1), strict=True):
            values = one.metrics[metric][-1]
            lost = 100 * sign * (values / values[one.place(0.0)] - 1)[inside]
            ax.plot(
                one.shares[inside],
                lost.mean(axis=1),
                color=color,
                marker=marker,
                label=f"rank {rank}",
            )
            ends[metric, rank] = lost.mean(axis=1)[-1]
    axes[0].set(xlabel=SHARE, ylabel="accuracy lost (%)", title="Accuracy")
    axes[1].set(xlabel=SHARE, ylabel="divergence added (%)", title="Divergence")
    axes[0].legend(loc="upper left")
    small, large = min(found), max(found)
    finding_title(
        fig,
        f"At s = 0.5 the larger model loses less accuracy ({ends['accuracy', large]:.1f} against "
        f"{ends['accuracy', small]:.1f} %) and adds more divergence ({ends['kl', large]:.0f} "
        f"against {ends['kl', small]:.0f} %)",
        holds=bool(
            ends["accuracy", large] < ends["accuracy", small]
            and ends["kl", large] > ends["kl", small]
        ),
        otherwise=f"At s = 0.5, rank {large} against rank {small}: accuracy lost "
        f"{ends['accuracy', large]:.1f} against {ends['accuracy', small]:.1f} %, divergence added "
        f"{ends['kl', large]:.0f} against {ends['kl', small]:.0f} %",
    )
    return fig


REPAIRS = (
    ("calibration\nerror", "fresh, T=0.7", "ece", "confidence", False),
    ("calibration\nerror,\nlog-loss scalar", "fresh, T=0.7", "ece", "loss", False),
    ("divergence", "fresh, T=0.7", "kl", "loss", True),
    ("rare facts", "fixed, T=1", "tail", "loss", False),
    ("divergence on\nrare contexts", "fixed, T=1", "tail_kl", "loss", True),
)
"""Bar, arm, metric, rule of the scalar, whether the model without synthetic data is scaled too."""


def repair(runs: AllRuns, rank: int, share: float = 0.5) -> Figure:
    """What is left of each damage after temperature scaling, in percent of the damage."""
    fig, ax = figure(height=4.0)
    left = []
    for i, (_, arm, metric, rule, alike) in enumerate(REPAIRS):
        gone, was = repaired(runs[arm, rank], share, rule, metric, alike=alike)
        left.append(100 * (1 - gone.mean() / was.mean()) if was.mean() else 100.0)
        ax.bar(i, left[-1], color=VERMILION if left[-1] > 50 else BLUE, width=0.6)
        ax.text(i, max(left[-1], 0) + 3, f"{round(left[-1]) + 0:d}", ha="center", va="bottom")
    ax.axhline(100, **{k: v for k, v in style("null").items() if k != "marker"})
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.set_xticks(range(len(REPAIRS)), [row[0] for row in REPAIRS], fontsize=8.5)
    ax.set_ylabel("left of the damage (%)")
    ax.set_ylim(min(-15, min(left) - 15), max(120, max(left) * 1.12))
    finding_title(
        ax,
        f"One scalar leaves {left[0]:.0f} % of the calibration damage and {left[3]:.0f} % of the "
        "lost rare facts",
        holds=bool(left[0] < left[3]),
        otherwise="What one temperature scalar leaves of each damage",
    )
    return fig


# --------------------------------------------------------------------------------------- thresholds
RANGE_COLOR = {0.5: VERMILION, 0.9: GREEN}


def _fits(ax, s: np.ndarray, y: np.ndarray) -> list[float]:
    knots = []
    for end, color in RANGE_COLOR.items():
        inside = s <= end + 1e-9
        fitted = one_knot(s[inside], y[inside])
        x = np.array([0, fitted.knot, end])
        ax.plot(x, fitted(x), color=color, label=f"grid to {end:g}: knot at {fitted.knot:.2f}")
        ax.plot(fitted.knot, fitted(np.array(fitted.knot)), "D", color=color, markersize=8)
        knots.append(fitted.knot)
    return knots


def artifact(found: Artifact) -> Figure:
    """The exact law with two fitted knots."""
    fig, ax = figure(height=3.7)
    s = np.round(np.arange(0, 0.91, 0.1), 10)
    fine = np.linspace(0, 0.9, 181)
    ax.plot(fine, mixing_law(fine, 3), color=GREY, label="exact law, no threshold")
    ax.plot(s, mixing_law(s, 3), "o", color=GREY)
    _fits(ax, s, mixing_law(s, 3))
    ax.set(xlabel=SHARE, ylabel="error variance $V_3$ ($\\sigma^2/N$)")
    ax.legend(loc="upper left")
    finding_title(
        ax,
        f"A smooth law shows a 'threshold' at {found.knot:.2f}, or at {found.wide_knot:.2f}: "
        "it follows the grid",
        holds=found.wide_knot - found.knot > 0.2,
        otherwise="One-knot fits to a smooth law on two grids",
    )
    return fig


def knots(runs: Runs, move: Interval, name: str = "fresh, T=0.7") -> Figure:
    """Divergence of laboratory B with fitted knots on both ranges."""
    fig, ax = figure(height=3.7)
    inside = runs.shares <= 0.9 + 1e-9
    s, y = runs.shares[inside], runs.metrics["kl"][-1, inside]
    ax.plot(s, y, "-", color=GREY, linewidth=0.6, alpha=0.5)
    ax.plot(
        s,
        y.mean(axis=1),
        color=ARM_STYLE[name]["color"],
        linestyle="",
        marker=ARM_STYLE[name]["marker"],
        markersize=7,
        label="mean over seeds",
    )
    _fits(ax, s, y.mean(axis=1))
    ax.set(xlabel=SHARE, ylabel="divergence from the truth (nats)")
    ax.legend(loc="upper left")
    finding_title(
        ax,
        f"Extend the grid and the knot moves by {move.estimate:.2f}",
        holds=move.low is not None and move.low > 0,
        otherwise=f"The knot moves by {move.estimate:.2f}, an interval that includes no move",
    )
    return fig


def threshold_frame(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], what: str, end: float
) -> Figure:
    """A curve cut at the reader's end of the grid, with the fitted knot."""
    s, y = curves[what]
    inside = s <= end + 1e-9
    fig, ax = figure(height=3.6)
    ax.plot(s, y, "o", color="#cccccc", label="left out")
    ax.plot(s[inside], y[inside], "o", color=BLUE, label="in the grid")
    fitted = one_knot(s[inside], y[inside])
    x = np.array([0, fitted.knot, end])
    ax.plot(x, fitted(x), color=VERMILION)
    ax.plot(
        fitted.knot,
        fitted(np.array(fitted.knot)),
        "D",
        color=VERMILION,
        markersize=9,
        label="fitted knot",
    )
    ax.set(xlabel=SHARE, ylabel=what)
    ax.legend(loc="upper left")
    ax.set_title(f"Grid from 0 to {end:g}: threshold at {fitted.knot:.2f}")
    return fig
