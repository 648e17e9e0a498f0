"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib_venn import venn3

from companion.data import Missing
from companion.distillation_memorization.lab import evidence
from companion.distillation_memorization.lab.predictor import FEATURES
from companion.distillation_memorization.lab.world import World
from companion.distillation_memorization.method.memorization import (
    Members,
    easy,
    inherited,
    rejected,
    teacher_only,
)
from companion.distillation_memorization.method.objectives import (
    BASELINE,
    COMPARED,
    HARD,
    SOFT,
    TEACHER,
    UNREAD,
    soft,
)
from companion.distillation_memorization.sources import COEFFICIENTS
from companion.plotting import (
    BLACK,
    GREY,
    METHODS,
    Style,
    figure,
    finding_title,
    headline,
    methods,
    no_record,
    plain_ticks,
    shows,
    thin_and_mean,
)
from companion.stats import over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = methods(TEACHER, BASELINE, SOFT, HARD, UNREAD)
NAMES = {TEACHER: "T teacher", BASELINE: "B baseline", SOFT: "S soft", HARD: "H hard"}
PAPER = METHODS["paper"]
RATE, LOSS = "memorized (% of D)", "held-out loss (nats per token)"


def look(name: str) -> Style:
    """Style of a model; soft students at other temperatures look like the soft one."""
    return LOOKS.get(name, LOOKS[SOFT])


def _verdict(published: Mapping[str, object], claim: str) -> str:
    return next((r["verdict"] for r in published["findings"] if r["claim"] == claim), "")


# ------------------------------------------------------------------------------------------- rates
def answer(published: Mapping[str, object] | None) -> Figure:
    """The published frontier of loss and rate, and rates beside what is guessed."""
    found = (published or {}).get("series", {})
    if not found.get("worlds") or not found.get("models"):
        return no_record()
    fig, (left, right) = figure(1, 2, height=2.9)
    table, models = found["worlds"], found["models"]
    for name in COMPARED:
        rows = [i for i, model in enumerate(table["model"]) if model == name]
        loss, rate = ([table[key][i] for i in rows] for key in ("loss", "rate"))
        style = look(name)
        left.plot(loss, rate, style.marker, color=style.color, linestyle="-", label=NAMES[name])
        for i, x, y in zip(rows, loss, rate, strict=True):
            left.annotate(
                str(table["epochs"][i]),
                (x, y),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=8,
            )
    at = {model: i for i, model in enumerate(models["model"])}
    style = look(TEACHER)
    left.plot(
        models["loss"][at[TEACHER]],
        models["rate"][at[TEACHER]],
        style.marker,
        color=style.color,
        label=NAMES[TEACHER],
    )
    top = 1.5 * max(*table["rate"], models["rate"][at[TEACHER]]) or 1  # room for the legend
    left.set(xlabel=LOSS, ylabel=RATE, ylim=(0, top))
    left.margins(x=0.15)
    left.legend(
        loc="upper right", ncols=2, fontsize=8, title="numbers are epochs", title_fontsize=8
    )
    shown = (TEACHER, *COMPARED)
    bars(
        right,
        shown,
        np.array([[models["rate"][at[m]] for m in shown]]),
        np.array([[models["held"][at[m]] for m in shown]]),
    )
    finding_title(
        fig,
        "At the baseline's lowest loss the student has memorized less",
        holds=_verdict(published or {}, "equal") == "holds",
        otherwise="What each model memorizes, and how well it predicts",
    )
    return fig


