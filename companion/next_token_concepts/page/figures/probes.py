"""Directions, probes, dictionaries, a real model (E9 to E11); frames of the explorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from companion.next_token_concepts.lab import measurements as ms
from companion.next_token_concepts.lab.dictionaries import Dictionaries
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.measurements import PAPER_C, cosines
from companion.next_token_concepts.lab.run import Noise
from companion.next_token_concepts.lab.words import RealWords
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World
from companion.next_token_concepts.page.figures.theorem import KINDS, PAIRING, REGRESSORS, WORDS
from companion.next_token_concepts.verdict.evidence import lead
from companion.plotting import (
    BLACK,
    BLUE,
    DIVERGING,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    figure,
    finding_title,
    headline,
    reference_line,
)
from companion.stats import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# ------------------------------------------------------------------------------------------- probes
LABELS = {
    "same": "same pairs for both (the authors' recipe)",
    "held_out": "disjoint halves",
    "permuted": "labels permuted (the usual null)",
}


def recipe(noise: Sequence[Noise]) -> Figure:
    """E9 (iii): cosines of direction and probe on pure noise, by penalty and pairing."""
    fig, ax = figure(height=3.6)
    rng = np.random.default_rng(0)
    for name, look in PAIRING.items():
        for i, one in enumerate(noise):
            values = getattr(one, name)
            ax.plot(
                i + rng.uniform(-0.12, 0.12, len(values)),
                values,
                look.marker,
                color=look.color,
                alpha=0.7,
                markersize=6,
                label=LABELS[name] if i == 0 else None,
            )
    reference_line(ax, 0.0, "no common direction")
    ax.set_xticks(range(len(noise)), [f"C = {one.c:g}" for one in noise])
    ax.set(
        xlim=(-0.4, len(noise) - 0.1),
        ylim=(-0.4, 1.55),
        xlabel="inverse penalty of the logistic regression",
        ylabel="cosine of direction and probe",
    )
    ax.legend(loc="upper left")
    paper = next(one for one in noise if one.c == PAPER_C)
    finding_title(
        ax,
        f"On noise the same-pair test gives {paper.same.mean():.3f}; held-out pairs give "
        f"{paper.held_out.mean():+.2f}",
        holds=paper.same.min() > 0.95 and abs(paper.held_out.mean()) < 0.1,
        otherwise="Cosine of direction and probe on pure noise",
    )
    return fig


def heat(ax: Axes, table: np.ndarray, title: str) -> object:
    """One heat map of A_s W_s with numbers where they fit."""
    image = ax.imshow(table, vmin=-1, vmax=1, cmap=DIVERGING)
    if len(table) <= 6:
        for (i, j), value in np.ndenumerate(table):
            ax.text(
                j,
                i,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if abs(value) > 0.65 else BLACK,
            )
    ax.set_xticks(range(len(table)), [str(i + 1) for i in range(len(table))])
    ax.set_yticks(range(len(table)), [str(i + 1) for i in range(len(table))])
    ax.grid(visible=False)
    ax.set_title(title, fontsize=10)
    return image


def twins(run: Trained) -> Figure:
    """E9 in the concept world: heat maps of the trained network and of matched noise."""
    fig, axes = figure(1, 4, height=2.9)
    found = run.twins
    parts = (
        (found.same, "network,\nsame pairs"),
        (found.held_out, "network,\ndisjoint"),
        (found.noise_same, "matched noise,\nsame pairs"),
        (found.noise_held_out, "matched noise,\ndisjoint"),
    )
    for ax, (table, title) in zip(axes, parts, strict=True):
        heat(ax, table, title)
        ax.set_xlabel("probe")
    axes[0].set_ylabel("direction of concept")
    held, null = (float(np.diag(t).mean()) for t in (found.held_out, found.noise_held_out))
    finding_title(
        fig,
        f"Disjoint halves keep the network's diagonal ({held:.2f}) and lose that of noise "
        f"({null:+.2f})",
        holds=held > 0.5 and abs(null) < 0.3,
        otherwise="Directions and probes of counterfactual twins, network and matched noise",
    )
    return fig


def dictionaries(found: Dictionaries) -> Figure:
    """E10: concept correlation against reconstruction error, one curve per kind."""
    fig, ax = figure(height=4.0)
    table = found.scores.groupby(["kind", "level"], as_index=False).mean(numeric_only=True)
    for kind, look in KINDS.items():
        mine = table[table["kind"] == kind].sort_values("mse")
        ax.plot(mine["mse"], mine["exp_r"], color=look.color, marker=look.marker, label=kind)
        each = found.scores[found.scores["kind"] == kind]
        ax.plot(each["mse"], each["exp_r"], look.marker, color=look.color, alpha=0.3, markersize=4)
    probe = float(found.probes["exp_r"].mean())
    reference_line(ax, probe, "supervised probe")
    ax.set(
        xscale="log",
        xlabel="squared error of the reconstruction / variance (log)",
        ylabel="|corr| of exp(z) and p, best feature",
        ylim=(0, 1.08),
    )
    ax.legend(loc="lower left")
    best = float(found.scores.groupby("seed")["exp_r"].max().mean())
    finding_title(
        ax,
        f"The supervised probe ({probe:.2f}) is ahead of the best autoencoder ({best:.2f})",
        holds=probe > best,
        otherwise="Concept correlation against reconstruction error",
    )
    return fig


def layers(found: RealWords) -> Figure:
    """E11: held-out diagonal through the layers, trained and random weights, with its null."""
    fig, ax = figure(height=3.8)
    for arm, color, marker in (("trained", BLUE, "o"), ("random", VERMILION, "X")):
        depth = found.depth[arm]
        x = np.linspace(0, 1, len(depth.held_out))
        ends = [t_interval(row)[1:3] for row in depth.held_out]
        ax.fill_between(x, *np.array(ends).T, color=color, alpha=0.15, linewidth=0)
        ax.plot(
            x,
            depth.held_out.mean(1),
            color=color,
            marker=marker,
            label=f"{arm} weights, disjoint halves",
        )
        ax.plot(
            x, depth.same.mean(1), color=color, linestyle=":", label=f"{arm} weights, same pairs"
        )
    ax.plot(
        x,
        found.depth["trained"].null.mean(1),
        color=GREY,
        linestyle="--",
        label="matched noise, disjoint",
    )
    ax.plot(
        x,
        found.depth["trained"].null_same.mean(1),
        color=GREY,
        linestyle=":",
        label="matched noise, same pairs",
    )
    ax.set(
        ylim=(-0.15, 1.55),
        xlabel="depth (0: embedding, 1: after the final norm)",
        ylabel="mean cosine, diagonal",
    )
    ax.legend(loc="upper left", ncols=2, fontsize=8.5)
    trained, random = (float(lead(found.depth[arm]).mean()) for arm in ("trained", "random"))
    finding_title(
        ax,
        f"Last layer, above matched noise on held-out pairs: {trained:.2f} trained, "
        f"{random:.2f} with random weights",
        holds=bool(np.isfinite([trained, random]).all()),
        otherwise="Held-out cosine of direction and probe through the layers",
    )
    return fig


def concepts(found: RealWords) -> Figure:
    """E11: each concept's held-out cosine in the last layer, trained, random, and noise."""
    n = len(found.concepts)
    fig, ax = figure(height=1.3 + 0.24 * n)
    order = np.argsort(found.depth["trained"].held_out[-1])
    y = np.arange(n)
    for arm, color, marker in (("trained", BLUE, "o"), ("random", VERMILION, "X")):
        ax.plot(found.depth[arm].held_out[-1][order], y, marker, color=color, label=arm)
    ax.plot(
        found.depth["trained"].null[-1][order],
        y,
        "|",
        color=GREY,
        markersize=9,
        label="matched noise",
    )
    ax.axvline(0, color=BLACK, linestyle=":", linewidth=1.2)
    names = [f"{found.concepts[i]} ({found.n_pairs[i]})" for i in order]
    ax.set_yticks(y, names, fontsize=8.5)
    ax.set(xlabel="held-out cosine, last layer (pairs in parentheses)")
    ax.legend(loc="lower right")
    above = int((lead(found.depth["trained"]) > 0).sum())
    finding_title(
        ax,
        f"{above} of {n} concepts lie above their matched noise in the trained model",
        holds=above > n / 2,
        otherwise="Held-out cosine of each concept, last layer",
    )
    return fig


