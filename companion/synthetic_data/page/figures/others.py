"""Laboratories A, C, D and E: theorems, real tables, tiny transformers, a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.plotting import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    figure,
    finding_title,
    reference_line,
    style,
)
from companion.synthetic_data.lab.language import Student, Variety
from companion.synthetic_data.lab.lives import Lives
from companion.synthetic_data.lab.tabular import Regenerated
from companion.synthetic_data.lab.tasks import FAMILY, TASKS
from companion.synthetic_data.lab.theory import Check, survival_bound
from companion.synthetic_data.method.mixing import PROTOCOLS, largest_share, mixing_law
from companion.synthetic_data.page.figures.loops import PROTOCOL_STYLE, SHARE
from companion.synthetic_data.verdict.findings import student_at, table_lead

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# ---------------------------------------------------------------------------------------------- law
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


# ------------------------------------------------------------------------------------------- others
TEMPERATURE_STYLE = {
    1.0: (BLUE, "o"),
    0.7: (ORANGE, "s"),
    0.5: (ORANGE, "s"),
    0.3: (VERMILION, "D"),
    0.0: (VERMILION, "D"),
}


def tables(found: Mapping[tuple[str, float], Regenerated]) -> Figure:
    """Rise of the smooth calibration error and fall of accuracy on real tables."""
    names = list(dict.fromkeys(name for name, _ in found))
    fig, axes = figure(2, len(names), height=4.9, sharex=True, squeeze=False)
    for column, name in enumerate(names):
        for (other, t), one in found.items():
            if other != name:
                continue
            color, marker = TEMPERATURE_STYLE[t]
            for ax, metric, sign in zip(
                axes[:, column], ("error", "accuracy"), (1, -1), strict=True
            ):
                change = 100 * sign * (one.scores[metric][-1] - one.scores[metric][-1, 0])
                ax.plot(
                    one.shares, change.mean(axis=1), color=color, marker=marker, label=f"T = {t:g}"
                )
        for ax, metric, sign in zip(axes[:, column], ("error", "accuracy"), (1, -1), strict=True):
            alone = found[name, 1.0].real_only[metric]
            ax.plot(
                one.shares,
                100 * sign * (alone - alone[0]).mean(axis=1),
                color=PURPLE,
                linestyle=":",
                marker="v",
                label="real part alone",
            )
            ax.axhline(0, color="#222222", linewidth=0.8)
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel(SHARE if len(names) == 1 else "share s")
    axes[0, 0].set_ylabel("calibration error,\nrise (points)")
    axes[1, 0].set_ylabel("accuracy,\nfall (points)")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    leads = [table_lead(found[name, 0.5]).mean() for name in names]
    ahead = sum(lead > 0 for lead in leads)
    finding_title(
        fig,
        f"At T = 0.5, s = 0.5 calibration leads by {leads[0]:.1f} points on {names[0]}; "
        f"ahead on {ahead} of {len(names)}",
        holds=bool(leads[0] > 0),
        otherwise=f"At T = 0.5, s = 0.5 calibration leads on {ahead} of {len(names)} tables",
    )
    return fig


def lives(found: Lives, score: str = "accuracy") -> Figure:
    """Accuracy over the best possible, by task, at s = 0 and the largest s, with the control."""
    fig, ax = figure(height=4.0)
    at = len(found.plan.shares) - 1
    place = 0  # accuracy in SCORES
    usable = found.usable()
    for i, task in enumerate(TASKS):
        best = found.bayes[i]
        first = found.of(score, task)[0, 0] / best
        rows = [(first, "#767676", "o", "s = 0")]
        for j, t in enumerate(found.plan.temperatures):
            color, marker = TEMPERATURE_STYLE[t]
            values = found.of(score, task, -1, j)[at, -1] / best
            rows.append((values, color, marker, f"s = {found.plan.shares[at]:g}, T = {t:g}"))
        rows.append(
            (
                found.controls[-1, 1, at, :, i, place] / best,
                GREEN,
                "^",
                "real part alone, same updates",
            )
        )
        for step, (values, color, marker, words) in enumerate(rows):
            x = i + 0.16 * (step - 1.5)
            ax.plot([x] * len(values), 100 * values, marker, color=color, markersize=3, alpha=0.5)
            ax.plot(
                x,
                100 * values.mean(),
                marker,
                color=color,
                markersize=8,
                label=words if i == 0 else None,
            )
    ax.axhspan(60, 97, color="#767676", alpha=0.1, zorder=0)
    names = [f"{task}\n{FAMILY[task]}" + ("" if usable[task] else "\n(dropped)") for task in TASKS]
    ax.set_xticks(range(len(TASKS)), names)
    ax.set_ylabel("accuracy (% of the best possible)")
    ax.legend(loc="lower right", fontsize=8)
    good = [task for task in TASKS if usable[task]]
    finding_title(
        ax,
        f"{len(good)} of {len(TASKS)} tasks pass the entrance rule ({', '.join(good)})",
        holds=bool(good),
        otherwise="No task passes the entrance rule: nothing is judged here",
    )
    return fig


def students(found: Sequence[Student]) -> Figure:
    """Over-confidence of a student of SmolLM2's own text, by s and temperature."""
    fig, axes = figure(ncols=2, height=3.7)
    shares = sorted({x.share for x in found})
    for t in (1.0, 0.7, 0.0):
        color, marker = TEMPERATURE_STYLE[t]
        for k, dash in ((1, ":"), (3, "-")):
            rows = [student_at(found, t, s, k) for s in shares]
            for ax, name in zip(axes, ("over", "kl"), strict=True):
                scale = 100 if name == "over" else 1
                ax.plot(
                    shares,
                    [scale * getattr(x, name) for x in rows],
                    color=color,
                    marker=marker,
                    linestyle=dash,
                    label=f"T = {t:g}, k = {k}",
                )
    axes[0].plot(
        shares, [100 * s * (1 - found[0].best) for s in shares], **style("null"), label="eq. 3"
    )
    axes[0].set(xlabel=SHARE, ylabel="over-confidence (points)")
    axes[1].set(xlabel=SHARE, ylabel="divergence (nats)")
    axes[0].legend(loc="upper left", fontsize=8)
    last = student_at(found, 0.7, 0.5, 3)
    finding_title(
        fig,
        f"SmolLM2 fed its own text at T = 0.7: {100 * last.over:.0f} points over-confident at "
        "s = 0.5",
        holds=last.over > 0,
        otherwise="SmolLM2 fed its own text at T = 0.7 is not over-confident",
    )
    return fig


