"""Checks of the chapter's exercises: they say what a wrong answer suggests."""

from __future__ import annotations

import math

from companion.exercises import Answer, respond
from companion.leximark.lab.detection import auroc, effect_of_auroc, records_needed
from companion.leximark.method.words import surprisal

MEMBERS, OTHERS = (3.0, 1.0, 2.0), (0.0, 2.0)
"""Scores of exercise 1."""


def check_auroc(answer: object) -> Answer:
    """Exercise 1: the AUROC of :data:`MEMBERS` against :data:`OTHERS`."""

    def explain(value: float) -> str:
        if math.isclose(value, 4 / 6, rel_tol=1e-3) or math.isclose(value, 5 / 6, rel_tol=1e-3):
            return "The two scores of 2 are equal: such a pair counts one half."
        if math.isclose(value, 1.5 / 6, rel_tol=1e-3):
            return "That is the other direction: count the pairs in which the member is higher."
        return "Six pairs; count those in which the member's score is higher."

    return respond(answer, auroc(MEMBERS, OTHERS), tolerance=1e-3, explain=explain)


def check_surprisal(answer: object) -> Answer:
    """Exercise 2: bits that "lazy" gains when it becomes "torpid"."""

    def explain(value: float) -> str:
        if value < 0:
            return "The rarer word has more bits."
        return "Subtract the surprisals, -log2 of the frequencies."

    gain = surprisal("torpid") - surprisal("lazy")
    return respond(answer, gain, tolerance=0.01, explain=explain)


def check_keys(answer: object) -> Answer:
    """Exercise 3: other keys that p = 0.001 needs at least."""

    def explain(value: float) -> str:
        if value == 1000:
            return "The owner's own key is counted too."
        return "The smallest p is 1 / (M + 1)."

    return respond(answer, 999, tolerance=1e-9, explain=explain)


def check_records(answer: object) -> Answer:
    """Exercise 4: records a side for 80 % power when the AUROC is 0.76 (the paper's PubMed)."""

    def explain(value: float) -> str:
        if value < 10:
            return "Did you turn the AUROC into d first? d = sqrt(2) times the normal quantile."
        return "d is near 1; ask records_needed for it."

    return respond(answer, records_needed(effect_of_auroc(0.76)), tolerance=1e-9, explain=explain)