# ------------------------------------------------------------------------------------------- frames
def curve_frame(world: World, eta: float, words: np.ndarray) -> Figure:
    """The curve g_eta with a cloud of contexts, and the R^2 of two regressors."""
    fig, (left, right) = figure(1, 2, height=3.5, gridspec_kw={"width_ratios": [2, 1]})
    log_p = world.log_posterior(words)
    odds = theory.log_odds(log_p, world.configs).ravel()
    grid = np.linspace(-9, 9, 200)
    left.plot(grid, theory.g_eta(eta, grid), color=BLACK, linewidth=1.2)
    left.plot(grid, (1 - 2 * eta) * grid, color=BLACK, linestyle=":", linewidth=1)
    left.plot(odds, theory.g_eta(eta, odds), "o", color=BLUE, alpha=0.15, markersize=4)
    left.set(
        xlim=(-9, 9),
        ylim=(-7, 7),
        xlabel="log odds λ of a concept",
        ylabel="logit difference of its names",
    )
    left.set_title(f"η = {eta:g}, {words.shape[1]} words", fontsize=10.5)
    exact = theory.log_predict(log_p, world.names)
    features = {"LM": theory.log_marginals(log_p, world.configs), "P": np.exp(log_p)}
    for i, (name, value) in enumerate(ms.encoding(features, exact).items()):
        right.bar(i, value, color=REGRESSORS[name].color, width=0.6)
        right.text(i, value + 0.004, f"{value:.3f}", ha="center", fontsize=10)
    right.set_xticks(range(2), [WORDS[name].replace(" ", "\n") for name in features])
    right.set(ylim=(0.7, 1.03), ylabel="R² of the logits (from 0.7)")
    return fig


