"""Figures of the chapter.  They only draw: every number comes from a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.claims import HOLDS
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import GATE, XOR, Trained, at
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.words import RealWords, families
from companion.next_token_concepts.lab.worlds import Broken, slopes
from companion.next_token_concepts.method.theory import g_eta
from companion.next_token_concepts.sources import PAPER_C
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
    reference_line,
    shows,
    thin_and_mean,
)
from companion.stats import over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGRESSORS = methods("LM", "P", "joint", "bag")
WORDS = {
    "LM": "log marginals",
    "P": "posterior",
    "joint": "joint log table",
    "bag": "word counts",
}
PARTS = {"logits": "name logits", "vector": "$f_x$ itself"}
PAIRING = methods("held_out", "same", "permuted")
KINDS = methods("top-k", "batch top-k", "p-annealing", "structured")


# -------------------------------------------------------------------------------- the first figure
def answer(published: Mapping[str, object] | None) -> Figure:
    """What plain next-token prediction represents, and which regressor wins by the names' error."""
    series = (published or {}).get("series", {})
    if not {"regressors", "trained", "etas"} <= set(series):
        return no_record("it")
    fig, (left, right) = figure(1, 2, height=3.0, width_ratios=(1.15, 1))
    rows = pd.DataFrame(series["regressors"])
    _bars(left, rows)
    _which(right, pd.DataFrame(series["etas"]), pd.DataFrame(series["trained"]))
    verdict = {row["claim"]: row["verdict"] for row in published.get("findings", ())}
    finding_title(
        fig,
        "Plain next-token prediction: the name logits are linear in the concepts' log posterior",
        holds=verdict.get("C1") == HOLDS,
        otherwise="What plain next-token prediction represents, and what sharp names change",
    )
    return fig


def _bars(ax: Axes, rows: pd.DataFrame) -> None:
    """R2 of name logits and of f_x by regressor, one mark a seed; columns of, seed, name, r2."""
    for place, part in enumerate(PARTS):
        for i, (name, look) in enumerate(REGRESSORS.items()):
            values = rows.loc[(rows["of"] == part) & (rows["name"] == name), "r2"].to_numpy()
            x = place + 0.2 * (i - 1.5)
            label = WORDS[name] if place == 0 else None
            ax.bar(x, values.mean(), width=0.18, color=look.color, alpha=0.75, label=label)
            ax.plot([x] * len(values), values, "o", color="white", mec=BLACK, markersize=3.5)
    ax.set_xticks(range(len(PARTS)), list(PARTS.values()))
    ax.set(ylim=(0, 1.42), ylabel="R², held out")
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.legend(loc="upper center", ncols=2, fontsize=8.5)


def _which(ax: Axes, exact: pd.DataFrame, trained: pd.DataFrame) -> None:
    """R2 of name logits over eta: lines of a perfect predictor, marks of trained networks."""
    for name in ("LM", "P"):
        color, marker, linestyle = REGRESSORS[name]
        ax.plot(exact["eta"], exact[name], color=color, linestyle=linestyle, label=WORDS[name])
        ax.plot(trained["eta"], trained[name], marker, color=color, alpha=0.7, markersize=5)
    ax.set(xscale="log", xlabel="error η of the names (log)", ylabel="R² of the name logits")
    ax.legend(loc="lower right", fontsize=8.5)


# ---------------------------------------------------------------------------------------- learning
def course(runs: Sequence[Trained]) -> Figure:
    """Share of the information that each network still misses, over its training."""
    fig, ax = figure(height=3.1)
    every = np.stack([run.course[:, 1] for run in runs])
    look = {"color": BLUE, "marker": "o"}
    thin_and_mean(ax, runs[0].course[:, 0], every, look)
    reference_line(ax, GATE, "asked of a network that is judged")
    ax.set(xscale="log", yscale="log", xlabel="updates (log)", ylabel="KL / I(x; y) (log)")
    finding_title(
        ax,
        f"Every network ends below {GATE} of the information",
        holds=bool((every[:, -1] <= GATE).all()),
        otherwise="Share of the information about the name that is still missed",
    )
    return fig


