"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.plotting import (
    METHODS,
    figure,
    finding_title,
    headline,
    methods,
    no_record,
    shows,
    style,
)
from companion.scale import generator
from companion.stats import Interval, over_seeds, paired
from companion.synthetic_data.lab.evidence import (
    arm,
    first_onsets,
    knot_moves,
    one_knot,
    removed,
    sizes,
    unit_of,
)
from companion.synthetic_data.lab.language import ALONE, MIXTURE, Lives, changes
from companion.synthetic_data.lab.loop import HOPS, Runs
from companion.synthetic_data.lab.run import Loops
from companion.synthetic_data.method.mixing import mixing_law
from companion.synthetic_data.verdict import OFF, calibration_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDS = ("", "_low", "_high")
SHARE = "share of synthetic samples s"
GENERATION = "generation k"
LOOKS = {MIXTURE: style("fixed"), ALONE: style("real only")}
PREDICTED = {"color": METHODS["truth"].color, "linestyle": ":"}
ARMS = {
    "fixed, T=1": ("fixed", "mixture, the same real data"),
    "real only": ("real only", "real part alone"),
    "fresh, T=1": ("fresh", "mixture, new real data"),
    "accumulate": ("accumulate", "everything kept"),
    "subsample": ("subsample", "N of everything"),
}
"""Arms of which there is a law: its protocol, and what the page calls it."""

MARKS = methods("fixed, T=1", "real only", "fresh, T=1", "accumulate", "subsample")


def band(ax: Axes, x: Sequence[float], values: np.ndarray, look: Mapping, label: str) -> None:
    """Mean over seeds with its 95 % interval.

    x : (n,); values : (n, n_seeds)
    """
    found = [over_seeds(row) for row in values]
    ax.plot(x, [one.estimate for one in found], **look, label=label)
    low, high = ([getattr(one, end) for one in found] for end in ("low", "high"))
    finite = np.isfinite(low) & np.isfinite(high)  # generation 0 has no spread against itself
    low, high = (np.where(finite, end, values.mean(1)) for end in (low, high))
    ax.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)


# -------------------------------------------------------------------------------- the first figure
def answer(published: Mapping[str, object] | None) -> Figure:
    """Added divergence of the mixture and of its real part, in models and by law; real text."""
    series = (published or {}).get("series", {})
    if not {"curves", "language"} <= set(series):
        return no_record()
    curves, text = (pd.DataFrame(series[name]) for name in ("curves", "language"))
    curves = curves[curves["s"] <= 0.5]  # the paper's range; all of it stands below
    fig, (left, right) = figure(1, 2, height=3.3, width_ratios=(1.25, 1))
    for kind, name in ((MIXTURE, "mixture"), (ALONE, "alone")):
        look = LOOKS[kind]
        left.plot(curves["s"], curves[name], **look, label=kind)
        ends = curves[f"{name}_low"], curves[f"{name}_high"]
        left.fill_between(curves["s"], *ends, color=look["color"], alpha=0.15, linewidth=0)
        told = "by the law" if kind == MIXTURE else None
        left.plot(curves["s"], curves[f"{name}_law"], **PREDICTED, label=told)
    left.set(xlabel=SHARE, ylabel="divergence added (nats)", title="Known truth, three rounds")
    left.legend(loc="upper left")
    _language_panel(right, text[text["share"] == 0.5])
    right.set_title("Real text, s = 0.5")
    found = series["own_damage"]
    worse, off = (Interval(*(found[f"{name}{end}"] for end in ENDS)) for name in ("kl", "law"))
    finding_title(
        fig,
        "At s = 0.5 a mixture is worse than its real part alone; a law says how much to within "
        f"{OFF:g} of the damage",
        holds=shows(worse, above=0) and shows(off, above=-OFF) and shows(off, below=OFF),
        otherwise="A mixture, its real part alone, and a law without free numbers",
    )
    return fig


