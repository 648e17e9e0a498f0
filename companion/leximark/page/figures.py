"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.leximark.lab.arms import (
    KEYS,
    LOOKALIKE,
    MARK,
    NONE,
    RANDOM,
    RAREST,
    SEQUENCE,
)
from companion.leximark.lab.detection import (
    ALPHA,
    POWER,
    effect_of_auroc,
    predicted_power,
)
from companion.leximark.lab.run import QUESTIONS, SMOL, WORDS, Run
from companion.leximark.lab.summary import dose_levels
from companion.leximark.method.watermark import KEYED, Marked
from companion.leximark.sources import gains
from companion.plotting import (
    BLACK,
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
    shows,
)
from companion.stats import over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = methods("record", "dictionary", "protocol", "counterfactual")
ASKED = {
    "record": "this record?",
    "dictionary": "this dictionary?",
    "protocol": "both at once",
    "counterfactual": "which version?",
}
"""Question -> a few words for an axis."""

MODELS = {SMOL: METHODS["ours"], WORDS: METHODS["baseline"]}

ANSWER = {
    (MARK, "protocol"): "LexiMark,\nauthors' protocol",
    (MARK, "record"): "LexiMark,\none dictionary",
    (KEYS, "protocol"): "two secret keys",
    (SEQUENCE, "protocol"): "ten random words\nbehind each text",
}
"""Rows of the first figure."""


# --------------------------------------------------------------------------- the answer
def answer(published: Mapping[str, object] | None) -> Figure:
    """What each mark adds to the AUROC, in the published record."""
    table = (published or {}).get("series", {}).get("aurocs")
    if not table:
        return no_record("it")
    frame = pd.DataFrame(table)
    fig, ax = figure(height=3.0)
    found = {}
    for shift, (model, look) in zip((-0.14, 0.14), MODELS.items(), strict=True):
        rows = frame[frame.model == model].set_index(["arm", "question"])
        at = [i for i, one in enumerate(ANSWER) if one in rows.index]
        told = [rows.loc[one] for one in ANSWER if one in rows.index]
        found[model] = {one: rows.loc[one] for one in ANSWER if one in rows.index}
        _whiskers(ax, [row.gain for row in told], told, np.array(at) + shift, look, model)
    reference_line(ax, 0, "", axis="x")
    ax.set_yticks(range(len(ANSWER)), list(ANSWER.values()))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("AUROC minus that without a mark (95 % intervals over seeds)")
    ax.legend(loc="upper right", fontsize=9)
    first = found.get(SMOL, {}).get((MARK, "protocol"))
    if first is None:
        ax.set_title("What each mark adds to the AUROC")
        return fig
    interval = SimpleNamespace(low=first.gain_low, high=first.gain_high)
    finding_title(
        ax,
        f"In {SMOL} LexiMark adds {100 * first.gain:.0f} points of AUROC",
        holds=shows(interval, above=0),
        otherwise="What each mark adds to the AUROC",
    )
    return fig


def _whiskers(ax: Axes, x: Sequence[float], rows: Sequence, y: np.ndarray, look, label: str):
    """Points with the ends ``gain_low`` and ``gain_high`` of their intervals."""
    low, high = ([getattr(row, f"gain_{end}") for row in rows] for end in ("low", "high"))
    sizes = np.abs(np.array([low, high], dtype=float) - np.array(x, dtype=float))
    ax.errorbar(
        x,
        y,
        xerr=np.nan_to_num(sizes),
        fmt=look.marker,
        color=look.color,
        capsize=2.5,
        markersize=6,
        label=label,
    )


