"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

from companion.exercises import Answer, respond
from companion.leximark.lab.detection import auroc, effect_of_auroc, records_needed
from companion.leximark.method.words import surprisal

MEMBERS, OTHERS = (3.0, 1.0, 2.0), (0.0, 2.0)
"""Scores of exercise 1."""


def check_auroc(answer: object) -> Answer:
    """Exercise 1: the AUROC of :data:`MEMBERS` against :data:`OTHERS`."""
    even = "The two scores of 2 are equal: such a pair counts one half."
    return respond(
        answer,
        auroc(MEMBERS, OTHERS),
        tolerance=1e-3,
        hints=[
            (4 / 6, even),
            (5 / 6, even),
            (
                1.5 / 6,
                "That is the other direction: count the pairs in which the member is higher.",
            ),
        ],
        otherwise="Six pairs; count those in which the member's score is higher.",
    )


def check_surprisal(answer: object) -> Answer:
    """Exercise 2: bits that "lazy" gains when it becomes "torpid"."""
    gain = surprisal("torpid") - surprisal("lazy")
    return respond(
        answer,
        gain,
        tolerance=0.01,
        hints=[(-gain, "The rarer word has more bits.")],
        otherwise="Subtract the surprisals, -log2 of the frequencies.",
        unit="bits",
    )


def check_keys(answer: object) -> Answer:
    """Exercise 3: other keys that p = 0.001 needs at least."""
    return respond(
        answer,
        round(1 / 0.001) - 1,
        tolerance=1e-9,
        hints=[(1000, "The owner's own key is counted too.")],
        otherwise="The smallest p is 1 / (M + 1).",
        unit="keys",
    )


def check_records(answer: object) -> Answer:
    """Exercise 4: records a side for 80 % power when the AUROC is 0.76 (the paper's PubMed)."""
    return respond(
        answer,
        records_needed(effect_of_auroc(0.76)),
        tolerance=1e-9,
        hints=[
            (
                records_needed(0.76),
                "Turn the AUROC into d first: d = sqrt(2) times the normal quantile.",
            )
        ],
        otherwise="d is near 1; ask records_needed for it.",
        unit="records",
    )