def _language_panel(ax: Axes, text: pd.DataFrame) -> None:
    """Test loss over generations, less that of all real text.

    text : columns kind, k, loss, loss_low, loss_high
    """
    for kind, rows in text.groupby("kind", sort=False):
        look = LOOKS[kind]
        ax.plot(rows["k"], rows["loss"], **look, label=kind)
        ends = rows["loss_low"], rows["loss_high"]
        ax.fill_between(rows["k"], *ends, color=look["color"], alpha=0.15, linewidth=0)
    ax.set(xlabel=GENERATION, ylabel="test loss added (nats)", xticks=sorted(set(text["k"])))
    ax.legend(loc="best")


# ------------------------------------------------------------------------------ the central figure
def law_and_models(loops: Loops) -> Figure:
    """Added divergence over s with the law's lines, and of every arm against its law."""
    fig, (left, right) = figure(1, 2, height=3.9)
    mixed, alone = arm(loops, "fixed, T=1"), arm(loops, "real only")
    unit = unit_of(loops)
    k = len(mixed.metrics["kl"]) - 1
    for kind, runs, protocol in ((MIXTURE, mixed, "fixed"), (ALONE, alone, "real only")):
        added = runs.metrics["kl"][-1] - runs.metrics["kl"][0]
        band(left, runs.shares, added, LOOKS[kind], kind)
        law = unit * (mixing_law(runs.shares, k, protocol) - 1)
        left.plot(runs.shares, law, **PREDICTED, label="by the law" if kind == MIXTURE else None)
    left.set(xlabel=SHARE, ylabel="divergence added (nats)")
    left.legend(loc="upper left")
    rows = law_rows(loops)
    for name, look in MARKS.items():
        part = rows[rows["arm"] == name]
        ends = [part["measured"] - part["low"], part["high"] - part["measured"]]
        right.errorbar(
            part["predicted"],
            part["measured"],
            yerr=np.maximum(ends, 0),
            color=look.color,
            marker=look.marker,
            linestyle="",
            label=ARMS[name][1],
        )
    most = 1.08 * max(rows["predicted"].max(), rows["measured"].max())
    right.plot([0, most], [0, most], **PREDICTED)
    right.set(xlabel="added by the law (nats)", ylabel="added (nats)")
    right.legend(loc="upper left")
    inside = ((rows["low"] <= rows["predicted"]) & (rows["predicted"] <= rows["high"])).sum()
    headline(
        fig,
        f"Added divergence: {len(rows) - inside} of {len(rows)} intervals exclude the law's value",
    )
    return fig


def law_rows(loops: Loops, most: float = 0.5) -> pd.DataFrame:
    """Added divergence of each arm, generation and ratio up to `most`, predicted and measured.

    The real part alone at s = 0.5, which sets the unit, is left out.
    """
    unit, rows = unit_of(loops), []
    for name, (protocol, _) in ARMS.items():
        runs = arm(loops, name)
        for k in range(1, len(runs.metrics["kl"])):
            for s in runs.shares[(runs.shares > 0) & (runs.shares <= most + 1e-9)]:
                if name == "real only" and (k > 1 or s == 0.5):
                    continue
                found = over_seeds(runs.rise("kl", s, k))
                expected = unit * float(mixing_law(s, k, protocol) - 1)
                ends = expected, found.estimate, found.low, found.high
                rows.append((name, k, float(s), *ends))
    return pd.DataFrame(rows, columns=["arm", "k", "s", "predicted", "measured", "low", "high"])