def sentence_frame(world: World, words: np.ndarray) -> Figure:
    """Posteriors of the first two concepts and their name probabilities for one sentence."""
    log_p = world.log_posterior(words[None])
    odds = theory.log_odds(log_p, world.configs)[0]
    names = np.exp(theory.log_predict(log_p, world.names))[0]
    fig, (left, right) = figure(1, 2, height=3.3)
    p = 1 / (1 + np.exp(-odds))
    labels = ["sentiment", "sarcasm", "concept 3", "concept 4"]
    left.bar(labels, p, color=[BLUE, ORANGE, GREEN, GREEN], width=0.6)
    left.axhline(0.5, color=BLACK, linestyle=":", linewidth=1)
    left.tick_params(axis="x", rotation=25)
    left.set(ylim=(0, 1), ylabel="p(concept = 1 | sentence)")
    contrast = theory.g_eta(0.01, odds)
    right.bar(labels, contrast, color=[BLUE, ORANGE, GREEN, GREEN], width=0.6)
    right.axhline(0, color=BLACK, linestyle=":", linewidth=1)
    right.tick_params(axis="x", rotation=25)
    right.set(ylim=(-5, 5), ylabel="logit: name 1 minus name 0")
    pair = names[:2] / names[:2].sum()  # every concept is asked for in a quarter of the cases
    headline(
        fig,
        f"Asked for the sentiment, it says 1 with {pair[1]:.3f} and 0 with {pair[0]:.3f}",
        size=11.5,
    )
    return fig


def recipe_frame(pairs: Sequence[dr.Pairs], c: float, *, held_out: bool, what: str) -> Figure:
    """A heat map of A_s W_s for one kind of representations, pairing and penalty."""
    table = cosines(pairs, c, held_out=held_out)
    fig, ax = figure(height=3.6, width=4.6)
    fig.colorbar(heat(ax, table, ""), ax=ax, shrink=0.8, label="cosine")
    ax.set(xlabel="probe of concept", ylabel="direction of concept")
    pairing = "disjoint halves" if held_out else "same pairs"
    headline(fig, f"{what}, {pairing}, C = {c:g}:\ndiagonal {np.diag(table).mean():.2f}", size=11)
    return fig