def reliability_frame(found: Sequence[Student], t: float, s: float) -> Figure:
    """Reliability of SmolLM2's student of infinite data, third generation."""
    one = student_at(found, t, s, 3)
    mass, said, true = one.bins
    fig, ax = figure(height=4.0, width=5.0)
    ax.plot([0, 1], [0, 1], **style("null"))
    color, marker = TEMPERATURE_STYLE[t]
    ax.scatter(said, true, s=20 + 500 * np.nan_to_num(mass), color=color, marker=marker, alpha=0.8)
    ax.set(
        xlabel="stated confidence",
        ylabel="true probability of being right",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
    )
    ax.set_title(f"T = {t:g}, s = {s:g}: {100 * one.over:+.1f} points")
    return fig


def variety(found: Sequence[Variety]) -> Figure:
    """Four measures of variety by temperature."""
    fig, axes = figure(ncols=4, height=3.0)
    measures = (
        ("distinct pairs", lambda v: v.distinct[1]),
        ("self-BLEU", lambda v: v.self_bleu),
        ("spread of meaning", lambda v: v.dispersion),
        ("Vendi score", lambda v: v.vendi),
    )
    t = [v.temperature for v in found]
    for ax, (name, value) in zip(axes, measures, strict=True):
        ax.plot(t, [value(v) for v in found], color=BLUE, marker="o")
        ax.set(xlabel="temperature", title=name)
        ax._left_title.set_fontsize(10)
    order = sorted(found, key=lambda v: v.temperature)
    finding_title(
        fig,
        f"From T = {order[-1].temperature:g} to {order[0].temperature:g} the spread of meaning "
        f"falls from {order[-1].dispersion:.2f} to {order[0].dispersion:.2f}",
        holds=order[0].dispersion < order[-1].dispersion,
        otherwise="Colder completions are not less varied in meaning",
    )
    return fig
