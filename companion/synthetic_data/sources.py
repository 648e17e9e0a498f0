"""Numbers that papers print, each with its place; nothing here was measured by us."""

from __future__ import annotations

from typing import NamedTuple

SELF_INSTRUCT = {"written by people": 175, "generated": 52_445}
"""Seed tasks and generated instructions (Wang et al. 2023, section 2 and table 1)."""


class Finding(NamedTuple):
    """Who finds which limit, in which protocol."""

    work: str
    setting: str
    result: str
    limit: str


ELSEWHERE = (
    Finding(
        "Du et al. 2025 (this paper)",
        "Pythia 410M to 12B, s up to 50 %, 1 to 3 iterations",
        "within 3 % up to 20 %, faster beyond 30 %",
        "20 to 30 %",
    ),
    Finding(
        "Shumailov et al. 2024",
        "OPT-125m, wikitext-2, full replacement or 10 % real",
        "10 % of real data: minor degradation",
        "90 %",
    ),
    Finding(
        "Gerstgrasser et al. 2024",
        "125M Llama, TinyStories, 10 generations",
        "replace: loss 2.85 to 3.45; accumulate: 2.85 to 2.78",
        "none if data accumulate",
    ),
    Finding(
        "ToEdit, ICML 2025",
        "GPT-2 124M from scratch, one round, 0/25/50/75/100 %",
        "perplexity 20.99/22.06/23.48/27.60/51.93",
        "75 %",
    ),
    Finding(
        "Ashok and May 2024",
        "fact verification and question answering, 8 data sets",
        "90 % cost little, the last 10 % a lot",
        "90 %",
    ),
    Finding(
        "Kang et al. 2025",
        "more than 1000 models pretrained",
        "about 30 % rephrased data is near the best",
        "optimum at 30 %",
    ),
    Finding(
        "Dohmatob et al. 2025",
        "theory of regression",
        "any constant share of wrong data leaves a floor",
        "0 %",
    ),
)


def external_share() -> float:
    """External items of Self-Instruct in percent, counted as instructions."""
    people, generated = SELF_INSTRUCT.values()
    return 100 * people / (people + generated)
