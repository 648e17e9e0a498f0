"""The AUROC: its decomposition, what stands beside it, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from companion.leximark.lab.arms import MARK, NONE, threshold
from companion.leximark.lab.arms import dose as dose_name
from companion.leximark.lab.arms import removal as removal_name
from companion.leximark.lab.detection import auroc, roc, tpr_at
from companion.leximark.lab.run import DECOMPOSITION
from companion.leximark.page.tables import no_model, untrained
from companion.plotting import (
    BLUE,
    GREY,
    METHODS,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    methods,
    no_record,
    reference_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from companion.leximark.lab.probe import Probe
    from companion.leximark.lab.quality import TradeOff
    from companion.leximark.lab.run import Run

# -------------------------------------------------------------------------------------------- style
QUESTIONS = methods("record", "dictionary", "protocol", "counterfactual") | {
    "none": METHODS["no mark"]
}


WORDS = {
    "none": "no mark",
    "record": "this record?",
    "dictionary": "this dictionary?",
    "protocol": "both at once",
    "counterfactual": "which version?",
}
"""Question -> a few words for an axis."""

MEMBER, OTHER, CONTROL = BLUE, ORANGE, VERMILION


# ----------------------------------------------------------------------------------------- controls
UNTRAINED, BLIND = "untrained model", "no model at all (naive Bayes)"


def controls(run: object, arm: str, question: str) -> tuple[float, float]:
    """Mean AUROC of the untrained model and of no model; nan where a run or record lacks it.

    run : a live one, or one with an attribute `told` as ``findings.run_series`` gives it
    """
    if hasattr(run, "told"):
        row = run.told[arm]
        found = [_mean(by_question(row.get(kind)).get(question)) for kind in ("untrained", "blind")]
    else:
        found = [untrained(run, arm, question), no_model(run, arm, question)]
    return tuple(np.nan if value is None else float(value) for value in found)


def by_question(values: object) -> Mapping[str, Sequence[float]]:
    """Values by question; empty where a record has none."""
    return values if isinstance(values, Mapping) else {}


def _mean(values: Sequence[float] | None) -> float:
    return float(np.mean(values)) if values else np.nan


def draw(
    ax: Axes,
    x: Sequence[float],
    found: Sequence[tuple[float, float]],
    *,
    hollow: bool = False,
    upright: bool = True,
) -> None:
    """Both controls at the places `x`; their legend is :func:`legend`.

    found : of :func:`controls`; hollow : for a second question in the same panel
    upright : whether AUROC is on the vertical axis
    """
    for values, marker, color, size in zip(
        zip(*found, strict=True), "<X", (GREY, CONTROL), (6, 7), strict=True
    ):
        at = (x, values) if upright else (values, x)
        ax.plot(
            *at,
            marker,
            color=color,
            markersize=size,
            linestyle="none",
            markerfacecolor="white" if hollow else color,
        )


def legend(ax: Axes, note: str = "") -> None:
    """Entries of both controls for a legend that is drawn afterwards."""
    ax.plot([], [], "X", color=CONTROL, label=BLIND + note)
    ax.plot([], [], "<", color=GREY, label=UNTRAINED + note)


# ------------------------------------------------------------------------------------------- answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """The decomposition in the published record; a word of waiting where there is none."""
    runs = (published or {}).get("series", {}).get("runs")
    if not runs:
        return no_record()
    return decomposition(runs)


def decomposition(runs: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Figure:
    """AUROC per question, one panel a model.

    runs : model -> arm -> question -> AUROC per seed, as ``findings.run_series`` gives it
    """
    fig, axes = figure(1, len(runs), height=3.9, squeeze=False, sharey=True)
    for ax, (model, told) in zip(axes[0], runs.items(), strict=True):
        _bars(ax, told, fontsize=9 if len(runs) == 1 else 7.5)
        ax.set_title(model, fontsize=10.5)
    axes[0, 0].set_ylabel("AUROC, Min-K%++ 20 %")
    means = [
        {q: np.mean(told[MARK][q]) for q in DECOMPOSITION} | {"none": np.mean(told[NONE]["record"])}
        for told in runs.values()
    ]
    gains = [(m["protocol"] - m["none"], m["record"] - m["none"]) for m in means]
    text = ", ".join(f"{100 * one:+.0f} of {100 * both:+.0f}" for both, one in gains)
    finding_title(
        fig,
        f"Most of the gain is the dictionary: the record's own part is {text} points",
        holds=all(both > 0 and one < 0.5 * both for both, one in gains),
        otherwise=f"What the AUROC measures: the record's part of the gain is {text} points",
    )
    return fig


def _bars(ax: Axes, told: Mapping[str, Mapping[str, object]], fontsize: float) -> None:
    values = {"none": told[NONE]["record"]} | {q: told[MARK][q] for q in DECOMPOSITION}
    run = SimpleNamespace(told=told)
    asked = {"none": (NONE, "record")} | {q: (MARK, q) for q in DECOMPOSITION}
    for i, (question, per_seed) in enumerate(values.items()):
        seeds = np.asarray(per_seed, dtype=float)
        ax.bar(i, seeds.mean(), color=QUESTIONS[question].color, width=0.62, alpha=0.85)
        ax.plot(np.full(len(seeds), i), seeds, "o", color="#222222", markersize=3.5)
        ax.text(i, min(1.0, seeds.max()) + 0.012, f"{seeds.mean():.2f}", ha="center", fontsize=9)
        before, blind = controls(run, *asked[question])
        draw(ax, [i - 0.36], [(before, np.nan)])
        draw(ax, [i + 0.36], [(np.nan, blind)])
    legend(ax)
    reference_line(ax, 0.5, "")
    words = [WORDS[question].replace(" ", "\n", 1) for question in values]
    ax.set_xticks(range(len(values)), words, fontsize=fontsize)
    ax.set_ylim(0.35, 1.17)
    ax.set_yticks(np.arange(0.4, 1.01, 0.1))
    ax.legend(loc="upper left", fontsize=8)
    ax.grid(visible=False, axis="x")


# ------------------------------------------------------------------------------------------- scores
def curves(run: Run) -> Figure:
    """ROC curves of the first seed, with the share found at 5 % false alarms."""
    fig, ax = figure(height=4.2)
    shown = {
        "no mark": (NONE, "record", QUESTIONS["none"]),
        "LexiMark, one dictionary": (MARK, "record", QUESTIONS["record"]),
        "LexiMark, one per half": (MARK, "protocol", QUESTIONS["protocol"]),
    }
    found = {}
    for name, (arm, question, look) in shown.items():
        pair = run.pairs(arm, question)[0]
        false, true = roc(*pair)
        found[name] = tpr_at(*pair)
        ax.plot(
            false,
            true,
            color=look.color,
            linestyle=look.linestyle,
            drawstyle="steps-post",
            label=f"{name}: {auroc(*pair):.2f}, {100 * found[name]:.0f} %",
        )
        before = auroc(*run.pairs(arm, question, model="base")[0])
        blind = run.results[0][arm].blind[question]
        ax.plot([], [], " ", label=f"    untrained {before:.2f}, no model {blind:.2f}")
    ax.plot([0, 1], [0, 1], color="#222222", linestyle=":", linewidth=1)
    ax.axvline(0.05, color="#222222", linewidth=0.8)
    ax.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    ax.legend(loc="lower right", fontsize=8.5, title="AUROC, share of members found at 5 %")
    finding_title(
        ax,
        f"{run.model.capitalize()}, seed {run.seeds[0]}: the curve rises with the protocol",
        holds=found["LexiMark, one per half"] > max(list(found.values())[:2]),
        otherwise=f"ROC curves, {run.model}, seed {run.seeds[0]}",
    )
    return fig


def positions(probe: Probe) -> Figure:
    """Distribution of z_t at replaced and other places, trained half against held-out half."""
    fig, (left, right) = figure(1, 2, height=3.6, sharey=True)
    edges = np.linspace(-6, 4, 41)
    gaps = {}
    for ax, place in ((left, "replaced"), (right, "other")):
        for half, color, dash, name in (
            ("A", MEMBER, "-", "trained on"),
            ("B", OTHER, "--", "held out"),
        ):
            z = np.clip(probe.z[half, place], edges[0], edges[-1])
            weights = np.full(len(z), 100 / len(z))
            ax.hist(
                z,
                edges,
                weights=weights,
                histtype="step",
                color=color,
                linestyle=dash,
                linewidth=1.8,
                label=name,
            )
        gaps[place] = float(probe.z["A", place].mean() - probe.z["B", place].mean())
        ax.set_xlabel("z of a token (deviations)")
        ax.set_title(f"{place} words: means {gaps[place]:+.2f} apart", fontsize=10.5)
    left.set_ylabel("share of tokens (%)")
    left.legend(loc="upper left")
    finding_title(
        fig,
        "The trace sits at the replaced words",
        holds=gaps["replaced"] > gaps["other"] > -np.inf,
        otherwise="Where the trace sits",
    )
    return fig


def dose(run: Run, values: tuple[int, ...]) -> Figure:
    """AUROC against K in both protocols."""
    fig, ax = figure(height=3.7)
    slopes = {}
    for question in ("protocol", "record"):
        look = QUESTIONS[question]
        grid = np.array([run.aurocs(dose_name(k), question) for k in values])  # (K, seeds)
        ax.plot(values, grid, color=look.color, linewidth=0.7, alpha=0.45)
        ax.plot(
            values,
            grid.mean(1),
            color=look.color,
            marker=look.marker,
            linestyle=look.linestyle,
            label=WORDS[question],
        )
        slopes[question] = float(np.polyfit(values, grid.mean(1), 1)[0])
        beside = [controls(run, dose_name(k), question) for k in values]
        draw(ax, values, beside, hollow=question == "record")
    reference_line(ax, float(run.aurocs(NONE).mean()), "no mark")
    legend(ax, "; hollow: this record?")
    ax.set(
        xlabel="words replaced per sentence, K",
        ylabel="AUROC",
        xticks=values,
        ylim=(0.4, 1.35),
        yticks=np.arange(0.4, 1.01, 0.1),
    )
    ax.legend(loc="upper left", fontsize=8.5)
    finding_title(
        ax,
        f"Each further word adds {100 * slopes['protocol']:.1f} points under the protocol",
        holds=slopes["protocol"] > 0,
        otherwise="AUROC by number of words replaced",
    )
    return fig


def removal(run: Run, shares: tuple[float, ...]) -> Figure:
    """AUROC against the share of the marked words that were replaced again before training."""
    fig, ax = figure(height=3.4)
    x = 100 * np.array([0.0, *shares])
    names = [MARK, *map(removal_name, shares)]
    grid = np.array([run.aurocs(name, "protocol") for name in names])  # (shares, seeds)
    look = QUESTIONS["protocol"]
    ax.plot(x, grid, color=look.color, linewidth=0.7, alpha=0.45)
    ax.plot(
        x,
        grid.mean(1),
        color=look.color,
        marker=look.marker,
        linestyle=look.linestyle,
        label=WORDS["protocol"],
    )
    draw(ax, x, [controls(run, name, "protocol") for name in names])
    legend(ax)
    none = float(run.aurocs(NONE).mean())
    reference_line(ax, none, "no mark")
    ax.set(
        xlabel="marked words replaced again before training (%)",
        ylabel="AUROC",
        xticks=x,
        ylim=(0.4, 1.3),
        yticks=np.arange(0.4, 1.01, 0.1),
    )
    ax.legend(loc="upper right", fontsize=8.5)
    finding_title(
        ax,
        "The mark fades, and a quarter does not remove it",
        holds=bool((np.diff(grid.mean(1)) < 0).all() and grid[1].mean() > none),
        otherwise="AUROC after part of the mark was replaced again",
    )
    return fig


def stealth(found: TradeOff) -> Figure:
    """AUROC against closeness of meaning, one mark per threshold."""
    fig, ax = figure(height=3.7)
    names = [MARK, *map(threshold, found.thresholds)]
    x = np.array([found.cosine[name].mean() for name in names])
    per_seed = np.array([found.run.aurocs(name, "protocol") for name in names])
    y, n_seeds = per_seed.mean(axis=1), per_seed.shape[1]
    look = QUESTIONS["protocol"]
    ax.plot(x, y, color=look.color, marker=look.marker, linestyle=look.linestyle)
    for i, (name, at, up) in enumerate(zip(["no filter", *names[1:]], x, y, strict=True)):
        told = name
        if found.share is not None:  # a record does not keep it
            share = found.share[MARK if name == "no filter" else name].mean()
            told += f", {100 * share:.0f} % of words"
        above = i % 2 == 0  # neighbors may be close
        ax.annotate(
            told,
            (at, up),
            xytext=(0, 7 if above else -17),
            ha="right" if at == x.max() else "center",  # "no mark" stands at the edge
            textcoords="offset points",
            fontsize=9,
        )
    draw(ax, x, [controls(found.run, name, "protocol") for name in names])
    legend(ax)
    reference_line(ax, float(found.run.aurocs(NONE).mean()), "no mark")
    ax.margins(x=0.25)
    ax.set(
        xlabel="cosine of sentence vectors, original and marked",
        ylabel="AUROC, both at once",
        ylim=(0.4, 1.25),
        yticks=np.arange(0.4, 1.01, 0.1),
    )
    ax.legend(loc="upper right", fontsize=8.5)
    finding_title(
        ax,
        f"What keeps the meaning weakens the mark (means of {n_seeds} seeds)",
        holds=bool((np.diff(y) < 0).all() and (np.diff(x) > 0).all()),
        otherwise="Strength of the mark against closeness of meaning",
    )
    return fig


def score_frame(
    members: np.ndarray, others: np.ndarray, names: tuple[str, str], limits: tuple[float, float]
) -> Figure:
    """Two histograms of document scores and their AUROC (a frame of an explorer)."""
    fig, ax = figure(height=3.7)
    edges = np.linspace(*limits, 25)
    for values, color, dash, name in (
        (members, MEMBER, "-", names[0]),
        (others, OTHER, "--", names[1]),
    ):
        ax.hist(values, edges, histtype="stepfilled", alpha=0.25, color=color)
        ax.hist(
            values, edges, histtype="step", color=color, linestyle=dash, linewidth=1.8, label=name
        )
    ax.set(
        xlabel="score of a document, Min-K%++ 20 %",
        ylabel="documents",
        xlim=limits,
        ylim=(0, 0.42 * len(members)),
    )
    ax.legend(loc="upper left")
    ax.set_title(
        f"AUROC {auroc(members, others):.3f}, {100 * tpr_at(members, others):.0f} % "
        "found at 5 % false alarms"
    )
    return fig
