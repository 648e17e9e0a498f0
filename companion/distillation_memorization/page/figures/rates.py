"""How much is memorized: bars with their control, temperature, curves, teacher epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator

from companion.distillation_memorization.lab.run import Sweep
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method import objectives
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    HARD,
    MIXTURE,
    SMOOTHED,
    SOFT,
    TEACHER,
    UNREAD,
)
from companion.plotting import (
    BLACK,
    GREY,
    METHODS,
    Style,
    figure,
    finding_title,
    methods,
    no_record,
    plain_ticks,
    thin_and_mean,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# -------------------------------------------------------------------------------------------- style
LOOKS = methods(TEACHER, BASELINE, SOFT, HARD, UNREAD, MIXTURE, SMOOTHED)
MAIN = (TEACHER, BASELINE, SOFT, HARD)
NAMES = {
    TEACHER: "T teacher",
    BASELINE: "B baseline",
    SOFT: "S soft",
    HARD: "H hard",
}
PAPER = METHODS["paper"]


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[SOFT])


# -------------------------------------------------------------------------------------------- rates
def answer(published: Mapping[str, object] | None) -> Figure:
    """The published rates of the four models, or an empty frame that says what will be there."""
    main = (published or {}).get("series", {}).get("main")
    if not main:
        return no_record()
    columns = [main["models"].index(m) for m in MAIN]
    rate = 100 * np.array(main["rate"])[:, columns]
    held = 100 * np.array(main["held_rate"])[:, columns]
    return _bars(rate, held, MAIN)


def bars(worlds: list[World]) -> Figure:
    """Training rate and held-out rate of every model, one mark per seed."""
    models = tuple(worlds[0].members)
    rate = 100 * np.array([[w.rate(m) for m in models] for w in worlds])
    held = 100 * np.array([[w.held[m].mean() for m in models] for w in worlds])
    return _bars(rate, held, models)


def _bars(rate: np.ndarray, held: np.ndarray, models: tuple[str, ...]) -> Figure:
    """rate, held : (seeds, models) in percent."""
    fig, ax = figure(height=0.42 * len(models) + 1.7)
    place = np.arange(len(models))[::-1]
    for i, name in enumerate(models):
        color = look(name).color
        ax.barh(place[i] + 0.18, rate[:, i].mean(), 0.36, color=color)
        ax.barh(place[i] - 0.18, held[:, i].mean(), 0.3, color=color, alpha=0.35, hatch="///")
        if len(rate) > 1:
            ax.plot(rate[:, i], np.full(len(rate), place[i] + 0.18), ".", color=BLACK, markersize=4)
    ax.set_yticks(place, [NAMES.get(m, m) for m in models])
    ax.set(xlabel="completed word for word (% of sequences)", ylim=(-0.6, len(models) - 0.4))
    ax.grid(axis="y", visible=False)
    solid = ax.barh([0], [0], color=GREY, label="training text D")
    faint = ax.barh([0], [0], color=GREY, alpha=0.35, hatch="///", label="held-out text")
    ax.legend(handles=[solid, faint], loc="lower right")
    at = {name: rate[:, i].mean() for i, name in enumerate(models)}
    fold = at[objectives.BASELINE] / at[objectives.SOFT] if at[objectives.SOFT] else np.nan
    finding_title(
        ax,
        f"The soft student memorizes {fold:.1f} times less than the baseline",
        holds=bool(fold > 1.2),
        otherwise="Share of sequences completed word for word",
    )
    return fig


def temperature(worlds: list[World]) -> Figure:
    """Training and held-out rate of soft students against tau, with baseline and hard student."""
    taus = sorted(
        float(m.removeprefix("soft, tau ")) for m in worlds[0].members if m.startswith("soft")
    )
    rate = 100 * np.array([[w.rate(objectives.soft(t)) for t in taus] for w in worlds])
    held = 100 * np.array([[w.held[objectives.soft(t)].mean() for t in taus] for w in worlds])
    fig, ax = figure(height=3.8)
    style = look(objectives.SOFT)
    soft = {"color": style.color, "marker": style.marker}
    thin_and_mean(ax, taus, rate, soft | {"label": "S, training text"})
    ax.plot(taus, held.mean(0), color=style.color, linestyle=":", label="S, held-out text")
    for name in (objectives.BASELINE, objectives.HARD):
        mean = 100 * np.mean([w.rate(name) for w in worlds])
        ax.axhline(
            mean,
            color=look(name).color,
            linestyle=look(name).linestyle,
            label=f"{NAMES[name]}, training text",
        )
    ax.set(
        xscale="log",
        xlabel="temperature of distillation, tau",
        ylabel="completed word for word (%)",
    )
    plain_ticks(ax.xaxis, taus)
    ax.set_ylim(0, 1.5 * ax.dataLim.ymax)
    ax.legend(ncols=2, loc="upper right")
    finding_title(
        ax,
        f"From tau {taus[0]:g} to tau {taus[-1]:g} memorization falls from "
        f"{rate.mean(0)[0]:.1f} to {rate.mean(0)[-1]:.1f} %",
        holds=bool(rate.mean(0)[-1] < rate.mean(0)[0]),
        otherwise="Memorization of soft students by temperature",
    )
    return fig


def curves(worlds: list[World]) -> Figure:
    """Rate against held-out loss while students train: lower left is better."""
    students = worlds[0].students
    rate = 100 * np.mean([w.curve_rate for w in worlds], axis=0)
    loss = np.mean([w.curve_loss for w in worlds], axis=0)
    fig, ax = figure(height=4.0)
    for name in (objectives.BASELINE, objectives.SOFT, objectives.HARD):
        i, style = students.index(name), look(name)
        ax.plot(
            loss[:, i],
            rate[:, i],
            color=style.color,
            marker=style.marker,
            linestyle=style.linestyle,
            label=NAMES[name],
        )
        for k in (len(loss) - 1,):
            ax.annotate(
                f"epoch {worlds[0].epochs[k]}",
                (loss[k, i], rate[k, i]),
                fontsize=8,
                xytext=(4, 4),
                textcoords="offset points",
                color=style.color,
            )
    ax.set(xlabel="held-out loss (nats per character)", ylabel="completed word for word (%)")
    ax.legend(loc="upper left")
    b, s = students.index(objectives.BASELINE), students.index(objectives.SOFT)
    finding_title(
        ax,
        "The soft student ends with less memorized and a lower loss than the baseline",
        holds=bool(rate[-1, s] < rate[-1, b] and loss[-1, s] < loss[-1, b]),
        otherwise="Memorization and held-out loss during training",
    )
    return fig


def overfit(sweep: Sweep) -> Figure:
    """|M_B| / |M_S| and the loss difference against the teacher's epochs."""
    fig, (left, right) = figure(1, 2, height=3.7)
    style = look(objectives.SOFT)
    panels = (
        (left, sweep.dividend, r"$|M_B| / |M_S|$", 1.0),
        (right, sweep.baseline_loss - sweep.soft_loss, "held-out loss, B - S (nats)", 0.0),
    )
    for ax, values, label, nothing in panels:
        thin_and_mean(ax, sweep.epochs, values, {"color": style.color, "marker": style.marker})
        ax.axhline(nothing, color=BLACK, linestyle=":", linewidth=1)
        ax.set(xlabel="epochs of the teacher on D", ylabel=label)
        ax.xaxis.set_major_locator(FixedLocator(sweep.epochs))
    _low_limit(left)
    dividend = sweep.dividend.mean(0)
    finding_title(
        fig,
        f"The longer the teacher reads, the less is gained: the baseline memorizes "
        f"{dividend[0]:.1f} times as much as the student after {sweep.epochs[0]} of its epochs, "
        f"{dividend[-1]:.1f} times after {sweep.epochs[-1]}",
        holds=bool(dividend[-1] < dividend[0]),
        otherwise="What a student gains over the baseline, by the epochs of its teacher",
    )
    return fig