def regressors(runs: Sequence[Trained]) -> Figure:
    """R2 of the name logits, and of f_x itself, from each regressor."""
    rows = pd.DataFrame(
        [
            (part, run.plan.seed, name, getattr(run, part)[name])
            for part in PARTS
            for run in runs
            for name in REGRESSORS
        ],
        columns=["of", "seed", "name", "r2"],
    )
    fig, ax = figure(height=3.6)
    _bars(ax, rows)
    perfect = np.mean([run.exact["LM"] for run in runs])
    ax.plot([-0.4, -0.2], [perfect] * 2, color=BLACK, linestyle=":")
    wide = rows.pivot(index="seed", columns=["of", "name"], values="r2")
    loss = over_seeds(wide["logits", "LM"] - wide["vector", "LM"])
    finding_title(
        ax,
        "The log marginals explain what the loss can see, and less of the vector itself",
        holds=shows(loss, above=0)
        and shows(over_seeds(wide["logits", "LM"] - wide["logits", "P"]), above=0),
        otherwise="What the name logits and the last hidden vector are linear in",
    )
    return fig


def places(runs: Sequence[Trained]) -> Figure:
    """R2 of each concept's log odds from counts, an untrained network, each layer and f_x."""
    fig, ax = figure(height=3.4)
    names = list(runs[0].dec)
    values = np.array([[run.dec[place] for place in names] for run in runs])  # (seeds, places, m)
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
    ticks = ["$f_x$" if name == "f" else name.replace(" ", "\n") for name in names]
    ax.set_xticks(range(len(names)), ticks)
    ax.set(ylim=(-0.15, 1.08), ylabel="R² of the log odds")
    ax.legend(loc="lower right")
    hidden = values[:, :, list(XOR)].mean(2)
    finding_title(
        ax,
        "What no line reads off the words, a line reads off $f_x$",
        holds=shows(over_seeds(hidden[:, -1] - hidden[:, 0]), above=0.3),
        otherwise="Linear decoding of the concepts' log odds, by place",
    )
    return fig


# -------------------------------------------------------------------------------------- coordinates
def curves(runs: Sequence[Trained]) -> Figure:
    """Contrasts against the exact log odds, sharp and vague names, with g_eta drawn."""
    etas = [eta for eta in (0.01, 0.3) if at(runs, eta)]
    fig, axes = figure(1, len(etas), height=3.3, squeeze=False)
    fits = []
    for ax, eta in zip(axes[0], etas, strict=True):
        group = at(runs, eta)
        points = np.concatenate([run.curve for run in group])
        color, marker = (BLUE, "o") if eta < 0.1 else (VERMILION, "X")
        ax.plot(*points.T, marker, color=color, alpha=0.3, markersize=3.5)
        odds = np.linspace(points[:, 0].min(), points[:, 0].max(), 200)
        (line,) = ax.plot(odds, g_eta(eta, odds), color=BLACK, linewidth=1.2)
        label_line(line, f"η = {eta:g}", dx=3)
        ax.set(xlabel="log odds of a concept, exact")
        fits.append(over_seeds([run.curve_r2 for run in group]))
    axes[0][0].set_ylabel("logit difference of its names")
    finding_title(
        fig,
        "The logits lie on the curve of equation 6, with nothing fitted",
        holds=all(shows(fit, above=0.95) for fit in fits),
        otherwise="Logit differences of the names against the exact log odds",
    )
    return fig