def bars(ax: Axes, models: Sequence[str], rate: np.ndarray, held: np.ndarray) -> None:
    """Rate on D and on held-out text by model; rate, held : (seeds, models) in percent."""
    place = np.arange(len(models))[::-1]
    for i, name in enumerate(models):
        color = look(name).color
        ax.barh(place[i] + 0.18, rate[:, i].mean(), 0.36, color=color)
        ax.barh(place[i] - 0.18, held[:, i].mean(), 0.3, color=color, alpha=0.35, hatch="///")
        if len(rate) > 1:
            ax.plot(rate[:, i], np.full(len(rate), place[i] + 0.18), ".", color=BLACK, markersize=4)
    ax.set_yticks(place, [NAMES.get(m, m) for m in models])
    ax.set(xlabel="completed word for word (%)", ylim=(-0.6, len(models) - 0.4))
    ax.grid(axis="y", visible=False)
    solid = ax.barh([0], [0], color=GREY, label="text D")
    faint = ax.barh([0], [0], color=GREY, alpha=0.35, hatch="///", label="held out")
    ax.legend(handles=[solid, faint], loc="lower right", fontsize=8.5)


def rates(worlds: list[World]) -> Figure:
    """Training rate and held-out rate of every model at the judged budget, one dot a seed."""
    models = (TEACHER, *worlds[0].students)
    fig, ax = figure(height=0.42 * len(models) + 1.7)
    rate = np.array([[100 * w.of(m).memorized.mean() for m in models] for w in worlds])
    held = np.array([[100 * w.of(m).guessed.mean() for m in models] for w in worlds])
    bars(ax, models, rate, held)
    fold = evidence.fold(worlds, BASELINE, SOFT)
    finding_title(
        ax,
        "The soft student memorizes less than the baseline",
        holds=shows(fold, above=1),
        otherwise="Share of sequences completed word for word",
    )
    return fig


def draw_curve(ax: Axes, worlds: list[World]) -> None:
    """Rate against loss of the compared students over their budgets; the base model's loss."""
    for name in [m for m in COMPARED if m in worlds[0].students]:
        style, epochs = look(name), worlds[0].epochs
        loss = np.array([evidence.losses(worlds, name, e).mean() for e in epochs])
        rate = np.array(
            [100 * evidence.counts(worlds, name, e).sum() / _size(worlds) for e in epochs]
        )
        ax.plot(loss, rate, style.marker, color=style.color, linestyle="-", label=NAMES[name])
        for e, x, y in zip(epochs, loss, rate, strict=True):
            ax.annotate(str(e), (x, y), xytext=(4, 3), textcoords="offset points", fontsize=8)
    ax.axvline(evidence.bases(worlds, BASELINE).mean(), color=GREY, linestyle=":")
    ax.set(xlabel=LOSS, ylabel=RATE, ylim=(0, None))


def _size(worlds: list[World]) -> int:
    return sum(len(w.zlib) for w in worlds)


def kinds(perceptrons: list[World], real: list[World] | Missing) -> Figure:
    """The same curve for perceptrons and, where it was read, for real text."""
    shown = {"perceptrons, word pools": perceptrons}
    if not isinstance(real, Missing):
        shown["transformers, real text"] = real
    fig, axes = figure(1, len(shown), height=3.4, squeeze=False)
    for ax, (name, worlds) in zip(axes[0], shown.items(), strict=True):
        draw_curve(ax, worlds)
        ax.set_title(name, fontsize=10)
    axes[0, 0].legend(fontsize=8.5)
    headline(fig, "Dotted: the base model before it reads D; numbers are epochs")
    return fig


def temperature(worlds: list[World]) -> Figure:
    """Memorized by soft students against temperature, with baseline and hard student."""
    fig, ax = figure(height=3.6)
    taus = evidence.temperatures(worlds[0])
    rate = np.array([[100 * w.of(soft(t)).memorized.mean() for t in taus] for w in worlds])
    thin_and_mean(ax, taus, rate, LOOKS[SOFT]._asdict() | {"label": "S soft"})
    held = np.array([[100 * w.of(soft(t)).guessed.mean() for t in taus] for w in worlds])
    ax.plot(taus, held.mean(0), ":", color=LOOKS[SOFT].color, label="S, held-out text")
    for name in (BASELINE, HARD):
        level = 100 * evidence.counts(worlds, name).sum() / _size(worlds)
        ax.axhline(level, color=look(name).color, linestyle=look(name).linestyle, label=NAMES[name])
    ax.set(xscale="log", xlabel="temperature", ylabel=RATE, ylim=(0, None))
    plain_ticks(ax.xaxis, taus)
    ax.legend(fontsize=9)
    finding_title(
        ax,
        "The higher the temperature, the less is memorized",
        holds=shows(evidence.slope_on_temperature(worlds), below=0),
        otherwise="Memorization against the temperature of distillation",
    )
    return fig