def _low_limit(ax: Axes) -> None:
    ax.set_ylim(0, None)


def heirs(worlds: list[World]) -> Figure:
    """Sequences that only the teacher knew: which share of them each student has."""
    students = [m for m in worlds[0].members if m not in (objectives.TEACHER, objectives.BASELINE)]
    shares = 100 * np.array([[_inherited_share(w, m) for m in students] for w in worlds])
    fig, ax = figure(height=0.42 * len(students) + 1.6)
    place = np.arange(len(students))[::-1]
    for i, name in enumerate(students):
        ax.barh(place[i], np.nanmean(shares[:, i]), 0.6, color=look(name).color)
        if len(shares) > 1:
            ax.plot(shares[:, i], np.full(len(shares), place[i]), ".", color=BLACK, markersize=4)
    ax.set_yticks(place, [NAMES.get(m, m) for m in students])
    ax.set(xlabel="of what only the teacher memorizes, the student has (%)")
    ax.grid(axis="y", visible=False)
    at = dict(zip(students, np.nanmean(shares, axis=0), strict=True))
    finding_title(
        ax,
        f"The hard student inherits {at[objectives.HARD]:.0f} % of what only the teacher knew, "
        f"the soft one {at[objectives.SOFT]:.0f} %",
        holds=bool(at[objectives.HARD] > 1.5 * at[objectives.SOFT]),
        otherwise="What students inherit from the teacher alone",
    )
    return fig


def _inherited_share(world: World, student: str) -> float:
    m = world.members
    only = m[objectives.TEACHER] & ~m[objectives.BASELINE]
    return float(m[student][only].mean()) if only.any() else float("nan")


def hard_epochs(worlds: list[World]) -> Figure:
    """Memorization of hard and soft students and the baseline by epoch."""
    students = worlds[0].students
    rate = 100 * np.mean([w.curve_rate for w in worlds], axis=0)
    fig, ax = figure(height=3.6)
    for name in (objectives.BASELINE, objectives.SOFT, objectives.HARD, objectives.UNREAD):
        style = look(name)
        ax.plot(
            worlds[0].epochs,
            rate[:, students.index(name)],
            color=style.color,
            marker=style.marker,
            linestyle=style.linestyle,
            label=NAMES.get(name, name),
        )
    ax.set(xlabel="epochs of the student", ylabel="completed (% of D)")
    ax.legend()
    h, s = (rate[-1, students.index(m)] for m in (objectives.HARD, objectives.SOFT))
    finding_title(
        ax,
        f"Hard and soft students do not end at the same rate: {h:.1f} against {s:.1f} %",
        holds=bool(s > 0 and not 0.8 <= h / s <= 1.25),
        otherwise="Memorization by epoch of the student",
    )
    return fig