# --------------------------------------------------------------------------------- the paper's five
def knots(loops: Loops) -> Figure:
    """Lines with one knot on two grids: the law, which has no threshold, and trained models."""
    runs = arm(loops, "fresh, T=1")
    fig, axes = figure(1, 2, height=3.5)
    if len(runs.shares) < 5:
        headline(fig, "A knot needs more mixing ratios than this scale has")
        for ax in axes:
            ax.axis("off")
        return fig
    curves = (
        ("eq. 4, three generations", mixing_law(runs.shares, 3, "fresh"), "error variance"),
        ("trained models", runs.metrics["kl"][-1].mean(axis=1), "divergence (nats)"),
    )
    for ax, (title, y, label) in zip(axes, curves, strict=True):
        ax.plot(runs.shares, y, color=METHODS["ours"].color, marker="o", linestyle="")
        for end, name in ((0.5, "baseline"), (0.9, "control")):
            inside = runs.shares <= end + 1e-9
            fitted = one_knot(runs.shares[inside], y[inside])
            grid = np.linspace(0, end, 100)
            look = METHODS[name]
            ax.plot(grid, fitted(grid), color=look.color, linestyle=look.linestyle)
            ax.axvline(fitted.knot, color=look.color, linestyle=":", linewidth=1)
            told = f" {fitted.knot:.2f}"
            ax.text(fitted.knot, y.max(), told, color=look.color, fontsize=9)
        ax.set(xlabel=SHARE, ylabel=label, title=title)
    move = knot_moves(runs.shares, runs.metrics["kl"][-1], generator(0, "T6", "kl"))
    finding_title(
        fig,
        "The fitted threshold moves by more than 0.1 when the grid is extended",
        holds=shows(move, above=0.1),
        otherwise="Thresholds fitted on two grids",
    )
    return fig


def calibration(loops: Loops) -> Figure:
    """Rise of calibration error and fall of accuracy over s, at two temperatures."""
    fig, axes = figure(1, 2, height=3.5, sharey=True)
    looks = {"ece": ("calibration error, rise", "control"), "regret": ("accuracy, fall", "ours")}
    onsets = []
    for ax, name in zip(axes, ("fixed, T=1", "fixed, T=0.7"), strict=True):
        runs = arm(loops, name)
        inside = runs.shares <= 0.5 + 1e-9
        for metric, (label, role) in looks.items():
            rise = 100 * (runs.metrics[metric][-1] - runs.metrics[metric][0])
            band(ax, runs.shares[inside], rise[inside], style(role), label)
        onsets.append(calibration_first(first_onsets(runs)))
        ax.set(xlabel=SHARE, title=name.partition(", ")[2].replace("=", " = "))
    axes[0].set_ylabel("percentage points")
    axes[0].legend(loc="upper left")
    finding_title(
        fig,
        "At both temperatures calibration moves first in most seeds",
        holds=all(shows(one, above=0.5) for one in onsets),
        otherwise="Calibration error and accuracy, in the same unit",
    )
    return fig


def chains(loops: Loops) -> Figure:
    """Wrong chains by length, with and without synthetic samples, and by compounding alone."""
    runs = arm(loops, "fixed, T=1")
    fig, ax = figure(height=3.4)
    for share, role in ((0.0, "real only"), (0.5, "fixed")):
        wrong = np.array([1 - runs.at(f"hops_{m}", share) for m in HOPS])
        band(ax, HOPS, 100 * wrong, style(role), f"s = {share:g}")
        single = 1 - runs.at("facts", share).mean()
        alone = [100 * (1 - (1 - single) ** m) for m in HOPS]
        told = "four independent questions" if share else None
        ax.plot(HOPS, alone, **PREDICTED, label=told)
    ax.set(xlabel="questions in a row", ylabel="wrong chains (%)", xticks=HOPS)
    ax.legend(loc="upper left")
    gap = over_seeds(runs.relative_loss("hops_4", 0.5) - runs.relative_loss("facts", 0.5))
    finding_title(
        ax,
        "Chains lose more than facts",
        holds=shows(gap, above=0),
        otherwise="Chains and facts",
    )
    return fig