# ------------------------------------------------------------------------------------------- causes
def venns(worlds: list[World]) -> Figure:
    """Venn diagrams of teacher, baseline and each of two students, all seeds together."""
    fig, axes = figure(1, 2, height=3.9)
    for ax, student in zip(axes, (SOFT, HARD), strict=True):
        names = (TEACHER, BASELINE, student)
        draw_venn(ax, {m: evidence.pooled(worlds, m) for m in names})
        ax.set_title(f"with {NAMES[student]}", fontsize=10.5)
    finding_title(
        fig,
        "Most of what the soft student memorizes, teacher and baseline memorize too",
        holds=shows(evidence.share(evidence.easy_counts(worlds)), above=0.5),
        otherwise="Sequences memorized by teacher, baseline and student",
    )
    return fig


def draw_venn(ax: Axes, members: Members) -> None:
    """Three overlapping circles; the easy part has a bold count."""
    names = list(members)
    ax.axis("off")
    if not any(m.any() for m in members.values()):
        ax.text(0.5, 0.5, "nothing is memorized", ha="center", transform=ax.transAxes)
        return
    with warnings.catch_warnings():  # areas are approximate where three circles cannot be exact
        warnings.simplefilter("ignore", UserWarning)
        found = venn3(
            [set(np.flatnonzero(members[m]).tolist()) for m in names],
            [NAMES.get(m, m) for m in names],
            set_colors=[look(m).color for m in names],
            alpha=0.45,
            ax=ax,
        )
    for part in ("110", "111"):
        if (label := found.get_label_by_id(part)) is not None:
            label.set_fontweight("bold")


def scatter(worlds: list[World]) -> Figure:
    """zlib length against baseline perplexity, by set (first seed)."""
    world = worlds[0]
    m = world.members()
    simple = easy(m)
    groups = (
        ("neither T nor B", ~(m[TEACHER] | m[BASELINE]), GREY, ".", 0.35),
        ("T only", teacher_only(m), look(TEACHER).color, "s", 0.8),
        ("easy, rejected by S", rejected(m, SOFT), look(BASELINE).color, "^", 0.9),
        ("easy, kept by S", simple & m[SOFT], look(SOFT).color, "o", 0.9),
    )
    fig, ax = figure(height=4.0)
    for label, group, color, marker, alpha in groups:
        ax.plot(
            world.zlib[group],
            world.features[group, 1],
            marker,
            color=color,
            alpha=alpha,
            linestyle="",
            label=f"{label} ({group.sum()})",
            markersize=5,
        )
    ax.set(
        xlabel="zlib length of the text (bytes)",
        ylabel="perplexity under the baseline",
        yscale="log",
    )
    plain_ticks(ax.yaxis, (1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10))
    ax.legend(loc="upper left", fontsize=8.5)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.35)
    finding_title(
        ax,
        "Easy sequences are shorter when compressed than the average one",
        holds=shows(over_seeds(evidence.easy_gap(worlds)), below=0),
        otherwise="Compressed length and perplexity of easy and other sequences",
    )
    return fig


