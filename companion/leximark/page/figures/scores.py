"""Scores: ROC curves, where in a text the trace sits, AUROC against K, strength against meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.leximark.lab.arms import MARK, NONE, threshold
from companion.leximark.lab.arms import dose as dose_name
from companion.leximark.lab.arms import removal as removal_name
from companion.leximark.lab.detection import auroc, roc, tpr_at
from companion.leximark.page.figures import controls
from companion.leximark.page.figures.style import MEMBER, OTHER, QUESTIONS, WORDS
from companion.plotting import figure, finding_title, reference_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.leximark.lab.probe import Probe
    from companion.leximark.lab.quality import TradeOff
    from companion.leximark.lab.run import Run


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
        beside = [controls.controls(run, dose_name(k), question) for k in values]
        controls.draw(ax, values, beside, hollow=question == "record")
    reference_line(ax, float(run.aurocs(NONE).mean()), "no mark")
    controls.legend(ax, "; hollow: this record?")
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
    controls.draw(ax, x, [controls.controls(run, name, "protocol") for name in names])
    controls.legend(ax)
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
    controls.draw(ax, x, [controls.controls(found.run, name, "protocol") for name in names])
    controls.legend(ax)
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