def which(exact: pd.DataFrame, runs: Sequence[Trained]) -> Figure:
    """Log posterior or posterior, over the error of the names."""
    fig, ax = figure(height=3.4)
    table = exact.groupby("eta", as_index=False)[["LM", "P"]].mean()
    rows = [(run.plan.eta, run.logits["LM"], run.logits["P"]) for run in runs]
    _which(ax, table, pd.DataFrame(rows, columns=["eta", "LM", "P"]))
    gaps = {
        eta: over_seeds([run.logits["LM"] - run.logits["P"] for run in at(runs, eta)])
        for eta in (0.01, 0.3)
    }
    finding_title(
        ax,
        "Sharp names: the log posterior explains more. Vague names: the posterior does",
        holds=shows(gaps[0.01], above=0) and shows(gaps[0.3], below=0),
        otherwise="R² from log marginals and from the posterior, by the error of the names",
    )
    return fig


def transfer(table: pd.DataFrame) -> Figure:
    """A map of vague names, fitted on short contexts and used on longer ones, by regressor."""
    fig, ax = figure(height=3.2)
    lengths = sorted(table["length"].unique())
    for name in ("LM", "P"):
        wide = table.pivot(index="seed", columns="length", values=name)
        color, marker, linestyle = REGRESSORS[name]
        look = {"color": color, "marker": marker, "linestyle": linestyle, "label": WORDS[name]}
        thin_and_mean(ax, lengths, wide.to_numpy(), look)
    ax.set(xscale="log", xlabel="words of the contexts (log)", ylabel="R² of the same map")
    plain_ticks(ax.xaxis, lengths)
    ax.legend(loc="lower left")
    last = table[table["length"] == lengths[-1]]
    finding_title(
        ax,
        "Vague names: a map from the posterior fits contexts of every length, one from the log "
        "posterior does not",
        holds=shows(over_seeds(last["P"]), above=0.9) and shows(over_seeds(last["LM"]), below=0),
        otherwise="A map fitted on short contexts and used on longer ones",
    )
    return fig