def by_size(loops: Loops) -> Figure:
    """Accuracy lost and divergence added by each size, in percent of its start."""
    fig, axes = figure(1, 2, height=3.4)
    names = ("isotropic", "diagonal", "full")
    for ax, (metric, label) in zip(
        axes, (("accuracy", "accuracy lost (%)"), ("kl", "divergence added (%)")), strict=True
    ):
        for role, runs in zip(names[-len(sizes(loops)) :], sizes(loops), strict=True):
            inside = runs.shares <= 0.5 + 1e-9
            sign = -1 if metric == "accuracy" else 1
            start = runs.metrics[metric][0]
            change = 100 * sign * (runs.metrics[metric][-1] - start) / start
            look = style(role) | {"linestyle": "-"}
            band(ax, runs.shares[inside], change[inside], look, f"rank {runs.rank}")
        ax.set(xlabel=SHARE, ylabel=label)
    axes[0].legend(loc="upper left")
    losses = [runs.relative_loss("accuracy", 0.5) for runs in sizes(loops)]
    others = [paired(losses[-1], one) for one in losses[:-1]]
    finding_title(
        fig,
        "The largest size loses the smallest share of its accuracy",
        holds=bool(others) and all(shows(one, below=0) for one in others),
        otherwise="What each size loses",
    )
    return fig


# ----------------------------------------------------------------------------------------- repair
def repair(loops: Loops) -> Figure:
    """Calibration error and divergence on rare contexts, before and after one temperature."""
    runs = arm(loops, "fixed, T=0.7")
    fig, axes = figure(1, 2, height=3.4)
    labels = {"ece": "calibration error", "tail_kl": "divergence, rare contexts (nats)"}
    for ax, (name, label) in zip(axes, labels.items(), strict=True):
        band(ax, runs.shares, runs.metrics[name][-1], style("control"), "as trained")
        band(ax, runs.shares, runs.scaled[name], style("ours"), "one temperature")
        ax.set(xlabel=SHARE, ylabel=label)
    axes[0].legend(loc="upper left")
    finding_title(
        fig,
        "One temperature removes most of the calibration damage",
        holds=shows(removed(runs, "ece"), above=0.5),
        otherwise="Before and after one temperature",
    )
    return fig


# -------------------------------------------------------------------------------------- real text
def language(lives: Sequence[Lives]) -> Figure:
    """Test loss, and calibration error at two temperatures, over generations."""
    one = lives[-1]
    fig, (left, right) = figure(1, 2, height=3.6)
    rows = changes(one)
    _language_panel(left, rows[rows["share"] == 0.5])
    left.set_title("s = 0.5, T = 1")
    k = np.arange(one.mixed.shape[1])
    for temperature, role in ((1.0, "fixed, T=1"), (0.7, "fixed, T=0.7")):
        for name, sign, dash in (("ece", 100, "-"), ("accuracy", -100, ":")):
            values = np.array([one.at(name, temperature, 0.5, i) for i in k])
            look = style(role) | {"linestyle": dash}
            told = (
                f"{'calibration error' if name == 'ece' else 'accuracy lost'}, T = {temperature:g}"
            )
            band(right, k, sign * (values - values[0]), look, told)
    right.set(xlabel=GENERATION, ylabel="percentage points", xticks=k)
    right.set_ylim(top=1.7 * right.get_ylim()[1])  # room for four names
    right.legend(loc="upper left", fontsize=8)
    gap = paired(one.at("loss", 1.0, 0.5), one.real_alone("loss", 0.5))
    finding_title(
        fig,
        "On real text, too, the mixture ends worse than its real part alone",
        holds=shows(gap, above=0),
        otherwise="A language model on real text and on its own",
    )
    return fig


def one_run(runs: Runs) -> Figure:
    """Added divergence and calibration error of a single loop over generations."""
    fig, axes = figure(1, 2, height=3.0)
    k = np.arange(len(runs.metrics["kl"]))
    for ax, (name, label) in zip(
        axes, (("kl", "divergence (nats)"), ("ece", "calibration error")), strict=True
    ):
        ax.plot(k, runs.metrics[name][:, 0], **style("ours"))
        ax.set(xlabel=GENERATION, ylabel=label, xticks=k)
    return fig