# --------------------------------------------------------------------------- AUROC
def questions(runs: Sequence[Run]) -> Figure:
    """AUROC of the four questions under two keys, and of LexiMark, one panel a model."""
    fig, axes = figure(1, len(runs), height=4.6, squeeze=False, sharey=True)
    for ax, run in zip(axes[0], runs, strict=True):
        asked = [
            (NONE, "record", "no mark", METHODS["no mark"]),
            (MARK, "record", "LexiMark: this record?", LOOKS["record"]),
            (MARK, "protocol", "LexiMark: both at once", LOOKS["protocol"]),
            *((KEYS, q, f"keys: {ASKED[q]}", LOOKS[q]) for q in QUESTIONS),
        ]
        there = [one for one in asked if run.has(one[0], one[1])]
        for i, (arm, question, _, look) in enumerate(there):
            values = run.aurocs(arm, question)
            ax.bar(i, values.mean(), color=look.color, width=0.62, alpha=0.85)
            ax.plot(np.full(len(values), i), values, "o", color=BLACK, markersize=3)
            before = run.aurocs(arm, question, model="base").mean()
            blind = np.mean([one.arms[arm].blind[question] for one in run.results])
            ax.plot(i - 0.36, before, "<", color=GREY, markersize=6)
            ax.plot(i + 0.36, blind, "X", color=VERMILION, markersize=6)
        ax.plot([], [], "<", color=GREY, label="untrained model")
        ax.plot([], [], "X", color=VERMILION, label="no model (naive Bayes)")
        reference_line(ax, 0.5, "")
        ax.set_xticks(range(len(there)), [one[2] for one in there], fontsize=8.5, rotation=90)
        ax.set_title(run.model, fontsize=10.5)
        ax.grid(visible=False, axis="x")
        ax.set(ylim=(0.3, 1.2), yticks=np.arange(0.3, 1.01, 0.1))
    axes[0, 0].set_ylabel("AUROC")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    learned = {run.model: over_seeds(run.aurocs(KEYS, "dictionary")) for run in runs}
    finding_title(
        fig,
        "A trained model prefers its dictionary on texts that it never saw",
        holds=all(shows(one, above=0.5) for one in learned.values()),
        otherwise="Four questions, one model",
    )
    return fig


def marks(run: Run) -> Figure:
    """What each mark adds to the AUROC of the word model."""
    rows = [
        (MARK, "protocol", "LexiMark"),
        (MARK, "record", "LexiMark, one dictionary"),
        (RAREST, "record", "rarest words, no filter"),
        (RANDOM, "record", "random words, no filter"),
        (KEYS, "protocol", "two keys"),
        (SEQUENCE, "protocol", "random sequence"),
        (LOOKALIKE, "record", "lookalike letters"),
    ]
    rows = [row for row in rows if run.has(row[0], row[1])]
    none = run.aurocs(NONE)
    fig, ax = figure(height=0.9 + 0.42 * len(rows))
    for i, (arm, question, _) in enumerate(rows):
        values = run.aurocs(arm, question) - none
        look, found = LOOKS[question], over_seeds(values)
        ax.plot(values, np.full(len(values), i), ".", color=look.color, alpha=0.5)
        ends = [end if np.isfinite(end) else found.estimate for end in (found.low, found.high)]
        ax.plot(ends, [i, i], color=look.color)
        ax.plot(found.estimate, i, look.marker, color=look.color, markersize=7)
    reference_line(ax, 0, "", axis="x")
    ax.set_yticks(range(len(rows)), [row[2] for row in rows])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"AUROC minus that without a mark, {run.model}")
    worse = {
        name: over_seeds(run.aurocs(MARK, "protocol") - run.aurocs(name, question))
        for name, question in ((SEQUENCE, "protocol"), (LOOKALIKE, "record"))
        if run.has(name, question)
    }
    finding_title(
        ax,
        "Both other marks are found more easily than LexiMark",
        holds=len(worse) == 2 and all(shows(one, below=0) for one in worse.values()),
        otherwise="What each mark adds to the AUROC",
    )
    return fig


def doses(run: Run) -> Figure:
    """AUROC of the protocol with two keys against K."""
    k, levels = dose_levels(run)
    fig, ax = figure(height=3.3)
    look = LOOKS["protocol"]
    ax.plot(k, levels, color=look.color, linewidth=0.7, alpha=0.45)
    ax.plot(k, levels.mean(1), color=look.color, marker=look.marker, linestyle=look.linestyle)
    reference_line(ax, float(run.aurocs(NONE).mean()), "no mark")
    ax.set(xlabel="words replaced per sentence, K", ylabel="AUROC, both at once", xticks=k)
    slopes = over_seeds(np.polyfit(k, levels, 1)[0]) if len(k) > 1 else over_seeds([np.nan])
    finding_title(
        ax,
        f"Each further word adds {100 * slopes.estimate:.1f} points",
        holds=shows(slopes, above=0),
        otherwise="AUROC by number of words replaced",
    )
    return fig