# ----------------------------------------------------------------------------------------- breaking
def two_ways(ways: pd.DataFrame) -> Figure:
    """No-fit R2 against eps, by longer contexts and by sharper names."""
    fig, axes = figure(1, 2, height=3.4, sharey=True)
    looks = {"longer contexts": (VERMILION, "X"), "sharper names": (BLUE, "o")}
    last = {}
    for ax, (way, (color, marker)) in zip(axes, looks.items(), strict=True):
        mine = ways[ways["way"] == way]
        mean = mine.groupby(["length", "eta"], as_index=False).mean(numeric_only=True)
        rows = mean.sort_values("eps", ascending=False)
        ax.plot(rows["eps"], rows["no_fit"], marker=marker, color=color)
        for i, row in enumerate(rows.to_dict("records")):
            longer = way == "longer contexts"
            if longer and row["length"] in (8, 12):
                continue  # they lie too close to their neighbors to be named
            ax.annotate(
                f"{row['length']:.0f} words" if longer else f"η {row['eta']:g}",
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
        end = rows.iloc[-1]
        at_end = mine[(mine["length"] == end["length"]) & (mine["eta"] == end["eta"])]
        last[way] = over_seeds(at_end["no_fit"])
    axes[0].set_ylabel("R² of the theorem's A, no fit")
    finding_title(
        fig,
        "Two ways to small ε: longer contexts break the form, sharper names make it exact",
        holds=shows(last["longer contexts"], below=0.4)
        and shows(last["sharper names"], above=0.99),
        otherwise="R² of the theorem's first-order form against the uncertainty",
    )
    return fig


def broken(found: Broken) -> Figure:
    """Merged names, a concept that is never named, a name that depends on the word."""
    fig, axes = figure(1, 3, height=3.3, sharey=True)
    merged = found.merged.groupby("size").mean(numeric_only=True)
    axes[0].bar([str(16 // size) for size in merged.index], merged["exact"], color=BLUE, width=0.6)
    axes[0].set(xlabel="different names", ylabel="R²")
    axes[0].set_title("log p(c|x) from logits", fontsize=10)
    named = found.unnamed.groupby("named").mean(numeric_only=True).reindex([True, False])
    colors = [BLUE, GREY]
    axes[1].bar(["named", "never\nnamed"], named["exact"], color=colors, width=0.6)
    axes[1].set_title("log odds from logits", fontsize=10)
    order = found.order.groupby("kappa").mean(numeric_only=True)
    color, marker, _ = REGRESSORS["LM"]
    axes[2].plot(order.index, order["lm"], marker=marker, color=color, label="log marginals")
    axes[2].plot(order.index, order["with_word"], "s--", color=GREEN, label="and last word")
    axes[2].set(xlabel="share κ of names\nfrom the last word", ylim=(0, 1.08))
    axes[2].set_title("logits from these", fontsize=10)
    axes[2].legend(loc="lower left", fontsize=8.5)
    for ax, table, xs in ((axes[0], merged, range(3)), (axes[1], named, range(2))):
        if table["trained"].notna().all():
            ax.plot(list(xs), table["trained"], "D", color=BLACK, markersize=5, label="trained")
            if ax is axes[1]:
                ax.legend(loc="upper right", fontsize=8.5)
    worst = found.order[found.order["kappa"] == found.order["kappa"].max()]["lm"]
    four = found.merged[found.merged["size"] == 4]["exact"]
    never = found.unnamed[~found.unnamed["named"]]["exact"]
    finding_title(
        fig,
        "Without its assumptions the log posterior cannot be read as the theorem says",
        holds=all(shows(over_seeds(values), below=0.8) for values in (worst, four, never)),
        otherwise="The theorem's assumptions broken one by one",
    )
    return fig


def simulation(table: pd.DataFrame) -> Figure:
    """Accuracy of a linear probe with the ceiling of Bayes, one panel a graph density."""
    table = table[table["m"] == table["m"].max()]
    edges = sorted(table["edges"].unique())
    fig, axes = figure(1, len(edges), height=3.2, sharey=True, squeeze=False)
    is_trained = table["probe"].notna().all()
    for ax, k in zip(axes[0], edges, strict=True):
        mean = table[table["edges"] == k].groupby("bits").mean(numeric_only=True)
        ax.plot(mean.index, mean["bayes"], color=BLACK, label="ceiling: Bayes")
        ax.plot(mean.index, mean["raw"], "^--", color=ORANGE, label="line on raw bits")
        if is_trained:
            ax.plot(mean.index, mean["probe"], "o", color=BLUE, label="line on $f_x$")
        ax.set(xlabel="observed bits")
        ax.set_title(f"ER{k:g}", fontsize=10.5)
    axes[0][0].set_ylabel(f"accuracy of {table['m'].max()} latents")
    axes[0][-1].legend(loc="lower right", fontsize=8.5)
    rises = [over_seeds(slopes(rows)) for _, rows in table.groupby("edges")] if is_trained else []
    gap = (table["bayes"] - table["probe"]).groupby(table["seed"]).mean()
    finding_title(
        fig,
        "Accuracy rises with the observed bits, and stays within 0.03 of the ceiling",
        holds=bool(rises)
        and all(shows(rise, above=0) for rise in rises)
        and shows(over_seeds(gap), below=0.03),
        otherwise="Accuracy of the latents against the number of observed bits",
    )
    return fig


# ---------------------------------------------------------------------------- directions and probes
def recipe(noise: Sequence[Noise]) -> Figure:
    """Cosines of direction and probe on pure noise, by penalty and pairing."""
    labels = {
        "same": "same pairs for both (the authors' recipe)",
        "held_out": "disjoint halves",
        "permuted": "labels permuted (the usual null)",
    }
    fig, ax = figure(height=3.4)
    rng = np.random.default_rng(0)
    for name, (color, marker, _) in PAIRING.items():
        for i, one in enumerate(noise):
            values = getattr(one, name)
            x = i + rng.uniform(-0.12, 0.12, len(values))
            label = labels[name] if i == 0 else None
            ax.plot(x, values, marker, color=color, alpha=0.7, markersize=6, label=label)
    reference_line(ax, 0.0, "no common direction")
    ax.set_xticks(range(len(noise)), [f"C = {one.c:g}" for one in noise])
    ax.set(
        xlim=(-0.4, len(noise) - 0.1),
        ylim=(-0.4, 1.95),
        xlabel="inverse penalty of the logistic regression",
        ylabel="cosine of direction and probe",
    )
    ax.legend(loc="upper left")
    paper = next(one for one in noise if one.c == PAPER_C)
    finding_title(
        ax,
        "On pure noise the same pairs give a cosine above 0.95; disjoint halves give none",
        holds=shows(over_seeds(paper.same), above=0.95)
        and shows(over_seeds(np.abs(paper.held_out)), below=0.2),
        otherwise="Cosine of direction and probe on pure noise",
    )
    return fig


def layers(found: RealWords) -> Figure:
    """Held-out and same-pair diagonal through the layers, trained and random weights."""
    fig, ax = figure(height=3.7)
    x = np.array(found.layers)
    for arm, color, marker in (("trained", BLUE, "o"), ("random", VERMILION, "X")):
        depth = found.depth[arm]
        ends = [families(found, row)[1:3] for row in depth.held_out]
        ax.fill_between(x, *np.array(ends).T, color=color, alpha=0.15, linewidth=0)
        label = f"{arm}, disjoint words"
        ax.plot(x, depth.held_out.mean(1), color=color, marker=marker, label=label)
        label = f"{arm}, same pairs"
        ax.plot(x, depth.same.mean(1), color=color, linestyle=":", label=label)
    noise = found.depth["trained"]
    ax.plot(x, noise.null.mean(1), color=GREY, linestyle="--", label="noise, disjoint words")
    ax.plot(x, noise.null_same.mean(1), color=GREY, linestyle=":", label="noise, same pairs")
    ax.set(ylim=(-0.25, 1.75), xlabel="layer (0: static embedding)", ylabel="mean cosine")
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.legend(loc="upper left", ncols=2, fontsize=8.5)
    held = {arm: depth.held_out[-1] for arm, depth in found.depth.items()}
    finding_title(
        ax,
        "On disjoint words the trained model agrees with itself more than random weights do",
        holds=shows(families(found, held["trained"] - held["random"]), above=0),
        otherwise="Held-out cosine of direction and probe through the layers",
    )
    return fig


def dictionaries(found: Dictionaries) -> Figure:
    """Concept correlation against reconstruction error, one curve a kind, with both references."""
    fig, ax = figure(height=3.8)
    for kind, (color, marker, _) in KINDS.items():
        each = found.scores[found.scores["kind"] == kind]
        ax.plot(each["mse"], each["exp_r"], marker, color=color, alpha=0.35, markersize=4)
        mean = each.groupby("level").mean(numeric_only=True).sort_values("mse")
        ax.plot(mean["mse"], mean["exp_r"], color=color, marker=marker, label=kind)
    reference_line(ax, float(found.probes["probe"].mean()), "supervised probe")
    reference_line(ax, float(found.probes["random"].mean()), "random directions")
    ax.set(
        xscale="log",
        xlabel="squared error of the reconstruction / variance (log)",
        ylabel="|corr| of exp(z) and p",
        ylim=(0, 1.08),
    )
    ax.legend(loc="lower left")
    best = found.scores.groupby("seed")["exp_r"].max()
    lead = found.probes.set_index("seed")["probe"] - best
    finding_title(
        ax,
        "The supervised probe is ahead of every autoencoder",
        holds=shows(over_seeds(lead), above=0),
        otherwise="Concept correlation against reconstruction error",
    )
    return fig
