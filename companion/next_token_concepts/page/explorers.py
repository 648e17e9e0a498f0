"""The chapter's explorers: eta and n; a sentence; pairing and penalty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.explore import Explorer, explorer
from companion.next_token_concepts.lab import sweeps
from companion.next_token_concepts.lab.learning import Trained
from companion.next_token_concepts.lab.measurements import PAPER_C, cosines
from companion.next_token_concepts.method import directions as dr
from companion.next_token_concepts.method import theory
from companion.next_token_concepts.method.world import HINT_ERRORS
from companion.next_token_concepts.page.figures import curve_frame, recipe_frame, sentence_frame
from companion.next_token_concepts.verdict.evidence import at
from companion.scale import generator

PRAISE, SARCASM = 0, 1
"""Hint groups of the first two concepts: praise says sentiment XOR sarcasm."""


def curve_explorer(seed: int = 0, n: int = 1500) -> Explorer:
    """Noise of the names, and words of the context: 30 frames, exact."""
    worlds = {eta: sweeps.world_of(seed, eta) for eta in sweeps.ETAS}
    lengths = (4, 8, 16, 32, 64)
    words = {
        length: worlds[0.01].sample(n, length, generator(seed, "ntc explore", length)).words
        for length in lengths
    }

    def alt(eta: float, length: int) -> str:
        odds = theory.log_odds(worlds[eta].log_posterior(words[length]), worlds[eta].configs)
        bound = theory.g_eta(eta, 50.0)
        return (
            f"Names with error {eta:g}, {length} words: log odds with standard deviation "
            f"{odds.std():.1f}, logit differences never beyond {bound:.1f}; beside it two bars of "
            "R squared, from log marginals and from the posterior."
        )

    return explorer(
        lambda eta, length: curve_frame(worlds[eta], eta, words[length]),
        name="ntc-curve",
        alt=alt,
        labels={"eta": "error η of the names", "length": "words n"},
        start={"eta": 0.01, "length": 16},
        eta=list(sweeps.ETAS),
        length=list(lengths),
    )


def sentence(praise: int, sarcasm: int) -> np.ndarray:
    """Words of a sentence with so many praise words, and sarcasm words (negative: sincere ones)."""
    per_group = 2 * len(HINT_ERRORS)
    said = [PRAISE * per_group + 1] * praise
    said += [SARCASM * per_group + (1 if sarcasm > 0 else 0)] * abs(sarcasm)
    return np.array(said or [per_group * 4], dtype=np.int64)  # a neutral word if nothing is said


def sentence_explorer(seed: int = 0) -> Explorer:
    """Build a sentence: praise and sarcasm, 35 frames."""
    world = sweeps.world_of(seed, 0.01)

    def alt(praise: int, sarcasm: int) -> str:
        odds = theory.log_odds(world.log_posterior(sentence(praise, sarcasm)[None]), world.configs)
        p = 1 / (1 + np.exp(-odds[0]))
        return (
            f"{praise} words of praise, {sarcasm} of sarcasm: probability of positive sentiment "
            f"{p[0]:.2f}, of sarcasm {p[1]:.2f}."
        )

    return explorer(
        lambda praise, sarcasm: sentence_frame(world, sentence(praise, sarcasm)),
        name="ntc-sentence",
        alt=alt,
        labels={"praise": "words of praise", "sarcasm": "words of sarcasm (below 0: sincere)"},
        start={"praise": 3, "sarcasm": 0},
        praise=[0, 1, 2, 3, 4],
        sarcasm=[-3, -2, -1, 0, 1, 2, 3],
    )


def recipe_explorer(runs: Sequence[Trained], seed: int = 0) -> Explorer:
    """Pairing, penalty, and what is represented: 20 frames."""
    network = [dr.Pairs(p.zero[:60], p.one[:60]) for p in at(runs, 0.01)[0].twins.pairs]
    noise = dr.isotropic([60] * len(network), 256, generator(seed, "ntc explore noise"))
    kinds = {"pure noise": noise, "trained network": network}

    def alt(what: str, pairing: str, c: float) -> str:
        table = cosines(kinds[what], c, held_out=pairing == "disjoint halves")
        return (
            f"Heat map for {what}, {pairing}, C {c:g}: mean diagonal {np.diag(table).mean():.2f}, "
            f"mean absolute off-diagonal {np.abs(dr.off_diagonal(table)).mean():.2f}."
        )

    return explorer(
        lambda what, pairing, c: recipe_frame(
            kinds[what], c, held_out=pairing == "disjoint halves", what=what
        ),
        name="ntc-recipe",
        alt=alt,
        labels={"what": "representations", "pairing": "pairs", "c": "C"},
        show={"c": lambda c: f"{c:g}"},
        start={"what": "pure noise", "pairing": "same pairs", "c": PAPER_C},
        what=list(kinds),
        pairing=["same pairs", "disjoint halves"],
        c=[1e-4, 1e-3, 1e-2, 0.1, 1.0],
    )