# --------------------------------------------------------------------------- tests of an owner
def keys(runs: Sequence[Run]) -> Figure:
    """The owner's key among fresh ones, first seed, one panel a model."""
    fig, axes = figure(1, len(runs), height=3.2, squeeze=False)
    for ax, run in zip(axes[0], runs, strict=True):
        test = run.results[0].keyed
        values = np.r_[test.others, test.true]
        pad = 0.1 * np.ptp(values) + 1e-6
        edges = np.linspace(values.min() - pad, values.max() + pad, 31)
        ax.hist(test.others, edges, color=GREY, alpha=0.6, label=f"{len(test.others)} other keys")
        ax.axvline(test.true, color=BLUE, linewidth=2.4, label="the owner's key")
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="mean score under a key")
        ax.set_title(f"{run.model}: p = {test.p:.2g}", fontsize=10.5)
    axes[0, 0].set_ylabel("keys")
    axes[0, 0].legend(loc="upper center", fontsize=8.5)
    tests = [one.keyed for run in runs for one in run.results if one.keyed is not None]
    finding_title(
        fig,
        "The owner's key beats every other key",
        holds=all(test.p <= 1 / (len(test.others) + 1) for test in tests),
        otherwise="The owner's key among others",
    )
    return fig


def power(run: Run) -> Figure:
    """Power of Welch's test against the number of records, from the mean AUROC of a run."""
    fig, ax = figure(height=3.3)
    asked = {
        "no mark": (NONE, "record", METHODS["no mark"]),
        "LexiMark": (MARK, "protocol", LOOKS["protocol"]),
        "two keys": (KEYS, "protocol", LOOKS["dictionary"]),
    }
    n = np.arange(2, 41)
    for name, (arm, question, look) in asked.items():
        d = effect_of_auroc(float(np.clip(run.aurocs(arm, question).mean(), 0.501, 0.999)))
        ax.plot(
            n,
            [predicted_power(d, int(k)) for k in n],
            color=look.color,
            linestyle=look.linestyle,
            label=f"{name} (d = {d:.2f})",
        )
    reference_line(ax, POWER, "80 %")
    ax.axvline(6, color=VERMILION, linewidth=1.2)
    ax.set(xlabel="records on each side", ylabel=f"power at alpha = {ALPHA}", ylim=(0, 1.03))
    ax.legend(loc="lower right")
    ax.set_title(f"Records that a t-test needs, {run.model}")
    return fig


# --------------------------------------------------------------------------- text and paper
def bars(marked: Marked, most: int = 12) -> Figure:
    """Surprisal before and after of the words that were looked at."""
    looked = sorted([*marked.changes, *marked.kept])[:most]
    fig, ax = figure(height=1.2 + 0.26 * len(looked))
    for i, change in enumerate(looked):
        before, after = change.bits
        changed = change.old != change.new
        ax.barh(i, after if changed else before, color=BLUE if changed else GREY, height=0.66)
        if changed:
            ax.barh(i, before, color=ORANGE, height=0.66)
        word = change.new if changed else "kept"
        ax.text(max(before, after) + 0.3, i, word, va="center", fontsize=9)
    ax.set_yticks(range(len(looked)), [c.old for c in looked])
    ax.set(ylim=(len(looked) - 0.4, -0.6), xlim=(0, 36), ylabel="word")
    ax.set_xlabel("surprisal (bits): before (orange), and what replacement adds")
    ax.grid(visible=False, axis="y")
    ax.set_title(f"{len(marked.changes)} of {marked.n_words} words replaced, K = {KEYED.k}")
    return fig


def paper_slopes(printed: pd.DataFrame, runs: Sequence[Run]) -> Figure:
    """AUROC without and with the mark: the paper's 42 pairs in grey, ours in color."""
    frame = gains(printed)
    fig, ax = figure(height=3.8)
    for none, mark in frame[["none", "LexiMark"]].to_numpy():
        ax.plot([0, 1], [none, mark], color=GREY, alpha=0.35, linewidth=1)
    for run in runs:
        look = MODELS.get(run.model, METHODS["ours"])
        none, mark = (
            100 * run.aurocs(arm, question).mean()
            for arm, question in ((NONE, "record"), (MARK, "protocol"))
        )
        ax.plot([0, 1], [none, mark], color=look.color, marker=look.marker, linewidth=2.4)
        ax.text(1.04, mark, run.model, color=look.color, fontsize=9, va="center")
    ax.set_xticks([0, 1], ["no mark", "LexiMark"])
    ax.set(xlim=(-0.1, 1.5), ylabel="AUROC (%), Min-K%++ 20 %")
    finding_title(
        ax,
        f"All {len(frame)} printed pairs rise, by {frame.gain.min():.1f} to "
        f"{frame.gain.max():.1f} points",
        holds=bool((frame.gain > 0).all()),
        otherwise="AUROC without and with the mark",
    )
    return fig
