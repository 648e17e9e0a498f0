"""Which coordinates a network uses (E1 to E4), and where the theorem's form ends (E5 to E8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.sweeps import Broken
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.verdict.evidence import XOR, at
from companion.plotting import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    label_line,
    methods,
    no_record,
    plain_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# -------------------------------------------------------------------------------------------- style
REGRESSORS = methods("LM", "P", "bag", "label", "oracle")


WORDS = {
    "LM": "log marginals",
    "P": "posterior",
    "bag": "word counts",
    "label": "true concepts",
    "oracle": "exact logits",
}

PAIRING = methods("held_out", "same", "permuted")

KINDS = methods("top-k", "batch top-k", "p-annealing", "structured")


# -------------------------------------------------------------------------------------- coordinates
def answer(published: Mapping[str, object] | None) -> Figure:
    """Contrasts against log odds, and which regressor wins, from the published record."""
    series = (published or {}).get("series", {})
    if "curves" not in series:
        return no_record()
    fig, (left, right) = figure(1, 2, height=3.9)
    for row in series["curves"]:
        _cloud(left, row["eta"], np.array(row["points"]))
    left.set(xlabel="log odds of a concept, exact", ylabel="logit difference of its names")
    left.set_title("What the network says", fontsize=10.5)
    trained = [t for t in series["trained"] if t["targets"] == "exact"]
    _which(right, pd.DataFrame(series["etas"]), trained)
    right.set_title("Which regressor explains it", fontsize=10.5)
    fits = [t["curve_r2"] for t in trained if t["eta"] in {r["eta"] for r in series["curves"]}]
    finding_title(
        fig,
        f"A curve with nothing fitted predicts the logits (R² at least {min(fits):.2f}); its "
        "shape depends on how sharp the names are",
        holds=min(fits) >= 0.9,
        otherwise="Logits of the names against the exact log odds of the concepts",
    )
    return fig


def _cloud(ax: Axes, eta: float, points: np.ndarray) -> None:
    """Measured contrasts and the curve g_eta."""
    color, marker = (BLUE, "o") if eta < 0.1 else (VERMILION, "X")
    ax.plot(points[:, 0], points[:, 1], marker, color=color, alpha=0.35, markersize=3.5)
    odds = np.linspace(points[:, 0].min(), points[:, 0].max(), 200)
    (line,) = ax.plot(odds, g_eta(eta, odds), color=BLACK, linewidth=1.2)
    label_line(line, f"η = {eta:g}", dx=3)


def _which(ax: Axes, exact: pd.DataFrame, trained: Sequence[Mapping[str, object]]) -> None:
    """R2_enc of log marginals and of the posterior over eta: lines exact, marks trained."""
    for name in ("LM", "P"):
        look = REGRESSORS[name]
        ax.plot(
            exact["eta"],
            exact[name],
            color=look.color,
            linestyle=look.linestyle,
            label=f"{WORDS[name]}, perfect predictor",
        )
        marks = [t["eta"] for t in trained], [t[name] for t in trained]
        ax.plot(
            *marks,
            look.marker,
            color=look.color,
            alpha=0.75,
            markersize=6,
            label=f"{WORDS[name]}, trained",
        )
    ax.set(xscale="log", xlabel="error η of the names (log)", ylabel="R² of the name logits")
    ax.legend(loc="lower right", fontsize=8.5)


def _as_rows(runs: Sequence[Trained]) -> list[dict[str, object]]:
    return [
        {"eta": r.plan.eta, "LM": r.enc["LM"], "P": r.enc["P"]}
        for r in runs
        if r.plan.targets == "exact"
    ]


def which(exact: pd.DataFrame, runs: Sequence[Trained]) -> Figure:
    """E3: log posterior or posterior?"""
    fig, ax = figure(height=3.9)
    table = exact.groupby("eta", as_index=False)[["LM", "P"]].mean()
    rows = _as_rows(runs)
    _which(ax, table, rows)
    signs = {
        eta: np.mean([r["LM"] - r["P"] for r in rows if r["eta"] == eta]) for eta in (0.01, 0.3)
    }
    finding_title(
        ax,
        f"Sharp names: the log posterior wins (by {signs[0.01]:.2f} at η = 0.01). Vague names: "
        f"the posterior does (by {-signs[0.3]:.2f} at 0.3)",
        holds=signs[0.01] > 0 > signs[0.3],
        otherwise="R² from log marginals and from the posterior, by the error of the names",
    )
    return fig


def curves(runs: Sequence[Trained]) -> Figure:
    """E2: contrasts against the exact log odds, one panel per eta, with g_eta drawn."""
    etas = sorted({r.plan.eta for r in runs})
    fig, axes = figure(1, len(etas), height=3.7, squeeze=False)
    for ax, eta in zip(axes[0], etas, strict=True):
        group = at(runs, eta)
        points = np.concatenate([r.curve for r in group])
        _cloud(ax, eta, points[:: max(1, len(points) // 700)])
        ax.set_title(f"η = {eta:g}: R² {np.mean([r.curve_r2 for r in group]):.3f}", fontsize=10.5)
        ax.set(xlabel="log odds of a concept, exact")
    axes[0][0].set_ylabel("logit difference of its names")
    worst = min(r.curve_r2 for r in runs)
    finding_title(
        fig,
        "The network says what equation 6 says it must, with nothing fitted",
        holds=worst >= 0.9,
        otherwise="Logit differences of the names against the exact log odds",
    )
    return fig


def encoders(runs: Sequence[Trained]) -> Figure:
    """E1: R2_enc of the name logits from each regressor, at eta 0.01."""
    fig, ax = figure(height=3.6)
    group = at(runs, 0.01)
    names = list(REGRESSORS)
    for i, name in enumerate(names):
        look = REGRESSORS[name]
        values = [r.enc[name] for r in group]
        ax.bar(i, np.mean(values), color=look.color, width=0.5, alpha=0.85)
        ax.plot([i] * len(values), values, "o", color="white", markeredgecolor=BLACK, markersize=4)
        perfect = np.mean([r.enc_exact[name] for r in group])
        first = i == 0
        ax.plot(
            [i - 0.32, i + 0.32],
            [perfect] * 2,
            color=BLACK,
            linestyle=":",
            label="perfect predictor" if first else None,
        )
        ax.plot(
            i,
            np.mean([r.enc_untrained[name] for r in group]),
            "X",
            color=GREY,
            markersize=8,
            label="untrained network" if first else None,
        )
    ax.set_xticks(range(len(names)), [WORDS[name].replace(" ", "\n") for name in names])
    ax.set(ylim=(0, 1.08), ylabel="R² of the name logits")
    ax.legend(loc="upper right", bbox_to_anchor=(0.78, 1.0))
    lm, p, bag = (np.mean([r.enc[name] for r in group]) for name in ("LM", "P", "bag"))
    finding_title(
        ax,
        f"Log marginals explain the logits best: R² {lm:.3f}, posterior {p:.3f}, counts {bag:.3f}",
        holds=lm > max(p, bag),
        otherwise="R² of the name logits by what they are predicted from",
    )
    return fig


def places(runs: Sequence[Trained]) -> Figure:
    """E4: R2_dec of each concept from counts, an untrained network, each layer and f_x."""
    fig, ax = figure(height=3.6)
    group = at(runs, 0.01)
    names = list(group[0].dec)
    values = np.array([[r.dec[place] for place in names] for r in group])  # (seeds, places, m)
    legend = {0: "concepts without a hint of their own", 1: "concepts with one"}
    for k in range(values.shape[2]):
        hidden = k in XOR
        ax.plot(
            range(len(names)),
            values[:, :, k].mean(0),
            "o-" if hidden else "s--",
            color=BLUE if hidden else GREY,
            alpha=1 if hidden else 0.7,
            label=legend.get(k),
        )
    ax.set_xticks(
        range(len(names)),
        [n.replace("f", "$f_x$") if n == "f" else n.replace(" ", "\n") for n in names],
    )
    ax.set(ylim=(-0.08, 1.08), ylabel="R² of the log odds, linear")
    ax.legend(loc="lower right")
    rise = values[:, -1][:, list(XOR)].mean() - values[:, 0][:, list(XOR)].mean()
    finding_title(
        ax,
        f"What no line can read off the words, a line reads off $f_x$: R² rises by {rise:.2f}",
        holds=rise > 0.3,
        otherwise="Linear decoding of the concepts' log odds, by place",
    )
    return fig


# ----------------------------------------------------------------------------------------- breaking
def two_ways(ways: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """E5: no-fit R^2 against eps, by longer contexts and by sharper names."""
    fig, axes = figure(1, 2, height=3.7, sharey=True)
    mean = ways.groupby(["way", "length", "eta"], as_index=False).mean(numeric_only=True)
    looks = {"longer contexts": (VERMILION, "X"), "sharper names": (BLUE, "o")}
    last = {}
    for ax, (way, (color, marker)) in zip(axes, looks.items(), strict=True):
        rows = mean[mean["way"] == way].sort_values("eps", ascending=False)
        ax.plot(rows["eps"], rows["no_fit"], marker=marker, color=color)
        for i, row in enumerate(rows.to_dict("records")):
            text = f"{row['length']:.0f} words" if way == "longer contexts" else f"η {row['eta']:g}"
            if way == "longer contexts" and row["length"] in (8, 12):
                continue  # they lie too close to their neighbors to be named
            ax.annotate(
                text,
                (row["eps"], row["no_fit"]),
                fontsize=8.5,
                color=color,
                ha="center",
                xytext=(0, -13 if i % 2 else 7),
                textcoords="offset points",
            )
        ax.set(xscale="log", xlabel="uncertainty ε (log; smaller to the right)", ylim=(-1.1, 1.25))
        if way == "longer contexts":
            plain_ticks(ax.xaxis, (0.6, 0.3, 0.15, 0.07), widen=True)
        ax.invert_xaxis()
        ax.margins(x=0.15)
        ax.set_title(f"{way[0].upper()}{way[1:]}", fontsize=10.5)
        last[way] = rows["no_fit"].iloc[-1]
    if len(points):
        axes[0].plot(
            points["eps"],
            points["no_fit"],
            "D",
            color=BLACK,
            markersize=4,
            label="trained networks",
        )
        axes[0].legend(loc="lower left")
    axes[0].set_ylabel("R² of the theorem's A, no fit")
    finding_title(
        fig,
        f"Two ways to small ε: longer contexts break the form (R² {last['longer contexts']:.2f}), "
        f"sharper names make it exact ({last['sharper names']:.3f})",
        holds=last["longer contexts"] < 0.4 and last["sharper names"] > 0.99,
        otherwise="R² of the theorem's first-order form against the uncertainty",
    )
    return fig


def simulation(table: pd.DataFrame) -> Figure:
    """E6: accuracy of a linear probe with the ceiling of Bayes, one panel per graph density."""
    edges = sorted(table["edges"].unique())
    fig, axes = figure(1, len(edges), height=3.5, sharey=True, squeeze=False)
    trained = table["probe"].notna().all()
    for ax, k in zip(axes[0], edges, strict=True):
        mean = table[table["edges"] == k].groupby("bits").mean(numeric_only=True)
        ax.plot(mean.index, mean["bayes"], color=BLACK, label="ceiling: Bayes")
        ax.plot(mean.index, mean["raw"], "^--", color=ORANGE, label="line on the raw bits")
        if trained:
            ax.plot(mean.index, mean["probe"], "o", color=BLUE, label="line on trained $f_x$")
        ax.set(xlabel="observed bits")
        # edges appear with probability min(1, 2 k / (m - 1)): few latents have no room for more
        full = 2 * k >= table["m"].max() - 1
        ax.set_title(f"ER{k:g} (complete graph)" if full else f"ER{k:g}", fontsize=10.5)
    axes[0][0].set_ylabel("accuracy of the latents")
    axes[0][-1].legend(loc="lower right", fontsize=8.5)
    rise = table[table["bits"] == table["bits"].max()]["bayes"].mean()
    rise -= table[table["bits"] == table["bits"].min()]["bayes"].mean()
    gap = float((table["bayes"] - table["probe"]).mean()) if trained else np.nan
    finding_title(
        fig,
        f"The rise of accuracy is the rise of the ceiling: {rise:.2f}"
        + (f", and probes stay {gap:.3f} below it on average" if trained else ""),
        holds=rise > 0.1 and not gap > 0.05,
        otherwise="Accuracy of the latents against the number of observed bits",
    )
    return fig


def broken(found: Broken) -> Figure:
    """E7 and E8: merged names, a concept that is never named, a name that depends on the word."""
    fig, axes = figure(1, 3, height=3.6, sharey=True)
    merged = found.merged.groupby("size").mean(numeric_only=True)
    axes[0].bar([str(16 // s) for s in merged.index], merged["exact"], color=BLUE, width=0.6)
    axes[0].set(xlabel="different names", ylabel="R² (exact logits)")
    axes[0].set_title("log p(c|x) from logits", fontsize=10)
    named = found.unnamed.groupby("named").mean(numeric_only=True)
    axes[1].bar(
        ["named", "never\nnamed"],
        [named.loc[True, "exact"], named.loc[False, "exact"]],
        color=[BLUE, GREY],
        width=0.6,
    )
    axes[1].set_title("log odds from logits", fontsize=10)
    order = found.order.groupby("kappa").mean(numeric_only=True)
    axes[2].plot(
        order.index, order["lm"], marker="o", color=REGRESSORS["LM"].color, label="log marginals"
    )
    axes[2].plot(order.index, order["with_word"], "s--", color=GREEN, label="and last word")
    axes[2].set(xlabel="share κ of names\nfrom the last word", ylim=(0, 1.08))
    axes[2].set_title("logits from these", fontsize=10)
    axes[2].legend(loc="lower left", fontsize=8.5)
    for ax, table, xs in (
        (axes[0], merged, range(3)),
        (axes[1], named.reindex([True, False]), (0, 1)),
    ):
        if table["trained"].notna().all():
            ax.plot(list(xs), table["trained"], "D", color=BLACK, markersize=5, label="trained")
            ax.legend(loc="lower left", fontsize=8.5)
    if order["trained_lm"].notna().all():
        axes[2].plot(order.index, order["trained_lm"], "D", color=BLACK, markersize=5)
        axes[2].plot(order.index, order["trained_with_word"], "D", color=BLACK, markersize=5)
    falls = [merged["exact"].iloc[-1], named.loc[False, "exact"], order["lm"].iloc[-1]]
    finding_title(
        fig,
        f"Each assumption is needed: without it R² falls to {falls[0]:.2f}, {falls[1]:.2f} and "
        f"{falls[2]:.2f}",
        holds=max(falls) < 0.85,
        otherwise="The theorem's assumptions broken one by one",
    )
    return fig
