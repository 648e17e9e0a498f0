"""Tests that an owner can make: the keyed rank test, and the number of records of a t-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.leximark.lab.power import ALPHA, POWER, predicted_power
from companion.leximark.page.figures.style import CONTROL, MEMBER, QUESTIONS
from companion.plotting import GREY, figure, finding_title, reference_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from companion.leximark.lab.probe import Probe


def _null(ax: Axes, others: np.ndarray, true: float, edges: np.ndarray) -> None:
    ax.hist(others, edges, color=GREY, alpha=0.6, label=f"{len(others)} other keys")
    ax.axvline(true, color=MEMBER, linewidth=2.4, label="the owner's key")
    ax.set_xlabel("mean score under a key")
    ax.yaxis.get_major_locator().set_params(integer=True)


def keys(probe: Probe, model: str) -> Figure:
    """The owner's key among fresh ones, before and after training."""
    fig, axes = figure(1, 2, height=3.4)
    for ax, test, name in zip(
        axes, (probe.untrained, probe.trained), ("untrained", "trained"), strict=True
    ):
        values = np.r_[test.others, test.true]
        pad = 0.1 * np.ptp(values) + 1e-6
        _null(ax, test.others, test.true, np.linspace(values.min() - pad, values.max() + pad, 31))
        ax.set_title(f"{name}: p = {test.p:.3g}", fontsize=10.5)
    axes[0].set_ylabel("keys")
    axes[1].legend(loc="upper center", fontsize=8.5)
    m = len(probe.trained.others)
    finding_title(
        fig,
        f"Trained, the owner's key beats all {m} others by {probe.trained.z:.0f} deviations "
        f"({model})",
        holds=probe.trained.p <= 1 / (m + 1) < probe.untrained.p,
        otherwise=f"The owner's key among {m} others ({model})",
    )
    return fig


def key_frame(scores: np.ndarray, chosen: int, limits: tuple[float, float], name: str) -> Figure:
    """The null histogram when key number `chosen` is claimed to be the secret one."""
    fig, ax = figure(height=3.5)
    others = np.delete(scores, chosen)
    _null(ax, others, scores[chosen], np.linspace(*limits, 41))
    p = (1 + int((others >= scores[chosen]).sum())) / len(scores)
    ax.set(ylabel="keys", xlim=limits, ylim=(0, len(scores)))
    ax.legend(loc="upper center")
    ax.set_title(f"{name}: p = {p:.3g}")
    return fig


def _power_lines(ax: Axes, effects: dict[str, float], n: np.ndarray) -> None:
    looks = dict(zip(effects, ("none", "record", "protocol"), strict=False))
    for name, d in effects.items():
        look = QUESTIONS[looks[name]]
        ax.plot(
            n,
            [predicted_power(d, int(k)) for k in n],
            color=look.color,
            linestyle=look.linestyle,
            label=f"{name} (d = {d:.2f})",
        )
    reference_line(ax, POWER, "80 %")
    ax.set(xlabel="records on each side", ylabel=f"power at alpha = {ALPHA}", ylim=(0, 1.03))


def power(effects: dict[str, float], needed: dict[str, float]) -> Figure:
    """Power of Welch's test against the number of records.

    effects : arm -> d, in the order none, one dictionary, one per half; needed : arm -> records
    """
    fig, ax = figure(height=3.7)
    _power_lines(ax, effects, np.arange(2, 41))
    ax.legend(loc="lower right")
    counts = list(needed.values())
    finding_title(
        ax,
        f"A t-test needs {counts[0]:.0f} records a side unmarked, {counts[-1]:.0f} marked "
        "with a dictionary per half",
        holds=counts[-1] < counts[0] < np.inf,
        otherwise="Records that a t-test needs",
    )
    return fig


def power_frame(effects: dict[str, float], n: int) -> Figure:
    """The power curves with a mark at `n` records (a frame of an explorer)."""
    fig, ax = figure(height=3.7)
    _power_lines(ax, effects, np.arange(2, 41))
    ax.axvline(n, color=CONTROL, linewidth=1.5)
    ax.legend(loc="lower right")
    said = ", ".join(f"{name} {100 * predicted_power(d, n):.0f} %" for name, d in effects.items())
    ax.set_title(f"{n} records: {said}", fontsize=10.5)
    return fig
