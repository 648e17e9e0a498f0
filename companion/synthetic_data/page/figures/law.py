"""Laboratory A: theorems beside simulations, the law of mixing, and the survival of rare tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.plotting import BLUE, GREY, figure, finding_title, reference_line
from companion.synthetic_data.lab.theory import Check, survival_bound
from companion.synthetic_data.method.mixing import PROTOCOLS, largest_share, mixing_law
from companion.synthetic_data.page.figures.style import PROTOCOL_STYLE, SHARE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = {
    "fresh": "fresh real data (eq. 4)",
    "fixed": "fixed real data (eq. 5)",
    "real only": "real part alone (eq. 6)",
}


def checks(rows: Sequence[Check]) -> Figure:
    """Distance of every simulation from its theorem, in standard errors."""
    names = list(dict.fromkeys(row.law for row in rows))
    fig, ax = figure(height=0.9 + 0.27 * len(names))
    for i, name in enumerate(names):
        z = [row.z for row in rows if row.law == name]
        ax.plot(z, [i] * len(z), "o", color=BLUE, alpha=0.7)
    ax.axvspan(-4, 4, color=GREY, alpha=0.12, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("simulated minus predicted (Monte-Carlo standard errors)")
    furthest = max(abs(row.z) for row in rows)
    finding_title(
        ax,
        f"All {len(rows)} simulated means lie within {furthest:.1f} standard errors",
        holds=furthest < 4,
        otherwise=f"A simulation is {furthest:.1f} standard errors from its theorem",
    )
    return fig


def law(rows: Sequence[Check], k: int = 3) -> Figure:
    """V_3 of the three protocols with simulated points."""
    fig, ax = figure(height=3.8)
    s = np.linspace(0, 0.8, 161)
    for protocol in PROTOCOLS:
        look = PROTOCOL_STYLE[protocol]
        ax.plot(
            s,
            mixing_law(s, k, protocol),
            color=look["color"],
            linestyle=look["linestyle"],
            label=WORDS[protocol],
        )
        points = [
            (float(row.at.split(",")[0][2:]), row.simulated)
            for row in rows
            if row.law == f"mixing, {protocol}" and row.at.endswith(f"k={k}")
        ]
        points = [p for p in points if p[0] <= 0.8]
        ax.plot(*zip(*points, strict=True), look["marker"], color=look["color"])
    ax.set(xlabel=SHARE, ylabel="error variance $V_3$ ($\\sigma^2/N$)", ylim=(0.9, 4))
    ax.legend(loc="upper left")
    values = [mixing_law(np.array(x), k) - 1 for x in (0.2, 0.5)]
    finding_title(
        ax,
        f"Without any threshold: {100 * values[0]:.0f} % more error at s = 0.2, "
        f"{100 * values[1]:.0f} % at 0.5, if real data are fresh",
        holds=bool(values[0] < values[1]),
        otherwise="The law of mixing",
    )
    return fig


def law_frame(protocol: str, k: int, s: float) -> Figure:
    """One protocol beside its real part alone, with the reader's s and the budget for 5 %."""
    fig, ax = figure(height=3.7)
    grid = np.linspace(0, 0.8, 161)
    for name in (protocol, "real only"):
        look = PROTOCOL_STYLE[name]
        ax.plot(
            grid,
            mixing_law(grid, k, name),
            color=look["color"],
            linestyle=look["linestyle"],
            label=WORDS[name],
        )
        ax.plot(
            s, mixing_law(np.array(s), k, name), look["marker"], color=look["color"], markersize=9
        )
    budget = largest_share(0.05, k, protocol)
    reference_line(ax, budget, f"5 % more error: s = {budget:.2f}", axis="x")
    ax.set(xlabel=SHARE, ylabel=f"error variance $V_{k}$ ($\\sigma^2/N$)", ylim=(0.9, 4))
    ax.legend(loc="lower right")
    value = float(mixing_law(np.array(s), k, protocol))
    ax.set_title(f"{protocol} real data, k = {k}: V = {value:.2f} at s = {s:g}")
    return fig


def survival(p: np.ndarray, alive: dict[float, np.ndarray], n: int, k: int) -> Figure:
    """Share of runs in which a token is still written, by its expected count."""
    fig, ax = figure(height=3.7)
    _survival(ax, p, alive, n, k)
    worst = {s: float(a[n * p <= 1].mean()) for s, a in alive.items()}
    low, high = min(worst), max(worst)
    finding_title(
        ax,
        f"Tokens expected once or less: {100 * worst[high]:.0f} % alive after {k} generations of "
        f"s = {high:g}, {100 * worst[low]:.0f} % with s = {low:g}",
        holds=worst[high] < worst[low],
        otherwise="Survival of rare tokens by mixing ratio",
    )
    return fig


def _survival(ax, p: np.ndarray, alive: dict[float, np.ndarray], n: int, k: int) -> None:
    colors = dict(zip(sorted(alive), ("#56B4E9", "#E69F00", "#D55E00"), strict=False))
    for (s, a), marker in zip(sorted(alive.items()), "o^s", strict=False):
        ax.plot(n * p, a, marker, color=colors[s], markersize=4, label=f"s = {s:g}")
    ax.plot(
        n * p, survival_bound(p, n, k), color="#222222", linestyle=":", label="lower bound at s = 1"
    )
    ax.set_xscale("log")
    ax.set(
        xlabel="expected number of real occurrences N p",
        ylabel=f"alive at generation {k}",
        ylim=(0, 1.03),
    )
    ax.legend(loc="lower right")


def survival_frame(p: np.ndarray, alive: np.ndarray, n: int, k: int, s: float) -> Figure:
    """One mixing ratio and generation."""
    fig, ax = figure(height=3.6)
    _survival(ax, p, {s: alive}, n, k)
    rare = 100 * float(alive[n * p <= 1].mean())
    ax.set_title(f"s = {s:g}, generation {k}: {rare:.0f} % of the rare tokens are alive")
    return fig
