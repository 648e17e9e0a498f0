"""Frames of the explorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from companion.next_token_concepts.lab import measurements as ms
from companion.next_token_concepts.lab import probing
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import World
from companion.next_token_concepts.page.figures.probes import heat
from companion.next_token_concepts.page.figures.style import REGRESSORS, WORDS
from companion.plotting import BLACK, BLUE, GREEN, ORANGE, figure, headline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure


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
    table = probing.cosines(pairs, c, held_out=held_out)
    fig, ax = figure(height=3.6, width=4.6)
    fig.colorbar(heat(ax, table, ""), ax=ax, shrink=0.8, label="cosine")
    ax.set(xlabel="probe of concept", ylabel="direction of concept")
    pairing = "disjoint halves" if held_out else "same pairs"
    headline(fig, f"{what}, {pairing}, C = {c:g}:\ndiagonal {np.diag(table).mean():.2f}", size=11)
    return fig