def weights(worlds: list[World]) -> Figure:
    """Standardized coefficients of the predictor over seeds, beside the paper's."""
    fig, ax = figure(height=2.8)
    place = np.arange(len(FEATURES))[::-1]
    found = [w.prediction.coefficients.mean(0) for w in worlds if w.prediction.tested]
    zlib = None
    for i, (at, printed) in enumerate(zip(place, COEFFICIENTS, strict=True)):
        ax.plot(printed, at - 0.12, PAPER.marker, color=PAPER.color, mfc="none")
        one = over_seeds([row[i] for row in found])
        zlib = one
        if one.has_interval:
            ax.plot([one.low, one.high], [at + 0.12] * 2, color=METHODS["ours"].color)
        ax.plot(one.estimate, at + 0.12, METHODS["ours"].marker, color=METHODS["ours"].color)
    ax.plot([], [], METHODS["ours"].marker, color=METHODS["ours"].color, label="ours")
    ax.plot([], [], PAPER.marker, color=PAPER.color, mfc="none", linestyle="", label="paper")
    ax.axvline(0, color=BLACK, linewidth=0.8)
    ax.set_yticks(place, FEATURES)
    ax.set(xlabel="coefficient, standardized", ylim=(-0.6, len(FEATURES) - 0.4))
    ax.legend(loc="lower left", fontsize=9)
    finding_title(
        ax,
        "zlib weighs less here than in the paper",
        holds=zlib is not None and shows(zlib, above=COEFFICIENTS[-1]),
        otherwise="What the predictor rests on",
    )
    return fig


def forced(worlds: list[World]) -> Figure:
    """Mean entropy and log-probability over the suffix on R, for teacher, baseline, student."""
    fig, ax = figure(height=3.9)
    for name in (TEACHER, BASELINE, SOFT):
        points = []
        for w in worlds:
            members = w.members()
            kept = rejected(members, SOFT)[easy(members)]
            points.append(w.tails[name][:, kept])
        entropy, log_p = np.concatenate(points, 1)
        style = look(name)
        ax.plot(
            entropy,
            log_p,
            style.marker,
            color=style.color,
            alpha=0.4,
            linestyle="",
            label=NAMES[name],
        )
        if len(entropy):
            ax.plot(
                entropy.mean(),
                log_p.mean(),
                style.marker,
                color=style.color,
                markersize=12,
                markeredgecolor=BLACK,
            )
    ax.set(xlabel="mean entropy (nats per token)", ylabel="log-probability (nats per token)")
    ax.legend()
    at = evidence.certainty(worlds)
    gap = over_seeds(at[BASELINE][:, 0] - at[TEACHER][:, 0])
    finding_title(
        ax,
        "The baseline knows by heart what the teacher is surer of",
        holds=shows(gap, above=0),
        otherwise="Entropy and log-probability on the sequences that the student rejects",
    )
    return fig


def heirs(worlds: list[World]) -> Figure:
    """Left: memorized by hard and soft student by budget; right: inherited against memorized."""
    fig, (left, right) = figure(1, 2, height=3.5)
    epochs = worlds[0].epochs
    for name in COMPARED:
        style = look(name)
        known = np.array([evidence.counts(worlds, name, e).sum() for e in epochs])
        left.plot(
            epochs,
            100 * known / _size(worlds),
            style.marker,
            color=style.color,
            linestyle="-",
            label=NAMES[name],
        )
        if name == BASELINE:
            continue
        count = [
            sum(
                int(inherited(w.members() | {name: w.of(name, e).memorized}, name).sum())
                for w in worlds
            )
            for e in epochs
        ]
        right.plot(known, count, style.marker, color=style.color, linestyle="-", label=NAMES[name])
    left.set(xscale="log", xlabel="epochs", ylabel=RATE, ylim=(0, None))
    plain_ticks(left.xaxis, epochs)
    left.legend(fontsize=8.5)
    right.set(xlabel="memorized, all seeds", ylabel="of these inherited", ylim=(0, None))
    found = evidence.matched(worlds)
    finding_title(
        fig,
        "At the same rate the hard student has inherited more",
        holds=found is not None and shows(found.inherited, above=1),
        otherwise="What hard and soft students memorize, and what of it only the teacher knew",
    )
    return fig
